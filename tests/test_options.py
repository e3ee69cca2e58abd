"""Which store is meant."""

from __future__ import annotations

import os
import posixpath
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from napari_dacapo.errors import OptionsError, StoreNotFoundError
from napari_dacapo.options import (
    Options,
    default_store,
    find_options_file,
    load_options,
    locate_store,
    parse_map,
)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Make an empty home."""
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


@pytest.fixture
def cwd(tmp_path: Path) -> Path:
    """Make an empty working directory."""
    folder = tmp_path / "cwd"
    folder.mkdir()
    return folder


def _write(path: Path, text: str = "runs_base_dir: /nrs/runs\n") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


# Where the options file is.


def test_the_default_store_is_that_of_the_environment_or_of_the_options_file(
    home: Path, cwd: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert default_store({}, cwd, home) == ""
    found = _write(cwd / "dacapo.yaml")
    assert default_store({}, cwd, home) == str(found)
    assert default_store({"NAPARI_DACAPO_STORE": "/nrs/runs"}, cwd, home) == "/nrs/runs"
    monkeypatch.chdir(cwd)
    assert default_store({"DACAPO_OPTIONS_FILE": "dacapo.yaml"}, cwd, home) == str(found)


def test_a_default_store_that_makes_no_sense_keeps_nobody_from_opening_another(
    home: Path, cwd: Path
) -> None:
    assert default_store({"NAPARI_DACAPO_STORE": "~nosuchuser/a"}, cwd, home) == "~nosuchuser/a"


def test_the_order_of_places(home: Path, cwd: Path, tmp_path: Path) -> None:
    named = _write(tmp_path / "named.yaml")
    old = _write(tmp_path / "old.yaml")
    places = [
        _write(cwd / "dacapo.yaml"),
        _write(home / "dacapo.yaml"),
        _write(home / ".config" / "dacapo" / "dacapo.yaml"),
    ]
    environ = {"DACAPO_OPTIONS_FILE": str(named), "OPTIONS_FILE": str(old)}
    assert find_options_file(environ, cwd, home) == named
    del environ["DACAPO_OPTIONS_FILE"]
    assert find_options_file(environ, cwd, home) == old
    # A variable that names nothing is passed over.
    for environ in ({"DACAPO_OPTIONS_FILE": str(tmp_path / "nothing")}, {"OPTIONS_FILE": ""}):
        assert find_options_file(environ, cwd, home) == places[0]
    for index in range(3):
        assert find_options_file({}, cwd, home) == places[index]
        places[index].unlink()
    assert find_options_file({}, cwd, home) is None


def test_the_tilde_is_expanded(home: Path, cwd: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(cwd)
    # The folder that DaCapo itself would look into.
    _write(cwd / "~" / "dacapo.yaml")
    assert find_options_file() is None
    file = _write(home / "dacapo.yaml", "runs_base_dir: ~/runs")
    assert find_options_file() == file
    assert load_options().runs_base_dir == home / "runs"
    assert find_options_file({"DACAPO_OPTIONS_FILE": "~/dacapo.yaml"}) == file


def test_no_options_file(home: Path, cwd: Path) -> None:
    with pytest.raises(OptionsError, match="no DaCapo options file") as info:
        load_options(environ={}, cwd=cwd, home=home)
    assert str(home / ".config/dacapo/dacapo.yaml") in str(info.value)


# What stands in it.


def test_a_real_options_file(tmp_path: Path) -> None:
    file = _write(tmp_path / "dacapo.yaml", "type: files\nruns_base_dir: /nrs/demo/dacapo\n")
    options = load_options(file)
    assert options.type == "files"
    assert options.runs_base_dir == Path("/nrs/demo/dacapo")
    assert options.source == file
    assert options.path_map == options.url_map == {}


def test_defaults_of_an_empty_file(tmp_path: Path, home: Path) -> None:
    options = load_options(_write(tmp_path / "x.yaml", "# nothing"), home=home)
    assert options.type == "files"
    assert options.runs_base_dir == home / "dacapo"


def test_everything_in_the_file(tmp_path: Path) -> None:
    text = """
        type: mongo
        runs_base_dir: /nrs/runs
        mongo_db_host: mongodb://user:secret@host:27017
        mongo_db_name: dacapo
        compute_context: {type: LocalTorch, config: {}}
        path_map: {/nrs/lab: /mnt/lab}
        url_map: "/mnt/lab=s3://lab"
        something_else: 3
        """
    options = load_options(_write(tmp_path / "dacapo.yaml", text))
    assert options.type == "mongo"
    assert options.mongo_db_host == "mongodb://user:secret@host:27017"
    assert options.mongo_db_name == "dacapo"
    assert "secret" not in repr(options)
    assert options.path_map == {"/nrs/lab": "/mnt/lab"}
    assert options.url_map == {"/mnt/lab": "s3://lab"}


def test_arguments_over_environment_over_file(tmp_path: Path) -> None:
    file = _write(
        tmp_path / "dacapo.yaml", "runs_base_dir: /a\npath_map: {/1: /file, /2: /file, /3: /file}"
    )
    options = load_options(
        environ={
            "DACAPO_OPTIONS_FILE": str(file),
            "NAPARI_DACAPO_PATH_MAP": "/2=/environment;/3=/environment",
        },
        path_map={"/3": "/argument"},
        url_map="/x=https://x",
        runs_base_dir=tmp_path / "b",
        type="mongo",
        mongo_db_host="mongodb://host",
        mongo_db_name="name",
    )
    assert options.path_map == {"/1": "/file", "/2": "/environment", "/3": "/argument"}
    assert options.url_map == {"/x": "https://x"}
    assert options.runs_base_dir == tmp_path / "b"
    assert (options.type, options.mongo_db_host) == ("mongo", "mongodb://host")


def test_relative_folders(tmp_path: Path, cwd: Path) -> None:
    file = _write(tmp_path / "project" / "dacapo.yaml", "runs_base_dir: runs")
    assert load_options(file, cwd=cwd).runs_base_dir == tmp_path / "project" / "runs"
    (cwd / "runs").mkdir()
    assert load_options(file, cwd=cwd).runs_base_dir == cwd / "runs"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("- 1", "holds no keys"),
        ("text", "holds no keys"),
        ("a: [", "cannot be read"),
        ("runs_base_dir: 3", "is not text"),
        ("mongo_db_host: [a]", "is not text"),
        ("name: affs\nlsds: false", "none of its keys"),
        ("type: sql", "type 'sql'"),
        ("type: [files]", "type"),
        ("type: mongo", "name no database"),
        ("path_map: 3", "no map"),
        ("path_map: {1: 2}", "no replacement"),
        ("path_map: [/a]", "no replacement"),
        ("path_map: {/a: ''}", "empty side"),
        ("type: !!python/object/apply:os.system ['touch {}']", "cannot be read"),
        ("[" * 5000, "cannot be read"),
        ("type: \x01", "cannot be read"),
        ("type: files\ntype: files", "cannot be read"),
        ("runs_base_dir: ~nosuchuser/runs", "home that is not known"),
        ('runs_base_dir: "a\\0b"', "holds a NUL"),
        ("path_map: {/a: ~nosuchuser/b}", "home that is not known"),
        ("path_map: [[/a=/b]]", "no entry of a map"),
        ("path_map: [{/a: /b}]", "no entry of a map"),
        ("path_map: {/a: [/b]}", "no replacement"),
        ("#" * 2_000_000, "more than"),
    ],
)
def test_broken_options_files(tmp_path: Path, text: str, reason: str) -> None:
    target = tmp_path / "touched"
    file = _write(tmp_path / "dacapo.yaml", text.replace("{}", str(target)))
    with pytest.raises(OptionsError, match=reason):
        load_options(file)
    assert not target.exists()


@pytest.mark.parametrize("key", ["path_map", "url_map", "runs_base_dir", "type", "other"])
def test_nested_aliases_are_not_expanded(tmp_path: Path, key: str) -> None:
    """Printed or gone through, these would be a hundred million entries."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 8)]
    file = _write(tmp_path / "dacapo.yaml", "\n".join([*lines, "type: files", f"{key}: *a7"]))
    with pytest.raises(OptionsError, match="more than 10000 values"):
        load_options(file)


