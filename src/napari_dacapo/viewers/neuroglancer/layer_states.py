"""How layers look: LayerState from and to neuroglancer's JSON.

napari shows one layer a channel, neuroglancer one layer with all channels in
its shader: several states may belong to one layer here. Where neuroglancer has
no word for something (most of napari's blendings), the word is kept under a
key of our own, and holds as long as nothing that it stands for was changed.
"""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from napari_dacapo.viewers.appearance import appearance
from napari_dacapo.viewers.neuroglancer.label_colors import label_colors, set_label_colors
from napari_dacapo.viewers.neuroglancer.layers import CONTOUR_FILL, first_looks
from napari_dacapo.viewers.neuroglancer.served import client_dtype
from napari_dacapo.viewers.neuroglancer.shaders import (
    ChannelLook,
    channel_looks,
    controls_json,
    image_shader,
)
from napari_dacapo.viewers.neuroglancer.zarr_metadata import MAX_CHANNELS, client_axis_names
from napari_dacapo.viewers.view_state import LayerState

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from napari_dacapo.viewers.appearance import Appearance
    from napari_dacapo.viewers.neuroglancer.layers import Json
    from napari_dacapo.volumes import Volume

__all__ = ["HINTS", "layer_states", "with_layer_states"]

#: Key in a layer (and in a state) for what neuroglancer has no words for.
HINTS = "napari-dacapo"

_BLENDINGS = {
    "translucent", "translucent_no_depth", "additive", "minimum", "multiplicative", "opaque",
}  # fmt: skip
_IMAGE_ALPHA, _LABELS_ALPHA = 0.5, 0.5  # neuroglancer's own defaults, left out of its JSON


def with_layer_states(layer: Json, volume: Volume, states: Sequence[LayerState]) -> Json:
    """Return a layer that looks as the states of its volume say.

    Parameters
    ----------
    layer : dict
        A layer of neuroglancer's state that shows the volume; not changed.
    volume : Volume
        What it shows.
    states : sequence of LayerState
        Those of this volume's slot; none leave the layer as it is.
    """
    if not states:
        return layer
    layer = copy.deepcopy(layer)
    shown = [state for state in states if state.visible]
    first = (shown or list(states))[0]
    layer.pop("visible", None)
    if not shown:
        layer["visible"] = False
    look = appearance(volume)
    if look.kind == "image":
        _set_image(layer, volume, look, states, first)
    else:
        _set_labels(layer, look, first)
    layer[HINTS] = {**layer.get(HINTS, {}), "states": [_hint(state) for state in states]}
    return layer


def layer_states(layer: Mapping[str, Any], volume: Volume) -> tuple[LayerState, ...]:
    """Return how a layer looks, one state a channel where napari has one layer a channel."""
    look = appearance(volume)
    name = layer.get("name")
    whole = LayerState(
        slot=volume.identity.slot,
        name=name if isinstance(name, str) else "",
        visible=layer.get("visible") is not False and layer.get("archived") is not True,
    )
    if look.kind == "image":
        states = _image_states(layer, volume, look, whole)
    else:
        states = _label_states(layer, look, whole)
    return tuple(_with_hint(state, layer, look) for state in states)


def _set_image(
    layer: Json, volume: Volume, look: Appearance, states: Sequence[LayerState], first: LayerState
) -> None:
    by_channel = {state.channel: state for state in states}
    looks = []
    for i, look_now in enumerate(_looks(layer, volume, look)):
        state = by_channel.get(i, by_channel.get(None))
        looks.append(look_now if state is None else _channel_look(look_now, state))
    dtype = client_dtype(volume)
    layer["shader"] = image_shader(
        looks,
        has_channel_axis="c^" in client_axis_names(volume),
        dtype=dtype,
        multiply=first.blending == "multiplicative",
    )
    layer["shaderControls"] = controls_json(looks, dtype)
    layer["opacity"] = first.opacity
    layer["blend"] = "additive" if first.blending == "additive" else "default"


def _channel_look(look: ChannelLook, state: LayerState) -> ChannelLook:
    return ChannelLook(
        colormap=state.colormap or look.colormap,
        contrast_limits=state.contrast_limits or look.contrast_limits,
        gamma=look.gamma if state.gamma is None else state.gamma,
        visible=state.visible,
        stops=look.stops if state.colormap is None else state.color_stops,
    )


def _set_labels(layer: Json, look: Appearance, state: LayerState) -> None:
    layer["selectedAlpha"] = state.opacity * _fill(look)
    layer.pop("segments", None)
    if set_label_colors(layer, look, state.label_colors):
        layer["segments"] = list(layer["segmentColors"])
    elif state.selected_label is not None and state.selected_label > 0:
        # A star in the list; "visible" would hide all others, as napari does if asked to.
        mark = "" if state.show_selected_label else "!"
        layer["segments"] = [f"{mark}{state.selected_label}"]


