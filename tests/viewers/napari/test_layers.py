from __future__ import annotations

import json

import dask.array as da
import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from napari.layers import Image, Labels, Layer
from napari.utils.colormaps import CyclicLabelColormap, DirectLabelColormap

from napari_dacapo.errors import UnsupportedError
from napari_dacapo.viewers.napari.layers import (
    MAX_SPLIT_CHANNELS,
    METADATA_KEY,
    layer_data,
    stack_layer_data,
)
from napari_dacapo.volumes import ArraySource, Identity, Level, Volume


def layers_of(volume):
    return [Layer.create(*data) for data in layer_data(volume)]


def world_corners(layer, n_axes):
    """World positions of the first voxel's first corner and the last one's last corner."""
    shape = np.array(layer.level_shapes[0])
    first = layer.data_to_world(np.full(len(shape), -0.5))
    last = layer.data_to_world(shape - 0.5)
    return first[-n_axes:], last[-n_axes:]


def test_layers_of_a_real_run_lie_where_the_attributes_say(run_volumes, aniso):
    # Written by DaCapo: raw [16, 80, 80] around gt [12, 64, 64], voxels of 40 x 4 x 4 nm.
    raw, gt, prediction, segmentation = (layers_of(volume)[0] for volume in run_volumes())
    for layer, offset, shape in (
        (raw, (1120, 768, 408), (16, 80, 80)),
        (gt, (1200, 800, 440), (12, 64, 64)),
        (prediction, (1200, 800, 440), (12, 64, 64)),
        (segmentation, (1200, 800, 440), (12, 64, 64)),
    ):
        first, last = world_corners(layer, 3)
        np.testing.assert_allclose(first, offset)
        np.testing.assert_allclose(last, np.add(offset, np.multiply(shape, (40, 4, 4))))
        assert layer.data.shape == shape


def test_elements_are_those_of_the_file(run_volumes, aniso):
    raw, gt, prediction, _ = (layers_of(volume)[0] for volume in run_volumes())
    stored = zarr.open_array(str(aniso / "20/ds_aniso_val/prediction"), mode="r")
    np.testing.assert_array_equal(np.asarray(prediction.data), stored[0])
    stored = zarr.open_array(str(aniso / "inputs/aniso_val/gt"), mode="r")
    np.testing.assert_array_equal(np.asarray(gt.data), stored[0])
    stored = zarr.open_array(str(aniso / "inputs/aniso_val/raw"), mode="r")
    np.testing.assert_array_equal(np.asarray(raw.data), stored[:])


def test_raw_of_4_nm_and_gt_of_8_nm_align_at_corners(make_volume):
    raw = make_volume(np.zeros((8, 8, 8), "u1"), voxel_size=(4.0,) * 3, offset=(100.0,) * 3)
    gt = make_volume(
        np.zeros((4, 4, 4), "u8"),
        role="gt",
        kind="labels",
        voxel_size=(8.0,) * 3,
        offset=(100.0,) * 3,
    )
    corners = [world_corners(layers_of(volume)[0], 3) for volume in (raw, gt)]
    np.testing.assert_allclose(corners[0], corners[1])
    np.testing.assert_allclose(corners[0], [[100] * 3, [132] * 3])


@pytest.mark.long
@settings(deadline=None, max_examples=50)
@given(
    voxel_size=st.tuples(*[st.floats(0.5, 500)] * 3),
    offset=st.tuples(*[st.floats(-1e6, 1e6)] * 3),
    index=st.tuples(*[st.integers(0, 3)] * 3),
)
def test_a_voxel_is_found_at_its_centre(voxel_size, offset, index):
    volume = Volume(
        da.zeros((4, 4, 4), dtype="u1"),
        ("z", "y", "x"),
        voxel_size,
        offset,
        Identity("run", "val", "raw"),
    )
    (layer,) = layers_of(volume)
    centre = np.array(offset) + (np.array(index) + 0.5) * voxel_size
    np.testing.assert_allclose(layer.data_to_world(index), centre, rtol=1e-6, atol=1e-3)
    assert tuple(np.round(layer.world_to_data(centre)).astype(int)) == index


def test_every_layer_has_units_labels_contrast_and_no_guessing(run_volumes):
    for volume in run_volumes():
        for _, keywords, kind in layer_data(volume):
            assert keywords["units"] == ["nanometer"] * 3
            assert keywords["axis_labels"] == ["z", "y", "x"]
            assert keywords["multiscale"] is False
            if kind == "image":
                assert keywords["contrast_limits"] in ((0, 1), (-1, 1))
                assert keywords["rgb"] is False


def test_a_last_axis_of_3_is_not_taken_for_colours(make_volume):
    (layer,) = layers_of(make_volume(np.zeros((40, 40, 3), "u1")))
    assert isinstance(layer, Image)
    assert not layer.rgb
    assert layer.ndim == 3


