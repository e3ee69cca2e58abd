from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from napari.components import ViewerModel

from napari_dacapo.viewers.napari.backend import NapariBackend
from napari_dacapo.viewers.napari.view_state import get_view, set_view
from napari_dacapo.viewers.view_state import LayerState, ViewState

AXES = ("z", "y", "x")


@pytest.fixture
def viewers(run_volumes):
    """Two viewers of the same run at different iterations."""
    made = []
    for iteration in (10, 20):
        viewer = ViewerModel()
        backend = NapariBackend(viewer)
        backend.show(run_volumes(iteration))
        backend.close()
        made.append(viewer)
    return made


def test_a_view_in_nanometres(viewers, run_volumes):
    viewer = viewers[0]
    viewer.dims.set_point(0, 1300.0)
    viewer.scene.camera.center = (0, 900, 500)
    viewer.scene.camera.zoom = 2.5
    view = get_view(viewer)
    assert view.axes == AXES
    assert view.position == (1300, 900, 500)
    assert view.zoom == 2.5
    assert view.ndisplay == 2
    assert view.canvas_size == tuple(viewer.canvas.size)
    slots = [volume.identity.slot for volume in run_volumes()]
    assert [layer.slot for layer in view.layers] == slots


def test_a_viewer_in_micrometres_gives_the_same_view(viewers):
    first, second = viewers
    first.layers.units = ("um", "um", "um")
    first.dims.set_point(0, 1.3)
    first.scene.camera.center = (0, 0.9, 0.5)
    first.scene.camera.zoom = 2500
    view = get_view(first)
    np.testing.assert_allclose(view.position, (1300, 900, 500))
    assert view.zoom == pytest.approx(2.5)
    set_view(second, view)
    assert second.scene.camera.zoom == pytest.approx(2.5)


positions = st.tuples(st.floats(1120, 1700), st.floats(700, 1100), st.floats(400, 750))
angles = st.tuples(st.floats(-179, 179), st.floats(-80, 80), st.floats(-179, 179))


@pytest.mark.long
@settings(
    deadline=None, max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    position=positions,
    zoom=st.floats(0.01, 100),
    ndisplay=st.sampled_from([2, 3]),
    order=st.permutations(range(3)),
    angles=angles,
    opacity=st.floats(0, 1),
    limits=st.tuples(st.floats(-5, 0), st.floats(0.1, 5)),
    gamma=st.floats(0.2, 2),
    visible=st.booleans(),
    label=st.integers(0, 200),
)
def test_round_trip(
    viewers, position, zoom, ndisplay, order, angles, opacity, limits, gamma, visible, label
):
    first, second = viewers
    first.dims.order = tuple(order)
    first.dims.ndisplay = ndisplay
    for axis, value in enumerate(position):
        first.dims.set_point(axis, value)
    first.scene.camera.center = tuple(position[axis] for axis in order)
    first.scene.camera.zoom = zoom
    first.scene.camera.angles = angles
    image, labels = first.layers[2], first.layers[3]
    image.contrast_limits_range = (-10, 10)
    image.contrast_limits, image.gamma, image.colormap = limits, gamma, "magma"
    image.visible, image.opacity, image.blending = visible, opacity, "additive"
    labels.selected_label, labels.show_selected_label = label, visible

    view = get_view(first)
    set_view(second, ViewState.from_dict(view.as_dict()))

    assert second.dims.order == first.dims.order
    assert second.dims.ndisplay == ndisplay
    np.testing.assert_allclose(second.dims.point, first.dims.point, atol=1e-6)
    np.testing.assert_allclose(
        second.scene.camera.center[-ndisplay:], first.scene.camera.center[-ndisplay:]
    )
    assert second.scene.camera.zoom == pytest.approx(zoom)
    if ndisplay == 3:
        for name in ("view_direction", "up_direction"):
            expected = getattr(first.scene.camera, name)
            np.testing.assert_allclose(getattr(second.scene.camera, name), expected, atol=1e-5)
    assert get_view(second).layers == view.layers


def test_layers_that_are_not_there_are_left_out(viewers):
    viewer = viewers[0]
    before = get_view(viewer)
    gone = LayerState("no such slot", visible=False)
    view = ViewState(AXES, before.position, before.zoom, layers=(gone,))
    set_view(viewer, view)
    assert get_view(viewer) == before


def test_layers_of_others_are_matched_by_name(viewers):
    viewer = viewers[0]
    mine = viewer.add_image(np.zeros((4, 4, 4)), name="mine")
    position, zoom = get_view(viewer).position, get_view(viewer).zoom
    set_view(viewer, ViewState(AXES, position, zoom, layers=(LayerState("", "mine", opacity=0.3),)))
    assert mine.opacity == 0.3


def test_a_colormap_that_nobody_knows_is_left_out(viewers):
    viewer = viewers[0]
    view = get_view(viewer)
    slot = view.layers[2].slot
    unknown = LayerState(slot, colormap="no such colormap", opacity=0.5)
    set_view(viewer, ViewState(AXES, view.position, view.zoom, layers=(unknown,)))
    assert viewer.layers[2].colormap.name == "dacapo signed"
    assert viewer.layers[2].opacity == 0.5


@pytest.mark.long
@pytest.mark.parametrize(
    ("layer", "change"),
    [
        (2, {"blending": "no such blending"}),
        (2, {"contrast_limits": (1.0, 1.0)}),
        (2, {"contrast_limits": (2.0, 1.0)}),
        (2, {"gamma": 0.0}),
        (2, {"gamma": -1.0}),
        (3, {"selected_label": 325}),
        (3, {"selected_label": -1}),
        (3, {"selected_label": 2**70}),
    ],
)
def test_what_napari_does_not_know_is_left_out(viewers, layer, change):
    viewer = viewers[0]
    before = get_view(viewer)
    wrong = replace(before.layers[layer], opacity=0.25, **change)
    set_view(viewer, replace(before, layers=(wrong,)))
    expected = replace(before.layers[layer], opacity=0.25)
    assert get_view(viewer).layers[layer] == expected


def test_axes_are_matched_by_name(viewers):
    viewer = viewers[0]
    set_view(viewer, ViewState(("x", "y"), (500.0, 900.0), 1.0))
    assert viewer.scene.camera.center[-2:] == (900, 500)


def test_two_dimensions(make_volume):
    viewer = ViewerModel()
    backend = NapariBackend(viewer)
    backend.show([make_volume(np.zeros((8, 8), "f4"), ("y", "x"))])
    view = backend.get_view()
    assert view.axes == ("y", "x")
    # The middle of 8 voxels of 8 nm.
    np.testing.assert_allclose(view.position, (32, 32), atol=4)
    backend.set_view(view)
    assert backend.get_view() == view
    backend.close()


def test_an_empty_viewer_has_a_view():
    viewer = ViewerModel(ndisplay=3)
    view = get_view(viewer)
    assert view.layers == ()
    set_view(viewer, view)


def test_extra_axes_stay_where_they_are(make_volume):
    viewer = ViewerModel()
    backend = NapariBackend(viewer)
    axes = ("iterations^", "z", "y", "x")
    backend.show([make_volume(np.zeros((5, 8, 8, 8), "f4"), axes)])
    viewer.dims.set_point(0, 3)
    view = backend.get_view()
    assert view.axes == AXES
    backend.set_view(view)
    assert viewer.dims.point[0] == 3
    assert backend.get_view() == view
    backend.close()
