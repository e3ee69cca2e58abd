from __future__ import annotations

import math

import numpy as np
import pytest
import zarr
from hypothesis import given
from hypothesis import strategies as st

from napari_dacapo.errors import ArrayFormatError
from napari_dacapo.volumes import (
    Identity,
    LazyArray,
    Volume,
    crop,
    open_volume,
    resample,
    world_slices,
)
from napari_dacapo.volumes.geometry import intersect
from napari_dacapo.volumes.sources import ConstantSource

IDENTITY = Identity(run="", dataset="d", role="raw")


def empty_volume(shape, voxel_size, offset, n_channels=0):
    whole = (n_channels, *shape) if n_channels else shape
    source = ConstantSource(whole, np.dtype("u1"), whole)
    names = ("z", "y", "x")[-len(shape) :]
    return Volume(
        data=LazyArray.from_source(source, "empty"),
        axis_names=("c^", *names) if n_channels else names,
        voxel_size=voxel_size,
        offset=offset,
        identity=IDENTITY,
    )


coordinate = st.integers(-1000, 1000).map(lambda i: i / 4)
length = st.integers(1, 400).map(lambda i: i / 4)
rois = st.tuples(st.tuples(*[coordinate] * 3), st.tuples(*[length] * 3))


@given(a=rois, b=rois)
def test_intersection(a, b):
    shared = intersect(a, b)
    assert shared == intersect(b, a)
    if shared is None:
        assert any(
            x + m <= y or y + n <= x for x, m, y, n in zip(a[0], a[1], b[0], b[1], strict=True)
        )
    else:
        assert all(size > 0 for size in shared[1])
        for begin, size, *others in zip(*shared, *a, *b, strict=True):
            a_begin, a_size, b_begin, b_size = others
            assert begin == max(a_begin, b_begin)
            assert begin + size == min(a_begin + a_size, b_begin + b_size)


@given(
    shape=st.tuples(*[st.integers(1, 30)] * 3),
    voxel_size=st.tuples(*[st.sampled_from([0.1, 1.0, 3.7, 4.0, 40.0])] * 3),
    offset=st.tuples(*[st.integers(-50, 50)] * 3),
    roi=rois,
)
def test_a_roi_becomes_the_voxels_that_it_touches(shape, voxel_size, offset, roi):
    offset = tuple(o * v for o, v in zip(offset, voxel_size, strict=True))
    slices = world_slices(empty_volume(shape, voxel_size, offset), roi)
    for axis, part in enumerate(slices):
        begin, end = roi[0][axis], roi[0][axis] + roi[1][axis]
        slack = 1e-3 * voxel_size[axis]
        for i in range(shape[axis]):
            low = offset[axis] + i * voxel_size[axis]
            high = low + voxel_size[axis]
            if part.start <= i < part.stop:
                assert high > begin - slack
                assert low < end + slack
            else:
                assert high <= begin + slack or low >= end - slack


def test_borders_of_voxels_are_found_in_spite_of_rounding():
    volume = empty_volume((100,) * 3, (0.1,) * 3, (0.3,) * 3)
    roi = ((0.3 + 0.1 * 7,) * 3, (0.1 * 3,) * 3)
    assert world_slices(volume, roi) == (slice(7, 10),) * 3


def test_channels_are_left_alone():
    volume = empty_volume((10, 10), (4.0, 4.0), (0.0, 8.0), n_channels=2)
    assert world_slices(volume, ((4, 8), (8, 4))) == (slice(None), slice(1, 3), slice(0, 1))
    with pytest.raises(ValueError, match="roi"):
        world_slices(volume, ((4, 8, 8), (8, 4, 4)))


def test_crops_of_a_real_volume_lie_on_each_other(stores):
    raw = open_volume(stores / "data/aniso_val.zarr", "raw")
    labels = open_volume(stores / "data/aniso_val.zarr", "labels")
    part = crop(raw, labels.roi)
    assert part.roi == labels.roi
    expected = zarr.open_array(stores / "data/aniso_val.zarr/raw", mode="r")
    # Offsets 1200 800 440 and 1040 720 360 nm, voxels of 40 4 4 nm.
    np.testing.assert_array_equal(np.asarray(part.data), expected[4:16, 20:84, 20:84])
    assert part.source is None
    assert crop(raw, raw.roi) is raw
    with pytest.raises(ArrayFormatError, match="outside"):
        crop(raw, ((0, 0, 0), (1, 1, 1)))


def test_resampling_by_whole_factors(tmp_path, write_zarr, numbers):
    place = {"voxel_size": [40, 4, 4], "offset": [0, 8, 16], "axis_names": ["z", "y", "x"]}
    image = open_volume(write_zarr(tmp_path / "a", numbers.astype("f8"), attributes=place))
    coarse = resample(image, (40, 8, 8))
    blocks = numbers[:, :16, :18].astype(float).reshape(13, 8, 2, 9, 2)
    np.testing.assert_allclose(np.asarray(coarse.data), blocks.mean(axis=(2, 4)))
    assert (coarse.voxel_size, coarse.offset) == ((40.0, 8.0, 8.0), (0.0, 8.0, 16.0))
    assert resample(image, image.voxel_size) is image


def test_labels_are_never_mixed(tmp_path, write_zarr):
    labels = np.zeros((4, 4), "u8")
    labels[:2, :2] = [[5, 9], [9, 9]]
    labels[2:, 2:] = 3
    volume = open_volume(write_zarr(tmp_path / "a", labels, attributes={"voxel_size": [4, 4]}))
    assert volume.kind == "labels"
    np.testing.assert_array_equal(np.asarray(resample(volume, (8, 8)).data), [[9, 0], [0, 3]])
    fine = resample(volume, (2, 2))
    np.testing.assert_array_equal(np.asarray(fine.data), labels.repeat(2, 0).repeat(2, 1))
    odd = np.asarray(resample(volume, (3, 3)).data)
    assert set(np.unique(odd)) <= {0, 3, 5, 9}


@given(ratio=st.floats(0.2, 5), n=st.integers(1, 40))
def test_resampling_keeps_the_box(ratio, n):
    volume = empty_volume((n, n), (10.0, 10.0), (30.0, -20.0))
    after = resample(volume, (10.0 * ratio,) * 2)
    assert after.offset == volume.offset
    assert not np.asarray(after.data).any()
    size, length = after.roi[1][0], volume.roi[1][0]
    assert abs(size - length) <= max(10.0 * ratio * 0.5, 0) + 1e-6 or after.shape[0] in (
        1,
        n // math.floor(ratio + 1e-9),
    )


@pytest.mark.parametrize("voxel_size", [(0, 1), (-1, 1), (float("nan"), 1), (1,)])
def test_voxel_sizes_that_make_no_sense(voxel_size):
    with pytest.raises(ValueError, match="voxel size"):
        resample(empty_volume((4, 4), (1.0, 1.0), (0.0, 0.0)), voxel_size)
