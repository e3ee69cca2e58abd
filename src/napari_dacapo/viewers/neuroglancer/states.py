"""Whole states of neuroglancer, as plain JSON."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from napari_dacapo.viewers.neuroglancer.camera import (
    camera_from_view,
    first_camera,
    spatial_dimensions,
    view_from_camera,
)
from napari_dacapo.viewers.neuroglancer.layer_states import HINTS, layer_states, with_layer_states
from napari_dacapo.viewers.neuroglancer.layers import layer_json

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from napari_dacapo.viewers.neuroglancer.camera import Layout
    from napari_dacapo.viewers.neuroglancer.layers import Json
    from napari_dacapo.viewers.view_state import ViewState
    from napari_dacapo.volumes import Volume

__all__ = ["add_to_state", "free_name", "new_state", "view_of_state"]


def new_state(
    volumes: Sequence[Volume],
    sources: Callable[[Volume], Sequence[Mapping[str, Any]]],
    *,
    view: ViewState | None = None,
    layout: Layout | None = None,
    title: str = "",
) -> Json:
    """Return a state that shows volumes.

    Parameters
    ----------
    volumes : sequence of Volume
        From the bottom to the top.
    sources : callable
        Takes a volume and returns the data sources of its layer, for example
        ``lambda volume: layer_sources(volume, server)``.
    view : ViewState, optional
        Camera and looks; by default the middle of the volumes, as they look
        at first.
    layout : {"xy", "4panel", "3d"}, optional
        By default what suits the view.
    title : str
        Of the browser's tab.
    """
    state: Json = {}
    if title:
        state["title"] = title
    if volumes:
        camera = first_camera(volumes)
        if view is not None:
            camera = camera_from_view(view, spatial_dimensions(volumes), layout=layout)
        elif layout is not None:
            camera["layout"] = layout
        state |= camera
    state |= {"showAxisLines": False, "layers": []}
    for volume in volumes:
        add_to_state(state, volume, sources(volume), view=view)
    if view is not None:
        # Meant for a reader of the link; neuroglancer itself does without.
        size = None if view.canvas_size is None else list(view.canvas_size)
        state[HINTS] = {"canvas_size": size, "order": list(view.order)}
        if view.ndisplay == 3:
            for layer in state["layers"]:
                if layer["type"] == "image":
                    layer["volumeRendering"] = "max"
    return state


def add_to_state(
    state: Json,
    volume: Volume,
    sources: Sequence[Mapping[str, Any]],
    *,
    view: ViewState | None = None,
) -> str:
    """Add a layer to a state, in place, and return its name.

    Layers of a view that belong to this volume's slot say how it looks.
    """
    layers = state.setdefault("layers", [])
    layer = layer_json(volume, sources)
    layer["name"] = free_name(layer["name"], [other.get("name") for other in layers])
    if view is not None:
        own = [look for look in view.layers if look.slot == volume.identity.slot]
        layer = with_layer_states(layer, volume, own)
    layers.append(layer)
    return str(layer["name"])


def free_name(name: str, taken: Sequence[Any]) -> str:
    """Return a name that no layer has yet."""
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name} ({number})"
    return free


def view_of_state(
    state: Mapping[str, Any],
    volumes: Sequence[tuple[Mapping[str, Any], Volume]],
    *,
    canvas_size: tuple[int, int] | None = None,
) -> ViewState:
    """Return what a state shows.

    Parameters
    ----------
    state : mapping
        A neuroglancer state.
    volumes : sequence of (layer, Volume)
        The layers of the state that show volumes of ours.
    canvas_size : tuple of int, optional
        Height and width of the canvas, if known; else what the state hints at.

    Raises
    ------
    ValueError
        If the state has no usable camera.
    """
    hints = state.get(HINTS)
    hints = hints if isinstance(hints, dict) else {}
    view = view_from_camera(state, canvas_size=canvas_size or _size(hints.get("canvas_size")))
    order = hints.get("order")
    if view.ndisplay == 3 and isinstance(order, list) and _is_order(order, view.axes):
        view = replace(view, order=tuple(order))
    looks = [look for layer, volume in volumes for look in layer_states(layer, volume)]
    return replace(view, layers=tuple(looks))


def _is_order(order: list[Any], axes: tuple[str, ...]) -> bool:
    return all(isinstance(name, str) for name in order) and sorted(order) == sorted(axes)


def _size(value: Any) -> tuple[int, int] | None:
    if not isinstance(value, list) or len(value) != 2:
        return None
    if not all(isinstance(n, int) and 0 < n < 2**16 for n in value):
        return None
    return value[0], value[1]
