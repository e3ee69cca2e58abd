"""What is taken of a prediction that is too large for one watershed."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

import dask.array as da
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from napari_dacapo.analysis import postprocess, segment, viewed_crop
from napari_dacapo.analysis.viewed_crop import segment_around
from napari_dacapo.store.configs import AffinitiesTaskConfig, DistanceTaskConfig
from napari_dacapo.volumes import Identity, Volume

if TYPE_CHECKING:
    import pytest

OFFSETS = ((1, 0, 0), (0, 1, 0), (0, 0, 1))
AFFINITIES = AffinitiesTaskConfig(name="affs", neighborhood=OFFSETS)
DISTANCE = DistanceTaskConfig(
    name="dist", channels=("a", "b", "c"), clip_distance=80, tol_distance=8
)


def volume(
    shape: tuple[int, ...],
    voxel_size: tuple[float, ...] = (40.0, 8.0, 8.0),
    offset: tuple[float, ...] = (1200.0, 800.0, 400.0),
) -> Volume:
    elements = np.random.default_rng(0).random((3, *shape)).astype("f4")
    identity = Identity("run", "val", "prediction", 20)
    data = da.from_array(elements, chunks=16)
    return Volume(data, ("c^", "z", "y", "x"), voxel_size, offset, identity, revision="1")


shapes = st.tuples(*[st.integers(1, 40)] * 3)
sizes = st.tuples(*[st.sampled_from([1.0, 4.0, 8.0, 40.0])] * 3)


@given(shapes, sizes, st.integers(1, 20_000), st.dictionaries(st.sampled_from("zyxt"),
       st.floats(-1e4, 1e4)))  # fmt: skip
def test_it_lies_inside_on_the_grid_and_is_as_large_as_allowed(
    shape: tuple[int, ...], voxel_size: tuple[float, ...], allowed: int, place: dict[str, float]
) -> None:
    whole = volume(shape, voxel_size)
    offset, size = viewed_crop.viewed_crop(whole, place, allowed)
    first = np.subtract(offset, whole.offset) / voxel_size
    sides = np.divide(size, voxel_size)
    np.testing.assert_allclose(first, np.round(first), atol=1e-6)
    np.testing.assert_allclose(sides, np.round(sides), atol=1e-6)
    assert (first >= 0).all()
    assert (np.round(first + sides) <= shape).all()
    count = prod(int(n) for n in np.round(sides))
    assert 1 <= count <= max(1, allowed)
    if prod(shape) <= allowed:
        assert count == prod(shape)


def test_it_is_where_one_looks_and_as_wide_in_all_directions() -> None:
    whole = volume((40, 200, 200))
    place = {"z": 1200 + 20 * 40.0, "y": 800 + 150 * 8.0, "x": 400 + 190 * 8.0}
    offset, size = viewed_crop.viewed_crop(whole, place, 8 * 40 * 40)
    np.testing.assert_array_equal(np.divide(size, whole.voxel_size), (8, 40, 40))
    np.testing.assert_array_equal(
        np.subtract(offset, whole.offset) / whole.voxel_size, (16, 130, 160)
    )


def test_small_ones_and_other_methods_are_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = volume((12, 12, 12))
    assert segment_around(whole, AFFINITIES).roi == whole.roi
    monkeypatch.setattr(viewed_crop, "MAX_WATERSHED_VOXELS", 100)
    assert segment_around(whole, DISTANCE).roi == whole.roi


def test_a_part_equals_the_watershed_of_the_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(viewed_crop, "MAX_WATERSHED_VOXELS", 100)
    monkeypatch.setattr(viewed_crop, "CROP_VOXELS", 4 * 20 * 20)
    whole = volume((12, 60, 60))
    near, far = (segment_around(whole, AFFINITIES, place={"x": x}) for x in (400.0, 870.0))
    assert near.revision != far.revision
    assert near.spatial_shape == (4, 20, 20)
    assert "4 × 20 × 20 voxels around where you looked" in near.notes[-1]
    elements = np.asarray(whole.data)[:, 4:8, 20:40, :20]
    expected = postprocess.watershed(elements, OFFSETS, 0.5)
    np.testing.assert_array_equal(near.data.compute(), expected)
    assert near.offset == (1200 + 4 * 40, 800 + 20 * 8, 400)
    assert segment(whole, AFFINITIES).roi == whole.roi
