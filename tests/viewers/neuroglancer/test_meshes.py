"""Surfaces of segments: which ids, how much is read, and where they lie."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import dask.array as da
import neuroglancer
import numpy as np
import pytest
import zarr

from napari_dacapo.view import add_seg_layer
from napari_dacapo.viewers.neuroglancer import meshes
from napari_dacapo.viewers.neuroglancer.meshes import (
    mesh_source,
    segment_ids,
    too_large_for_meshes,
    why_no_meshes,
)
from napari_dacapo.volumes import open_volume, repair_offset
from napari_dacapo.volumes.any_array import as_volume

if TYPE_CHECKING:
    from pathlib import Path

    from napari_dacapo.volumes import Volume

Array = np.ndarray[Any, Any]


def labels(values: Any, **more: Any) -> Volume:
    return as_volume(values, "seg", kind="labels", **more)


def balls(shape: tuple[int, int, int] = (20, 20, 20), dtype: str = "u4") -> Array:
    """Two boxes with the ids 3 and 7."""
    values = np.zeros(shape, dtype)
    values[4:8, 4:8, 4:8] = 3
    values[10:16, 10:14, 2:18] = 7
    return values


def surface(source: Any, segment: int) -> tuple[Array, Array]:
    """Return the lowest and highest corner of a segment's surface."""
    data = source.url.get_object_mesh(segment)
    n = struct.unpack("<I", data[:4])[0]
    corners = np.frombuffer(data, "<f4", 3 * n, 4).reshape(n, 3)
    return corners.min(axis=0), corners.max(axis=0)


class Counting:
    """An array that remembers how many elements it gave away."""

    def __init__(self, values: Array, fail: bool = False) -> None:
        self.values, self.fail, self.n_read = values, fail, 0
        self.shape, self.dtype, self.ndim = values.shape, values.dtype, values.ndim

    def __getitem__(self, index: Any) -> Array:
        if self.fail:
            raise OSError("Stale file handle")
        part = self.values[index]
        self.n_read += part.size
        return part


@pytest.mark.parametrize("dtype", ["?", "u1", "u2", "u4", "u8", "i1", "i4", "i8"])
def test_ids_of_all_segments(dtype: str) -> None:
    values = balls(dtype=dtype)
    assert segment_ids(labels(values)) == sorted(set(np.unique(values.astype("u1"))) - {0})
    assert segment_ids(labels(da.from_array(values, chunks=7))) == segment_ids(labels(values))


def test_ids_are_those_that_the_client_sees() -> None:
    values = balls(dtype="i4")
    values[0, 0, 0] = -1
    assert segment_ids(labels(values)) == [3, 7, 2**32 - 1]


def test_nothing_but_background() -> None:
    assert segment_ids(labels(np.zeros((4, 4, 4), "u8"))) == []


def test_nothing_is_read_before_a_surface_is_asked_for() -> None:
    array = Counting(balls())
    source = mesh_source(labels(array))
    assert array.n_read == 0
    surface(source, 3)
    assert array.n_read == array.values.size
    surface(source, 7)
    assert array.n_read == array.values.size, "all surfaces at once"


def test_large_arrays_elsewhere_are_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(meshes, "_READ_BYTES", 1000)
    array = Counting(balls())
    with pytest.warns(UserWarning, match="too large to be read.*select those"):
        assert segment_ids(labels(array)) == []
    state = neuroglancer.ViewerState()
    with pytest.warns(UserWarning, match="select those"):
        add_seg_layer(state, "seg", array, 8, meshes=True)
    assert array.n_read == 0
    assert len(state.layers["seg"].source) == 2, "but surfaces can be had of what is selected"
    assert segment_ids(labels(balls())) == [3, 7], "in memory there is nothing to read"


def test_too_many_segments_are_not_all_selected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(meshes, "MAX_SEGMENTS", 3)
    with pytest.warns(UserWarning, match="8 segments, too many"):
        assert segment_ids(labels(np.arange(9).reshape(1, 3, 3))) == []


