"""Chunks that the kernel has in memory are read at once, and are the same as read on a thread."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import zarr

from napari_dacapo.viewers.neuroglancer.chunk_files import (
    PIECE,
    FileChunk,
    FilePieces,
    PageCache,
    read_chunk,
)
from napari_dacapo.viewers.neuroglancer.server import VolumeServer
from napari_dacapo.volumes import open_volume

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class Kernel:
    """Answers in the place of preadv, whatever the file system of this machine can do."""

    def __init__(self, answer: int | str) -> None:
        self.answer = answer
        self.asked = 0

    def __call__(self, descriptor: int, buffers: list[bytearray], offset: int, flags: int) -> int:
        assert flags == 8
        self.asked += 1
        if isinstance(self.answer, int):
            raise OSError(self.answer, os.strerror(self.answer))
        content = os.pread(descriptor, len(buffers[0]), offset)
        if self.answer == "half":
            content = content[: len(content) // 2]
        buffers[0][: len(content)] = content
        return len(content)


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Callable[[int | str], Kernel]:
    def install(answer: int | str) -> Kernel:
        kernel = Kernel(answer)
        monkeypatch.setattr("napari_dacapo.viewers.neuroglancer.chunk_files._NO_WAIT", 8)
        monkeypatch.setattr(os, "preadv", kernel, raising=False)
        return kernel

    return install


@pytest.fixture
def chunk(tmp_path: Path) -> FileChunk:
    (tmp_path / "0").write_bytes(bytes(range(256)) * 100)
    return FileChunk(tmp_path / "0")


def test_what_is_in_memory_is_read(chunk: FileChunk, kernel: Callable[..., Kernel]) -> None:
    kernel("all")
    assert PageCache().read(chunk) == chunk.path.read_bytes() == read_chunk(chunk)


@pytest.mark.parametrize(
    ("answer", "usable"), [("half", True), (errno.EAGAIN, True), (errno.EOPNOTSUPP, False)]
)
def test_what_is_not_takes_a_thread(
    chunk: FileChunk, kernel: Callable[..., Kernel], answer: int | str, usable: bool
) -> None:
    kernel(answer)
    cache = PageCache()
    assert cache.read(chunk) is None
    assert cache.usable is usable


def test_systems_that_cannot_tell(chunk: FileChunk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("napari_dacapo.viewers.neuroglancer.chunk_files._NO_WAIT", None)
    cache = PageCache()
    assert not cache.usable
    assert cache.read(chunk) is None


def test_large_and_empty_files_take_a_thread(tmp_path: Path, kernel: Callable[..., Kernel]) -> None:
    asked = kernel("all")
    large, empty = FileChunk(tmp_path / "large"), FileChunk(tmp_path / "empty")
    large.path.write_bytes(bytes(PIECE + 1))
    empty.path.touch()
    cache = PageCache()
    assert cache.read(large) is None
    assert cache.read(empty) is None
    assert asked.asked == 0
    pieces = read_chunk(large)
    assert isinstance(pieces, FilePieces)
    assert pieces.size == PIECE + 1
    with pytest.raises(OSError, match="became shorter"):
        pieces.read(PIECE, 2)


def test_links_are_not_followed(tmp_path: Path, chunk: FileChunk) -> None:
    (tmp_path / "link").symlink_to(chunk.path)
    link = FileChunk(tmp_path / "link")
    for read in (PageCache().read, read_chunk):
        with pytest.raises(OSError, match=r"link|symbolic"):
            read(link)


@pytest.mark.parametrize("answer", ["all", errno.EAGAIN, errno.EOPNOTSUPP])
def test_the_server_sends_the_same_whatever_the_kernel_says(
    tmp_path: Path, kernel: Callable[..., Kernel], fetch: Callable[..., Any], answer: int | str
) -> None:
    asked = kernel(answer)
    path = tmp_path / "a.zarr"
    values = np.arange(8 * 8 * 8, dtype="u2").reshape(8, 8, 8)
    zarr.create_array(
        path, data=values, chunks=(4, 8, 8), zarr_format=2,
        chunk_key_encoding={"name": "v2", "separator": "/"},
    )  # fmt: skip
    with VolumeServer() as server:
        url = server.serve(open_volume(path)).partition("|")[0]
        assert fetch(url + "0/.zarray").status == 200
        for _ in range(2):
            for key in ("0/0/0", "1/0/0"):
                answered = fetch(url + f"0/{key}")
                assert (answered.status, answered.body) == (200, (path / key).read_bytes())
        assert fetch(url + "0/0/0/0", Range="bytes=3-9").body == (path / "0/0/0").read_bytes()[3:10]
    assert asked.asked == (1 if answer == errno.EOPNOTSUPP else 5)
