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
from napari_dacapo.viewers.neuroglancer.channels import layer_channel, split_channels
from napari_dacapo.viewers.neuroglancer.hints import name_volume, read_hints, write_hints
from napari_dacapo.viewers.neuroglancer.layer_states import layer_states, with_layer_states
from napari_dacapo.viewers.neuroglancer.layers import layers_json
from napari_dacapo.viewers.view_state import LayerState

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from napari_dacapo.viewers.neuroglancer.camera import Layout
    from napari_dacapo.viewers.neuroglancer.layers import Json
    from napari_dacapo.viewers.view_state import ViewState
    from napari_dacapo.volumes import Volume

__all__ = ["add_to_state", "free_name", "new_state", "view_of_state", "volume_layers"]


def new_state(
    volumes: Sequence[Volume],
    sources: Callable[[Volume], Sequence[Mapping[str, Any]]],
    *,
    apart: Callable[[Volume], bool] = lambda _: False,
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
    apart : callable, optional
        Takes a volume and returns whether the client cannot see the channels
        of an image together there.
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
        add_to_state(state, volume, sources(volume), apart=apart(volume), view=view)
    if view is not None:
        # Meant for a reader of the link; neuroglancer itself does without.
        size = None if view.canvas_size is None else list(view.canvas_size)
        for layer in state["layers"][:1]:
            write_hints(layer, view={"canvas_size": size, "order": list(view.order)})
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
    apart: bool = False,
    view: ViewState | None = None,
) -> None:
    """Add the layers of a volume to a state, in place.

    Layers of a view that belong to this volume's slot say how it looks.
    """
    layers = state.setdefault("layers", [])
    looks = () if view is None else view.layers
    for layer in volume_layers(volume, sources, looks, apart=apart):
        layer["name"] = free_name(layer["name"], [other.get("name") for other in layers])
        layers.append(layer)


def volume_layers(
    volume: Volume,
    sources: Sequence[Mapping[str, Any]],
    looks: Sequence[LayerState],
    *,
    apart: bool = False,
) -> list[Json]:
    """Return the layers of a volume as those of the looks say that belong to its slot."""
    own = [look for look in looks if look.slot == volume.identity.slot]
    layers = [
        with_layer_states(layer, volume, own) for layer in layers_json(volume, sources, apart=apart)
    ]
    for layer in layers:
        name_volume(layer, volume)
    return layers


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
    said = (read_hints(layer).get("view") for layer, _ in volumes)
    hints = next((hints for hints in said if isinstance(hints, dict)), {})
    view = view_from_camera(state, canvas_size=canvas_size or _size(hints.get("canvas_size")))
    order = hints.get("order")
    if view.ndisplay == 3 and isinstance(order, list) and _is_order(order, view.axes):
        view = replace(view, order=tuple(order))
    looks = [look for layer, volume in volumes for look in layer_states(layer, volume)]
    return replace(view, layers=(*looks, *_hidden(looks, volumes)))


def _hidden(
    looks: Sequence[LayerState], volumes: Sequence[tuple[Mapping[str, Any], Volume]]
) -> list[LayerState]:
    """Return states of the channels that have no layer, where others have one each."""
    found = []
    for slot, volume in {volume.identity.slot: volume for _, volume in volumes}.items():
        linked = [look.channel for look in looks if look.slot == slot]
        if any(layer_channel(layer, each) is not None for layer, each in volumes if each is volume):
            gone = [i for i in split_channels(volume, apart=True) if i not in linked]
            found += [LayerState(slot, channel=i, visible=False) for i in gone]
    return found


def _is_order(order: list[Any], axes: tuple[str, ...]) -> bool:
    return all(isinstance(name, str) for name in order) and sorted(order) == sorted(axes)


def _size(value: Any) -> tuple[int, int] | None:
    if not isinstance(value, list) or len(value) != 2:
        return None
    if not all(isinstance(n, int) and 0 < n < 2**16 for n in value):
        return None
    return value[0], value[1]
