"""Keys of chunks are those that zarr writes, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import zarr

from napari_dacapo.viewers.neuroglancer.chunk_keys import ChunkKeys

if TYPE_CHECKING:
    from pathlib import Path

ENCODINGS = [
    (2, {"name": "v2", "separator": "/"}),
    (2, {"name": "v2", "separator": "."}),
    (3, {"name": "default", "separator": "/"}),
    (3, {"name": "default", "separator": "."}),
    (3, {"name": "v2", "separator": "/"}),
    (3, {"name": "v2", "separator": "."}),
]


@pytest.mark.parametrize(("zarr_format", "encoding"), ENCODINGS)
def test_every_chunk_that_zarr_writes_has_its_place(
    tmp_path: Path, zarr_format: Any, encoding: Any
) -> None:
    array = zarr.create_array(
        tmp_path, data=np.ones((5, 3, 2), "u1"), chunks=(2, 3, 1), zarr_format=zarr_format,
        chunk_key_encoding=encoding,
    )  # fmt: skip
    keys = ChunkKeys.of(array.metadata.to_dict(), array.shape)
    written = {
        path.relative_to(tmp_path).as_posix()
        for path in tmp_path.rglob("*")
        if path.is_file() and path.name not in (".zarray", ".zattrs", "zarr.json")
    }
    found = {keys.index(key) for key in written}
    assert len(written) == 6
    assert found == set(np.ndindex(3, 1, 2))


@pytest.mark.parametrize(
    "key",
    [
        "", "c", "c/", "c/0/0", "c/0/0/0/0", "c/3/0/0", "c/-1/0/0", "c/+0/0/0", "c/00/0/0",
        "c/٠/0/0", "c/0/0/0/", "/c/0/0/0", "c/0.0.0", "0/0/0", "c/1e0/0/0", "c/ 0/0/0",
        "c/../0/0", "c/0/0/0\n", "c/" + "9" * 30 + "/0/0", "c/" + "0/" * 500,
    ],
)  # fmt: skip
def test_other_keys_have_none(key: str) -> None:
    assert ChunkKeys("c/", "/", (3, 1, 2)).index(key) is None
