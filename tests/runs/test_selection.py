"""What is shown of a run: what was asked for by name, and nothing that no viewer can show."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import zarr
from napari.components import ViewerModel

import napari_dacapo
from napari_dacapo.errors import NapariDacapoError, SelectionError
from napari_dacapo.runs import open_store
from napari_dacapo.runs.selection import volumes_asked_for, volumes_to_show

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from napari_dacapo.runs import Store

VALIDATION = "20/ds_aniso_val"


def test_nothing_asked_is_what_a_run_shows(open_real: Callable[..., Store]) -> None:
    run = open_real("main").run("dist_aniso")
    found = volumes_asked_for(run).volumes
    assert [volume.key for volume in found] == [volume.key for volume in run.volumes()]
    assert found[-1].identity.variant == "computed", "its stored masks are empty"


def test_parameters_that_are_stored_are_taken_as_they_are_stored_when_preferred(
    open_real: Callable[..., Store],
) -> None:
    run = open_real("main").run("dist_aniso")
    for given in ("threshold_127", "127"):
        volumes = volumes_asked_for(run, parameters=given, prefer_stored=True).volumes
        segmentation = volumes[-1]
        assert segmentation.identity.variant == "stored"
        assert segmentation.source is not None
        stored = zarr.open_array(segmentation.source.path, mode="r")
        np.testing.assert_array_equal(np.asarray(segmentation.data), stored[:])
        assert any("empty" in note for note in segmentation.notes)
    for asked in (
        {"parameters": "threshold_127", "segmentation": "computed", "prefer_stored": True},
        {"parameters": "threshold_0.1", "prefer_stored": True},
        {"parameters": "threshold_127"},
    ):
        computed = volumes_asked_for(run, **asked).volumes[-1]
        assert (computed.identity.variant, computed.source) == ("computed", None)


@pytest.mark.parametrize("prefer_stored", [True, False])
@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"dataset": "nope"}, "no dataset 'nope'; there is: aniso_val"),
        ({"iteration": 99}, "not validated at iteration 99.*: 10, 20"),
        ({"parameters": "nonsense"}, "no parameters 'nonsense'.*stored: threshold_127"),
        (
            {"parameters": "threshold_9", "segmentation": "stored"},
            "threshold_9 is not stored at iteration 20; stored: threshold_127",
        ),
        ({"dataset": "aniso_train", "iteration": 20}, "its training dataset aniso_train"),
        ({"dataset": "aniso_train", "parameters": "a_1"}, "its training dataset aniso_train"),
    ],
)
def test_what_is_not_there_is_said(
    open_real: Callable[..., Store], asked: dict[str, Any], said: str, prefer_stored: bool
) -> None:
    run = open_real("main").run("dist_aniso")
    with pytest.raises(SelectionError, match=said) as raised:
        volumes_asked_for(run, prefer_stored=prefer_stored, **asked)
    assert isinstance(raised.value, NapariDacapoError)


def test_a_training_dataset_has_raw_and_gt(open_real: Callable[..., Store]) -> None:
    run = open_real("main").run("dist_aniso")
    roles = [volume.role for volume in volumes_asked_for(run, dataset="aniso_train").volumes]
    assert roles == ["raw", "gt"]


@pytest.mark.parametrize("kind", ["WrappedArchitectureConfig", "ModelZooConfig", ""])
def test_checkpoints_of_networks_of_others_cannot_predict(
    stores: Path, tmp_path: Path, kind: str
) -> None:
    shutil.copytree(stores / "pypi-0.3.5", tmp_path / "store")
    store = tmp_path / "store"
    shutil.rmtree(store / "dist_same_iso0" / "validation.zarr")
    config = store / "configs" / "runs" / "dist_same_iso0.yaml"
    if kind:
        text = config.read_text().replace("CNNectomeUNetConfig", kind)
        config.write_text(text)
    mapped = {"/nrs/demo/dacapo-data": str(stores / "data")}
    chosen = volumes_to_show(open_store(store, path_map=mapped).run("dist_same_iso0"))
    (said,) = (text for text in chosen.missing if "nothing is stored of dataset" in text)
    assert ("can still predict" in said) == (kind == "")


def replace(array: Path, data: np.ndarray[Any, Any], axis_names: list[str]) -> None:
    """Write another array in the place of one, of the same voxel size."""
    attributes = json.loads((array / ".zattrs").read_text())
    n_spatial = sum(not name.endswith("^") for name in axis_names)
    place = {
        "axis_names": axis_names,
        "voxel_size": [4] * n_spatial,
        "offset": [0] * n_spatial,
        "units": [""] * n_spatial,
    }
    shutil.rmtree(array)
    zarr.create_array(array, data=data, zarr_format=2, attributes=attributes | place)


@pytest.mark.long
@pytest.mark.parametrize(
    ("role", "part", "shape", "axes", "reason"),
    [
        ("prediction", f"{VALIDATION}/prediction", (16,), "x", "spatial axes x"),
        ("prediction", f"{VALIDATION}/prediction", (2, 16), "c^ x", "spatial axes x"),
        ("prediction", f"{VALIDATION}/prediction", (2, 3, 4, 5), "w z y x", "spatial axes w"),
        ("gt", "inputs/aniso_val/gt", (1, 4, 5, 6), "c^ z y x", "elements of type float32"),
        ("segmentation", f"{VALIDATION}/output/threshold_127", (1, 4, 5, 6), "c^ z y x",
         "elements of type float32"),
    ],
)  # fmt: skip
def test_what_no_viewer_can_show_is_left_out_and_said(
    copy_run: Callable[..., Path],
    role: str,
    part: str,
    shape: tuple[int, ...],
    axes: str,
    reason: str,
) -> None:
    folder = copy_run("main", "dist_aniso")
    array = folder / "dist_aniso" / "validation.zarr" / part
    replace(array, np.ones(shape, np.float32), axes.split())
    run = open_store(folder).run("dist_aniso")
    roles = [volume.role for volume in run.volumes()]
    expected = ["raw", "gt", "prediction", "segmentation"]
    expected.remove(role)
    assert roles == expected
    (missing,) = [line for line in run.missing() if line.startswith(role)]
    assert reason in missing
    viewer = ViewerModel()
    napari_dacapo.add_run(viewer, run)
    assert [layer.metadata["napari-dacapo"]["role"] for layer in viewer.layers] == expected


def test_a_prediction_with_time_is_shown_but_not_segmented(copy_run: Callable[..., Path]) -> None:
    folder = copy_run("main", "dist_aniso")
    array = folder / "dist_aniso" / "validation.zarr" / VALIDATION / "prediction"
    replace(array, np.ones((2, 4, 5, 6), np.float32), ["t^", "z", "y", "x"])
    run = open_store(folder).run("dist_aniso")
    *_, prediction, segmentation = run.volumes()
    assert prediction.axis_names == ("t^", "z", "y", "x")
    assert segmentation.identity.variant == "stored"
    assert any("t^" in line for line in run.missing(segmentation="computed"))


def test_a_segmentation_that_cannot_be_read_is_still_chosen(copy_run: Callable[..., Path]) -> None:
    folder = copy_run("main", "dist_aniso")
    array = folder / "dist_aniso" / "validation.zarr" / VALIDATION / "output" / "threshold_127"
    replace(array, np.ones((1, 4, 5, 6), np.uint8), ["c^", "z", "y", "x"])
    for chunk in array.glob("[0-9]*"):
        chunk.write_bytes(b"torn")
    *_, segmentation = open_store(folder).run("dist_aniso").volumes()
    assert segmentation.source is not None
    assert segmentation.source.path == array
