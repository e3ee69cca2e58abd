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
    assert list(shown) == [*RUN_KEYS, "datasets", "train_datasets", "notes"]
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


def test_show_json_names_the_one_array_that_elements_come_from(
    printed: Any, stores: Path, tmp_path: Path
) -> None:
    data, store = stores / "data", stores / "pypi-0.3.5"
    path_map = f"/nrs/demo/dacapo-data={data}"
    shown = json.loads(
        printed("show", "simple_split", "-s", store, "--path-map", path_map, "--json")
    )
    (dataset,) = shown["datasets"]
    assert dataset["raw"]["path"] == str(data / "simple.zarr" / "test" / "raw")
    assert dataset["gt"]["path"] == str(data / "simple.zarr" / "test" / "labels")
    (train,) = shown["train_datasets"]
    assert list(train) == ["name", "raw", "gt"]
    assert train["raw"]["path"] == str(data / "simple.zarr" / "train" / "raw")
    # DaCapo joins the names of container and dataset, so that a slash does no harm.
    shutil.copytree(store / "configs", tmp_path / "configs")
    config = tmp_path / "configs" / "runs" / "dist_same_iso0.yaml"
    config.write_text(config.read_text().replace("dataset: raw", "dataset: /raw"))
    shown = json.loads(
        printed("show", "dist_same_iso0", "-s", tmp_path, "--path-map", path_map, "--json")
    )
    assert shown["datasets"][0]["raw"]["path"] == str(data / "iso0_val_a.zarr" / "raw")


def test_show_json_of_training_datasets_and_notes(printed: Any, stores: Path) -> None:
    data = stores / "data"
    arguments = ("show", "dist_aniso", "-s", stores / "main", "--json")
    shown = json.loads(printed(*arguments))
    assert shown["train_datasets"] == [{"name": "aniso_train", "raw": None, "gt": None}]
    notes = {(n["iteration"], n["array"]): n["note"] for n in shown["notes"]}
    assert all(note["dataset"] == "aniso_val" for note in shown["notes"])
    assert notes.keys() == {
        (None, "raw"), (None, "gt"), (10, "threshold_127"), (20, "threshold_127"),
    }  # fmt: skip
    assert "copy" in notes[None, "raw"]
    assert "empty" in notes[10, "threshold_127"]
    shown = json.loads(printed(*arguments, "--path-map", f"/nrs/demo/dacapo-data={data}"))
    (train,) = shown["train_datasets"]
    metadata = json.loads((data / "aniso_train.zarr" / "raw" / ".zarray").read_text())
    assert train["raw"]["shape"] == metadata["shape"]
    assert train["raw"]["path"] == str(data / "aniso_train.zarr" / "raw")
    assert {note["array"] for note in shown["notes"]} == {"threshold_127"}


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


def test_the_page_of_a_run_says_what_is_to_be_known_of_its_arrays(
    printed: Any, stores: Path
) -> None:
    lines = printed("show", "dist_aniso", "-s", stores / "main").splitlines()
    assert [line for line in lines if line.startswith("raw, gt: the copy that the validation")]
    empty = "10 threshold_127, 20 threshold_127: This stored segmentation is empty."
    assert [line for line in lines if line.startswith(empty)]
    after = lines[lines.index("Training") :]
    assert after[1].split()[0] == "Array"
    assert [line for line in after if line.startswith("aniso_train raw  not there")]
    missing = "aniso_train gt: /nrs/demo/dacapo-data/aniso_train.zarr/labels does not exist."
    assert [line for line in after if line.startswith(missing)]


def test_a_mask_is_listed_where_there_is_one(printed: Any, stores: Path, tmp_path: Path) -> None:
    shutil.copytree(stores / "main" / "configs", tmp_path / "configs")
    config = tmp_path / "configs" / "runs" / "never_trained.yaml"
    text = config.read_text()
    mask = """mask_config:
        __type__: ZarrArrayConfig
        name: mask
        file_name: /nrs/demo/dacapo-data/iso0_val_a.zarr
        dataset: labels
"""
    assert text.count("mask_config: null\n") > 1
    config.write_text(text.replace("mask_config: null\n", mask))
    page = printed(
        "show", "never_trained", "-s", tmp_path, "-m", f"/nrs/demo/dacapo-data={stores / 'data'}"
    )
    assert page.count("\nmask  ") == page.count("\nraw   ") > 0
    assert "\niso0_train mask  " in page


@pytest.mark.long
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
