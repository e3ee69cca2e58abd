"""Camera and layout of neuroglancer's state, as plain JSON, from and to ViewState.

neuroglancer counts positions in voxels of ``dimensions`` from the corner of
the world, and zoom in *canonical voxels*, the smallest displayed voxel edge:
``crossSectionScale`` of them go on a screen pixel of a plane, and
``projectionScale`` of them fit into the height of a 3-D panel.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from napari_dacapo.viewers.orientation import (
    IDENTITY_ORIENTATION,
    Quaternion,
    directions_from_orientation,
    orientation_from_directions,
)
from napari_dacapo.viewers.view_state import ViewState

if TYPE_CHECKING:
    from napari_dacapo.viewers.neuroglancer.layers import Json
    from napari_dacapo.volumes import Volume

__all__ = [
    "CANVAS_HEIGHT",
    "Layout",
    "camera_from_view",
    "first_camera",
    "metres",
    "spatial_dimensions",
    "view_from_camera",
]

Layout = Literal["xy", "4panel", "3d"]

#: Height of a canvas whose size nobody knows, in screen pixels.
CANVAS_HEIGHT = 600
_FIRST_PANEL = 400
_METRES = {"": 1e-9, "m": 1.0, "mm": 1e-3, "um": 1e-6, "µm": 1e-6, "nm": 1e-9, "pm": 1e-12}


def spatial_dimensions(volumes: Sequence[Volume]) -> dict[str, float]:
    """Return the finest voxel size of volumes along each spatial axis, in nanometres.

    Axes are in the order of the volume that has most of them, slowest first.
    """
    sizes: dict[str, float] = {}
    for volume in sorted(volumes, key=lambda volume: -len(volume.spatial_axes)):
        for name, size in zip(volume.spatial_axes, volume.voxel_size, strict=True):
            sizes[name] = min(float(size), sizes.get(name, math.inf))
    return sizes


def first_camera(volumes: Sequence[Volume]) -> Json:
    """Return where to look first: the middle of the prediction, or of what else there is.

    Parameters
    ----------
    volumes : sequence of Volume
        What is shown; at least one.

    Returns
    -------
    dict
        ``dimensions``, ``displayDimensions``, ``position``, scales and layout.
    """
    sizes = spatial_dimensions(volumes)
    middle = next((v for v in volumes if v.role != "raw"), volumes[0])
    offset, extent = middle.roi
    # In the middle of a voxel, not between two: on the border between two
    # chunks the client shows neither.
    centre = {
        name: begin + (size / 2 // sizes[name] + 0.5) * sizes[name]
        for name, begin, size in zip(middle.spatial_axes, offset, extent, strict=True)
    }
    widest = max(max(volume.roi[1], default=1.0) for volume in volumes)
    view = ViewState(
        axes=tuple(sizes),
        position=tuple(centre.get(name, 0.0) for name in sizes),
        zoom=_FIRST_PANEL / max(widest, 1e-6),
        order=tuple(reversed(_displayed(tuple(sizes)))),
    )
    return camera_from_view(view, sizes, layout="4panel" if len(sizes) > 2 else "xy")


def camera_from_view(
    view: ViewState, sizes: Mapping[str, float], *, layout: Layout | None = None
) -> Json:
    """Return the camera part of a state.

    Parameters
    ----------
    view : ViewState
        Where to look and how.
    sizes : mapping of str to float
        Voxel size along each axis in nanometres, in the order of the axes.
    layout : {"xy", "4panel", "3d"}, optional
        By default ``"3d"`` for a view of the volume, ``"4panel"`` for a plane
        of a volume and ``"xy"`` for images.
    """
    place = dict(zip(view.axes, view.position, strict=True))
    # In 3-D the orientation says everything; a plane is chosen by the order of the axes.
    names = view.order[::-1] if view.ndisplay == 2 else _displayed(view.axes)
    displayed = [name for name in names if name in sizes][:3]
    canonical = min((sizes[name] for name in displayed), default=1.0)
    per_pixel = 1 / (view.zoom * canonical)
    height = CANVAS_HEIGHT if view.canvas_size is None else view.canvas_size[0]
    default: Layout = "3d" if view.ndisplay == 3 else "4panel" if len(sizes) > 2 else "xy"
    camera: Json = {
        "dimensions": {name: [metres(size), "m"] for name, size in sizes.items()},
        "displayDimensions": displayed,
        "position": [place.get(name, 0.0) / size for name, size in sizes.items()],
        "crossSectionScale": per_pixel,
        "projectionScale": per_pixel * max(height, 1),
        "layout": layout or default,
    }
    orientation = view.orientation
    if view.ndisplay == 3:
        orientation = _reordered(orientation, view.axes[::-1], displayed)
    if orientation != IDENTITY_ORIENTATION:
        camera["projectionOrientation"] = list(orientation)
    return camera


def view_from_camera(
    state: Mapping[str, Any], *, canvas_size: tuple[int, int] | None = None
) -> ViewState:
    """Return where a state looks, without layers.

    Parameters
    ----------
    state : mapping
        A neuroglancer state; what is not of a camera is ignored.
    canvas_size : tuple of int, optional
        Height and width of the 3-D panel, if known.

    Raises
    ------
    ValueError
        If the state has no usable dimensions or position.
    """
    sizes = _sizes(state.get("dimensions"))
    axes = [name for name in sizes if name[-1:] not in "'^"]
    displayed = _names(state.get("displayDimensions"), axes) or axes[::-1][:3]
    axes = [name for name in axes if name in displayed]
    if not axes:
        raise ValueError("it has no spatial dimensions")
    position = _position(state.get("position"), list(sizes))
    canonical = min(sizes[name] for name in displayed)
    is_3d = _layout_type(state.get("layout")) == "3d"
    height = CANVAS_HEIGHT if canvas_size is None else max(canvas_size[0], 1)
    per_pixel = _positive(state.get("crossSectionScale"))
    if is_3d or per_pixel is None:
        fitting = _positive(state.get("projectionScale"))
        per_pixel = fitting / height if fitting is not None else per_pixel or 1.0
    orientation = _orientation(state.get("projectionOrientation"))
    if is_3d:
        orientation = _reordered(orientation, displayed, axes[::-1])
    return ViewState(
        axes=tuple(axes),
        position=tuple(position.get(name, 0.0) * sizes[name] for name in axes),
        zoom=1 / (per_pixel * canonical),
        ndisplay=3 if is_3d else 2,
        order=tuple(axes) if is_3d else tuple(displayed[::-1]),
        orientation=orientation,
        canvas_size=canvas_size,
    )


def metres(nanometres: float) -> float:
    """Return nanometres as metres; 4 as 4e-9 and not as 4.000000000000001e-9."""
    return float(f"{float(nanometres):.15g}e-9") if 1e-4 <= nanometres < 1e15 else nanometres * 1e-9


def _displayed(axes: Sequence[str]) -> tuple[str, ...]:
    """Return axes in the order in which they are displayed: x from left to right, y downwards.

    Elements may lie in any other order, which says nothing of how to look at them.
    """
    return tuple(sorted(axes)) if set(axes) <= set("xyz") else tuple(reversed(axes))


def _reordered(orientation: Quaternion, old: Sequence[str], new: Sequence[str]) -> Quaternion:
    """Return an orientation with regard to the same three axes in another order."""
    if tuple(old) == tuple(new) or len(old) != 3 or set(old) != set(new):
        return orientation
    places = [list(old).index(name) for name in new]
    forward, up = directions_from_orientation(orientation)
    return orientation_from_directions([forward[i] for i in places], [up[i] for i in places])


def _sizes(dimensions: Any) -> dict[str, float]:
    """Voxel sizes in nanometres."""
    if not isinstance(dimensions, Mapping):
        raise ValueError("it has no dimensions")
    sizes = {}
    for name, entry in dimensions.items():
        if not isinstance(name, str) or not name:
            raise ValueError("a dimension has no name")
        if not isinstance(entry, Sequence) or len(entry) != 2 or entry[1] not in _METRES:
            raise ValueError(f"the dimension {name} has no usable unit")
        scale = _positive(entry[0])
        if scale is None:
            raise ValueError(f"the dimension {name} has no usable scale")
        # A dimension without unit counts; for a spatial one that means nanometres.
        sizes[name] = scale * 1e9 if entry[1] == "m" else scale * (_METRES[entry[1]] / 1e-9)
        sizes[name] = float(f"{sizes[name]:.12g}")
    return sizes


def _names(value: Any, known: Sequence[str]) -> list[str]:
    if not isinstance(value, Sequence) or isinstance(value, str):
        return []
    return list(dict.fromkeys(name for name in value if name in known))


def _position(value: Any, names: Sequence[str]) -> dict[str, float]:
    if value is None:
        return {}
    if not isinstance(value, Sequence) or isinstance(value, str) or len(value) > len(names):
        raise ValueError("its position does not fit its dimensions")
    numbers = [float(number) for number in value if isinstance(number, int | float)]
    if len(numbers) != len(value) or not all(map(math.isfinite, numbers)):
        raise ValueError("its position is not made of numbers")
    return dict(zip(names, numbers, strict=False))


def _orientation(value: Any) -> Quaternion:
    if not isinstance(value, Sequence) or isinstance(value, str) or len(value) != 4:
        return IDENTITY_ORIENTATION
    numbers = [float(number) for number in value if isinstance(number, int | float)]
    length = math.hypot(*numbers) if len(numbers) == 4 else 0.0
    if not (math.isfinite(length) and length > 1e-6):
        return IDENTITY_ORIENTATION
    x, y, z, w = (number / length for number in numbers)
    return (x, y, z, w)


def _layout_type(layout: Any) -> str:
    if isinstance(layout, Mapping):
        layout = layout.get("type")
    return layout if isinstance(layout, str) else "4panel"


def _positive(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    number = float(value) if abs(value) < 1e300 else math.inf
    return number if math.isfinite(number) and number > 0 else None