# Whose word a map is.

_MAPPED = "runs_base_dir: runs\npath_map: {/: /, /nrs: /mnt}\nurl_map: {/mnt: s3://x}\n"


@pytest.mark.parametrize("place", ["{home}/dacapo.yaml", "{home}/.config/dacapo/dacapo.yaml"])
def test_maps_of_the_users_own_places_count(home: Path, cwd: Path, place: str) -> None:
    file = _write(Path(place.format(home=home)), _MAPPED)
    for options in (
        load_options(environ={}, cwd=cwd, home=home),
        load_options(file, environ={}, cwd=cwd, home=home),
        load_options(file.parent, environ={}, cwd=cwd, home=home),
        load_options(environ={}, cwd=file.parent, home=home),
    ):
        assert options.path_map == {"/": "/", "/nrs": "/mnt"}
        assert options.url_map == {"/mnt": "s3://x"}
        assert options.source == file
        assert options.notes == ()


def test_maps_of_a_named_file_count(home: Path, cwd: Path, tmp_path: Path) -> None:
    file = _write(tmp_path / "project" / "dacapo.yaml", _MAPPED)
    for environ, path in (
        ({}, file),
        ({"NAPARI_DACAPO_STORE": str(file)}, None),
        ({"DACAPO_OPTIONS_FILE": str(file)}, None),
        ({"DACAPO_OPTIONS_FILE": str(file)}, file.parent),
    ):
        options = load_options(path, environ=environ, cwd=cwd, home=home)
        assert options.path_map == {"/": "/", "/nrs": "/mnt"}
        assert (options.source, options.notes) == (file, ())