@pytest.mark.parametrize("meshed", [20**3, 12**3, 6**3])
def test_surfaces_lie_where_the_segments_do(monkeypatch: pytest.MonkeyPatch, meshed: int) -> None:
    """However coarse the copy is that they are made from."""
    monkeypatch.setattr(meshes, "_MESHED", meshed)
    array = Counting(balls())
    voxel_size, offset = np.array([40, 4, 8]), np.array([400, 20, 4])
    source = mesh_source(labels(array, voxel_size=voxel_size, offset=offset))
    low, high = surface(source, 7)
    step = {20**3: 1, 12**3: 2, 6**3: 4}[meshed]
    assert array.n_read == (-(-20 // step)) ** 3
    # Corners are in metres from where the source's transform begins.
    scales = np.asarray(source.transform.output_dimensions.scales)
    begin = np.asarray(source.transform.matrix)[:, -1] * scales
    near = 0.01 if step == 1 else step
    for found, corner in [(low, (10, 10, 2)), (high, (16, 14, 18))]:
        away = ((found + begin) * 1e9 - offset) / voxel_size - corner
        assert np.abs(away).max() <= near


def test_a_segment_that_is_not_there() -> None:
    source = mesh_source(labels(balls()))
    with pytest.raises(neuroglancer.local_volume.InvalidObjectIdForMesh):
        source.url.get_object_mesh(5)


def test_reading_that_fails_lets_nobody_wait(caplog: pytest.LogCaptureFixture) -> None:
    source = mesh_source(labels(Counting(balls(), fail=True)))
    for _ in range(2):
        with pytest.raises(neuroglancer.local_volume.InvalidObjectIdForMesh):
            source.url.get_object_mesh(3)
    assert "Surfaces of segmentation · seg cannot be made" in caplog.text
    assert "Stale file handle" in caplog.text


@pytest.mark.parametrize(
    ("shape", "why"),
    [
        ((20, 20, 20), None),
        ((1, 20, 20, 20), None),
        ((20, 20), "three spatial axes"),
        ((1, 20, 20), None),
        ((2, 20, 20, 20), "no more than one channel"),
    ],
)
def test_what_has_no_surfaces(shape: tuple[int, ...], why: str | None) -> None:
    said = why_no_meshes(labels(np.broadcast_to(np.uint8(0), shape)))
    assert said is None if why is None else why in str(said)


def test_what_is_too_large_for_surfaces() -> None:
    assert too_large_for_meshes(labels(np.broadcast_to(np.uint8(0), (1024,) * 3))) is None
    said = too_large_for_meshes(labels(np.broadcast_to(np.uint8(0), (2048,) * 3)))
    assert "too large for surfaces (2048×2048×2048 voxels)" in str(said)


def test_dacapos_own_segmentations_have_surfaces(stores: Path) -> None:
    """They have a channel axis of length one."""
    path = stores / "pypi-0.3.5-thresholds/dist_thr_shim/validation.zarr/90/ds_iso0_val_a/output"
    stored = zarr.open_array(path / "threshold_-0.2", mode="r")
    assert stored.shape[0] == 1
    volume = repair_offset(open_volume(path / "threshold_-0.2", kind="labels"))
    state = neuroglancer.ViewerState()
    add_seg_layer(state, "seg", volume, None, meshes=True)
    layer = state.layers["seg"]
    assert list(layer.segments) == sorted(set(np.unique(stored[:])) - {0})
    source = layer.source[1]
    low, high = surface(source, 1)
    begin = np.asarray(source.transform.matrix)[:, -1] * source.transform.output_dimensions.scales
    inside = np.argwhere(stored[0])
    for found, corner in [(low, inside.min(axis=0)), (high, inside.max(axis=0) + 1)]:
        away = ((found + begin) * 1e9 - volume.offset) / volume.voxel_size - corner
        # Where a segment reaches the border, its surface ends in the middle of the last voxel.
        assert np.abs(away).max() <= 0.51


def test_without_being_asked_for_there_are_none() -> None:
    state = neuroglancer.ViewerState()
    add_seg_layer(state, "seg", balls(), 8)
    (source,) = state.layers["seg"].source
    # LocalVolume would make them at full resolution, when a segment is clicked on.
    assert source.subsources["meshes"].enabled is False
    assert len(state.layers["seg"].segments) == 0
    add_seg_layer(state, "seg", balls(), 8, meshes=True)
    assert list(state.layers["seg"].segments) == [3, 7]
