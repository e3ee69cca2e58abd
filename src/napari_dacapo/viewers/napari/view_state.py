"""Camera and layers of a napari viewer as a ViewState, and back."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Literal

from napari.layers import Image, Labels
from napari.utils.colormaps import DirectLabelColormap

from napari_dacapo.viewers.appearance import appearance
from napari_dacapo.viewers.napari.colormaps import (
    chosen_label_colors,
    colormap_name,
    colormap_stops,
    image_colormap,
    labels_colormap,
)
from napari_dacapo.viewers.napari.layers import METADATA_KEY, VOLUME_KEY
from napari_dacapo.viewers.napari.units import nanometres
from napari_dacapo.viewers.orientation import (
    IDENTITY_ORIENTATION,
    directions_from_orientation,
    orientation_from_directions,
)
from napari_dacapo.viewers.view_state import LayerState, ViewState

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer

__all__ = ["get_view", "set_view"]


def get_view(viewer: ViewerModel) -> ViewState:
    """Return camera and layers of a viewer; only read, never changed."""
    dims, camera = viewer.dims, viewer.scene.camera
    axes = _spatial_axes(viewer)
    world = list(dims.point)
    for axis, value in zip(dims.displayed, camera.center[-len(dims.displayed) :], strict=True):
        world[axis] = value
    indices = range(dims.ndim - len(axes), dims.ndim)
    factors = dict(zip(indices, _nanometres(viewer, len(axes)), strict=True))
    ndisplay: Literal[2, 3] = 3 if dims.ndisplay == 3 else 2
    return ViewState(
        axes=axes,
        position=tuple(float(world[i] * factors[i]) for i in indices),
        # A canvas shows all axes alike: the one from left to right counts.
        zoom=float(camera.zoom / factors.get(dims.displayed[-1], 1.0)),
        ndisplay=ndisplay,
        order=tuple(axes[i - indices.start] for i in dims.order if i in indices),
        orientation=_orientation(viewer) if ndisplay == 3 else IDENTITY_ORIENTATION,
        canvas_size=(int(viewer.canvas.size[0]), int(viewer.canvas.size[1])),
        layers=tuple(_layer_state(layer) for layer in viewer.layers),
    )


def set_view(viewer: ViewerModel, view: ViewState) -> None:
    """Take over camera and layers.

    Axes are matched by name; layers by slot and channel, or by name where a
    state has no slot. What the viewer does not have is left out.
    """
    dims, camera = viewer.dims, viewer.scene.camera
    axes = _spatial_axes(viewer)
    first = dims.ndim - len(axes)
    factors = _nanometres(viewer, len(axes))
    wanted = dict(zip(view.axes, view.position, strict=True))
    order = [name for name in view.order if name in axes]
    if len(order) == len(axes):
        dims.order = (*range(first), *(first + axes.index(name) for name in order))
    dims.ndisplay = view.ndisplay
    for i, name in enumerate(axes):
        if name in wanted:
            dims.set_point(first + i, wanted[name] / factors[i])
    center = list(camera.center[-len(dims.displayed) :])
    for place, axis in enumerate(dims.displayed):
        if axis >= first and axes[axis - first] in wanted:
            center[place] = wanted[axes[axis - first]] / factors[axis - first]
    camera.center = (0.0,) * (3 - len(center)) + tuple(center)
    last = dims.displayed[-1] - first
    camera.zoom = view.zoom * (factors[last] if last >= 0 else 1.0)
    if view.ndisplay == 3 and len(axes) >= 3:
        _set_orientation(viewer, view)
    for state in view.layers:
        for layer in viewer.layers:
            if _is_meant(layer, state):
                _set_layer_state(layer, state)


def _spatial_axes(viewer: ViewerModel) -> tuple[str, ...]:
    """Return the labels of the last axes, as many as are spatial."""
    counts = [
        len(layer.metadata[METADATA_KEY]["voxel_size"])
        for layer in viewer.layers
        if METADATA_KEY in layer.metadata
    ]
    n_axes = min(max(counts, default=3), viewer.dims.ndim)
    labels = tuple(str(label) for label in viewer.dims.axis_labels[-n_axes:])
    # napari's own labels ("-2", "-1") say nothing; repeated ones cannot be told apart.
    is_named = len(set(labels)) == n_axes and not any(label.startswith("-") for label in labels)
    return labels if is_named else ("z", "y", "x")[-n_axes:]


def _nanometres(viewer: ViewerModel, n_axes: int) -> list[float]:
    """Return how many nanometres one unit of the world is along the last axes; 1 without a unit."""
    factors = [nanometres(unit) or 1.0 for unit in (viewer.layers.units or ())[-n_axes:]]
    return [1.0] * (n_axes - len(factors)) + factors


def _orientation(viewer: ViewerModel) -> tuple[float, float, float, float]:
    forward, up = _camera_directions(viewer)
    return orientation_from_directions(forward, up)


def _camera_directions(viewer: ViewerModel) -> tuple[list[float], list[float]]:
    dims, camera = viewer.dims, viewer.scene.camera
    forward = camera.calculate_nd_view_direction(dims.ndim, dims.displayed)
    up = camera.calculate_nd_up_direction(dims.ndim, dims.displayed)
    return [float(v) for v in forward[-3:][::-1]], [float(v) for v in up[-3:][::-1]]


def _set_orientation(viewer: ViewerModel, view: ViewState) -> None:
    forward, up = directions_from_orientation(view.orientation)
    first = viewer.dims.ndim - 3
    in_order = [axis - first for axis in viewer.dims.displayed]
    zyx_forward, zyx_up = forward[::-1], up[::-1]
    viewer.scene.camera.set_view_direction(
        tuple(zyx_forward[i] for i in in_order), tuple(zyx_up[i] for i in in_order)
    )


def _layer_state(layer: Layer) -> LayerState:
    said = layer.metadata.get(METADATA_KEY, {})
    values: dict[str, Any] = {}
    if isinstance(layer, Image):
        low, high = layer.contrast_limits
        values = {
            "contrast_limits": (float(low), float(high)),
            "gamma": float(layer.gamma),
            "colormap": colormap_name(layer.colormap),
            "color_stops": colormap_stops(layer.colormap),
        }
    elif isinstance(layer, Labels):
        values = {
            "selected_label": int(layer.selected_label),
            "show_selected_label": bool(layer.show_selected_label),
            "label_colors": chosen_label_colors(layer.colormap, _own_label_colormap(layer)),
        }
    return LayerState(
        slot=said.get("slot", ""),
        name=layer.name,
        channel=said.get("channel"),
        visible=bool(layer.visible),
        opacity=float(layer.opacity),
        blending=str(layer.blending),
        **values,
    )


def _own_label_colormap(layer: Labels) -> Any:
    """Return the colours that a layer of this package has at first, or None."""
    volume = layer.metadata.get(VOLUME_KEY)
    if volume is None:
        return None
    look, channel = appearance(volume), layer.metadata[METADATA_KEY]["channel"]
    return labels_colormap(look, None if channel is None else look.channels[channel])


def _is_meant(layer: Layer, state: LayerState) -> bool:
    said = layer.metadata.get(METADATA_KEY, {})
    if not state.slot:
        return bool(layer.name == state.name)
    # Another viewer shows all channels as one layer; its state is that of each of ours.
    return said.get("slot") == state.slot and state.channel in (None, said["channel"])


def _set_layer_state(layer: Layer, state: LayerState) -> None:
    layer.visible = state.visible
    layer.opacity = min(max(state.opacity, 0.0), 1.0)
    # A link may come from a viewer that knows more than this one, or from anybody.
    with suppress(ValueError):
        layer.blending = state.blending
    if isinstance(layer, Image):
        if (
            state.contrast_limits is not None
            and state.contrast_limits[0] < state.contrast_limits[1]
        ):
            _set_contrast(layer, state.contrast_limits)
        if state.gamma is not None and state.gamma > 0:
            layer.gamma = state.gamma
        if state.colormap is not None:
            with suppress(KeyError):
                veiled = layer.colormap.nan_color[3] > 0
                layer.colormap = image_colormap(
                    state.colormap, stops=state.color_stops, veiled=veiled
                )
    elif isinstance(layer, Labels):
        if state.selected_label is not None:
            # Of labels that the elements cannot hold.
            with suppress(ValueError, OverflowError):
                layer.selected_label = state.selected_label
        layer.show_selected_label = state.show_selected_label
        if state.label_colors:
            colors: dict[int | None, Any] = {None: (1.0, 1.0, 1.0, 1.0)}
            layer.colormap = DirectLabelColormap(color_dict=colors | dict(state.label_colors))


def _set_contrast(layer: Image, limits: tuple[float, float]) -> None:
    """Set limits, and widen the range of the slider where they lie outside."""
    low, high = layer.contrast_limits_range
    layer.contrast_limits_range = (min(low, limits[0]), max(high, limits[1]))
    layer.contrast_limits = limits
