from __future__ import annotations

from dataclasses import replace

import dask.array as da
import numpy as np
import pytest

from napari_dacapo.errors import UnsupportedError
from napari_dacapo.viewers.appearance import (
    COLORMAPS,
    appearance,
    contrast_limits,
    is_offset_name,
)
from napari_dacapo.viewers.colormaps import GT, LIVE, SEGMENTATION, class_color
from napari_dacapo.volumes import Identity, Volume


def volume(role="raw", dtype="u1", shape=(4, 4, 4), axes=("z", "y", "x"), kind="image", **changes):
    n_spatial = sum(not axis.endswith("^") for axis in axes)
    return Volume(
        data=da.zeros(shape, dtype=dtype),
        axis_names=axes,
        voxel_size=(8.0,) * n_spatial,
        offset=(0.0,) * n_spatial,
        identity=Identity("run", "val", role),
        kind=kind,
        **changes,
    )


def channels(role, n, dtype="f4", **changes):
    return volume(role, dtype, (n, 4, 4, 4), ("c^", "z", "y", "x"), **changes)


class Unreadable:
    """An array that must not be read."""

    shape = (4, 4, 4)
    ndim = 3
    dtype = np.dtype("f4")

    def __getitem__(self, index):
        raise AssertionError("an element was read")


@pytest.mark.parametrize("kind", ["image", "labels"])
def test_nothing_is_read(kind):
    data = da.from_array(Unreadable(), chunks=4, meta=np.empty((0, 0, 0), "f4"))
    if kind == "labels":
        data = data.astype("u1")
    appearance(volume(kind=kind).with_(data=data))


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [
        ("?", (0, 1)),
        ("u1", (0, 255)),
        ("i1", (-128, 127)),
        ("u2", (0, 65535)),
        ("i2", (-32768, 32767)),
        ("u4", (0, 65535)),
        ("i8", (-32768, 32767)),
        ("f2", (0, 1)),
        ("f8", (0, 1)),
    ],
)
def test_contrast_of_raw_comes_from_the_dtype(dtype, expected):
    assert contrast_limits(volume(dtype=dtype)) == expected


def test_contrast_comes_from_the_array_config_first():
    assert contrast_limits(volume(value_range=(10, 90))) == (10, 90)


@pytest.mark.parametrize("bad", [(1, 1), (2, 1), (0, float("nan")), (float("-inf"), 1)])
def test_an_unusable_value_range_is_passed_over(bad):
    assert contrast_limits(volume(value_range=bad)) == (0, 255)


def test_a_distance_is_symmetric_around_0():
    look = appearance(channels("prediction", 1, channel_names=("mito",)))
    assert look.contrast_limits == (-1, 1)
    (channel,) = look.channels
    assert channel.name == "mito"
    stops = dict(COLORMAPS[channel.colormap])
    assert stops[0.5][3] == 0, "0 is clear: neither inside nor outside"
    assert stops[0.0][:3] != stops[1.0][:3]


def test_affinities_reach_from_0_to_1_and_show_the_nearest_neighbours():
    names = ("(1, 0, 0)", "(0, 1, 0)", "(0, 0, 1)", "(5, 0, 0)", "(0, 5, 0)", "(0, 0, 5)")
    look = appearance(channels("prediction", 6, channel_names=names))
    assert look.contrast_limits == (0, 1)
    assert [channel.visible for channel in look.channels] == [True] * 3 + [False] * 3
    axes = [channel.colormap[-1] for channel in look.channels]
    assert axes == ["z", "y", "x", "z", "y", "x"]


def test_affinities_of_two_dimensions():
    look = appearance(
        volume("prediction", "f4", (2, 4, 4), ("c^", "y", "x"), channel_names=("(1, 0)", "(0, 1)"))
    )
    assert [channel.colormap[-1] for channel in look.channels] == ["y", "x"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [("(1, 0, 0)", True), ("(-4, 0)", True), ("mito", False), ("(a, 0)", False), ("", False)],
)
def test_offset_names(name, expected):
    assert is_offset_name(name) is expected


