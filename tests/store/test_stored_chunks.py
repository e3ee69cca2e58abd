"""What is stored of an array's chunks, found by listing."""

from __future__ import annotations

import os
import shutil

import numpy as np
import pytest

from napari_dacapo.store.stored_chunks import count_chunks, has_chunks, was_begun
from napari_dacapo.volumes import is_empty, open_volume

FORMATS = {
    "zarr2": {},
    "zarr2 with dots": {"chunk_key_encoding": {"name": "v2", "separator": "."}},
    "zarr3": {"zarr_format": 3},
    "zarr3 with dots": {
        "zarr_format": 3,
        "chunk_key_encoding": {"name": "default", "separator": "."},
    },
    "zarr3 in shards": {"zarr_format": 3, "chunks": (2, 4, 4), "shards": (4, 4, 4)},
}


@pytest.mark.parametrize("options", FORMATS.values(), ids=FORMATS)
def test_chunks_are_counted(tmp_path, write_zarr, options):
    data = np.ones((8, 12, 4), "u1")
    path = write_zarr(tmp_path / "a", data, **{"chunks": (4, 4, 4), **options})
    assert has_chunks(path)
    assert was_begun(path)
    assert count_chunks(path, 6) == 6
    assert count_chunks(path, 5) is None
    for name in (".zattrs", ".nfs0001", "0.0.0.1b2c.partial", "__tmp"):
        (path / name).write_text("{}")
    assert count_chunks(path, 6) == 6
    chunks = [
        p for p in path.rglob("*") if p.is_file() and p.name[-1].isdigit() and p.name[0] != "."
    ]
    for chunk in chunks:
        assert has_chunks(path)
        chunk.unlink()
    assert not has_chunks(path)
    assert count_chunks(path, 6) == 0
    for folder in [p for p in path.iterdir() if p.name.isdigit()]:
        assert was_begun(path)
        shutil.rmtree(folder)
    assert not was_begun(path)


def test_n5(tmp_path, write_n5):
    path = write_n5(tmp_path / "a", np.ones((8, 12, 4), "u1"), (4, 4, 4), {})
    assert count_chunks(path, 100) == 6


def test_folders_that_cannot_be_listed(tmp_path, write_zarr):
    """A path longer than Linux takes stands for whatever may be in the way, for root as well."""
    path = write_zarr(tmp_path / "a", np.zeros((4, 4, 4), "u1"))
    assert not has_chunks(path)
    folder = os.open(path, os.O_RDONLY)
    for _ in range(20):
        os.mkdir("d" * 250, dir_fd=folder)
        inner = os.open("d" * 250, os.O_RDONLY, dir_fd=folder)
        os.close(folder)
        folder = inner
    os.close(folder)
    with pytest.raises(OSError, match="too long"):
        list(path.rglob("nothing"))
    assert has_chunks(path)
    assert not was_begun(path)
    assert count_chunks(path, 100) is None
    assert is_empty(open_volume(path)) is None


def test_a_folder_that_is_not_there(tmp_path, write_zarr):
    path = write_zarr(tmp_path / "a", np.ones((4, 4, 4), "u1"))
    shutil.rmtree(path)
    assert not has_chunks(path)
    assert not was_begun(path)
    assert count_chunks(path, 100) == 0
