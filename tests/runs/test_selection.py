"""Arrays that are not what they should be take no others with them."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import zarr
from napari.components import ViewerModel

import napari_dacapo
from napari_dacapo.runs import open_store

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

VALIDATION = "20/ds_aniso_val"


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
