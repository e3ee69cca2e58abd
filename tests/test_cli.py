"""The command line as a whole: help, errors, finding a run."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_dacapo import __version__, cli
from napari_dacapo.cli.common import find_run, plain
from napari_dacapo.errors import OptionsError, RunNotFoundError

COMMANDS = [command.name for command in cli.app.registered_commands]


def run_cli(*arguments: str) -> int:
    with pytest.raises(SystemExit) as left:
        cli.main([str(argument) for argument in arguments])
    return int(left.value.code or 0)


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_cli("--version") == 0
    assert capsys.readouterr().out.strip() == __version__


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"]])
def test_help_lists_all_commands(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run_cli(*arguments) == 0
    out = capsys.readouterr().out
    for name in ("runs", "show", "open", "demo"):
        assert f"\n  {name} " in out


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_examples(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_cli(command, "--help") == 0
    out = capsys.readouterr().out
    assert "Examples:" in out
    assert f"  napari-dacapo {command}" in out


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["nonsense"], 2, "nonsense"),
        (["open"], 2, "RUN"),
        (["open", "run", "--iteration", "many"], 2, "iteration"),
        (["open", "run", "--segmentation", "guessed"], 2, "not one of 'stored', 'computed'"),
        (["runs", "/nowhere/at/all"], 1, "/nowhere/at/all"),
        (["show", "run", "--store", "/nowhere/at/all"], 1, "/nowhere/at/all"),
        (["runs"], 1, "dacapo.yaml"),
        (["show", "x" * 5000], 1, "dacapo.yaml"),
        (["runs", "--path-map", "/nrs"], 1, "/nrs"),
        (["demo", "nucleus"], 1, "mito_distance, cell_affinities"),
    ],
)
def test_errors_are_one_line_and_an_exit_code(
    arguments: list[str],
    code: int,
    said: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run_cli(*arguments) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    (line,) = captured.err.splitlines()
    assert line.startswith("napari-dacapo: ")
    assert said in line


def test_what_of_an_options_file_does_not_count_is_said(
    stores: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "dacapo.yaml"
    file.write_text(f"runs_base_dir: {stores / 'main'}\npath_map: {{/: /}}\n")
    assert run_cli("runs", str(tmp_path)) == 0
    captured = capsys.readouterr()
    assert "dist_aniso" in captured.out
    (line,) = captured.err.splitlines()
    assert line.startswith(f"napari-dacapo: The path_map of {file} is not used")
    assert run_cli("runs", str(file)) == 0
    assert capsys.readouterr().err == ""


def test_a_bug_is_one_line_too_unless_asked_for_more(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, stores: Path
) -> None:
    def broken(*arguments: object) -> None:
        raise RuntimeError("first\nsecond")

    monkeypatch.setattr("napari_dacapo.cli.listing.find_store", broken)
    assert run_cli("runs", str(stores / "main")) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "RuntimeError: first second" in line
    monkeypatch.setenv("NAPARI_DACAPO_DEBUG", "1")
    with pytest.raises(RuntimeError, match="first"):
        cli.main(["runs", str(stores / "main")])


def test_a_reader_that_leaves_early_is_no_error(stores: Path) -> None:
    command = f"{sys.executable} -m napari_dacapo.cli runs {stores / 'pypi-0.3.5'} --json | head -1"
    done = subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "[\n"
    assert done.stderr == ""


@pytest.mark.parametrize(
    "place", ["dist_same_iso0", "dist_same_iso0/validation.zarr", "configs/runs/{}.yaml"]
)
def test_a_run_is_found_by_its_place(place: str, stores: Path) -> None:
    run = find_run(str(stores / "pypi-0.3.5" / place.format("dist_same_iso0")), None)
    assert run.name == "dist_same_iso0"
    assert run.store.options.runs_base_dir == stores / "pypi-0.3.5"


def test_a_run_is_found_by_its_folder_in_the_current_one(
    stores: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(stores / "main")
    assert find_run("dist_aniso", None).name == "dist_aniso"


def test_a_folder_that_is_no_run_does_not_hide_the_run_of_that_name(
    stores: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "dist_aniso").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NAPARI_DACAPO_STORE", str(stores / "main"))
    assert find_run("dist_aniso", None).name == "dist_aniso"


def test_a_run_is_found_by_name_and_store(stores: Path) -> None:
    run = find_run("snapshot", str(stores / "main"), ["/nrs/demo=/a", "/groups=/b"])
    assert run.store.options.path_map == {"/nrs/demo": "/a", "/groups": "/b"}
    with pytest.raises(RunNotFoundError):
        find_run("snapshots", str(stores / "main"))
    with pytest.raises(OptionsError):
        find_run("snapshot", str(stores / "main"), ["/nrs/demo"])


NUMBERS = st.none() | st.booleans() | st.integers() | st.floats() | st.text()


@given(st.recursive(NUMBERS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_whatever_is_printed_is_valid_json(value: object) -> None:
    json.dumps(plain(value), allow_nan=False)


def test_nan_is_null() -> None:
    nan, infinity = float("nan"), float("inf")
    assert plain({"loss": nan, "at": (1, infinity, Path("/a"))}) == {
        "loss": None,
        "at": [1, None, "/a"],
    }
