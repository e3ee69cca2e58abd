"""Where arrays are, compared with what the disk holds."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

import pytest

from napari_dacapo.errors import BrokenFileError, ReadOnlyError, UnsafeFileError
from napari_dacapo.options import Options
from napari_dacapo.store import LocalArrayStore, create_array_store

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

STORES = ["main", "pypi-0.3.5", "pypi-0.3.5-thresholds"]
WATERSHED = [
    f"WatershedPostProcessorParameters(id={i}, bias={bias}, context=(32, 32, 32))"
    for i, bias in enumerate((0.1, 0.25, 0.5, 0.75, 0.9))
]


class Dataset(NamedTuple):
    name: str


def _arrays(folder: Path) -> set[Path]:
    return {path.parent for path in folder.rglob(".zarray")}


@pytest.mark.parametrize("store", STORES)
def test_every_array_of_every_validation_is_found(
    options: Callable[[str], Options], stores: Path, store: str
) -> None:
    reader = create_array_store(options(store))
    runs = [path.parent.name for path in (stores / store).glob("*/validation.zarr")]
    assert runs
    for run in runs:
        container = stores / store / run / "validation.zarr"
        assert os.fspath(reader.validation_container(run)) == str(container)
        found: set[Path] = set()
        datasets = set()
        for iteration in reader.validated_iterations(run):
            for folder in reader.dataset_folders(run, iteration):
                name = folder.removeprefix("ds_")
                datasets.add(name)
                for key in (folder, name, Dataset(name)):
                    prediction = reader.validation_prediction_array(run, iteration, key)
                    assert prediction.path == container / str(iteration) / folder / "prediction"
                found.add(prediction.path)
                for parameters in reader.output_names(run, iteration, name):
                    output = reader.validation_output_array(run, iteration, parameters, name)
                    found.add(output.path)
        stored = _arrays(container)
        assert found == {path for path in stored if "inputs" not in path.parts}
        inputs = {path for path in stored if "inputs" in path.parts}
        named = {
            identifier.path
            for name in datasets | {path.parent.name for path in inputs}
            for identifier in reader.validation_input_arrays(run, Dataset(name))
        }
        assert inputs <= named


def test_identifiers_are_those_of_dacapo(options: Callable[[str], Options], stores: Path) -> None:
    store = create_array_store(options("pypi-0.3.5"))
    container = stores / "pypi-0.3.5/affs_same_iso0/validation.zarr"
    output = store.validation_output_array("affs_same_iso0", 20, WATERSHED[2], "iso0_val_a")
    assert output.container == container
    assert output.dataset == f"20/ds_iso0_val_a/output/{WATERSHED[2]}"
    assert str(output) == str(output.path)
    raw, gt = store.validation_input_arrays("affs_same_iso0", "iso0_val_a")
    assert (raw.dataset, gt.dataset) == ("inputs/iso0_val_a/raw", "inputs/iso0_val_a/gt")
    raw, gt = store.validation_input_arrays("affs_same_iso0")
    assert (raw.dataset, gt.dataset) == ("inputs/raw", "inputs/gt")
    best = store.best_validation_array("affs_same_iso0", "voi", index="iso0_val_a")
    assert best.dataset == "iso0_val_a/voi"
    assert store.best_validation_array("affs_same_iso0", "voi").dataset == "voi"
    snapshots = store.snapshot_container("snapshot_nomask")
    assert snapshots.container == stores / "pypi-0.3.5/snapshot_nomask/snapshot.zarr"
    identifier = snapshots.array_identifier("20/volumes/raw")
    assert identifier.path == snapshots / "20/volumes/raw"
    assert str(snapshots) == str(snapshots.container)


def test_listings(options: Callable[[str], Options]) -> None:
    store = create_array_store(options("pypi-0.3.5"))
    assert store.validated_iterations("affs_same_iso0") == [20, 40, 60]
    assert store.dataset_folders("affs_same_iso0", 40) == ["ds_iso0_val_a", "ds_iso0_val_b"]
    assert store.output_names("affs_same_iso0", 40, "iso0_val_b") == WATERSHED
    assert store.dataset_folders("simple_split", 10) == ["test"]
    prediction = store.validation_prediction_array("simple_split", 10, "test")
    assert prediction.dataset == "10/test/prediction"
    assert store.validated_iterations("dist_aniso") == []
    assert store.validated_iterations("never_trained") == []
    assert store.dataset_folders("never_trained", 3) == []
    assert store.output_names("never_trained", 3, "x") == []
    assert create_array_store(options("pypi-0.3.5-thresholds")).output_names(
        "dist_thr_shim", 30, "iso0_val_a"
    ) == ["threshold_-0.2", "threshold_0.0", "threshold_0.2"]


def _make(root: Path, *paths: str) -> LocalArrayStore:
    for path in paths:
        (root / "run" / "validation.zarr" / path).mkdir(parents=True)
    return LocalArrayStore(Options(runs_base_dir=root))


def test_names_with_slashes(tmp_path: Path) -> None:
    store = _make(tmp_path, "1/ds_a_b/prediction", "2/a/b/prediction", "3/a_b/output/threshold_127")
    for iteration, folder in ((1, "ds_a_b"), (2, "a/b"), (3, "a_b"), (4, "ds_a_b")):
        prediction = store.validation_prediction_array("run", iteration, "a/b")
        assert prediction.dataset == f"{iteration}/{folder}/prediction"
        assert store.dataset_folders("run", iteration) == ([folder] if iteration < 4 else [])
    assert store.output_names("run", 3, "a/b") == ["threshold_127"]
    raw, _ = store.validation_input_arrays("run", "a/b")
    assert raw.dataset == "inputs/a/b/raw"


def test_outputs_come_in_the_order_of_their_parameters(tmp_path: Path) -> None:
    names = [f"DummyPostProcessorParameters(id={i}, min_size={i + 1})" for i in range(12)]
    store = _make(tmp_path, *(f"1/ds_a/output/{name}" for name in [*names, "other", ".nfs1"]))
    assert store.output_names("run", 1, "a") == [*names, "other"]


def test_what_is_no_iteration(tmp_path: Path) -> None:
    store = _make(tmp_path, "7", "10", "inputs", "-3", "08", "1.5", "1e3", "٣", "9" * 200, " 4")
    assert store.validated_iterations("run") == [7, 10]


def test_nothing_is_made(tmp_path: Path) -> None:
    store = LocalArrayStore(Options(runs_base_dir=tmp_path / "store"))
    store.validation_prediction_array("run", 1, "a")
    store.validation_input_arrays("run", "a")
    store.snapshot_container("run")
    assert store.validated_iterations("run") == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["..", "../other", "/etc", "a/../../b", "", "a\0"])
def test_names_stay_in_the_store(tmp_path: Path, name: str) -> None:
    store = _make(tmp_path / "store", "1/ds_a/prediction")
    calls: list[Callable[[], object]] = [
        lambda: store.run_folder(name),
        lambda: store.validation_container(name),
        lambda: store.snapshot_container(name),
        lambda: store.validated_iterations(name),
        lambda: store.dataset_folders(name, 1),
        lambda: store.output_names("run", 1, name),
        lambda: store.validation_prediction_array(name, 1, "a"),
        lambda: store.validation_prediction_array("run", 1, name),
        lambda: store.validation_prediction_array("run", 1, Dataset(name)),
        lambda: store.validation_output_array("run", 1, name, "a"),
        lambda: store.validation_input_arrays("run", name),
        lambda: store.best_validation_array("run", name),
        lambda: store.best_validation_array("run", "f1", index=name),
        lambda: store.validation_container("run").array_identifier(name),
    ]
    for call in calls:
        with pytest.raises(UnsafeFileError):
            call()


@pytest.mark.parametrize("iteration", ["..", -1, 1.5, True, None])
def test_iterations_are_whole_numbers(tmp_path: Path, iteration: int) -> None:
    store = _make(tmp_path, "1/ds_a/prediction")
    with pytest.raises(UnsafeFileError):
        store.validation_prediction_array("run", iteration, "a")
    with pytest.raises(UnsafeFileError):
        store.dataset_folders("run", iteration)


def test_links_out_of_the_store(tmp_path: Path) -> None:
    store = _make(tmp_path / "store", "1/ds_a/output")
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "validation.zarr" / "1" / "ds_a" / "prediction").mkdir(parents=True)
    (tmp_path / "store" / "linked").symlink_to(elsewhere)
    inside = tmp_path / "store" / "run" / "validation.zarr" / "1" / "ds_a"
    (inside / "prediction").symlink_to(elsewhere)
    (inside / "output" / "loop").symlink_to(inside)
    with pytest.raises(UnsafeFileError, match="outside the store"):
        store.validated_iterations("linked")
    with pytest.raises(UnsafeFileError, match="outside the store"):
        store.validation_prediction_array("run", 1, "a")
    mapped = LocalArrayStore(
        Options(runs_base_dir=tmp_path / "store", path_map={"/nrs": str(elsewhere)})
    )
    assert mapped.validated_iterations("linked") == [1]
    assert mapped.dataset_folders("linked", 1) == ["ds_a"]


def test_loops_of_links_end(tmp_path: Path) -> None:
    store = _make(tmp_path, "1/a")
    folder = tmp_path / "run" / "validation.zarr" / "1" / "a"
    for index in range(20):
        (folder / f"loop{index}").symlink_to(folder)
    (folder / "self").symlink_to(folder / "self")
    assert store.dataset_folders("run", 1) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="everything is readable for root")
def test_folders_that_may_not_be_read(tmp_path: Path) -> None:
    store = _make(tmp_path, "1")
    (tmp_path / "run" / "validation.zarr").chmod(0)
    with pytest.raises(BrokenFileError, match="Permission denied"):
        store.validated_iterations("run")


@pytest.mark.parametrize("name", ["remove", "store_array", "delete_array"])
def test_nothing_is_written(options: Callable[[str], Options], name: str) -> None:
    with pytest.raises(ReadOnlyError, match=name):
        getattr(create_array_store(options("main")), name)("snapshot")
