"""Computed segmentations against those that DaCapo stored."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

import dask.array as da
import numpy as np
import pytest
import zarr

from napari_dacapo.analysis import clear_memo, postprocess, segment
from napari_dacapo.errors import ArrayFormatError, UnsupportedError
from napari_dacapo.store.configs import (
    AffinitiesTaskConfig,
    DistanceTaskConfig,
    DummyTaskConfig,
    HotDistanceTaskConfig,
    OneHotTaskConfig,
    PretrainedTaskConfig,
)
from napari_dacapo.volumes import Identity, LazyArray, Volume, open_volume

if TYPE_CHECKING:
    from pathlib import Path

OFFSETS = ((1, 0, 0), (0, 1, 0), (0, 0, 1), (4, 0, 0), (0, 4, 0), (0, 0, 4))
AFFINITIES = AffinitiesTaskConfig(name="affs", neighborhood=OFFSETS)
DISTANCE = DistanceTaskConfig(name="dist", channels=("blob",), clip_distance=80, tol_distance=8)
ONE_HOT = OneHotTaskConfig(name="classes", classes=("bg", "odd", "even"))
HOT = HotDistanceTaskConfig(name="hot", channels=("blob",), clip_distance=80, tol_distance=8)

AFFS_RUNS = ("pypi-0.3.5/affs_same_iso0", "pypi-0.3.5/simple_split")
THRESHOLD_RUN = "pypi-0.3.5-thresholds/dist_thr_shim"


@pytest.fixture(autouse=True)
def _empty_memo() -> None:
    clear_memo()


def _read(path: Path) -> np.ndarray[Any, Any]:
    return np.asarray(zarr.open_array(path, mode="r")[...])


def _prediction(path: Path) -> Volume:
    return open_volume(path, identity=Identity("run", "dataset", "prediction", 20))


def _volume(elements: np.ndarray[Any, Any], *, axis_names: tuple[str, ...] | None = None) -> Volume:
    n_spatial = elements.ndim - 1
    axis_names = axis_names or ("c^", *"zyx"[-n_spatial:])
    spatial = sum(not name.endswith("^") for name in axis_names)
    return Volume(
        data=da.from_array(elements, chunks=2),
        axis_names=axis_names,
        voxel_size=(8.0,) * spatial,
        offset=(16.0,) * spatial,
        identity=Identity("run", "dataset", "prediction", 20),
        channel_names=tuple("abcdefgh"[: len(elements)]) if "c^" in axis_names else (),
    )


@pytest.mark.long
@pytest.mark.parametrize("run", AFFS_RUNS)
def test_watershed_equals_every_stored_output(stores: Path, run: str) -> None:
    outputs = sorted((stores / run / "validation.zarr").glob("[0-9]*/*/output/Watershed*"))
    assert len(outputs) == {"affs_same_iso0": 30, "simple_split": 10}[run.partition("/")[2]]
    for output in outputs:
        segmentation = segment(
            _prediction(output.parent.parent / "prediction"), AFFINITIES, output.name
        )
        assert segmentation.dtype == np.uint64
        assert segmentation.axis_names == ("z", "y", "x")
        np.testing.assert_array_equal(segmentation.data.compute(), _read(output))


def test_threshold_equals_every_stored_output(stores: Path) -> None:
    outputs = sorted((stores / THRESHOLD_RUN / "validation.zarr").glob("[0-9]*/*/output/*"))
    assert len(outputs) == 24
    for output in outputs:
        prediction = _prediction(output.parent.parent / "prediction")
        segmentation = segment(prediction, DISTANCE, output.name)
        assert segmentation.dtype == np.uint8
        assert segmentation.axis_names == ("c^", "z", "y", "x")
        np.testing.assert_array_equal(segmentation.data.compute(), _read(output))


def test_argmax_equals_every_stored_output(stores: Path) -> None:
    container = stores / "pypi-0.3.5" / "onehot_iso0" / "validation.zarr"
    outputs = sorted(container.glob("[0-9]*/*/output/Argmax*"))
    assert len(outputs) == 4
    for output in outputs:
        prediction = _prediction(output.parent.parent / "prediction")
        segmentation = segment(prediction, ONE_HOT, output.name)
        np.testing.assert_array_equal(segmentation.data.compute(), _read(output))
        assert segmentation.class_names == {0: "bg", 1: "odd", 2: "even"}


def test_identity_and_place_are_those_of_the_prediction(stores: Path) -> None:
    path = stores / THRESHOLD_RUN / "validation.zarr" / "90" / "ds_iso0_val_a" / "prediction"
    prediction = _prediction(path)
    segmentation = segment(prediction, DISTANCE)
    identity = segmentation.identity
    assert (identity.role, identity.variant) == ("segmentation", "computed")
    assert (identity.iteration, identity.parameters) == (20, "threshold_0.0")
    assert segmentation.kind == "labels"
    assert segmentation.roi == prediction.roi
    assert segmentation.revision == prediction.revision
    assert segmentation.source is None


def test_names_in_graphs_differ_by_parameters_and_contents(stores: Path) -> None:
    folder = stores / THRESHOLD_RUN / "validation.zarr"
    a = _prediction(folder / "90" / "ds_iso0_val_a" / "prediction")
    b = _prediction(folder / "60" / "ds_iso0_val_a" / "prediction")
    names = {
        segment(a, DISTANCE).data.name,
        segment(a, DISTANCE, "threshold_0.2").data.name,
        segment(b, DISTANCE).data.name,
    }
    assert len(names) == 3
    assert segment(a, DISTANCE).data.name == segment(a, DISTANCE).data.name


def test_threshold_is_strict_and_nan_is_background() -> None:
    prediction = _volume(np.array([[[-1.0, 0.0, 1e-9, np.nan, np.inf]]], np.float32))
    assert segment(prediction, DISTANCE).data.compute().tolist() == [[[0, 0, 1, 0, 1]]]


def test_uint8_predictions_are_cut_in_the_middle() -> None:
    prediction = _volume(np.array([[[0, 127, 128, 255]]], np.uint8))
    segmentation = segment(prediction, DISTANCE)
    assert segmentation.data.compute().tolist() == [[[0, 0, 1, 1]]]
    assert segmentation.identity.parameters == "threshold_127.0"


def test_hot_distance_takes_the_distances() -> None:
    logits, distances = np.full((1, 2, 2), 9.0), np.array([[[-1.0, 1.0], [1.0, -1.0]]])
    prediction = _volume(np.concatenate([logits, distances]).astype(np.float32))
    segmentation = segment(prediction, HOT)
    assert segmentation.data.compute().tolist() == [[[0, 1], [1, 0]]]
    assert segmentation.channel_names == ("b",)


def test_prediction_without_channels() -> None:
    prediction = _volume(np.array([[-1.0, 1.0], [2.0, 0.0]]), axis_names=("y", "x"))
    segmentation = segment(prediction, DISTANCE)
    assert segmentation.axis_names == ("y", "x")
    assert segmentation.data.compute().tolist() == [[0, 1], [1, 0]]


def test_the_first_of_equal_classes_wins() -> None:
    prediction = _volume(np.array([[[1.0, 0.0, 0.0]], [[1.0, 1.0, 0.0]], [[0.0, 1.0, 2.0]]]))
    assert segment(prediction, ONE_HOT).data.compute().tolist() == [[0, 1, 2]]


def test_a_pretrained_task_is_the_task_within() -> None:
    task = PretrainedTaskConfig(name="again", sub_task_config=AFFINITIES)
    prediction = _volume(np.zeros((6, 4, 4, 4), np.float32))
    assert segment(prediction, task).data.compute().max() == 0


def test_parameters_may_be_a_plain_bias(stores: Path) -> None:
    folder = stores / AFFS_RUNS[0] / "validation.zarr" / "60" / "ds_iso0_val_b"
    segmentation = segment(_prediction(folder / "prediction"), AFFINITIES, "bias_0.25")
    stored = _read(next(folder.glob("output/*bias=0.25*")))
    np.testing.assert_array_equal(segmentation.data.compute(), stored)


@pytest.mark.parametrize(
    ("task", "parameters"),
    [
        (DISTANCE, "WatershedPostProcessorParameters(id=2, bias=0.5, context=(32, 32, 32))"),
        (DISTANCE, "threshold_abc"),
        (DISTANCE, "../../etc/passwd"),
        (AFFINITIES, "threshold_0.5"),
        (AFFINITIES, "bias_none"),
        (ONE_HOT, "threshold_0.5"),
    ],
)
def test_parameters_of_another_task_are_refused(task: Any, parameters: str) -> None:
    channels = 6 if task is AFFINITIES else 3
    with pytest.raises(UnsupportedError):
        segment(_volume(np.zeros((channels, 2, 2, 2), np.float32)), task, parameters)


def test_affinities_without_their_channels_are_refused() -> None:
    with pytest.raises(ArrayFormatError, match=r"6 offsets.*2 channels"):
        segment(_volume(np.zeros((2, 4, 4, 4), np.float32)), AFFINITIES)


def test_a_task_without_post_processing_is_refused() -> None:
    task = DummyTaskConfig(name="dummy", embedding_dims=3, detection_threshold=0.5)
    with pytest.raises(UnsupportedError, match="no post-processing"):
        segment(_volume(np.zeros((3, 2, 2), np.float32)), task)


def test_roi_cuts_before_the_watershed(stores: Path) -> None:
    folder = stores / AFFS_RUNS[0] / "validation.zarr" / "60" / "ds_iso0_val_a"
    prediction = _prediction(folder / "prediction")
    roi = ((64.0, 64.0, 64.0), (128.0, 128.0, 64.0))
    segmentation = segment(prediction, AFFINITIES, "bias_0.5", roi=roi)
    assert segmentation.roi == roi
    cut = segment(
        _volume(_read(folder / "prediction")[:, 8:24, 8:24, 8:16]), AFFINITIES, "bias_0.5"
    )
    np.testing.assert_array_equal(segmentation.data.compute(), cut.data.compute())


def test_large_watersheds_go_block_by_block(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postprocess, "MAX_WATERSHED_VOXELS", 8**3)
    monkeypatch.setattr(postprocess, "_WATERSHED_BLOCK", 8)
    affinities = np.ones((3, 12, 8, 8), np.float32)
    task = AffinitiesTaskConfig(name="affs", neighborhood=OFFSETS[:3])
    segmentation = segment(_volume(affinities), task)
    elements = segmentation.data.compute()
    assert segmentation.notes == (postprocess.BLOCKWISE_NOTE,)
    # One object in each block, with ids that the blocks do not share.
    upper, lower = np.unique(elements[:8]), np.unique(elements[8:])
    assert len(upper) == len(lower) == 1
    assert upper != lower
    assert 0 not in (upper, lower)


def test_one_plane_of_a_watershed_computes_the_block_once(
    stores: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[float] = []
    watershed = postprocess.methods.watershed

    def counted(affinities: Any, offsets: Any, bias: float) -> np.ndarray[Any, Any]:
        calls.append(bias)
        return watershed(affinities, offsets, bias)

    monkeypatch.setattr(postprocess, "watershed", counted)
    folder = stores / AFFS_RUNS[0] / "validation.zarr" / "60" / "ds_iso0_val_a"
    segmentation = segment(_prediction(folder / "prediction"), AFFINITIES)
    assert calls == []
    planes = [np.asarray(segmentation.data[z]) for z in range(32)]
    assert calls == [0.5]
    stored = _read(next(folder.glob("output/*bias=0.5,*")))
    np.testing.assert_array_equal(np.stack(planes), stored)


def test_slices_stay_lazy_and_quick(stores: Path) -> None:
    folder = stores / THRESHOLD_RUN / "validation.zarr" / "90" / "ds_iso0_val_a"
    data = segment(_prediction(folder / "prediction"), DISTANCE).data
    assert isinstance(data, LazyArray)
    assert isinstance(data[0, 3], LazyArray)


def test_segmentations_survive_a_way_to_another_process(stores: Path) -> None:
    folder = stores / AFFS_RUNS[0] / "validation.zarr" / "20" / "ds_iso0_val_b"
    segmentation = segment(_prediction(folder / "prediction"), AFFINITIES)
    again = pickle.loads(pickle.dumps(segmentation.data))
    np.testing.assert_array_equal(again.compute(), segmentation.data.compute())
