"""Chunks that the kernel has in memory are read at once, and are the same as read on a thread."""

from __future__ import annotations

import errno
import os
import threading
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import zarr

from napari_dacapo.errors import ArrayNotFoundError, BrokenFileError
from napari_dacapo.viewers.neuroglancer.chunk_files import PIECE, ChunkFiles, FilePieces
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


CHUNK = bytes(range(256)) * 100


@pytest.fixture
def array(tmp_path: Path) -> Path:
    (tmp_path / ".zarray").write_text("{}")
    (tmp_path / "0").write_bytes(CHUNK)
    return tmp_path


def files_of(array: Path) -> ChunkFiles:
    return ChunkFiles(array, ".zarray")


def test_what_is_in_memory_is_read_at_once(array: Path, kernel: Callable[..., Kernel]) -> None:
    asked = kernel("all")
    files = files_of(array)
    assert (files.quick, files.at_once("0"), asked.asked) == (None, None, 0)
    assert files.read("0") == CHUNK
    assert files.quick
    assert files.at_once("0") == files.read("0") == CHUNK
    assert asked.asked == 2, "the question is put once, and then answered"


@pytest.mark.parametrize("answer", ["half", errno.EAGAIN])
def test_what_is_not_in_memory_takes_a_thread(
    array: Path, kernel: Callable[..., Kernel], answer: int | str
) -> None:
    files = files_of(array)
    asked = kernel(answer)
    assert files.read("0") == CHUNK
    assert files.quick is None, "nothing is known before the kernel has given a whole chunk"
    asked.answer = "all"
    files.read("0")
    asked.answer = answer
    assert files.at_once("0") is None
    assert files.quick


def test_file_systems_that_cannot_tell_are_left_to_threads(
    array: Path, kernel: Callable[..., Kernel]
) -> None:
    asked = kernel(errno.EOPNOTSUPP)
    files = files_of(array)
    for _ in range(3):
        assert files.read("0") == CHUNK
        assert files.at_once("0") is None
    assert (files.quick, asked.asked) == (False, 1)


def test_nothing_is_looked_up_before_the_file_system_is_known(
    array: Path, kernel: Callable[..., Kernel], monkeypatch: pytest.MonkeyPatch
) -> None:
    kernel(errno.EOPNOTSUPP)
    files = files_of(array)
    for read_before in (False, True):
        if read_before:
            files.read("0")
        with monkeypatch.context() as patch:
            patch.delattr(os, "open")
            for key in ("0", "1"):
                assert files.at_once(key) is None