def test_making_layer_data_reads_nothing(make_volume):
    def read(block):
        raise AssertionError("an element was read")

    data = da.map_blocks(read, da.zeros((2, 8, 8, 8)), dtype="f4", meta=np.empty((0,) * 4, "f4"))
    layer_data(make_volume(data, ("c^", "z", "y", "x"), "prediction"))
    layer_data(make_volume(data > 0, ("c^", "z", "y", "x"), "gt", "labels"))


def test_names_follow_the_convention(run_volumes):
    names = [keywords["name"] for volume in run_volumes() for _, keywords, _ in layer_data(volume)]
    assert names == [
        "dist_aniso · aniso_val · raw",
        "dist_aniso · aniso_val · gt",
        "dist_aniso · aniso_val · prediction",
        "dist_aniso · aniso_val · segmentation",
    ]


def test_affinities_become_a_layer_each(stores, make_volume):
    path = stores / "pypi-0.3.5/affs_same_iso0/validation.zarr/60/ds_iso0_val_a/prediction"
    stored = zarr.open_array(str(path), mode="r")[:]
    offsets = [(1, 0, 0), (0, 1, 0), (0, 0, 1), (4, 0, 0), (0, 4, 0), (0, 0, 4)]
    volume = make_volume(
        stored, ("c^", "z", "y", "x"), "prediction", channel_names=tuple(map(str, offsets))
    )
    layers = layers_of(volume)
    assert [layer.name.split(" · ")[-1] for layer in layers] == list(map(str, offsets))
    for layer, channel in zip(layers, stored, strict=True):
        np.testing.assert_array_equal(np.asarray(layer.data), channel)
        assert tuple(layer.contrast_limits) == (0, 1)
    assert [layer.visible for layer in layers] == [True] * 3 + [False] * 3


def test_affinities_are_hidden_under_a_segmentation(make_volume):
    prediction = make_volume(
        np.zeros((1, 4, 4, 4), "f4"),
        ("c^", "z", "y", "x"),
        "prediction",
        channel_names=("(0, 0, 1)",),
    )
    segmentation = make_volume(np.zeros((4, 4, 4), "u8"), role="segmentation", kind="labels")
    alone = stack_layer_data([prediction])
    below = stack_layer_data([prediction, segmentation])
    assert alone[0][0][1]["visible"]
    assert not below[0][0][1]["visible"]
    assert below[1][0][1]["visible"]


def test_more_channels_than_can_be_listed_become_a_slider(make_volume):
    n = MAX_SPLIT_CHANNELS + 1
    (layer,) = layers_of(make_volume(np.zeros((n, 4, 4, 4), "f4"), ("c^", "z", "y", "x")))
    assert layer.data.shape == (n, 4, 4, 4)
    assert layer.axis_labels == ("c", "z", "y", "x")
    assert list(map(str, layer.units)) == ["pixel"] + ["nanometer"] * 3
    first, last = world_corners(layer, 3)
    np.testing.assert_allclose((first, last), [[0] * 3, [32] * 3])
    assert len(layer.metadata[METADATA_KEY]["channel_names"]) == n


def test_iterations_and_batches_of_a_snapshot_become_sliders(stores, make_volume):
    stored = zarr.open_array(str(stores / "main/snapshot/snapshot.zarr/volumes/prediction"))
    volume = make_volume(stored[:], tuple(stored.attrs["axis_names"]), "prediction")
    (layer,) = layers_of(volume)
    assert layer.axis_labels == ("iterations", "b", "z", "y", "x")
    np.testing.assert_array_equal(np.asarray(layer.data), stored[:, :, 0])
    assert list(map(str, layer.units)) == ["pixel"] * 2 + ["nanometer"] * 3


def test_two_dimensions(stores, make_volume):
    path = stores / "pypi-0.3.5/dist_2d/validation.zarr/20/ds_two_d_val/prediction"
    stored = zarr.open_array(str(path), mode="r")
    (layer,) = layers_of(make_volume(stored[:], ("c^", "y", "x"), "prediction"))
    assert layer.data.shape == stored.shape[1:]
    assert layer.axis_labels == ("y", "x")


@pytest.mark.parametrize(
    ("dtype", "shown"),
    [("?", "u1"), ("u1", "u1"), ("i8", "i8"), ("u8", "u8"), ("i4", "i4"), ("u2", "u2")],
)
def test_labels_of_every_integer_type(make_volume, dtype, shown):
    elements = np.ones((4, 4, 4), dtype)
    (layer,) = layers_of(make_volume(elements, role="gt", kind="labels"))
    assert isinstance(layer, Labels)
    assert layer.data.dtype == shown
    assert layer.get_value((1, 1, 1)) == 1


