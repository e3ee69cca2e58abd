"""Scores against those that DaCapo stored, and against their definitions."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import dask.array as da
import numpy as np
import pytest
import zarr
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_dacapo.analysis import binary_scores, instance_scores, score
from napari_dacapo.errors import ArrayFormatError, UnsupportedError
from napari_dacapo.store.configs import DistanceTaskConfig, OneHotTaskConfig
from napari_dacapo.store.safe_pickle import load_pickle
from napari_dacapo.volumes import Identity, Volume

if TYPE_CHECKING:
    from pathlib import Path

DATASETS = ("iso0_val_a", "iso0_val_b")
TASK = DistanceTaskConfig(name="d", channels=("blob",), clip_distance=80, tol_distance=8)
TWO = DistanceTaskConfig(name="d", channels=("mito", "er"), clip_distance=80, tol_distance=8)
OPTIONS: dict[str, Any] = {"voxel_size": (8.0, 8.0, 8.0), "tolerance": 8.0, "clip": 80.0}
MASKS = arrays(np.uint8, (4, 5, 3), elements=st.integers(0, 1))
LABELS = arrays(np.uint64, (4, 5, 3), elements=st.integers(0, 3))


def _read(path: Path) -> np.ndarray[Any, Any]:
    return np.asarray(zarr.open_array(path, mode="r")[...])


def _volume(
    elements: np.ndarray[Any, Any],
    axis_names: tuple[str, ...] = ("z", "y", "x"),
    offset: float = 0.0,
    voxel_size: float = 8.0,
) -> Volume:
    from napari_dacapo.analysis.postprocess import _lazy

    spatial = sum(not name.endswith("^") for name in axis_names)
    return Volume(
        data=_lazy(da.from_array(elements, chunks=-1)), axis_names=axis_names,
        voxel_size=(voxel_size,) * spatial, offset=(offset,) * spatial,
        identity=Identity("run", "dataset", "gt"), kind="labels",
    )  # fmt: skip


def test_dacapos_definitions_repeat_every_stored_vector(stores: Path) -> None:
    store = stores / "pypi-0.3.5-thresholds"
    entries = load_pickle(store / "stats" / "validation_scores" / "dist_thr_shim")
    names = ("threshold_-0.2", "threshold_0.0", "threshold_0.2")
    compared = 0
    for entry in entries:
        for dataset, of_dataset in zip(DATASETS, entry["scores"], strict=True):
            gt = _read(stores / "data" / f"{dataset}.zarr" / "labels")
            container = store / "dist_thr_shim" / "validation.zarr" / str(entry["iteration"])
            for name, stored in zip(names, of_dataset, strict=True):
                output = _read(container / f"ds_{dataset}" / "output" / name)[0]
                ours = binary_scores(output, gt, **OPTIONS, as_stored=True)
                np.testing.assert_allclose(list(ours.values()), stored, rtol=0, atol=1e-7)
                compared += 1
    assert compared == 24


@pytest.mark.parametrize("run", ["affs_same_iso0", "simple_split"])
def test_instance_scores_repeat_every_stored_vector(stores: Path, run: str) -> None:
    store = stores / "pypi-0.3.5"
    datasets = {"affs_same_iso0": DATASETS, "simple_split": ("test",)}[run]
    for entry in load_pickle(store / "stats" / "validation_scores" / run):
        container = store / run / "validation.zarr" / str(entry["iteration"])
        for dataset, of_dataset in zip(datasets, entry["scores"], strict=True):
            gt = _read(store / run / "validation.zarr" / "inputs" / dataset / "gt")
            folder = container / (dataset if dataset == "test" else f"ds_{dataset}")
            outputs = sorted((folder / "output").iterdir())
            assert len(outputs) == len(of_dataset) == 5
            for output, stored in zip(outputs, of_dataset, strict=True):
                ours = instance_scores(_read(output), gt)
                np.testing.assert_allclose(list(ours.values()), stored, rtol=0, atol=1e-13)


def test_the_true_scores_of_a_known_segmentation(stores: Path) -> None:
    folder = stores / "pypi-0.3.5-thresholds" / "dist_thr_shim" / "validation.zarr" / "90"
    output = _read(folder / "ds_iso0_val_a" / "output" / "threshold_-0.2")[0]
    gt = _read(stores / "data" / "iso0_val_a.zarr" / "labels")
    true = binary_scores(output, gt, **OPTIONS)
    stored = binary_scores(output, gt, **OPTIONS, as_stored=True)
    assert true["f1_score"] == pytest.approx(0.8154, abs=5e-5)
    assert stored["f1_score"] == pytest.approx(0.8913, abs=5e-5)
    different = {name for name in true if true[name] != stored[name]}
    assert different == {
        "false_positive_rate", "false_discovery_rate", "precision", "f1_score",
    }  # fmt: skip


def test_definitions_by_hand() -> None:
    gt = np.array([[0, 1, 1, 1, 0, 0]])
    found = np.array([[0, 0, 1, 1, 1, 1]])
    scores = binary_scores(found, gt, voxel_size=(1.0, 10.0), tolerance=10.0, clip=15.0)
    # Right: 2, too much: 2 (10 and 20 nm off), missed: 1 (10 nm off).
    assert scores["dice"] == pytest.approx(4 / 7)
    assert scores["jaccard"] == pytest.approx(2 / 5)
    assert scores["precision"] == pytest.approx(2 / 4)
    assert scores["recall"] == pytest.approx(2 / 3)
    assert scores["f1_score"] == scores["dice"]
    assert scores["false_discovery_rate"] == pytest.approx(2 / 4)
    assert scores["false_positive_rate"] == pytest.approx(2 / 3)
    assert scores["hausdorff"] == 20
    assert scores["mean_false_positive_distance"] == pytest.approx(30 / 4)
    assert scores["mean_false_negative_distance"] == pytest.approx(10 / 3)
    assert scores["mean_false_positive_distance_clipped"] == pytest.approx(25 / 4)
    assert scores["false_positive_rate_with_tolerance"] == pytest.approx(1 / 3)
    assert scores["false_negative_rate_with_tolerance"] == 0
    assert scores["precision_with_tolerance"] == pytest.approx(4 / 5)
    assert scores["recall_with_tolerance"] == 1


def test_nothing_is_not_zero() -> None:
    nothing, something = np.zeros((2, 3)), np.ones((2, 3))
    options = {"voxel_size": (1.0, 1.0), "tolerance": 0.0, "clip": 1.0}
    both = binary_scores(nothing, nothing, **options)
    assert both["voi"] == 0
    assert all(math.isnan(both[name]) for name in ("dice", "recall", "precision", "hausdorff"))
    missed = binary_scores(nothing, something, **options)
    assert missed["dice"] == missed["recall"] == 0
    assert math.isnan(missed["precision"])
    stored = binary_scores(nothing, something, **options, as_stored=True)
    assert {name for name, value in stored.items() if value == 0} == {
        "dice", "jaccard", "false_discovery_rate",
    }  # fmt: skip
    assert sum(math.isnan(value) for value in stored.values()) == 18


@given(MASKS, MASKS)
def test_true_scores_are_within_their_bounds(
    found: np.ndarray[Any, Any], gt: np.ndarray[Any, Any]
) -> None:
    from napari_dacapo.runs import criteria_for

    scores = binary_scores(found, gt, **OPTIONS)
    criteria = criteria_for(TASK)
    assert list(scores) == [criterion.name for criterion in criteria]
    for criterion in criteria:
        low, high = criterion.bounds
        value = scores[criterion.name]
        assert math.isnan(value) or (low or 0) - 1e-12 <= value
        assert math.isnan(value) or high is None or value <= high + 1e-12


@given(LABELS, LABELS)
def test_voi_is_symmetric_and_knows_equals(
    a: np.ndarray[Any, Any], b: np.ndarray[Any, Any]
) -> None:
    one, other = instance_scores(a, b), instance_scores(b, a)
    assert one["voi_split"] == pytest.approx(other["voi_merge"], abs=1e-12)
    assert instance_scores(a, a + 7)["voi"] == pytest.approx(0, abs=1e-12)


def test_only_the_shared_box_is_compared() -> None:
    gt = np.zeros((4, 4, 4), np.uint8)
    gt[1:3] = 1
    found = np.ones((2, 4, 4), np.uint8)
    segmentation = Volume(
        data=_volume(found).data, axis_names=("z", "y", "x"), voxel_size=(8.0,) * 3,
        offset=(8.0, 0.0, 0.0), identity=Identity("run", "dataset", "segmentation"),
    )  # fmt: skip
    assert score(segmentation, _volume(gt), TASK)["dice"] == 1


def test_channels_are_scored_one_by_one() -> None:
    axes = ("c^", "z", "y", "x")
    gt = np.zeros((2, 2, 2, 2), np.uint8)
    gt[0] = 1
    gt[1, 0] = 1
    found = np.ones((2, 2, 2, 2), np.uint8)
    scores = score(_volume(found, axes), _volume(gt, axes), TWO)
    assert len(scores) == 42
    assert scores["mito__dice"] == 1
    assert scores["er__dice"] == pytest.approx(2 / 3)


def test_what_does_not_fit_is_refused() -> None:
    gt = _volume(np.ones((4, 4, 4), np.uint8))
    with pytest.raises(ArrayFormatError, match="do not overlap"):
        score(_volume(np.ones((4, 4, 4)), offset=1000.0), gt, TASK)
    with pytest.raises(ArrayFormatError, match="voxels of"):
        score(_volume(np.ones((4, 4, 4)), voxel_size=4.0), gt, TASK)
    with pytest.raises(ArrayFormatError, match="2 channels"):
        score(_volume(np.ones((2, 4, 4, 4)), ("c^", "z", "y", "x")), gt, TASK)
    with pytest.raises(UnsupportedError):
        score(gt, gt, OneHotTaskConfig(name="o", classes=("a", "b")))
    with pytest.raises(ArrayFormatError):
        binary_scores(np.ones(3), np.ones(4), voxel_size=(1.0,), tolerance=0.0, clip=1.0)
    with pytest.raises(ArrayFormatError):
        instance_scores(np.ones(3), np.ones(4))