def test_maps_of_a_file_that_came_along_with_its_folder_do_not_count(
    home: Path, cwd: Path, tmp_path: Path
) -> None:
    file = _write(tmp_path / "stranger" / "dacapo.yaml", _MAPPED)
    for environ in ({}, {"NAPARI_DACAPO_STORE": str(file.parent)}):
        options = load_options(
            None if environ else file.parent, environ=environ, cwd=cwd, home=home, path_map="/a=/b"
        )
        assert options.runs_base_dir == file.parent / "runs"
        assert options.path_map == {"/a": "/b"}
        assert options.url_map == {}
        (note,) = options.notes
        assert "path_map and url_map" in note
        assert f"name the file itself: {file}." in note
        # What is opened again is trusted no more than before.
        assert options.source is not None
        again = load_options(options.source, environ={}, cwd=cwd, home=home)
        assert again.path_map == {}


def test_a_database_that_came_along_with_a_folder_says_nothing_of_other_folders(
    home: Path, cwd: Path, tmp_path: Path
) -> None:
    text = "type: mongo\nmongo_db_host: mongodb://host\nmongo_db_name: x\nruns_base_dir: "
    file = _write(tmp_path / "stranger" / "dacapo.yaml", f"{text}/")
    with pytest.raises(OptionsError, match="name the file itself"):
        load_options(file.parent, environ={}, cwd=cwd, home=home)
    assert load_options(file, environ={}, cwd=cwd, home=home).runs_base_dir == Path("/")
    (file.parent / "link").symlink_to("/")
    file.write_text(f"{text}./link")
    with pytest.raises(OptionsError, match="name the file itself"):
        load_options(file.parent, environ={}, cwd=cwd, home=home)
    file.write_text(f"{text}./runs")
    options = load_options(file.parent, environ={}, cwd=cwd, home=home)
    assert (options.type, options.runs_base_dir) == ("mongo", file.parent / "runs")


