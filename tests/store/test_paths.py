"""Names and links never lead out of a store."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_dacapo.errors import BrokenFileError, UnsafeFileError
from napari_dacapo.store.paths import Roots, check_name, list_folder, read_file
from napari_dacapo.store.stats_tail import last_record

BAD_NAMES = [
    "",
    ".",
    "..",
    "../x",
    "a/../b",
    "a/..",
    "/etc/passwd",
    "a//b",
    "a/",
    "./a",
    "a/./b",
    "a\0b",
]


@pytest.mark.parametrize("name", BAD_NAMES)
def test_bad_names(name: str, tmp_path: Path) -> None:
    with pytest.raises(UnsafeFileError):
        check_name(name)
    with pytest.raises(UnsafeFileError):
        Roots([tmp_path]).join(tmp_path, name)


@pytest.mark.parametrize("name", [None, 3, b"x", ["a"]])
def test_names_are_text(name: object) -> None:
    with pytest.raises(UnsafeFileError, match="is not a name"):
        check_name(name)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "name", ["a", "a/b", "..a", "a..", "...", "threshold_-0.2", "W(id=2, context=(32, 32))", "ä ö"]
)
def test_good_names(name: str, tmp_path: Path) -> None:
    assert check_name(name) == name
    assert Roots([tmp_path]).join(tmp_path, name) == tmp_path / name


@given(st.text(alphabet="./\\ab\0~ ", max_size=12))
def test_whatever_passes_stays_inside(name: str) -> None:
    root = Path("/store/of/runs")
    try:
        path = Roots([root]).join(root, name)
    except UnsafeFileError:
        return
    assert os.path.normpath(path).startswith(f"{root}/")


def test_links(tmp_path: Path) -> None:
    store, other = tmp_path / "store", tmp_path / "other"
    store.mkdir()
    other.mkdir()
    (other / "secret").write_text("x")
    (store / "file").symlink_to(other / "secret")
    (store / "folder").symlink_to(other)
    (store / "own").symlink_to(store / "real")
    (store / "loop").symlink_to(store / "loop")
    roots = Roots([store])
    assert roots.join(store, "own") == store / "own"
    for name in ("file", "folder", "folder/secret"):
        with pytest.raises(UnsafeFileError, match="path map entry") as info:
            roots.join(store, name)
        assert str(other) in str(info.value)
    assert read_file(Roots([store, other]).join(store, "folder/secret"), 10) == b"x"
    # A link to itself resolves to itself and cannot be opened.
    with pytest.raises(BrokenFileError):
        read_file(roots.join(store, "loop"), 10)


def test_neighbour_with_the_same_beginning_is_outside(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    (tmp_path / "store-2").mkdir()
    (tmp_path / "store" / "link").symlink_to(tmp_path / "store-2")
    with pytest.raises(UnsafeFileError):
        Roots([tmp_path / "store"]).join(tmp_path / "store", "link")


def test_store_that_is_a_link_itself(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "file").write_text("x")
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "real")
    assert read_file(Roots([link]).join(link, "file"), 10) == b"x"


def test_list_folder(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    assert [entry.name for entry in list_folder(tmp_path)] == ["a"]
    assert list_folder(tmp_path / "nothing") == []
    assert list_folder(tmp_path / "a") == []
    with pytest.raises(BrokenFileError, match="cannot be read"):
        list_folder(tmp_path / ("x" * 300))


@pytest.mark.skipif(os.geteuid() == 0, reason="everything is readable for root")
def test_unreadable_file(tmp_path: Path) -> None:
    (tmp_path / "a").touch(mode=0)
    with pytest.raises(BrokenFileError, match="Permission denied"):
        read_file(tmp_path / "a", 10)


def _open_files() -> int:
    return len(os.listdir("/dev/fd"))


@pytest.mark.skipif(not os.path.isdir("/dev/fd"), reason="needs a listing of open files")
def test_what_is_no_file_is_closed_again(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    before = _open_files()
    for name in ("folder", "pipe"):
        with pytest.raises(BrokenFileError, match="is not a file"):
            read_file(tmp_path / name, 10)
        assert last_record(tmp_path / name) is None
    assert _open_files() == before
