"""Files of an array are opened where they lie, and nothing behind links is."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

import pytest

from napari_dacapo.errors import BrokenFileError, UnsafeFileError
from napari_dacapo.viewers.neuroglancer import array_folder
from napari_dacapo.viewers.neuroglancer.array_folder import ArrayFolder

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(params=[True, False], ids=["step by step", "by path"])
def folder(
    tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> ArrayFolder:
    """An array with the chunk 0/1/2, next to a folder with a secret of that name."""
    monkeypatch.setattr(array_folder, "_STEPS", request.param)
    for name, content in (("run/a.zarr", b"chunk"), ("secret", b"hunter2")):
        (tmp_path / name / "0/1").mkdir(parents=True)
        (tmp_path / name / "0/1/2").write_bytes(content)
    return ArrayFolder(tmp_path / "run/a.zarr")


def content(folder: ArrayFolder, key: str = "0/1/2") -> bytes:
    descriptor, size = folder.open(key)
    try:
        return os.read(descriptor, size + 1)
    finally:
        os.close(descriptor)


def exchange(path: Path, target: Path) -> None:
    """Put a link in the place of a file or folder."""
    path.rename(path.with_name("moved"))
    path.symlink_to(target)


def test_opens_files(folder: ArrayFolder) -> None:
    assert content(folder) == content(folder) == b"chunk"


@pytest.mark.parametrize("key", ["0/1/3", "0/2/2", "1", "0/1/2/3"])
def test_what_is_not_there(folder: ArrayFolder, key: str) -> None:
    with pytest.raises(FileNotFoundError):
        folder.open(key)


@pytest.mark.parametrize(
    "key", ["../../secret/0/1/2", "0/../../../secret/0/1/2", "", "0//1", "/etc/passwd", "0/1/2\0"]
)
def test_keys_do_not_lead_out(folder: ArrayFolder, key: str) -> None:
    with pytest.raises(UnsafeFileError):
        folder.open(key)


@pytest.mark.parametrize("opened_before", [False, True])
@pytest.mark.parametrize("part", ["0/1/2", "0/1", "0"])
def test_links_in_the_array_are_refused_whenever_they_were_made(
    folder: ArrayFolder, tmp_path: Path, part: str, opened_before: bool
) -> None:
    if opened_before:
        assert content(folder) == b"chunk"
    exchange(folder.path / part, tmp_path / "secret" / part)
    with pytest.raises(BrokenFileError, match="is a link"):
        folder.open("0/1/2")


@pytest.mark.parametrize("part", ["run/a.zarr", "run"])
def test_links_in_the_place_of_the_array_are_not_followed_later(
    folder: ArrayFolder, tmp_path: Path, part: str
) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "secret").rename(tmp_path / "other/a.zarr")
    assert content(folder) == b"chunk"
    exchange(tmp_path / part, tmp_path / ("other" if part == "run" else "other/a.zarr"))
    with pytest.raises(BrokenFileError, match="is a link"):
        folder.open("0/1/2")


def test_an_array_may_be_a_link_and_lie_below_one(folder: ArrayFolder, tmp_path: Path) -> None:
    (tmp_path / "link.zarr").symlink_to(folder.path)
    (tmp_path / "mounted").symlink_to(tmp_path / "run")
    for path in (tmp_path / "link.zarr", tmp_path / "mounted/a.zarr"):
        assert content(ArrayFolder(path)) == b"chunk"


def test_an_array_that_is_written_anew_is_read(folder: ArrayFolder) -> None:
    assert content(folder) == b"chunk"
    folder.path.rename(folder.path.with_name("old.zarr"))
    with pytest.raises(FileNotFoundError):
        folder.open("0/1/2")
    (folder.path / "0/1").mkdir(parents=True)
    (folder.path / "0/1/2").write_bytes(b"new")
    assert content(folder) == b"new"


def test_only_plain_files_are_opened(folder: ArrayFolder) -> None:
    os.mkfifo(folder.path / "0/1/3")
    for key in ("0/1/3", "0/1"):
        with pytest.raises(BrokenFileError, match="not a plain file"):
            folder.open(key)


def test_sockets_are_not_opened(folder: ArrayFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder.path)  # their paths must be short
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("1")
        with pytest.raises(OSError, match="No such device"):
            folder.open("1")


def test_nothing_stays_open(folder: ArrayFolder, tmp_path: Path) -> None:
    def open_files() -> int:
        return len(os.listdir("/dev/fd"))

    os.mkfifo(folder.path / "pipe")
    (folder.path / "link").symlink_to(tmp_path / "secret")
    assert content(folder) == b"chunk"
    before = open_files()
    for key in ("0/1/2", "0/1/3", "pipe", "link/0/1/2", "0", "0/1/2/3"):
        for _ in range(3):
            try:
                content(folder, key)
            except (OSError, BrokenFileError):
                continue
    assert open_files() == before
