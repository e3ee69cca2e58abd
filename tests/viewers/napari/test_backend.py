from __future__ import annotations

import gc
import weakref

import dask.array as da
import numpy as np
import pytest
import zarr
from napari.components import ViewerModel
from napari.layers import Image, Layer

from napari_dacapo.errors import UnsupportedError
from napari_dacapo.viewers.base import Backend
from napari_dacapo.viewers.napari.backend import NapariBackend, layer_volume
from napari_dacapo.viewers.napari.caretaker import caretaker_of
from napari_dacapo.viewers.napari.layers import METADATA_KEY, layer_data
from napari_dacapo.viewers.napari.legend import LEGEND
from napari_dacapo.volumes import Identity, Level


@pytest.fixture
def backend(viewer):
    backend = NapariBackend(viewer)
    yield backend
    backend.close()


def roles(viewer):
    return [layer.metadata[METADATA_KEY]["role"] for layer in viewer.layers]


def legend(viewer):
    overlay = viewer.canvas.overlays.get(LEGEND)
    return overlay.text if overlay is not None and overlay.visible else ""


def test_it_is_a_backend(backend):
    assert isinstance(backend, Backend)


def test_volumes_become_layers_in_order(backend, viewer, run_volumes):
    volumes = run_volumes()
    backend.show(volumes)
    assert roles(viewer) == ["raw", "gt", "prediction", "segmentation"]
    assert backend.shown() == volumes
    assert list(map(str, viewer.layers.units)) == ["nanometer"] * 3
    assert viewer.dims.axis_labels == ("z", "y", "x")
    assert viewer.canvas.overlays.scale_bar.visible


def test_gt_is_a_line(backend, viewer, run_volumes):
    backend.show(run_volumes())
    assert viewer.layers["dist_aniso · aniso_val · gt"].contour == 1


def test_another_iteration_is_exchanged_in_place(backend, viewer, run_volumes, aniso):
    backend.show(run_volumes(10))
    before = list(viewer.layers)
    prediction = viewer.layers["dist_aniso · aniso_val · prediction"]
    prediction.contrast_limits = (-0.3, 0.4)
    prediction.colormap = "magma"
    prediction.opacity = 0.3
    viewer.layers["dist_aniso · aniso_val · gt"].contour = 3
    viewer.layers["dist_aniso · aniso_val · segmentation"].visible = False
    viewer.scene.camera.center = (0, 900, 500)
    viewer.scene.camera.zoom = 3.5
    viewer.dims.set_point(0, 1300)

    backend.show(run_volumes(20))

    assert list(viewer.layers) == before
    stored = zarr.open_array(str(aniso / "20/ds_aniso_val/prediction"), mode="r")
    np.testing.assert_array_equal(np.asarray(prediction.data), stored[0])
    segmentation = viewer.layers["dist_aniso · aniso_val · segmentation"]
    np.testing.assert_array_equal(np.asarray(segmentation.data), stored[0] > 0)
    assert prediction.metadata[METADATA_KEY]["iteration"] == 20
    assert tuple(prediction.contrast_limits) == (-0.3, 0.4)
    assert prediction.colormap.name == "magma"
    assert prediction.opacity == 0.3
    assert not segmentation.visible
    assert viewer.layers["dist_aniso · aniso_val · gt"].contour == 3
    assert tuple(viewer.scene.camera.center) == (0, 900, 500)
    assert viewer.scene.camera.zoom == 3.5
    assert viewer.dims.point[0] == 1300
    assert [v.identity.iteration for v in backend.shown()] == [None, None, 20, 20]


def test_what_is_on_screen_already_is_not_loaded_again(backend, viewer, make_volume):
    volume = make_volume(np.zeros((4, 4, 4), "u1"))
    backend.show([volume])
    (layer,) = viewer.layers
    data = layer.data
    backend.show([volume.with_(data=da.ones((4, 4, 4), dtype="u1"))])
    assert layer.data is data


def test_a_rewritten_array_is_seen(backend, viewer, make_volume, tmp_path):
    array = zarr.create_array(tmp_path / "a.zarr", shape=(4, 4, 4), chunks=(4, 4, 4), dtype="u1")

    def volume(revision):
        data = da.from_array(array, chunks=4, name=f"array-{revision}")
        return make_volume(data, revision=revision)

    backend.show([volume("1")])
    (layer,) = viewer.layers
    assert layer.get_value(layer.data_to_world((1, 1, 1)), world=True) == 0
    array[:] = 7
    backend.show([volume("2")])
    assert list(viewer.layers) == [layer]
    assert layer.get_value(layer.data_to_world((1, 1, 1)), world=True) == 7


