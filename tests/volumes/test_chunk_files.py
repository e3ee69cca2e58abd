"""What lies among the chunks of an array: plain files are read, anything else is not."""

from __future__ import annotations

import os
import pickle
import shutil

import numpy as np
import pytest
import zarr
from numcodecs import LZMA

from napari_dacapo.errors import BrokenFileError, UnsafeFileError
from napari_dacapo.store.paths import Roots
from napari_dacapo.volumes import open_volume, with_pyramid
from napari_dacapo.volumes.chunk_files import ChunkFiles
from napari_dacapo.volumes.metadata import read_metadata

SECRET = b"TOPSECRETPASSWD!" * 4
FORMATS = {
    "zarr2": {},
    "zarr2 with dots": {"chunk_key_encoding": {"name": "v2", "separator": "."}},
    "zarr2 by zarr-python": {"compressors": LZMA()},
    "zarr3": {"zarr_format": 3},
    "zarr3 with dots": {
        "zarr_format": 3,
        "chunk_key_encoding": {"name": "default", "separator": "."},
    },
    "zarr3 named as zarr2": {
        "zarr_format": 3,
        "chunk_key_encoding": {"name": "v2", "separator": "/"},
    },
    "zarr3 in shards": {"zarr_format": 3, "chunks": (2, 4, 4), "shards": (4, 4, 4)},
}


def chunk_of(path, format_name):
    """Return the file of the first chunk, as the specifications name it."""
    prefix = "c" if path.joinpath("zarr.json").exists() and "named" not in format_name else ""
    separator = "." if "dots" in format_name else "/"
    return path / separator.join([*([prefix] if prefix else []), "0", "0", "0"])


@pytest.fixture(params=FORMATS)
def array(request, tmp_path, write_zarr):
    """An array of 8 x 4 x 4 ones in two files, and the first of the two."""
    options = {"chunks": (4, 4, 4), "compressors": None} | FORMATS[request.param]
    path = write_zarr(tmp_path / "store/a", np.ones((8, 4, 4), "u1"), **options)
    chunk = chunk_of(path, request.param)
    assert chunk.is_file()
    return path, chunk


def expect_refused(path, match):
    """Neither does the array open nor are its first chunks read; others can be."""
    with pytest.raises(UnsafeFileError, match=match):
        open_volume(path)
    files = ChunkFiles(read_metadata(path), Roots([path]), headers=True)
    for again in (files, files, pickle.loads(pickle.dumps(files))):
        for index in [(0, 0, 0), (slice(0, 8), 1, 1), (slice(0, 8, 7), slice(0, 4), 3)]:
            with pytest.raises(UnsafeFileError, match=match):
                again.check(index)
        again.check((slice(4, 8), slice(0, 4), slice(0, 4)))


def test_a_chunk_that_is_a_link_to_elsewhere(array, tmp_path):
    path, chunk = array
    (tmp_path / "secret").write_bytes(SECRET)
    chunk.unlink()
    chunk.symlink_to(tmp_path / "secret")
    expect_refused(path, "secret")


def test_a_folder_of_chunks_that_is_a_link_to_elsewhere(array, tmp_path):
    path, chunk = array
    if chunk.parent != path:
        shutil.move(chunk.parent, tmp_path / "elsewhere")
        chunk.parent.symlink_to(tmp_path / "elsewhere")
        expect_refused(path, "elsewhere")


def test_links_within_allowed_folders_are_followed(array, tmp_path):
    path, chunk = array
    (tmp_path / "disk").mkdir()
    shutil.move(chunk, tmp_path / "disk/chunk")
    chunk.symlink_to(tmp_path / "disk/chunk")
    if chunk.parent != path:
        shutil.move(chunk.parent, tmp_path / "disk/folder")
        chunk.parent.symlink_to(tmp_path / "disk/folder")
    expect_refused(path, "link")
    volume = open_volume(path, roots=[tmp_path / "disk"])
    assert (np.asarray(volume.data) == 1).all()


def test_links_within_the_array_are_followed(array):
    path, chunk = array
    shutil.move(chunk, path / "kept")
    chunk.symlink_to(path / "kept")
    assert (np.asarray(open_volume(path).data) == 1).all()


@pytest.mark.parametrize("by", ["folder", "dataset"])
def test_an_array_that_is_a_link_itself(array, tmp_path, by):
    path, _ = array
    if by == "folder":
        (tmp_path / "link").symlink_to(path)
        volume = open_volume(tmp_path / "link")
    else:
        (tmp_path / "b.zarr").mkdir()
        (tmp_path / "b.zarr/raw").symlink_to(path)
        volume = open_volume(tmp_path / "b.zarr", "raw", roots=[path.parent])
    assert (np.asarray(volume.data) == 1).all()


