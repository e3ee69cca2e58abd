"""``runs`` and ``show``: the JSON that scripts read, and the tables."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from napari_dacapo import cli

if TYPE_CHECKING:
    from pathlib import Path

RUN_KEYS = [
    "name", "task", "architecture", "state", "iteration", "num_iterations", "loss",
    "validated_iterations", "checkpoints", "problem",
]  # fmt: skip
ARRAY_KEYS = ["shape", "dtype", "axis_names", "voxel_size", "offset", "path"]


@pytest.fixture
def printed(capsys: pytest.CaptureFixture[str]) -> Any:
    def run(*arguments: object) -> str:
        with pytest.raises(SystemExit) as left:
            cli.main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        assert left.value.code == 0, captured.err
        return captured.out

    return run


def rows_by_name(text: str) -> dict[str, dict[str, Any]]:
    rows = json.loads(text)
    assert all(list(row) == RUN_KEYS for row in rows)
    return {row["name"]: row for row in rows}


def test_runs_json_of_0_3_5(printed: Any, stores: Path) -> None:
    rows = rows_by_name(printed("runs", stores / "pypi-0.3.5", "--json"))
    names = {path.stem for path in (stores / "pypi-0.3.5" / "configs" / "runs").iterdir()}
    assert set(rows) == names
    row = rows["dist_same_iso0"]
    assert row["task"] == "DistanceTask"
    assert row["architecture"] == "CNNectomeUNet"
    assert row["state"] == "finished"
    assert (row["iteration"], row["num_iterations"]) == (60, 60)
    assert row["validated_iterations"] == row["checkpoints"] == [20, 40, 60]
    assert row["problem"] is None
    assert rows["never_trained"]["state"] == "configured"
    assert rows["never_trained"]["loss"] is None
    assert rows["dist_aniso"]["state"] == "failed validations"
    assert rows["onehot_iso0"]["task"] == "OneHotTask"


def test_runs_json_of_the_samples(printed: Any, demo_store: Path) -> None:
    rows = rows_by_name(printed("runs", demo_store, "--json"))
    assert rows["mito_distance"]["validated_iterations"] == [300, 600, 900, 1200, 1500]
    assert rows["cell_affinities"]["checkpoints"] == [450, 1350]


def test_the_store_may_be_an_option_too(printed: Any, stores: Path) -> None:
    assert rows_by_name(printed("runs", "--store", stores / "main", "--json"))


def test_a_broken_run_is_a_row_with_its_reason(printed: Any, stores: Path, tmp_path: Path) -> None:
    shutil.copytree(stores / "main" / "configs", tmp_path / "configs")
    (tmp_path / "configs" / "runs" / "snapshot.yaml").write_text("name: [unfinished")
    rows = rows_by_name(printed("runs", tmp_path, "--json"))
    assert rows["snapshot"]["state"] == "broken"
    assert "snapshot.yaml" in rows["snapshot"]["problem"]
    assert rows["dist_aniso"]["problem"] is None
    table = printed("runs", tmp_path)
    assert "broken" in table
    assert rows["snapshot"]["problem"] in table


def test_the_table_has_a_line_for_each_run(printed: Any, stores: Path) -> None:
    table = printed("runs", stores / "pypi-0.3.5-thresholds")
    heading, line = table.splitlines()
    assert heading.split()[:4] == ["Run", "Task", "Architecture", "State"]
    assert line.split()[:5] == [
        "dist_thr_shim", "DistanceTask", "CNNectomeUNet", "finished", "120/120",
    ]  # fmt: skip


def test_a_store_without_runs_says_so(printed: Any, tmp_path: Path) -> None:
    (tmp_path / "configs" / "runs").mkdir(parents=True)
    assert printed("runs", tmp_path) == "This store has no runs.\n"
    assert json.loads(printed("runs", tmp_path, "--json")) == []


def test_a_store_that_is_not_there_is_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = tmp_path / "dacapo.yaml"
    options.write_text("runs_base_dir: /nonexistent/x\n")
    with pytest.raises(SystemExit) as left:
        cli.main(["runs", str(options)])
    assert left.value.code == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "The store /nonexistent/x is not there." in captured.err


def check_array(entry: dict[str, Any], folder: Path) -> None:
    """Compare a printed array with its metadata on disk, read as plain JSON."""
    assert list(entry) == ARRAY_KEYS
    metadata = json.loads((folder / ".zarray").read_text())
    attributes = json.loads((folder / ".zattrs").read_text())
    assert entry["path"] == str(folder)
    assert entry["shape"] == metadata["shape"]
    assert entry["axis_names"] == attributes["axis_names"]
    assert entry["voxel_size"] == attributes["voxel_size"]
    assert entry["offset"] == attributes["offset"]


def test_show_json(printed: Any, stores: Path) -> None:
    shown = json.loads(printed("show", "dist_aniso", "--store", stores / "main", "--json"))
    assert list(shown) == [*RUN_KEYS, "datasets"]
    (dataset,) = shown["datasets"]
    assert list(dataset) == ["name", "raw", "gt", "iterations"]
    assert [entry["iteration"] for entry in dataset["iterations"]] == [10, 20]
    validation = stores / "main" / "dist_aniso" / "validation.zarr"
    # The originals are out of reach: the copies of the validation are shown.
    check_array(dataset["raw"], validation / "inputs" / dataset["name"] / "raw")
    check_array(dataset["gt"], validation / "inputs" / dataset["name"] / "gt")
    assert dataset["raw"]["offset"] == [1120, 768, 408]
    for entry in dataset["iterations"]:
        assert list(entry) == ["iteration", "prediction", "outputs"]
        folder = validation / str(entry["iteration"]) / f"ds_{dataset['name']}"
        check_array(entry["prediction"], folder / "prediction")
        assert list(entry["outputs"]) == ["threshold_127"]
        check_array(entry["outputs"]["threshold_127"], folder / "output" / "threshold_127")


def test_show_json_names_the_mapped_original(printed: Any, stores: Path) -> None:
    path_map = f"/nrs/demo/dacapo-data={stores / 'data'}"
    shown = json.loads(
        printed("show", stores / "main" / "dist_aniso", "--path-map", path_map, "--json")
    )
    raw = shown["datasets"][0]["raw"]
    original = stores / "data" / "aniso_val.zarr" / "raw"
    assert raw["path"] == str(original)
    assert raw["shape"] == json.loads((original / ".zarray").read_text())["shape"]


def test_show_json_of_a_run_that_has_nothing(printed: Any, stores: Path) -> None:
    shown = json.loads(printed("show", "never_trained", "-s", stores / "main", "--json"))
    for dataset in shown["datasets"]:
        assert dataset["raw"] is None
        assert dataset["gt"] is None
        assert dataset["iterations"] == []


def test_show_json_of_incomplete_validations(printed: Any, stores: Path) -> None:
    shown = json.loads(printed("show", "hot_iso0", "-s", stores / "main", "--json"))
    first, second = shown["datasets"]
    assert [entry["iteration"] for entry in first["iterations"]] == [10]
    assert second["iterations"] == []


def test_a_broken_prediction_is_null_and_said(printed: Any, stores: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    shutil.copytree(stores / "main", store)
    folder = store / "dist_aniso" / "validation.zarr" / "20" / "ds_aniso_val" / "prediction"
    (folder / ".zarray").write_text("{")
    shown = json.loads(printed("show", "dist_aniso", "-s", store, "--json"))
    by_iteration = {e["iteration"]: e for e in shown["datasets"][0]["iterations"]}
    assert by_iteration[20]["prediction"] is None
    assert by_iteration[10]["prediction"] is not None
    table = printed("show", "dist_aniso", "-s", store)
    assert "20 prediction     not there" in table
    assert str(folder) in table


def test_the_page_of_a_run_names_every_array(printed: Any, stores: Path) -> None:
    page = printed("show", "affs_same_iso0", "-s", stores / "pypi-0.3.5")
    assert page.splitlines()[0] == "affs_same_iso0 · AffinitiesTask · CNNectomeUNet"
    for iteration in (20, 40, 60):
        assert page.count(f"\n{iteration} prediction") == 2
        assert page.count(f"\n{iteration} WatershedPostProcessorParameters(") == 10


@pytest.mark.skipif(shutil.which("script") is None, reason="needs script(1) for a terminal")
def test_a_narrow_terminal_does_without_some_columns(stores: Path) -> None:
    def lines(columns: int) -> list[str]:
        command = f"{sys.executable} -m napari_dacapo.cli runs {stores / 'pypi-0.3.5-thresholds'}"
        done = subprocess.run(
            ["script", "-qec", f"COLUMNS={columns} {command}", "/dev/null"],
            capture_output=True, text=True, check=True, timeout=60, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        return re.sub(r"\x1b\[[\d;]*m", "", done.stdout).splitlines()

    wide, narrow = lines(160), lines(70)
    assert wide[0].split()[:4] == ["Run", "Task", "Architecture", "State"]
    assert "Architecture" not in narrow[0]
    assert narrow[1].startswith("dist_thr_shim")
    assert all(len(line) <= 70 for line in narrow)
