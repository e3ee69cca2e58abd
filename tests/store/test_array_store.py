"""Where arrays are, compared with what the disk holds."""

from __future__ import annotations

import itertools
import os
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from napari_dacapo.errors import BrokenFileError, ReadOnlyError, UnsafeFileError
from napari_dacapo.options import Options
from napari_dacapo.store import (
    LocalArrayStore,
    StoredValidation,
    create_array_store,
    stored_validation,
)

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


def _look(store: LocalArrayStore, run: str, iteration: int) -> StoredValidation:
    return store.stored_validation(store.validation_container(run), iteration)


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
            stored = _look(reader, run, iteration)
            assert stored.iteration == iteration
            for folder in stored.predictions:
                name = folder.removeprefix("ds_")
                assert stored.folder(name) == folder
                datasets.add(name)
                for key in (folder, name, Dataset(name)):
                    prediction = reader.validation_prediction_array(run, iteration, key)
                    assert prediction.path == container / str(iteration) / folder / "prediction"
                found.add(prediction.path)
                for parameters in stored.outputs.get(folder, ()):
                    output = reader.validation_output_array(run, iteration, parameters, name)
                    found.add(output.path)
        arrays = _arrays(container)
        assert found == {path for path in arrays if "inputs" not in path.parts}
        inputs = {path for path in arrays if "inputs" in path.parts}
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
    stored = _look(store, "affs_same_iso0", 40)
    assert stored.folders == stored.predictions == {"ds_iso0_val_a", "ds_iso0_val_b"}
    assert set(stored.outputs["ds_iso0_val_b"]) == set(WATERSHED)
    assert stored.is_complete(["iso0_val_a", "iso0_val_b"])
    assert not stored.is_complete(["iso0_val_a", "iso0_val_c"])
    assert not stored.is_complete([])
    assert _look(store, "simple_split", 10).folders == {"test"}
    prediction = store.validation_prediction_array("simple_split", 10, "test")
    assert prediction.dataset == "10/test/prediction"
    assert store.validated_iterations("dist_aniso") == []
    assert store.validated_iterations("never_trained") == []
    assert _look(store, "never_trained", 3) == StoredValidation(3)
    stored = _look(create_array_store(options("pypi-0.3.5-thresholds")), "dist_thr_shim", 30)
    assert set(stored.outputs["ds_iso0_val_a"]) == {
        "threshold_-0.2", "threshold_0.0", "threshold_0.2",
    }  # fmt: skip


def _make(root: Path, *paths: str) -> LocalArrayStore:
    """Make a store with these folders in the validations of a run; predictions have a chunk."""
    for path in paths:
        folder = root / "run" / "validation.zarr" / path
        folder.mkdir(parents=True)
        if folder.name == "prediction":
            (folder / ".zarray").touch()
            (folder / "0.0.0").touch()
    return LocalArrayStore(Options(runs_base_dir=root))


def test_names_with_slashes(tmp_path: Path) -> None:
    store = _make(tmp_path, "1/ds_a_b/prediction", "2/a/b/prediction", "3/a_b/output/threshold_127")
    for iteration, folder in ((1, "ds_a_b"), (2, "a/b"), (3, "a_b"), (4, "ds_a_b")):
        prediction = store.validation_prediction_array("run", iteration, "a/b")
        assert prediction.dataset == f"{iteration}/{folder}/prediction"
        stored = _look(store, "run", iteration)
        assert stored.folders == ({folder} if iteration < 4 else set())
        assert stored.folder("a/b") == (folder if iteration < 4 else None)
    assert _look(store, "run", 3).outputs == {"a_b": ("threshold_127",)}
    raw, _ = store.validation_input_arrays("run", "a/b")
    assert raw.dataset == "inputs/a/b/raw"


def test_a_folder_that_was_only_begun_does_not_hide_another(tmp_path: Path) -> None:
    """Where arrays are and what is listed are one answer."""
    store = _make(tmp_path, "1/ds_a", "1/a/prediction")
    assert _look(store, "run", 1).folder("a") == "a"
    assert store.validation_prediction_array("run", 1, "a").dataset == "1/a/prediction"