def test_new_geometry_is_taken_over(backend, viewer, make_volume):
    backend.show([make_volume(np.zeros((4, 4, 4), "u1"))])
    moved = make_volume(
        np.zeros((8, 8, 8), "u1"), voxel_size=(4.0,) * 3, offset=(40.0,) * 3, revision="2"
    )
    backend.show([moved])
    (layer,) = viewer.layers
    np.testing.assert_allclose(layer.data_to_world((-0.5,) * 3), (40,) * 3)
    np.testing.assert_allclose(layer.data_to_world((7.5,) * 3), (72,) * 3)


def test_contrast_follows_the_data_until_somebody_sets_it(backend, viewer, make_volume):
    backend.show([make_volume(np.zeros((4, 4, 4), "u1"))])
    (layer,) = viewer.layers
    backend.show([make_volume(np.zeros((4, 4, 4), "f4"), revision="2")])
    assert tuple(layer.contrast_limits) == (0, 1)
    layer.contrast_limits = (0.2, 0.5)
    backend.show([make_volume(np.zeros((4, 4, 4), "u1"), revision="3")])
    assert tuple(layer.contrast_limits) == (0.2, 0.5)


def pyramid(volume):
    coarse = Level(volume.data[::2, ::2, ::2], (16.0,) * 3, (0.0,) * 3)
    return volume.with_(levels=(coarse,), revision=volume.revision + "p")


@pytest.mark.parametrize("kind", ["image", "labels"])
def test_single_and_multiscale_take_each_others_place(backend, viewer, make_volume, kind):
    single = make_volume(np.ones((8, 8, 8), "u1"), kind=kind, role="raw")
    above = make_volume(np.ones((8, 8, 8), "u8"), kind="labels", role="segmentation")
    backend.show([single, above])
    before = viewer.layers[0]
    before.opacity, before.visible = 0.3, False
    if kind == "image":
        before.contrast_limits, before.gamma, before.colormap = (3, 33), 1.5, "viridis"
    else:
        before.contour, before.selected_label = 2, 5
    name, camera = before.name, viewer.scene.camera.model_dump()
    viewer.layers.selection = {before}

    for volume in (pyramid(single), single):
        backend.show([volume])
        layer = viewer.layers[0]
        assert layer.multiscale is bool(volume.levels)
        assert len(viewer.layers) == 2
        assert layer.name == name
        assert (layer.opacity, layer.visible) == (0.3, False)
        assert viewer.layers.selection == {layer}
        assert viewer.scene.camera.model_dump() == camera
        if kind == "image":
            assert tuple(layer.contrast_limits) == (3, 33)
            assert (layer.gamma, layer.colormap.name) == (1.5, "viridis")
        else:
            assert (layer.contour, layer.selected_label) == (2, 5)


def test_image_and_labels_take_each_others_place(backend, viewer, make_volume):
    backend.show([make_volume(np.zeros((4, 4, 4), "u1"), role="error")])
    viewer.layers[0].opacity = 0.2
    backend.show([make_volume(np.zeros((4, 4, 4), "u1"), role="error", kind="labels")])
    (layer,) = viewer.layers
    assert not isinstance(layer, Image)
    assert layer.opacity == 0.2


def test_channels_come_and_go(backend, viewer, make_volume):
    def volume(n, revision):
        names = tuple("abc"[:n])
        data = np.full((n, 4, 4, 4), n, "f4")
        return make_volume(
            data, ("c^", "z", "y", "x"), "prediction", channel_names=names, revision=revision
        )

    backend.show([volume(2, "1")])
    first = viewer.layers[0]
    backend.show([volume(3, "2")])
    assert [layer.name[-1] for layer in viewer.layers] == ["a", "b", "c"]
    assert viewer.layers[0] is first
    assert float(np.asarray(first.data)[0, 0, 0]) == 3
    backend.show([volume(1, "3")])
    assert list(viewer.layers) == [first]


def test_a_late_volume_goes_where_it_belongs(backend, viewer, run_volumes):
    raw, gt, prediction, segmentation = run_volumes()
    backend.show([raw, segmentation])
    backend.show([prediction])
    backend.show([gt])
    assert roles(viewer) == ["raw", "gt", "prediction", "segmentation"]


def test_affinities_give_way_to_a_segmentation_that_comes_later(backend, viewer, make_volume):
    prediction = make_volume(
        np.zeros((1, 4, 4, 4), "f4"),
        ("c^", "z", "y", "x"),
        "prediction",
        channel_names=("(0, 0, 1)",),
    )
    segmentation = make_volume(np.zeros((4, 4, 4), "u8"), role="segmentation", kind="labels")
    backend.show([prediction])
    affinities = viewer.layers[0]
    assert affinities.visible
    backend.show([segmentation])
    assert not affinities.visible
    affinities.visible = True
    backend.show([segmentation.with_(revision="2")])
    assert affinities.visible, "switched on by the user, and left so"