@pytest.mark.parametrize("how", ["found", "named", "folder"])
def test_the_file_of_the_working_directory_opens_no_home(
    home: Path, cwd: Path, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(home))
    link = cwd / "link"
    link.symlink_to(home.parent)
    wide = {"/": "/", "/a": str(home), "/b": str(home.parent), "/c": "~", "/d": str(link)}
    narrow = {"/nrs": "/mnt/lab", "/e": str(home / "data"), "/f": "~/data", "/g": str(cwd)}
    entries = "\n".join(f"  {key}: '{value}'" for key, value in {**wide, **narrow}.items())
    file = _write(cwd / "dacapo.yaml", f"runs_base_dir: runs\npath_map:\n{entries}\n")
    path = {"found": None, "named": file, "folder": cwd}[how]
    options = load_options(path, environ={}, cwd=cwd, home=home)
    assert options.path_map == narrow
    assert options.source == file
    assert len(options.notes) == len(wide)
    for note, (prefix, replacement) in zip(options.notes, wide.items(), strict=True):
        assert f"{prefix}={replacement} in the path_map of {file} is not used" in note
        assert f"DACAPO_OPTIONS_FILE={file}" in note
    environ = {"DACAPO_OPTIONS_FILE": str(file)}
    assert load_options(path, environ=environ, cwd=cwd, home=home).path_map == {**wide, **narrow}


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="files belong to nobody here")
@pytest.mark.parametrize("how", ["found", "named", "folder"])
def test_the_file_of_somebody_else_in_the_working_directory_opens_nothing(
    home: Path, cwd: Path, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = _write(cwd / "dacapo.yaml", _MAPPED)
    user = os.geteuid() + 1
    monkeypatch.setattr(os, "geteuid", lambda: user)
    path = {"found": None, "named": file, "folder": cwd}[how]
    options = load_options(path, environ={}, cwd=cwd, home=home)
    assert options.runs_base_dir == cwd / "runs"
    assert options.path_map == options.url_map == {}
    assert f"DACAPO_OPTIONS_FILE={file}" in options.notes[0]


# Homes and folders that are not there.


def test_without_a_home_its_places_are_passed_over(
    cwd: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)  # as where nobody knows the user
    assert find_options_file({}, cwd) is None
    file = _write(cwd / "dacapo.yaml", "runs_base_dir: /runs\npath_map: {/: /, /nrs: /mnt}")
    options = load_options(environ={"DACAPO_OPTIONS_FILE": "~/x.yaml"}, cwd=cwd)
    assert (options.source, options.path_map) == (file, {"/nrs": "/mnt"})


def test_without_a_working_directory_its_place_is_passed_over(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "removed").mkdir()
    monkeypatch.chdir(tmp_path / "removed")
    (tmp_path / "removed").rmdir()
    assert find_options_file({}, home=home) is None
    with pytest.raises(OptionsError, match="no DaCapo options file"):
        load_options(environ={}, home=home)
    with pytest.raises(StoreNotFoundError, match="working directory was removed"):
        load_options("runs", environ={}, home=home)
    file = _write(home / "dacapo.yaml", "runs_base_dir: runs")
    assert load_options(environ={}, home=home).runs_base_dir == home / "runs"
    assert load_options(file, environ={}).runs_base_dir == home / "runs"


def test_homes_of_nobody(home: Path, cwd: Path) -> None:
    environ = {"DACAPO_OPTIONS_FILE": "~nosuchuser/dacapo.yaml"}
    assert find_options_file(environ, cwd, home) is None
    with pytest.raises(StoreNotFoundError, match="does not exist"):
        load_options("~nosuchuser/runs", environ={}, home=home)
    for arguments in (
        {"path_map": "/a=~nosuchuser/b"},
        {"environ": {"NAPARI_DACAPO_PATH_MAP": "/a=~nosuchuser/b"}},
        {"runs_base_dir": "~nosuchuser/b"},
    ):
        with pytest.raises(OptionsError, match="~nosuchuser/b, begins with a home"):
            load_options(**{"environ": {}, "runs_base_dir": cwd, "cwd": cwd, **arguments})
    options = Options(runs_base_dir=cwd, path_map={"/a": "~nosuchuser/b"})
    assert options.map_path("/a/c") == Path("~nosuchuser/b/c")
    assert options.roots == (cwd, Path("~nosuchuser/b"))


# Paths instead of options files.


@pytest.mark.parametrize(
    ("path", "run"),
    [
        ("", None),
        ("configs", None),
        ("configs/runs", None),
        ("stats/training_stats", None),
        ("dist_same_iso0", "dist_same_iso0"),
        ("dist_same_iso0/validation.zarr", "dist_same_iso0"),
        ("dist_same_iso0/validation.zarr/60/ds_iso0_val_a/prediction", "dist_same_iso0"),
        ("dist_same_iso0/checkpoints/iterations/60", "dist_same_iso0"),
        ("snapshot_crash/snapshot.zarr", "snapshot_crash"),
        ("configs/runs/never_trained.yaml", "never_trained"),
        ("configs/tasks/affs6.yaml", None),
        ("stats/training_stats/dist_2d", None),
    ],
)
def test_paths_into_a_real_store(stores: Path, path: str, run: str | None) -> None:
    store = stores / "pypi-0.3.5"
    assert locate_store(store / path) == (store, run)
    options = load_options(store / path)
    assert options.runs_base_dir == store
    assert options.type == "files"
    assert options.source is None


def test_relative_paths(stores: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(stores / "main" / "snapshot")
    assert locate_store(".") == (stores / "main", "snapshot")
    assert locate_store("../") == (stores / "main", None)


def test_a_run_folder_without_its_store(tmp_path: Path) -> None:
    (tmp_path / "copied" / "validation.zarr" / "10").mkdir(parents=True)
    for path in ("copied", "copied/validation.zarr", "copied/validation.zarr/10"):
        assert locate_store(tmp_path / path) == (tmp_path, "copied")


def test_runs_with_slashes_in_their_names(tmp_path: Path) -> None:
    _write(tmp_path / "configs" / "runs" / "a" / "b.yaml")
    (tmp_path / "a" / "b" / "checkpoints").mkdir(parents=True)
    assert locate_store(tmp_path / "a" / "b" / "checkpoints") == (tmp_path, "a/b")
    assert locate_store(tmp_path / "a") == (tmp_path, None)


def test_a_folder_with_an_options_file(tmp_path: Path) -> None:
    file = _write(tmp_path / "project" / "dacapo.yaml", "runs_base_dir: /elsewhere")
    options = load_options(tmp_path / "project")
    assert (options.runs_base_dir, options.source) == (Path("/elsewhere"), file.parent)


def test_a_store_wins_over_an_options_file_in_it(tmp_path: Path) -> None:
    _write(tmp_path / "dacapo.yaml", "runs_base_dir: /elsewhere")
    (tmp_path / "configs" / "runs").mkdir(parents=True)
    assert load_options(tmp_path).runs_base_dir == tmp_path


def test_a_folder_for_a_database(tmp_path: Path) -> None:
    options = load_options(
        tmp_path, type="mongo", mongo_db_host="mongodb://host", mongo_db_name="name"
    )
    assert (options.type, options.runs_base_dir) == ("mongo", tmp_path)


def test_the_environment_names_a_store(stores: Path) -> None:
    environ = {"NAPARI_DACAPO_STORE": str(stores / "main")}
    assert load_options(environ=environ).runs_base_dir == stores / "main"
    other = load_options(stores / "pypi-0.3.5", environ=environ)
    assert other.runs_base_dir == stores / "pypi-0.3.5"


@pytest.mark.parametrize("path", ["nothing", "x" * 5000, "a\0b", "empty"])
def test_what_is_no_store(tmp_path: Path, path: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(StoreNotFoundError, match="configs/runs"):
        load_options(tmp_path / path)


# Maps.

OPTIONS = Options(
    runs_base_dir=Path("/runs"),
    path_map={"/nrs/lab": "/mnt/lab", "/nrs/lab/deep/": "/mnt/deep", "/": "/root", "rel": "/rel"},
    url_map={"/mnt/lab": "https://data.org/lab/", "/mnt/lab/b": "s3://b"},
)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/nrs/lab", "/mnt/lab"),
        ("/nrs/lab/", "/mnt/lab"),
        ("/nrs/lab/a.zarr/raw", "/mnt/lab/a.zarr/raw"),
        ("/nrs//lab/./a.zarr", "/mnt/lab/a.zarr"),
        ("/nrs/labor/a.zarr", "/root/nrs/labor/a.zarr"),
        ("/nrs/lab/deep", "/mnt/deep"),
        ("/nrs/lab/deep/a", "/mnt/deep/a"),
        ("/nrs/lab/deeper/a", "/mnt/lab/deeper/a"),
        ("/nrs/lab/../secret", "/root/nrs/secret"),
        ("/nrs/lab/a/../../../../../etc/passwd", "/root/etc/passwd"),
        ("rel/a", "/rel/a"),
        ("other/a", "other/a"),
    ],
)
def test_mapped_paths(path: str, expected: str) -> None:
    assert OPTIONS.map_path(path) == Path(expected)
    assert OPTIONS.map_path(Path(path)) == Path(expected)


def test_without_a_map_paths_stay() -> None:
    assert Options(runs_base_dir=Path("/x")).map_path("/nrs/a.zarr") == Path("/nrs/a.zarr")


def test_home_in_a_map(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(home))
    options = Options(runs_base_dir=Path("/x"), path_map={"/nrs": "~/nrs"})
    assert options.map_path("/nrs/a") == home / "nrs/a"
    assert options.roots == (Path("/x"), home / "nrs")


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/mnt/lab", "https://data.org/lab"),
        ("/mnt/lab/a b.zarr", "https://data.org/lab/a%20b.zarr"),
        ("/mnt/lab/W(id=2, bias=0.5)/x", "https://data.org/lab/W%28id%3D2%2C%20bias%3D0.5%29/x"),
        ("/mnt/lab/../lab2/a", None),
        ("/mnt/labor", None),
        ("/mnt/lab/b/c", "s3://b/c"),
        ("/elsewhere", None),
    ],
)
def test_urls(path: str, expected: str | None) -> None:
    assert OPTIONS.url_for(path) == expected