def test_one_hot_channels_have_the_colours_of_their_classes():
    names = {0: "bg", 1: "odd", 2: "even"}
    logits = appearance(
        channels("prediction", 3, class_names=names, channel_names=("bg", "odd", "even"))
    )
    classes = appearance(volume("segmentation", "u1", kind="labels", class_names=names))
    assert classes.kind == "classes"
    assert [channel.visible for channel in logits.channels] == [False, True, True]
    for value in (1, 2):
        stops = COLORMAPS[logits.channels[value].colormap]
        assert stops[-1][1][:3] == classes.class_colors[value][:3]


def test_hot_distance_shows_the_distance():
    look = appearance(
        channels("prediction", 2, channel_names=("blob (one-hot)", "blob (distance)"))
    )
    assert [channel.visible for channel in look.channels] == [False, True]


def test_missing_channel_names_are_numbers():
    look = appearance(channels("prediction", 2, channel_names=("only one",)))
    assert [channel.name for channel in look.channels] == ["0", "1"]


def test_gt_and_segmentation_masks_are_lines_of_two_colours():
    gt = appearance(channels("gt", 1, "?", kind="labels", channel_names=("mito",)))
    segmentation = appearance(channels("segmentation", 1, "u1", kind="labels"))
    assert (gt.kind, segmentation.kind) == ("mask", "mask")
    assert gt.contour == segmentation.contour == 1
    assert gt.class_colors[1] == (*GT, 1)
    assert segmentation.class_colors[1] == (*SEGMENTATION, 1)
    assert gt.class_names == {1: "mito"}


def test_a_live_segmentation_is_told_from_that_of_a_validation():
    mask = volume("segmentation", "u1", kind="labels", class_names={1: "mito"})
    identities = [replace(mask.identity, variant=name) for name in ("stored", "computed", "live")]
    looks = [appearance(mask.with_(identity=identity)) for identity in identities]
    stored, computed, live = (look.class_colors[1] for look in looks)
    assert stored == computed == (*SEGMENTATION, 1)
    assert live == (*LIVE, 1)
    assert len({SEGMENTATION, LIVE, GT}) == 3


def test_masks_of_several_channels_have_a_colour_each():
    look = appearance(channels("gt", 2, "u1", kind="labels", channel_names=("mito", "er")))
    assert [channel.color for channel in look.channels] == [class_color(1), class_color(2)]


def test_instances_are_filled_and_gt_is_a_line_around_them():
    gt = appearance(volume("gt", "u8", kind="labels"))
    segmentation = appearance(volume("segmentation", "u8", kind="labels"))
    assert (gt.kind, segmentation.kind) == ("instances", "instances")
    assert (gt.contour, segmentation.contour) == (1, 0)
    assert gt.line_color is not None
    assert segmentation.line_color is None
    assert segmentation.opacity < gt.opacity


def test_one_byte_without_channels_is_not_taken_for_a_mask():
    assert appearance(volume("gt", "u1", kind="labels")).kind == "instances"


def test_training_masks_are_hidden():
    assert not appearance(volume("mask", "?", kind="labels")).visible


@pytest.mark.parametrize("dtype", ["c8", "U3", "O", "M8[s]"])
def test_elements_that_no_viewer_shows_are_refused(dtype):
    data = da.from_array(np.empty((2, 2, 2), dtype), chunks=2)
    with pytest.raises(UnsupportedError, match="run · val · raw"):
        appearance(volume().with_(data=data))


def test_float_labels_are_refused_with_what_to_do():
    with pytest.raises(UnsupportedError, match="image"):
        appearance(volume("gt", "f4", kind="labels"))


def test_class_colours_are_many_and_differ():
    colors = [class_color(value) for value in range(30)]
    assert len(set(colors)) == 30
    assert colors[0][3] == 0
    assert all(0 <= part <= 1 for color in colors for part in color)


def test_colormaps_begin_at_0_and_end_at_1():
    for stops in COLORMAPS.values():
        positions = [position for position, _ in stops]
        assert positions[0] == 0
        assert positions[-1] == 1
        assert positions == sorted(positions)
