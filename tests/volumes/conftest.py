"""Arrays written without this package, to be read with it."""

from __future__ import annotations

import gzip
import json
import struct
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import zarr

from napari_dacapo.store.paths import Roots
from napari_dacapo.volumes.chunk_files import ChunkFiles
from napari_dacapo.volumes.metadata import ArrayMetadata, read_metadata
from napari_dacapo.volumes.sources import ZarrSource

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def make_zarr(path: Path, data: np.ndarray, **options: Any) -> Path:
    """Write an array with zarr-python; v2 with ``/`` unless told otherwise."""
    attributes = options.pop("attributes", None)
    options = {"chunks": tuple(max(1, n // 3 + 1) for n in data.shape), "zarr_format": 2} | options
    if options["zarr_format"] == 2:
        options.setdefault("chunk_key_encoding", {"name": "v2", "separator": "/"})
    zarr.create_array(path, data=data, attributes=attributes, **options)
    return path


def make_n5(
    path: Path, data: np.ndarray, block: tuple[int, ...], attributes: dict[str, Any]
) -> Path:
    """Write an N5 array byte by byte, as its specification says (x first, big endian)."""
    path.mkdir(parents=True)
    metadata = {
        "dimensions": list(data.shape[::-1]),
        "blockSize": list(block[::-1]),
        "dataType": data.dtype.name,
        "compression": {"type": "gzip"},
    }
    (path / "attributes.json").write_text(json.dumps(metadata | attributes))
    for cell in product(*(range(-(-n // b)) for n, b in zip(data.shape, block, strict=True))):
        part = data[tuple(slice(c * b, (c + 1) * b) for c, b in zip(cell, block, strict=True))]
        header = struct.pack(f">HH{part.ndim}I", 0, part.ndim, *part.shape[::-1])
        chunk = path.joinpath(*map(str, cell[::-1]))
        chunk.parent.mkdir(parents=True, exist_ok=True)
        swapped = np.ascontiguousarray(part).astype(part.dtype.newbyteorder(">"))
        chunk.write_bytes(header + gzip.compress(swapped.tobytes()))
    return path


def zarr_source(path: Path) -> ZarrSource:
    """Let zarr-python read an array that TensorStore could read as well."""
    array = read_metadata(path)
    assert isinstance(array, ArrayMetadata)
    return ZarrSource(ChunkFiles(array, Roots([path]), headers=False))


def listing(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Return every path below a folder with its mtime and its bytes."""
    return {
        str(path.relative_to(folder)): (
            path.stat().st_mtime_ns,
            path.read_bytes() if path.is_file() else b"",
        )
        for path in sorted(folder.rglob("*"))
    }


@pytest.fixture(scope="session")
def numbers() -> np.ndarray:
    """A small volume in which every voxel is different."""
    return np.arange(13 * 17 * 19, dtype=np.uint16).reshape(13, 17, 19)


@pytest.fixture
def write_zarr() -> Callable[..., Path]:
    return make_zarr


@pytest.fixture
def write_n5() -> Callable[..., Path]:
    return make_n5


@pytest.fixture
def tree() -> Callable[[Path], dict[str, tuple[int, bytes]]]:
    return listing