def test_layers_of_others_are_left_alone(backend, viewer, run_volumes):
    mine = viewer.add_image(np.zeros((4, 4)), name="dist_aniso · aniso_val · raw")
    backend.show(run_volumes(10))
    backend.show(run_volumes(20))
    assert mine in viewer.layers
    assert mine.name == "dist_aniso · aniso_val · raw"
    assert len(backend.shown()) == 4
    backend.remove([volume.identity.slot for volume in backend.shown()])
    assert list(viewer.layers) == [mine]


def test_layers_leave_together(backend, viewer, run_volumes):
    """After each batch napari collects garbage and draws anew, which takes long."""
    volumes = run_volumes()
    backend.show(volumes)
    batches, changes = [], []
    viewer.layers.events.begin_batch.connect(lambda: batches.append(len(viewer.layers)))
    viewer.layers.events.end_batch.connect(lambda: changes.append(len(viewer.layers)))
    backend.remove(["no such slot"])
    assert not batches
    backend.remove([volume.identity.slot for volume in volumes])
    assert (batches, changes) == ([4], [0])


def test_unknown_slots_are_ignored(backend, viewer, run_volumes):
    volumes = run_volumes()
    backend.show(volumes)
    backend.remove(["no such slot", volumes[0].identity.slot])
    assert roles(viewer) == ["gt", "prediction", "segmentation"]


def test_a_layer_removed_by_hand_comes_back(backend, viewer, run_volumes):
    backend.show(run_volumes(10))
    del viewer.layers["dist_aniso · aniso_val · gt"]
    assert len(backend.shown()) == 3
    backend.show(run_volumes(20))
    assert roles(viewer) == ["raw", "gt", "prediction", "segmentation"]


def test_layers_of_a_reader_are_taken_over(viewer, run_volumes):
    for volume in run_volumes(10):
        for data in layer_data(volume):
            viewer.add_layer(Layer.create(*data))
    before = list(viewer.layers)
    backend = NapariBackend(viewer)
    assert viewer.layers["dist_aniso · aniso_val · gt"].contour == 1
    backend.show(run_volumes(20))
    assert list(viewer.layers) == before
    assert "iteration 20" in legend(viewer)
    backend.close()


def test_layers_that_a_reader_adds_later_are_finished(backend, viewer, run_volumes):
    for volume in run_volumes(10):
        for data in layer_data(volume):
            viewer.add_layer(Layer.create(*data))
    assert viewer.layers["dist_aniso · aniso_val · gt"].contour == 1
    assert "iteration 10" in legend(viewer)


def test_nothing_is_changed_when_a_volume_cannot_be_shown(backend, viewer, make_volume):
    good = make_volume(np.zeros((4, 4, 4), "u1"))
    bad = make_volume(np.zeros((4, 4, 4), "c8"), role="prediction")
    with pytest.raises(UnsupportedError):
        backend.show([good, bad])
    assert not len(viewer.layers)


def test_the_plane_in_view_is_in_the_middle_of_gt(backend, viewer, make_volume):
    # A plane between two voxels would be rounded to different ones by different layers.
    raw = make_volume(np.zeros((40, 400, 400), "u1"), voxel_size=(4.0,) * 3)
    gt = make_volume(
        np.zeros((4, 10, 10), "u8"), role="gt", kind="labels", offset=(120.0, 800.0, 80.0)
    )
    backend.show([raw, gt])
    assert viewer.dims.point[0] == 120 + 2 * 8 + 4
    _, y, x = viewer.scene.camera.center
    np.testing.assert_allclose((y, x), (800 + 40, 80 + 40), atol=8)
    height = viewer.canvas.size[0] / viewer.scene.camera.zoom
    assert 80 <= height <= 160, "gt fills the view, not the large raw volume"


def test_the_view_is_of_everything_when_raw_is_only_a_little_larger(backend, viewer, run_volumes):
    backend.show(run_volumes())
    # raw reaches from 768 to 1088 and 408 to 728 nm
    _, y, x = viewer.scene.camera.center
    np.testing.assert_allclose((y, x), (928, 568), atol=4)
    assert min(viewer.canvas.size) / viewer.scene.camera.zoom >= 320


def test_another_dataset_is_brought_into_view(backend, viewer, make_volume):
    backend.show([make_volume(np.zeros((4, 10, 10), "u1"))])
    far = make_volume(
        np.zeros((4, 10, 10), "u1"),
        offset=(8000.0, 8000.0, 8000.0),
        identity=Identity("run", "other", "raw", store="store"),
    )
    backend.show([far])
    assert viewer.dims.point[0] == 8000 + 2 * 8 + 4
    np.testing.assert_allclose(viewer.scene.camera.center[1:], (8040, 8040), atol=8)