def _image_states(
    layer: Mapping[str, Any], volume: Volume, look: Appearance, whole: LayerState
) -> list[LayerState]:
    whole = replace(
        whole,
        opacity=_number(layer.get("opacity"), _IMAGE_ALPHA),
        blending="additive" if layer.get("blend") == "additive" else _blending(look),
    )
    looks = _looks(layer, volume, look)
    has_channels = "c^" in client_axis_names(volume)
    return [
        replace(
            whole,
            channel=i if has_channels else None,
            visible=whole.visible and channel.visible,
            contrast_limits=channel.contrast_limits,
            gamma=channel.gamma,
            colormap=channel.colormap,
            color_stops=channel.stops,
        )
        for i, channel in enumerate(looks)
    ]


def _label_states(
    layer: Mapping[str, Any], look: Appearance, whole: LayerState
) -> list[LayerState]:
    opacity = _number(layer.get("selectedAlpha"), _LABELS_ALPHA) / _fill(look)
    label, only = _selected(layer.get("segments"))
    whole = replace(
        whole,
        opacity=min(opacity, 1.0),
        blending=_blending(look),
        selected_label=label,
        show_selected_label=only,
        label_colors=label_colors(layer, look),
    )
    n_channels = len(look.channels)
    if not 0 < n_channels <= MAX_CHANNELS:
        return [whole]
    return [replace(whole, channel=i) for i in range(n_channels)]


def _looks(layer: Mapping[str, Any], volume: Volume, look: Appearance) -> tuple[ChannelLook, ...]:
    first = first_looks(volume, look)
    found = channel_looks(layer.get("shader"), layer.get("shaderControls"))
    return found if len(found) == len(first) else first


def _blending(look: Appearance) -> str:
    return look.blending if look.blending != "additive" else "translucent"


def _fill(look: Appearance) -> float:
    return CONTOUR_FILL if look.contour else 1.0


def _selected(segments: Any) -> tuple[int | None, bool]:
    """Return the first segment of a list, and whether it hides the others."""
    if not isinstance(segments, list):
        return None, False
    starred: int | None = None
    for entry in segments:
        text = str(entry)
        number = text.removeprefix("!")
        if not (number.isascii() and number.isdigit() and len(number) <= 20):
            continue
        if not text.startswith("!"):
            return int(number), True
        starred = int(number) if starred is None else starred
    return starred, False


def _hint(state: LayerState) -> dict[str, Any]:
    return {
        "channel": state.channel,
        "opacity": state.opacity,
        "blending": state.blending,
        "visible": state.visible,
        "selected_label": state.selected_label,
        "others_clear": dict(state.label_colors).get(None, (1.0,))[-1] == 0,
    }


def _with_hint(state: LayerState, layer: Mapping[str, Any], look: Appearance) -> LayerState:
    """Take back what neuroglancer has no words for, where nothing contradicts it."""
    hints = layer.get(HINTS)
    hints = hints.get("states") if isinstance(hints, dict) else None
    if not isinstance(hints, list):
        return state
    valid = [hint for hint in hints if isinstance(hint, dict)]
    own = next((hint for hint in valid if hint.get("channel") == state.channel), None)
    if own is None:
        return state
    blending, opacity = own.get("blending"), own.get("opacity")
    # Only images can be blended in two ways there; a change of that wins over the hint.
    unchanged = look.kind != "image" or (blending == "additive") == (state.blending == "additive")
    if isinstance(blending, str) and blending in _BLENDINGS and unchanged:
        state = replace(state, blending=blending)
    # The layer has one opacity, that of its first visible channel.
    leading = next((hint for hint in valid if hint.get("visible") is True), valid[0])
    if _same(leading.get("opacity"), state.opacity) and _same(opacity, opacity):
        state = replace(state, opacity=float(own["opacity"]))
    if look.kind != "image":
        visible, label = own.get("visible"), own.get("selected_label")
        if isinstance(visible, bool) and any(h.get("visible") is True for h in valid):
            state = replace(state, visible=state.visible and visible)
        if label == 0 and state.selected_label is None:
            state = replace(state, selected_label=0)
        if own.get("others_clear") is True:
            state = _with_clear_others(state, layer, look, label)
    return state


def _with_clear_others(
    state: LayerState, layer: Mapping[str, Any], look: Appearance, label: Any
) -> LayerState:
    """Take a list of segments for those that have a colour, unless it was changed."""
    state = replace(state, label_colors=label_colors(layer, look, others_clear=True))
    colors, segments = layer.get("segmentColors"), layer.get("segments")
    if (
        isinstance(colors, dict)
        and isinstance(segments, list)
        and set(colors) == set(map(str, segments))
    ):
        picked = label if isinstance(label, int) and not isinstance(label, bool) else None
        state = replace(state, selected_label=picked, show_selected_label=False)
    return state


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, bool) or not isinstance(a, int | float) or not isinstance(b, int | float):
        return False
    return abs(a - b) < 1e-6


def _number(value: Any, default: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return default
    return min(max(float(value), 0.0), 1.0)