def test_systems_that_cannot_tell(array: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("napari_dacapo.viewers.neuroglancer.chunk_files._NO_WAIT", None)
    files = files_of(array)
    assert files.read("0") == CHUNK
    assert files.quick is False
    assert files.at_once("0") is None


def test_large_and_empty_files_take_a_thread(array: Path, kernel: Callable[..., Kernel]) -> None:
    asked = kernel("all")
    files = files_of(array)
    (array / "large").write_bytes(bytes(PIECE + 1))
    (array / "empty").touch()
    assert files.read("empty") == b""
    pieces = files.read("large")
    assert files.quick is None
    files.read("0")
    assert files.at_once("large") is None
    assert files.at_once("empty") is None
    assert asked.asked == 1
    assert isinstance(pieces, FilePieces)
    assert pieces.size == PIECE + 1
    assert pieces.read(PIECE, 1) == b"\0"
    with pytest.raises(OSError, match="became shorter"):
        pieces.read(PIECE, 2)


def test_chunks_that_are_not_stored_are_known_at_once(
    array: Path, kernel: Callable[..., Kernel]
) -> None:
    kernel("all")
    files = files_of(array)
    assert files.read("1") is None
    assert files.at_once("1") is None
    files.read("0")
    with pytest.raises(KeyError):
        files.at_once("1")


@pytest.mark.parametrize("known", [False, True])
def test_an_array_that_has_gone_is_no_missing_chunk(
    array: Path, kernel: Callable[..., Kernel], known: bool
) -> None:
    kernel("all")
    files = files_of(array)
    if known:
        files.read("0")
    (array / ".zarray").unlink()
    (array / "0").unlink()
    with pytest.raises(ArrayNotFoundError, match="no longer there"):
        (files.at_once if known else files.read)("0")
    with pytest.raises(ArrayNotFoundError, match="no longer there"):
        files.read_metadata(10)


@pytest.mark.parametrize("name", ["0", ".zarray"])
def test_links_and_pipes_are_not_read(
    array: Path, kernel: Callable[..., Kernel], name: str
) -> None:
    kernel("all")
    files = files_of(array)
    assert files.read("0") == CHUNK
    assert files.read_metadata(10) == b"{}"
    reads = [lambda: files.read_metadata(10)]
    if name == "0":
        reads = [lambda: files.read("0"), lambda: files.at_once("0")]
    (array / name).rename(array / "moved")
    (array / name).symlink_to(array / "moved")
    for read in reads:
        with pytest.raises(BrokenFileError, match="is a link"):
            read()
    (array / name).unlink()
    os.mkfifo(array / name)
    for read in reads:
        with pytest.raises(BrokenFileError, match="not a plain file"):
            read()


def write_array(path: Path, key: str = "/") -> np.ndarray[Any, Any]:
    values = np.arange(8 * 8 * 8, dtype="u2").reshape(8, 8, 8) + 1
    zarr.create_array(
        path, data=values, chunks=(4, 8, 8), zarr_format=2,
        chunk_key_encoding={"name": "v2", "separator": key},
    )  # fmt: skip
    return values


@pytest.mark.parametrize("answer", ["all", errno.EAGAIN, errno.EOPNOTSUPP])
def test_the_server_sends_the_same_whatever_the_kernel_says(
    tmp_path: Path, kernel: Callable[..., Kernel], fetch: Callable[..., Any], answer: int | str
) -> None:
    asked = kernel(answer)
    path = tmp_path / "a.zarr"
    write_array(path)
    with VolumeServer() as server:
        url = server.serve(open_volume(path)).partition("|")[0]
        assert fetch(url + "0/.zarray").status == 200
        for _ in range(2):
            for key in ("0/0/0", "1/0/0"):
                answered = fetch(url + f"0/{key}")
                assert (answered.status, answered.body) == (200, (path / key).read_bytes())
        assert fetch(url + "0/0/0/0", Range="bytes=3-9").body == (path / "0/0/0").read_bytes()[3:10]
        (path / "1/0/0").unlink()
        assert fetch(url + "0/1/0/0").status == 404
    # The first chunk is read on a thread, which puts the question once more.
    assert asked.asked == (1 if answer == errno.EOPNOTSUPP else 5)


def test_an_array_that_hangs_holds_up_no_other(
    tmp_path: Path,
    kernel: Callable[..., Kernel],
    fetch: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As one does whose file server has stopped to answer."""
    asked = kernel("all")
    slow, quick = tmp_path / "slow.zarr", tmp_path / "quick.zarr"
    for path in (slow, quick):
        write_array(path)
    (slow / "1/0/0").unlink()
    hanging, go_on = threading.Semaphore(0), threading.Event()
    opened = os.open

    def hang(path: Any, *args: Any, **more: Any) -> int:
        if os.fspath(path).startswith(str(slow)):
            hanging.release()
            assert go_on.wait(60)
        return opened(path, *args, **more)

    with VolumeServer() as server:
        urls = {path: server.serve(open_volume(path)).partition("|")[0] for path in (slow, quick)}
        for url in urls.values():
            assert fetch(url + "0/.zarray").status == 200
        assert fetch(urls[quick] + "0/0/0/0").status == 200
        asked.answer = errno.EOPNOTSUPP
        assert fetch(urls[slow] + "0/0/0/0").status == 200
        asked.answer = "all"
        monkeypatch.setattr(os, "open", hang)
        answers: list[int] = []
        waiting = [
            threading.Thread(target=lambda key=key: answers.append(fetch(urls[slow] + key).status))
            for key in ("0/0/0/0", "0/1/0/0")
        ]
        for thread in waiting:
            thread.start()
        for _ in waiting:
            assert hanging.acquire(timeout=60)
        assert fetch(urls[quick] + "0/1/0/0").status == 200
        assert not answers
        go_on.set()
        for thread in waiting:
            thread.join(60)
        assert sorted(answers) == [200, 404]