@pytest.mark.parametrize("name", [".zarray", ".zattrs", "zarr.json", "attributes.json"])
def test_metadata_that_is_a_link_to_elsewhere(tmp_path, write_zarr, name):
    path = write_zarr(tmp_path / "store/a", np.ones((4, 4, 4), "u1"))
    (tmp_path / "secret.json").write_text((path / ".zarray").read_text())
    (path / name).unlink(missing_ok=True)
    if name != ".zattrs":
        (path / ".zarray").unlink(missing_ok=True)
    (path / name).symlink_to(tmp_path / "secret.json")
    with pytest.raises(UnsafeFileError, match=r"secret\.json"):
        open_volume(path)


def test_metadata_that_is_a_link_within_allowed_folders(tmp_path, write_zarr):
    path = write_zarr(tmp_path / "store/a", np.ones((4, 4, 4), "u1"))
    shutil.move(path / ".zarray", tmp_path / "kept.json")
    (path / ".zarray").symlink_to(tmp_path / "kept.json")
    assert open_volume(path, roots=[tmp_path]).shape == (4, 4, 4)


@pytest.mark.long
def test_a_pipe_among_very_many_chunks(tmp_path, write_zarr):
    """Too many for all of them to be looked at when the array is opened."""
    path = write_zarr(tmp_path / "a", np.ones((600, 4, 4), "u1"), chunks=(1, 4, 4))
    (path / "500/0/0").unlink()
    os.mkfifo(path / "500/0/0")
    volume = open_volume(path)
    assert (np.asarray(volume.data[499]) == 1).all()
    for index in (500, slice(490, 510), slice(None, None, 100)):
        with pytest.raises(BrokenFileError, match="500/0/0"):
            np.asarray(volume.data[index])
    assert (np.asarray(volume.data[7::100]) == 1).all()


@pytest.mark.long
def test_a_link_is_found_however_the_chunks_are_reached(tmp_path, write_zarr):
    """One chunk of 1000 is a link; each index that touches it is refused, and no other."""
    path = write_zarr(tmp_path / "store/a", np.ones((20, 20, 20), "u1"), chunks=(2, 2, 2))
    (tmp_path / "secret").write_bytes(SECRET)
    (path / "9/4/3").unlink()
    (path / "9/4/3").symlink_to(tmp_path / "secret")
    data = open_volume(path).data
    for index in [
        18, np.s_[:, 8], np.s_[..., 7], np.s_[19, 9, 7], np.s_[18:, 8:, 6:], np.s_[::-1],
        np.s_[3::15], np.s_[:, 9, ::2], np.s_[...],
    ]:  # fmt: skip
        with pytest.raises(UnsafeFileError):
            np.asarray(data[index])
    for index in [17, np.s_[:18], np.s_[:, 7], np.s_[..., 5], np.s_[::3, 10:], np.s_[18, :8]]:
        assert (np.asarray(data[index]) == 1).all()


def test_n5(tmp_path, write_n5):
    path = write_n5(tmp_path / "store/a", np.ones((300, 6, 8), "u1"), (1, 3, 2), {})
    (tmp_path / "secret").write_bytes(SECRET)
    (path / "3/1/290").unlink()  # x first
    (path / "3/1/290").symlink_to(tmp_path / "secret")
    data = open_volume(path).data
    assert (np.asarray(data[290, :3]) == 1).all()
    assert (np.asarray(data[:, 3, 0]) == 1).all()
    with pytest.raises(UnsafeFileError, match="secret"):
        np.asarray(data[290, 3, 6])


def test_a_file_where_a_folder_should_be(tmp_path, write_zarr):
    path = write_zarr(tmp_path / "a", np.ones((8, 4, 4), "u1"), chunks=(4, 4, 4))
    shutil.rmtree(path / "0")
    (path / "0").write_bytes(b"no folder")
    with pytest.raises(BrokenFileError):
        np.asarray(open_volume(path).data)


def test_coarser_levels_are_guarded_too(tmp_path):
    zarr.create_array(
        tmp_path / "store/a", shape=(2048, 16, 16), chunks=(1024, 16, 16), dtype="u1",
        zarr_format=2, chunk_key_encoding={"name": "v2", "separator": "/"},
    )  # fmt: skip
    volume = with_pyramid(open_volume(tmp_path / "store/a"))
    (tmp_path / "secret").write_bytes(SECRET)
    (tmp_path / "store/a/1/0").mkdir(parents=True)
    (tmp_path / "store/a/1/0/0").symlink_to(tmp_path / "secret")
    level = volume.levels[-1].data
    assert not np.asarray(level[: level.shape[0] // 2]).any()
    with pytest.raises(UnsafeFileError):
        np.asarray(level)