def test_iterations_on_a_slider_do_not_switch_units_off(backend, viewer, make_volume, run_volumes):
    backend.show(run_volumes())
    axes = ("iterations^", "b^", "c^", "z", "y", "x")
    snapshot = make_volume(np.zeros((2, 1, 1, 4, 4, 4), "f4"), axes, "prediction")
    backend.show([snapshot])
    assert list(map(str, viewer.layers.units)) == ["pixel"] * 2 + ["nanometer"] * 3
    assert viewer.dims.axis_labels == ("iterations", "b", "z", "y", "x")


def test_two_dimensions(backend, viewer, stores, make_volume):
    path = stores / "pypi-0.3.5/dist_2d/validation.zarr/20/ds_two_d_val/prediction"
    stored = zarr.open_array(str(path), mode="r")[:]
    backend.show([make_volume(stored, ("c^", "y", "x"), "prediction")])
    assert viewer.dims.ndim == 2
    assert list(map(str, viewer.layers.units)) == ["nanometer"] * 2


@pytest.mark.parametrize("ndisplay", [2, 3])
@pytest.mark.parametrize("order", [("volume", "plane"), ("plane", "volume")])
def test_planes_and_volumes_share_a_viewer(backend, viewer, make_volume, order, ndisplay):
    volumes = {
        "volume": make_volume(np.zeros((4, 10, 20), "u1"), offset=(800.0, 80.0, 160.0)),
        "plane": make_volume(
            np.zeros((30, 40), "u1"),
            ("y", "x"),
            offset=(4000.0, 2000.0),
            identity=Identity("flat", "val", "raw", store="store"),
        ),
    }
    middles = {"volume": (80 + 40, 160 + 80), "plane": (4000 + 120, 2000 + 160)}
    widths = {"volume": 160, "plane": 320}
    for kind in order:
        backend.show([volumes[kind]])
        viewer.dims.ndisplay = ndisplay
    assert all(layer.visible for layer in viewer.layers)
    last = order[-1]
    np.testing.assert_allclose(viewer.scene.camera.center[-2:], middles[last], atol=8)
    assert widths[last] <= viewer.canvas.size[1] / viewer.scene.camera.zoom <= 2 * widths[last]
    assert tuple(viewer.dims.point[-2:]) == tuple(m + 4 for m in middles[last])


def test_layers_are_seen_though_the_camera_cannot_be_moved(
    backend, viewer, run_volumes, monkeypatch
):
    def refuse(*arguments, **keywords):
        raise IndexError("no camera")

    monkeypatch.setattr("napari_dacapo.viewers.napari.backend.look_at", refuse)
    with pytest.raises(IndexError, match="no camera"):
        backend.show(run_volumes())
    assert [layer.visible for layer in viewer.layers] == [True] * 4


def test_lines_become_fillings_in_3d_and_lines_again(backend, viewer, run_volumes):
    backend.show(run_volumes())
    viewer.dims.ndisplay = 3
    viewer.dims.ndisplay = 2
    assert viewer.layers["dist_aniso · aniso_val · gt"].contour == 1


def test_closing_lets_go_of_the_viewer(viewer, run_volumes):
    caretaker_of(viewer)  # stays: the words on the canvas are about layers that stay
    inserted, removed = viewer.layers.events.inserted, viewer.layers.events.removed
    before = len(inserted.callbacks), len(removed.callbacks)

    def use():
        backend = NapariBackend(viewer)
        backend.show(run_volumes())
        backend.close()
        backend.close()
        return weakref.ref(backend)

    # In a function of its own: napari looks at the local variables of its callers.
    backend = use()
    gc.collect()
    assert backend() is None
    assert (len(inserted.callbacks), len(removed.callbacks)) == before
    assert len(viewer.layers) == 4


def test_two_backends_of_one_viewer_agree(viewer, run_volumes):
    first, second = NapariBackend(viewer), NapariBackend(viewer)
    first.show(run_volumes(10))
    before = list(viewer.layers)
    second.show(run_volumes(20))
    assert list(viewer.layers) == before
    assert [v.identity.iteration for v in first.shown()] == [None, None, 20, 20]
    first.close()
    second.close()


def test_a_layer_knows_its_volume(backend, viewer, run_volumes):
    volumes = run_volumes()
    backend.show(volumes)
    assert [layer_volume(layer) for layer in viewer.layers] == volumes
    assert layer_volume(ViewerModel().add_image(np.zeros((2, 2)))) is None
