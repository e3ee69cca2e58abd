"""Volumes next to each other in napari's grid."""

from __future__ import annotations

import numpy as np
import pytest
from napari.utils._proxies import PublicOnlyProxy

from napari_dacapo.viewers.napari.backend import NapariBackend
from napari_dacapo.volumes import Identity


@pytest.fixture
def backend(viewer):
    backend = NapariBackend(viewer)
    yield backend
    backend.close()


def boxes(viewer):
    """Return what is in each box of the grid, in reading order."""
    names = [layer.name for layer in viewer.layers]
    return [
        [names[i] for i in indices]
        for _, indices in viewer.canvas.grid.iter_viewboxes(viewer.layers)
    ]


@pytest.fixture
def make_dataset(make_volume):
    """Make raw and prediction of a dataset that begins at some place along x."""

    def make(dataset, x=0.0, run="run"):
        return [
            make_volume(
                np.zeros((4, 4, 4), "u1"), role=role, offset=(0.0, 0.0, x),
                identity=Identity(run, dataset, role, store="store"),
            )
            for role in ("raw", "prediction")
        ]  # fmt: skip

    return make


def test_side_by_side_and_back(backend, viewer, run_volumes):
    backend.show(run_volumes())
    raw, gt, prediction, segmentation = viewer.layers
    prediction.visible = False
    gt.contour = 2
    segmentation.opacity = 0.7
    center, zoom = viewer.scene.camera.center, viewer.scene.camera.zoom

    backend.arrange("side by side")
    grid = viewer.canvas.grid
    assert grid.enabled
    positions = [grid.position(i, viewer.layers) for i in range(4)]
    assert positions == sorted(positions)
    assert len(set(positions)) == 4
    assert all(layer.visible for layer in viewer.layers)
    assert (gt.contour, segmentation.opacity) == (0, 1)
    box = np.array(viewer.canvas.viewbox_size(viewer.layers))
    assert min(box) / viewer.scene.camera.zoom == pytest.approx(min(viewer.canvas.size) / zoom)

    backend.arrange("side by side")
    backend.arrange("stacked")
    assert not grid.enabled
    assert not prediction.visible
    assert (gt.contour, segmentation.opacity) == (2, 0.7)
    assert viewer.scene.camera.center == center
    assert viewer.scene.camera.zoom == pytest.approx(zoom)
    assert not raw.name_overlay.visible


def test_side_by_side_shows_one_channel_of_each(backend, viewer, make_volume):
    names = ("(1, 0, 0)", "(0, 1, 0)", "(0, 0, 1)")
    prediction = make_volume(
        np.zeros((3, 4, 4, 4), "f4"), ("c^", "z", "y", "x"), "prediction", channel_names=names
    )
    backend.show([make_volume(np.zeros((4, 4, 4), "u1")), prediction])
    backend.arrange("side by side")
    assert [layer.visible for layer in viewer.layers] == [True, True, False, False]
    assert viewer.layers[1].colormap.name == "gray"
    backend.arrange("stacked")
    assert [layer.visible for layer in viewer.layers] == [True] * 4
    assert viewer.layers[1].colormap.name == "dacapo affinity z"


def test_side_by_side_shows_the_channel_that_was_looked_at(backend, viewer, make_volume):
    prediction = make_volume(
        np.zeros((3, 4, 4, 4), "f4"), ("c^", "z", "y", "x"), "prediction",
        channel_names=("cell", "ecs", "mito"),
    )  # fmt: skip
    backend.show([prediction])
    viewer.layers[0].visible = False
    backend.arrange("side by side")
    assert [layer.visible for layer in viewer.layers] == [False, True, False]
    backend.arrange("stacked")
    assert [layer.visible for layer in viewer.layers] == [False, True, True]


def test_datasets_side_by_side_have_a_row_each(backend, viewer, make_volume):
    for dataset in ("west", "east"):
        backend.show(
            [
                make_volume(np.zeros((4, 4, 4), "u1"), identity=Identity("run", dataset, role))
                for role in ("raw", "prediction")
            ]
        )
    backend.arrange("side by side")
    positions = [viewer.canvas.grid.position(i, viewer.layers) for i in range(4)]
    assert positions == [(0, 0), (0, 1), (1, 0), (1, 1)]


def test_stepping_iterations_side_by_side(backend, viewer, run_volumes):
    backend.show(run_volumes(10))
    backend.arrange("side by side")
    viewer.layers[0].visible = False
    backend.show(run_volumes(20))
    assert viewer.canvas.grid.enabled
    assert not viewer.layers[0].visible, "hidden by the user, and left so"
    backend.arrange("stacked")
    assert [layer.visible for layer in viewer.layers] == [True] * 4
    assert viewer.layers[1].contour == 1


def test_a_grid_of_the_user_is_not_taken_for_ours(backend, viewer, run_volumes):
    viewer.canvas.grid.enabled = True
    backend.show(run_volumes())
    assert viewer.layers[1].contour == 1


