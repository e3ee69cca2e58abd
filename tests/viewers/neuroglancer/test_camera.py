"""Positions, zoom and orientation between the world and neuroglancer's voxels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_dacapo.viewers.neuroglancer.camera import (
    camera_from_view,
    first_camera,
    metres,
    spatial_dimensions,
    view_from_camera,
)
from napari_dacapo.viewers.orientation import (
    directions_from_orientation,
    orientation_from_directions,
)
from napari_dacapo.viewers.view_state import ViewState

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_dacapo.volumes import Volume

world = st.floats(-1e7, 1e7)
sizes = st.floats(0.1, 5000)
quaternions = st.tuples(*[st.floats(-1, 1)] * 4).filter(lambda q: np.linalg.norm(q) > 0.1)


@given(
    position=st.tuples(world, world, world),
    voxel=st.tuples(sizes, sizes, sizes),
    zoom=st.floats(1e-5, 1e3),
    ndisplay=st.sampled_from([2, 3]),
    axes=st.permutations(("z", "y", "x")),
    order=st.permutations(("z", "y", "x")),
    orientation=quaternions,
    size=st.tuples(st.integers(1, 5000), st.integers(1, 5000)),
)
def test_a_view_comes_back(
    position: Any, voxel: Any, zoom: float, ndisplay: Any, axes: Any, order: Any, orientation: Any,
    size: Any,
) -> None:  # fmt: skip
    length = float(np.linalg.norm(orientation))
    turned = tuple(value / length for value in orientation) if ndisplay == 3 else (0, 0, 0, 1)
    view = ViewState(
        tuple(axes), position, zoom, ndisplay, tuple(axes) if ndisplay == 3 else tuple(order),
        turned, size,
    )  # fmt: skip
    camera = camera_from_view(view, dict(zip(axes, voxel, strict=True)))
    back = view_from_camera(camera, canvas_size=size)
    assert (back.axes, back.ndisplay, back.order) == (view.axes, view.ndisplay, view.order)
    np.testing.assert_allclose(back.position, position, rtol=1e-9, atol=1e-6)
    assert back.zoom == pytest.approx(zoom, rel=1e-9)
    np.testing.assert_allclose(
        directions_from_orientation(back.orientation), directions_from_orientation(turned),
        atol=1e-9,
    )  # fmt: skip


@pytest.mark.parametrize("axes", [("x", "y", "z"), ("y", "x", "z"), ("z", "y", "x"), ("x", "y")])
def test_x_runs_from_left_to_right_in_whatever_order_the_elements_lie(
    volume: Callable[..., Volume], axes: tuple[str, ...]
) -> None:
    camera = first_camera([volume(np.ones((4,) * len(axes), "u1"), axes)])
    assert camera["displayDimensions"] == sorted(axes)
    assert list(camera["dimensions"]) == list(axes)


def test_a_camera_looks_along_the_same_axis_in_whatever_order_the_elements_lie() -> None:
    """Along +x, with -z on top, of a volume whose axes are x, y, z."""
    # In (axes[-1], axes[-2], axes[-3]), which is (z, y, x) here.
    orientation = orientation_from_directions((0, 0, 1), (-1, 0, 0))
    view = ViewState(("x", "y", "z"), (0, 0, 0), 1.0, 3, orientation=orientation)
    camera = camera_from_view(view, {"x": 8, "y": 8, "z": 8})
    assert camera["displayDimensions"] == ["x", "y", "z"]
    forward, up = directions_from_orientation(camera["projectionOrientation"])
    np.testing.assert_allclose(forward, (1, 0, 0), atol=1e-9)
    np.testing.assert_allclose(up, (0, 0, -1), atol=1e-9)


def test_the_formulas_are_neuroglancers() -> None:
    view = ViewState(("z", "y", "x"), (1420.0, 830.0, 446.0), zoom=0.5, canvas_size=(800, 600))
    camera = camera_from_view(view, {"z": 40, "y": 4, "x": 4})
    assert camera["position"] == [1420 / 40, 830 / 4, 446 / 4]
    # Half a pixel a nanometre: a pixel is 2 nm, that is half of the smallest voxel edge.
    assert camera["crossSectionScale"] == pytest.approx(0.5)
    assert camera["projectionScale"] == pytest.approx(0.5 * 800)
    assert camera["displayDimensions"] == ["x", "y", "z"]
    assert camera["dimensions"] == {"z": [4e-8, "m"], "y": [4e-9, "m"], "x": [4e-9, "m"]}


def test_a_plane_is_told_by_the_order_of_the_axes() -> None:
    view = ViewState(("z", "y", "x"), (0, 0, 0), 1.0, order=("y", "z", "x"))
    camera = camera_from_view(view, {"z": 8, "y": 8, "x": 8})
    assert camera["displayDimensions"] == ["x", "z", "y"]


def test_what_a_browser_sends_is_understood() -> None:
    """Dimensions in other units and order, an extra one, and defaults left out."""
    state = {
        "dimensions": {"x": [4, "nm"], "y": [0.004, "um"], "t": [1, "s"], "z": [4e-8, "m"]},
        "displayDimensions": ["x", "y", "z"],
        "position": [10.5, 20, 0, 3],
        "layout": {"type": "xz", "crossSections": {}},
    }
    with pytest.raises(ValueError, match="dimension t has no usable unit"):
        view_from_camera(state)
    state["dimensions"]["t"] = [1, ""]  # type: ignore[index]
    view = view_from_camera(state)
    assert view.axes == ("x", "y", "z")
    assert view.position == pytest.approx((42, 80, 120))
    assert view.order == ("z", "y", "x")
    assert view.ndisplay == 2


@pytest.mark.parametrize(
    "change",
    [
        {"dimensions": None}, {"dimensions": {}}, {"dimensions": {"x": [0, "m"]}},
        {"dimensions": {"x": [1e999, "m"]}}, {"dimensions": {"x": [-1, "m"]}},
        {"dimensions": {"x": ["4", "nm"]}}, {"dimensions": {"x": [True, "nm"]}},
        {"dimensions": {"": [1, "m"]}}, {"dimensions": {"c'": [1, ""]}},
        {"position": [1, 2, 3, 4]}, {"position": ["1", 2]}, {"position": [1e999]},
        {"position": "abc"},
    ],
)  # fmt: skip
def test_nonsense_is_refused(change: dict[str, Any]) -> None:
    good = {"dimensions": {"z": [1, "nm"], "y": [1, "nm"], "x": [1, "nm"]}, "position": [1, 2, 3]}
    assert view_from_camera(good).position == (1, 2, 3)
    with pytest.raises(ValueError, match=r"dimension|position"):
        view_from_camera({**good, **change})


def test_metres_have_no_dust() -> None:
    assert metres(4) == 4e-9
    assert metres(0.325) == 3.25e-10
    assert metres(1e20) == pytest.approx(1e11)


def test_the_first_look_is_at_the_middle_of_what_was_learned(
    aniso_volumes: list[Volume], volume: Callable[..., Volume]
) -> None:
    camera = first_camera(aniso_volumes)
    assert camera["layout"] == "4panel"
    gt = aniso_volumes[1]
    # The middle of a voxel: on the border between two chunks the client shows neither.
    middle = np.divide(gt.offset, (40, 4, 4)) + np.floor_divide(gt.spatial_shape, 2) + 0.5
    np.testing.assert_allclose(camera["position"], middle)
    coarse = volume(np.ones((4, 4, 4), "u1"), voxel_size=(16.0, 2.0, 8.0))
    assert spatial_dimensions([coarse, *aniso_volumes]) == {"z": 16, "y": 2, "x": 4}
    flat = volume(np.ones((4, 4), "u1"), ("y", "x"))
    assert first_camera([flat])["layout"] == "xy"
    assert first_camera([flat])["displayDimensions"] == ["x", "y"]
