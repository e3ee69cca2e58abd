from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_dacapo.errors import ArrayFormatError
from napari_dacapo.volumes.array_metadata import ArrayMetadata, FileLayout
from napari_dacapo.volumes.coordinates import fit_names, from_attributes, in_nanometres


def read(attributes, shape=(4, 5, 6), **known):
    files = FileLayout(shape)
    array = ArrayMetadata(
        Path("a"), "zarr2", shape, shape, np.dtype("u1"), (), files, attributes=attributes
    )
    return from_attributes(array, **known)


@pytest.mark.parametrize(
    ("names", "ndim", "n_values", "expected"),
    [
        (["c^", "z", "y", "x"], 3, 3, "z y x"),
        (["b^", "c^", "z", "y", "x"], 3, 3, "z y x"),
        (["c^", "z", "y", "x"], 4, 3, "c^ z y x"),
        (["c^", "y", "x"], 2, 2, "y x"),
        (["d0", "d1", "d2"], 3, 3, "z y x"),
        (["d0", "d1"], 2, 0, "y x"),
        (["c0^", "d0", "d1", "d2"], 4, 3, "c^ z y x"),
        ([], 3, 0, "z y x"),
        ([], 5, 0, "d0^ c^ z y x"),
        ([], 1, 0, "x"),
        (["z", "y", "x"], 4, 3, "c^ z y x"),
        (["c", "z", "y", "x"], 4, 3, "c^ z y x"),
        (["time", "channel", "z", "y", "x"], 5, 3, "t^ c^ z y x"),
        (["q", "z", "y", "x"], 4, 3, "q^ z y x"),
        (["x", "x", "x"], 3, 3, "z y x"),
        (["iterations^", "b^", "c^", "z", "y", "x"], 6, 3, "iterations^ b^ c^ z y x"),
    ],
)
def test_names_are_made_to_fit(names, ndim, n_values, expected):
    assert fit_names(names, ndim, n_values) == tuple(expected.split())


@pytest.mark.parametrize(
    ("unit", "factor"),
    [("nm", 1), ("nanometer", 1), ("", 1), (None, 1), ("um", 1e3), ("µm", 1e3), ("μm", 1e3),
     ("micrometer", 1e3), ("mm", 1e6), ("m", 1e9), ("Å", 0.1), ("angstrom", 0.1), ("8 nm", 1),
     ("0.5um", 1e3), ("pixel", 1)],
)  # fmt: skip
def test_units(unit, factor):
    coordinates = read({"voxel_size": [2, 4, 8], "offset": [10, 0, -20], "units": [unit] * 3})
    assert coordinates.voxel_size == pytest.approx((2 * factor, 4 * factor, 8 * factor))
    assert coordinates.offset == pytest.approx((10 * factor, 0, -20 * factor))
    assert coordinates.notes == ()


def test_an_unknown_unit_is_said():
    assert in_nanometres(["furlong"] * 3, 3)[0] is None
    (note,) = read({"units": ["furlong"] * 3}).notes
    assert "furlong" in note


def test_one_value_stands_for_all_axes():
    coordinates = read({"voxel_size": 8, "axis_names": ["z", "y", "x"]})
    assert coordinates.axis_names == ("z", "y", "x")
    assert coordinates.voxel_size == (8.0, 8.0, 8.0)


def test_values_with_a_channel_axis_keep_to_the_spatial_axes():
    coordinates = read(
        {"voxel_size": [1, 40, 4, 4], "axis_names": ["c^", "z", "y", "x"]}, shape=(2, 4, 5, 6)
    )
    assert coordinates.voxel_size == (40.0, 4.0, 4.0)


@pytest.mark.parametrize("key", ["voxel_size", "offset"])
@pytest.mark.parametrize(
    "value",
    [[8, 8, float("nan")], [8, 8, float("inf")], [8, 8, 1e300], [8, 8, 10**400], "888", ["8"] * 3,
     [None] * 3, {"z": 8}, [[8]] * 3, [True] * 3],
    ids=str,
)  # fmt: skip
def test_nonsense_is_refused(key, value):
    with pytest.raises(ArrayFormatError, match=key):
        read({key: value})


@pytest.mark.parametrize("value", [[0, 8, 8], [-8, 8, 8], [1e-300, 8, 8], [8, 8, 1e-12]], ids=str)
def test_voxels_have_a_size(value):
    with pytest.raises(ArrayFormatError, match="voxel size"):
        read({"voxel_size": value})
    with pytest.raises(ArrayFormatError, match="voxel size"):
        read({}, voxel_size=value)


def test_small_numbers_of_a_large_unit_are_sizes():
    attributes = {"voxel_size": [8e-9] * 3, "units": ["m"] * 3}
    assert read(attributes).voxel_size == pytest.approx((8, 8, 8))
    with pytest.raises(ArrayFormatError, match="voxel size"):
        read({"voxel_size": [1e12] * 3, "units": ["m"] * 3})


sizes = st.floats(1e-3, 1e6)


@given(
    size=st.lists(sizes, min_size=1, max_size=5),
    offset=st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=5),
    ndim=st.integers(1, 5),
    names=st.lists(st.sampled_from(["z", "y", "x", "c^", "c", "d0", "t"]), max_size=6),
)
def test_results_always_fit_each_other(size, offset, ndim, names):
    attributes = {"voxel_size": size, "offset": offset, "axis_names": names}
    found = read(attributes, shape=(3,) * ndim)
    n = sum(not name.endswith("^") for name in found.axis_names)
    assert len(found.axis_names) == ndim
    assert len(set(found.axis_names)) == ndim
    assert len(found.voxel_size) == len(found.offset) == n