@pytest.mark.usefixtures("qapp")
@pytest.mark.parametrize("proxied", [False, True], ids=["viewer", "proxy"])
def test_names_end_where_they_can_be_read(viewer, run_volumes, proxied):
    backend = NapariBackend(PublicOnlyProxy(viewer) if proxied else viewer)
    backend.show(run_volumes())
    scale_bar = viewer.canvas.overlays.scale_bar
    backend.arrange("side by side")
    names = [layer.name_overlay for layer in viewer.layers]
    assert all(name.visible and name.position == "bottom_right" for name in names)
    assert scale_bar.position == "top_right", "names are where it was"
    backend.arrange("side by side")
    backend.arrange("stacked")
    assert scale_bar.position == "bottom_right"


@pytest.mark.parametrize("position", ["top_right", "bottom_left"])
def test_a_scale_bar_that_was_moved_is_left_alone(backend, viewer, run_volumes, position):
    backend.show(run_volumes())
    scale_bar = viewer.canvas.overlays.scale_bar
    scale_bar.position = position
    backend.arrange("side by side")
    assert scale_bar.position == position
    backend.arrange("stacked")
    assert scale_bar.position == position


@pytest.mark.parametrize("below", [True, False])
def test_layers_of_the_user_have_boxes_of_their_own(backend, viewer, run_volumes, below):
    if below:
        viewer.add_image(np.zeros((4, 4, 4)), name="mine")
    backend.show(run_volumes())
    if not below:
        viewer.add_image(np.zeros((4, 4, 4)), name="mine")
    backend.arrange("side by side")
    shown = [box for box in boxes(viewer) if box]
    assert all(len(box) == 1 for box in shown)
    assert len(shown) == 5


def test_layers_that_come_and_go_get_and_leave_boxes(backend, viewer, run_volumes):
    viewer.canvas.size = (400, 1600)
    backend.show(run_volumes())
    backend.arrange("side by side")
    assert viewer.canvas.grid.shape == (1, 4)
    mine = viewer.add_image(np.zeros((4, 4, 4)), name="mine")
    assert [len(box) for box in boxes(viewer)] == [1] * 5
    mine.visible = False
    assert [len(box) for box in boxes(viewer)] == [1] * 4
    mine.visible = True
    assert [len(box) for box in boxes(viewer)] == [1] * 5
    viewer.layers.remove(mine)
    viewer.layers.remove(viewer.layers[0])
    assert [len(box) for box in boxes(viewer)] == [1] * 3


def test_the_part_in_view_stays_when_boxes_change(backend, viewer, run_volumes):
    backend.show(run_volumes())
    before = min(viewer.canvas.size) / viewer.scene.camera.zoom

    def in_view():
        return min(viewer.canvas.viewbox_size(viewer.layers)) / viewer.scene.camera.zoom

    backend.arrange("side by side")
    assert in_view() == pytest.approx(before)
    viewer.layers[0].visible = False
    assert in_view() == pytest.approx(before)
    backend.arrange("side by side")
    assert in_view() == pytest.approx(before)
    backend.arrange("stacked")
    assert in_view() == pytest.approx(before)


def test_a_grid_of_the_user_keeps_its_shape(backend, viewer, run_volumes):
    backend.show(run_volumes())
    viewer.canvas.grid.shape = (3, 3)
    viewer.canvas.grid.enabled = True
    viewer.layers[0].visible = False
    assert viewer.canvas.grid.shape == (3, 3)


def test_what_lies_elsewhere_steps_aside(backend, viewer, make_dataset):
    backend.show(make_dataset("west"))
    viewer.layers[0].visible = False
    backend.show(make_dataset("east", 8000.0))
    backend.arrange("side by side")
    assert boxes(viewer) == [["run · east · raw"], ["run · east · prediction"]]
    assert not any(layer.name_overlay.visible for layer in viewer.layers[:2])
    backend.arrange("stacked")
    assert [layer.visible for layer in viewer.layers] == [False, True, True, True]


def test_the_dataset_that_is_asked_for_takes_the_place_of_the_one_before(
    backend, viewer, make_dataset
):
    backend.show(make_dataset("west"))
    backend.arrange("side by side")
    west = [layer.opacity for layer in viewer.layers]
    backend.show(make_dataset("east", 8000.0))
    assert boxes(viewer) == [["run · east · raw"], ["run · east · prediction"]]
    backend.show(make_dataset("west"))
    assert boxes(viewer) == [["run · west · raw"], ["run · west · prediction"]]
    assert [layer.opacity for layer in viewer.layers[:2]] == west
    backend.arrange("stacked")
    assert all(layer.visible for layer in viewer.layers)
    assert not viewer.canvas.grid.enabled


def test_runs_of_the_same_dataset_stand_below_each_other(backend, viewer, make_dataset):
    backend.show(make_dataset("west", run="first"))
    backend.show(make_dataset("west", 8.0, run="second"))
    backend.arrange("side by side")
    assert viewer.canvas.grid.shape == (2, 2)
    assert boxes(viewer) == [
        ["first · west · raw"],
        ["first · west · prediction"],
        ["second · west · raw"],
        ["second · west · prediction"],
    ]


def test_planes_and_volumes_do_not_stand_together(backend, viewer, make_dataset, make_volume):
    backend.show(make_dataset("west"))
    plane = make_volume(np.zeros((4, 4), "u1"), ("y", "x"), identity=Identity("flat", "a", "raw"))
    backend.show([plane])
    backend.arrange("side by side")
    assert boxes(viewer) == [["flat · a · raw"]]