def test_a_prediction_counts_when_it_is_an_array(tmp_path: Path) -> None:
    store = _make(tmp_path, "1/ds_a/prediction", "1/ds_b/prediction", "1/ds_b/output/.nfs1")
    (tmp_path / "run/validation.zarr/1/ds_b/prediction/.zarray").unlink()
    assert _look(store, "run", 1) == StoredValidation(1, frozenset({"ds_a"}))


def test_a_prediction_without_chunks_is_not_written_yet(tmp_path: Path) -> None:
    store = _make(tmp_path, "1/ds_a/prediction", "1/ds_a/output/threshold_127")
    assert _look(store, "run", 1).is_complete(["a"])
    (tmp_path / "run/validation.zarr/1/ds_a/prediction/0.0.0").unlink()
    stored = _look(store, "run", 1)
    assert stored.unwritten == {"ds_a"}
    assert stored.folders == {"ds_a"}
    assert not stored.is_complete(["a"])


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
        _look(store, "run", iteration)


def test_links_out_of_the_store(tmp_path: Path) -> None:
    store = _make(tmp_path / "store", "1/ds_a/output/threshold_127", "1/ds_b/output")
    elsewhere = tmp_path / "elsewhere"
    _make(elsewhere, "1/ds_a/prediction", "1/ds_a/output/threshold_127")
    theirs = elsewhere / "run" / "validation.zarr" / "1" / "ds_a"
    (tmp_path / "store" / "linked").symlink_to(elsewhere / "run")
    inside = tmp_path / "store" / "run" / "validation.zarr"
    (inside / "1" / "ds_a" / "prediction").symlink_to(theirs / "prediction")
    (inside / "1" / "ds_a" / "output" / "loop").symlink_to(inside / "1")
    (inside / "1" / "ds_b" / "output" / "linked").symlink_to(theirs / "output" / "threshold_127")
    (inside / "1" / "ds_c").symlink_to(theirs)
    (inside / "2").symlink_to(theirs.parent)
    with pytest.raises(UnsafeFileError, match="outside the store"):
        store.validated_iterations("linked")
    with pytest.raises(UnsafeFileError, match="outside the store"):
        store.validation_prediction_array("run", 1, "a")
    outputs = {"ds_a": ("loop", "threshold_127")}
    assert _look(store, "run", 1) == StoredValidation(1, frozenset(), outputs)
    assert _look(store, "run", 2) == StoredValidation(2)

    mapped = LocalArrayStore(
        Options(runs_base_dir=tmp_path / "store", path_map={"/nrs": str(elsewhere)})
    )
    assert mapped.validated_iterations("linked") == [1]
    all_of_a = StoredValidation(1, frozenset({"ds_a"}), {"ds_a": ("threshold_127",)})
    assert _look(mapped, "linked", 1) == all_of_a
    assert _look(mapped, "run", 1) == StoredValidation(
        1,
        frozenset({"ds_a", "ds_c"}),
        {**outputs, "ds_b": ("linked",), "ds_c": ("threshold_127",)},
    )
    assert _look(mapped, "run", 2) == StoredValidation(2, all_of_a.predictions, all_of_a.outputs)


def test_links_to_their_own_folder_are_no_endless_tree(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten of them, followed eight levels deep, would be a hundred million folders."""
    store = _make(tmp_path, "1/ds_a/prediction", "1/b")
    top = tmp_path / "run" / "validation.zarr" / "1"
    for folder in (top, top / "b"):
        for index in range(10):
            (folder / f"loop{index}").symlink_to(".")
    (top / "self").symlink_to(top / "self")
    listed = _count_listings(monkeypatch)
    assert _look(store, "run", 1).folders == {"ds_a"}
    assert len(listed) < 30


def test_a_tree_of_folders_is_looked_through_within_limits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = _make(tmp_path, "1/ds_z/prediction")
    top = tmp_path / "run" / "validation.zarr" / "1"
    for name in itertools.product("abc", repeat=4):
        top.joinpath(*name).mkdir(parents=True)
    listed = _count_listings(monkeypatch)
    monkeypatch.setattr(stored_validation, "_MAX_FOLDERS", 20)
    assert _look(store, "run", 1).folders == {"ds_z"}
    assert len(listed) <= 20 + 1  # that of the prediction's chunks


def _count_listings(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Note every folder that is listed from now on."""
    listed: list[object] = []
    scandir = os.scandir

    def counting(folder: Any) -> Any:
        listed.append(folder)
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", counting)
    return listed


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
