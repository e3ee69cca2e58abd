"""Real arrays as volumes, opened with zarr alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dask.array as da
import numpy as np
import pytest
import zarr
from napari.components import ViewerModel

from napari_dacapo.volumes import Identity, Volume

if TYPE_CHECKING:
    from pathlib import Path

RUN, STORE = "dist_aniso", "main"


def open_array(path):
    """Return the elements and the attributes that DaCapo wrote, by zarr alone."""
    array = zarr.open_array(str(path), mode="r")
    return np.asarray(array[:]), dict(array.attrs)


def volume_of(path, role, kind, *, iteration=None, parameters=None, run=RUN, **changes):
    elements, attrs = open_array(path)
    dataset = "aniso_val"
    values = {
        "data": da.from_array(elements, chunks=16, name=f"{path}-{changes.get('revision', '')}"),
        "axis_names": tuple(attrs["axis_names"]),
        "voxel_size": tuple(map(float, attrs["voxel_size"])),
        "offset": tuple(map(float, attrs["offset"])),
        "identity": Identity(run, dataset, role, iteration, parameters, "", STORE),
        "kind": kind,
        "revision": "1",
    }
    return Volume(**(values | changes))


@pytest.fixture(scope="session")
def aniso(stores: Path) -> Path:
    """validation.zarr of a run of 40 x 4 x 4 nm voxels, with offsets."""
    return stores / "main" / "dist_aniso" / "validation.zarr"


@pytest.fixture
def run_volumes(aniso):
    """Make raw, gt, prediction and segmentation of an iteration."""

    def make(iteration=20, **changes):
        folder = aniso / str(iteration) / "ds_aniso_val"
        prediction = volume_of(
            folder / "prediction",
            "prediction",
            "image",
            iteration=iteration,
            channel_names=("blob",),
            **changes,
        )
        identity = Identity(
            RUN, "aniso_val", "segmentation", iteration, "threshold_0.0", "computed", STORE
        )
        return [
            volume_of(
                aniso / "inputs/aniso_val/raw", "raw", "image", value_range=(0, 1), **changes
            ),
            volume_of(
                aniso / "inputs/aniso_val/gt", "gt", "labels", channel_names=("blob",), **changes
            ),
            prediction,
            prediction.with_(
                data=(prediction.data > 0).astype("u1"), kind="labels", identity=identity
            ),
        ]

    return make


@pytest.fixture
def viewer():
    return ViewerModel()


@pytest.fixture
def make_volume():
    """Make a volume of given elements."""

    def make(data, axes=("z", "y", "x"), role="raw", kind="image", **changes):
        n_spatial = sum(not axis.endswith("^") for axis in axes)
        values = {
            "data": da.from_array(data) if isinstance(data, np.ndarray) else data,
            "axis_names": axes,
            "voxel_size": (8.0,) * n_spatial,
            "offset": (0.0,) * n_spatial,
            "identity": Identity("run", "val", role, store="store"),
            "kind": kind,
            "revision": "1",
        }
        return Volume(**(values | changes))

    return make