def test_large_ids_stay_apart(make_volume):
    elements = np.zeros((4, 4, 4), "u8")
    elements[0], elements[1] = 2**63 + 1, 2**63 + 2
    (layer,) = layers_of(make_volume(elements, role="segmentation", kind="labels"))
    assert isinstance(layer.colormap, CyclicLabelColormap)
    assert layer.get_value((0, 0, 0)) == 2**63 + 1
    colors = layer.colormap.map(elements[:2, 0, 0])
    assert not np.allclose(colors[0], colors[1])


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
def test_float_labels_are_refused(make_volume, dtype):
    with pytest.raises(UnsupportedError, match="labels"):
        layer_data(make_volume(np.zeros((4, 4, 4), dtype), role="gt", kind="labels"))


@pytest.mark.parametrize("dtype", ["?", "i1", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8"])
def test_images_of_every_type(make_volume, dtype):
    (layer,) = layers_of(make_volume(np.ones((4, 4, 4), dtype)))
    assert np.asarray(layer.data).max() == 1
    assert layer.contrast_limits[0] < layer.contrast_limits[1]


def test_class_names_are_in_the_status_bar(make_volume, viewer):
    elements = np.zeros((4, 4, 4), "u1")
    elements[1], elements[2] = 1, 7
    names = {0: "bg", 1: "odd", 2: "even"}
    (layer,) = layers_of(
        make_volume(elements, role="segmentation", kind="labels", class_names=names)
    )
    assert isinstance(layer.colormap, DirectLabelColormap)
    viewer.add_layer(layer)
    said = []
    for z in range(3):
        position = layer.data_to_world((z, 1, 1))
        viewer.dims.set_point(0, position[0])
        said.append(layer.get_status(position, world=True)["value"])
    assert said[0].endswith("class: bg")
    assert said[1].endswith("class: odd")
    assert "7" in said[2]
    assert layer.colormap.map(np.array([7]))[0][3] == 1, "a value without a name is seen"


def test_classes_of_any_value(make_volume):
    elements = np.full((4, 4, 4), 2**40, "u8")
    names = {0: "bg", 2**40: "far away"}
    (layer,) = layers_of(
        make_volume(elements, role="segmentation", kind="labels", class_names=names)
    )
    assert 2**40 not in layer.colormap.color_dict
    assert layer.colormap.map(elements[0, 0])[0][3] == 1
    assert list(layer.features["class"]) == ["bg", "far away"]


def test_the_channel_of_a_mask_is_in_the_status_bar(run_volumes):
    (layer,) = layers_of(run_volumes()[1])
    assert list(layer.features["class"]) == ["background", "blob"]


def test_metadata_are_plain_and_say_what_is_shown(make_volume, tmp_path):
    volume = make_volume(
        np.zeros((4, 4, 4), "u1"),
        notes=("offset repaired",),
        source=ArraySource(tmp_path, "zarr2"),
    )
    ((_, keywords, _),) = layer_data(volume)
    said = keywords["metadata"][METADATA_KEY]
    assert json.loads(json.dumps(said)) == said
    assert said["run"] == "run"
    assert said["role"] == "raw"
    assert said["iteration"] is None
    assert said["key"] == volume.key
    assert said["slot"] == volume.identity.slot
    assert said["revision"] == "1"
    assert said["notes"] == ["offset repaired"]
    assert said["source"] == str(tmp_path)


def level(shape, factor, offset=(0.0, 0.0, 0.0)):
    return Level(da.zeros(shape, dtype="u1"), (8.0 * factor,) * 3, offset)


@pytest.mark.parametrize(
    ("levels", "expected"),
    [
        ([level((8, 8, 8), 2), level((4, 4, 4), 4)], 3),
        ([level((16, 8, 8), 2, (0.0, 0.0, 0.0))], 1),
        ([level((8, 8, 8), 2, (0.0, 40.0, 0.0))], 1),
        ([level((16, 16, 16), 1)], 1),
        ([Level(da.zeros((8, 8)), (16.0, 16.0), (0.0, 0.0))], 1),
        ([level((9, 9, 9), 2)], 2),
    ],
)
def test_levels_that_cover_the_volume_are_used(make_volume, levels, expected):
    volume = make_volume(np.zeros((16, 16, 16), "u1"), levels=tuple(levels))
    (layer,) = layers_of(volume)
    assert layer.multiscale is (expected > 1)
    assert len(layer.level_shapes) == expected
    first, last = world_corners(layer, 3)
    np.testing.assert_allclose((first, last), [[0] * 3, [128] * 3])


def test_multiscale_labels(make_volume):
    labels = np.ones((16, 16, 16), "?")
    coarse = Level(da.ones((8, 8, 8), dtype="?"), (16.0,) * 3, (0.0,) * 3)
    (layer,) = layers_of(make_volume(labels, role="gt", kind="labels", levels=(coarse,)))
    assert isinstance(layer, Labels)
    assert layer.multiscale
    assert [data.dtype for data in layer.data] == ["u1", "u1"]