parts = st.lists(st.sampled_from(["a", "b", "ab", "..", ".", ""]), max_size=6).map("/".join)


@given(parts, parts, parts)
def test_a_mapped_path_lies_in_what_it_was_mapped_to(path: str, one: str, other: str) -> None:
    mapping = {"/" + one: "/mnt/one", "/" + other: "/mnt/other"}
    found = Options(runs_base_dir=Path("/x"), path_map=mapping).map_path("/" + path)
    text = os.path.normpath(found)
    assert ".." not in found.parts
    inside = any(text == top or text.startswith(top + "/") for top in ("/mnt/one", "/mnt/other"))
    normal = posixpath.normpath("/" + path).replace("//", "/")
    prefixes = [posixpath.normpath("/" + p).replace("//", "/").rstrip("/") for p in (one, other)]
    matches = [p for p in prefixes if normal == p or normal.startswith(p + "/")]
    assert inside == bool(matches)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, {}),
        ("", {}),
        (" ; \n;", {}),
        ("/a=/b", {"/a": "/b"}),
        ("/a=/b;/c=/d", {"/a": "/b", "/c": "/d"}),
        (" /a = /b ;\n/c=/d\n", {"/a": "/b", "/c": "/d"}),
        ("/a=https://x.org/?q=1", {"/a": "https://x.org/?q=1"}),
        (["/a=/b", "/c=/d;/e=/f"], {"/a": "/b", "/c": "/d", "/e": "/f"}),
        ({"/a": "/b"}, {"/a": "/b"}),
        ({"/a": Path("/b")}, {"/a": "/b"}),
        ("/a=/1;/a=/2", {"/a": "/2"}),
    ],
)
def test_maps(text: str | None, expected: dict[str, str]) -> None:
    assert parse_map(text) == expected


@pytest.mark.parametrize("text", ["/a", "=/b", "/a=", ["/a=/b", "/c"], {"/a": 3}, {"/a": ""}, 3])
def test_maps_that_are_none(text: str) -> None:
    with pytest.raises(OptionsError):
        parse_map(text)


def test_options_are_read_only(tmp_path: Path) -> None:
    options = Options(runs_base_dir=tmp_path)
    with pytest.raises(ValidationError):
        options.type = "mongo"


@pytest.mark.parametrize("kind", [str, Path])
def test_addresses_are_no_folders_and_are_told_to_nobody(kind: type) -> None:
    with pytest.raises(StoreNotFoundError, match="options file") as info:
        locate_store(kind("mongodb://user:pa/ss@host"))
    assert "pa/ss" not in str(info.value)
    assert "mongo_db_host" in str(info.value)
