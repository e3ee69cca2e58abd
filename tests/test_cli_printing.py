"""What a store holds does nothing in a terminal, and hides nothing."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import unicodedata
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_dacapo import cli
from napari_dacapo.cli.common import json_text
from napari_dacapo.cli.printing import printable

if TYPE_CHECKING:
    from pathlib import Path

NAMES = {
    "colour\x1b[31mred": r"colour\x1b[31mred",
    "new\nline": r"new\nline",
    "back\rto\bthe\x07start": r"back\rto\x08the\x07start",
    "csi\x9b31m": r"csi\x9b31m",
    "del\x7f": r"del\x7f",
    "mirror\u202egpj": r"mirror\u202egpj",
    "no text \udcff": r"no text \xff",
    "Mäuse – 10 µm×3": "Mäuse – 10 µm×3",
}


@pytest.fixture
def store(stores: Path, tmp_path: Path) -> Path:
    """A store with a run of each name, one of them broken."""
    runs = tmp_path / "store" / "configs" / "runs"
    runs.mkdir(parents=True)
    for name in NAMES:
        shutil.copy(stores / "main/configs/runs/never_trained.yaml", runs / f"{name}.yaml")
    (runs / "broken\x1b]0;title\x07.yaml").write_text("name: [")
    return tmp_path / "store"


def run_cli(*arguments: object, **environ: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "napari_dacapo.cli", *map(os.fspath, arguments)],
        env={**os.environ, **environ},
        capture_output=True,
        check=False,
        timeout=120,
    )


def test_what_cannot_be_seen_is_written_out() -> None:
    for name, shown in NAMES.items():
        assert printable(name) == shown


@given(st.text(st.characters()))
def test_nothing_printed_does_anything(text: str) -> None:
    shown = printable(text)
    assert not {unicodedata.category(char) for char in shown} & {"Cc", "Cf", "Cs", "Zl", "Zp"}
    assert printable(shown) == shown
    shown = json_text([text])
    assert not {unicodedata.category(char) for char in shown} & {"Cc", "Cs", "Zl", "Zp"}
    assert json.loads(shown) == [text]


@pytest.mark.long
@pytest.mark.parametrize("encoding", ["utf-8:strict", "utf-8:surrogateescape", "ascii:strict"])
def test_names_of_every_kind_are_listed(store: Path, encoding: str) -> None:
    done = run_cli("runs", store, PYTHONIOENCODING=encoding)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.decode(encoding.partition(":")[0]).split("\n")
    assert len(lines) > len(NAMES) + 2
    for name in NAMES.values():
        if encoding.startswith("ascii"):
            name = name.encode("ascii", "backslashreplace").decode()
        assert [line for line in lines if line.startswith(f"{name} ")], name
    assert not any(bytes([code]) in done.stdout for code in b"\x1b\x07\x08\r\x7f")
    problem = r"broken\x1b]0;title\x07: "
    assert [line for line in lines if line.startswith(problem)]


@pytest.mark.long
@pytest.mark.parametrize("encoding", ["utf-8:strict", "utf-8:surrogateescape", "ascii:strict"])
def test_json_holds_names_of_every_kind(store: Path, encoding: str) -> None:
    done = run_cli("runs", store, "--json", PYTHONIOENCODING=encoding)
    assert done.returncode == 0, done.stderr
    names = [row["name"] for row in json.loads(done.stdout.decode(encoding.partition(":")[0]))]
    assert set(names) == {*NAMES, "broken\x1b]0;title\x07"}
    assert b"\x7f" not in done.stdout


def test_a_run_of_any_name_is_shown(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, shown in NAMES.items():
        with pytest.raises(SystemExit) as left:
            cli.main(["show", name, "--store", str(store)])
        assert left.value.code == 0
        assert capsys.readouterr().out.startswith(f"{shown} · DistanceTask")


def test_errors_show_names_as_text(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("no\x1b[31msuch\nrun\udcff", "broken\x1b]0;title\x07"):
        with pytest.raises(SystemExit) as left:
            cli.main(["show", name, "--store", str(store)])
        assert left.value.code == 1
        (line,) = capsys.readouterr().err.splitlines()
        assert line.isprintable()
        assert r"\x1b" in line
