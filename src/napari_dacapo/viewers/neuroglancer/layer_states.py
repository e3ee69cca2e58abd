"""How layers look: LayerState from and to neuroglancer's JSON.

napari shows one layer a channel, neuroglancer mostly one layer with all
channels in its shader: several states may belong to one layer here. Where neuroglancer has
no word for something (most of napari's blendings), it is kept as a hint.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from napari_dacapo.viewers.appearance import appearance
from napari_dacapo.viewers.neuroglancer.channels import layer_channel
from napari_dacapo.viewers.neuroglancer.hints import read_hints, write_hints
from napari_dacapo.viewers.neuroglancer.label_colors import (
    first_label_colors,
    label_colors,
    set_label_colors,
)
from napari_dacapo.viewers.neuroglancer.layers import CONTOUR_FILL, first_looks
from napari_dacapo.viewers.neuroglancer.look_hints import look_hint, with_look_hint
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

__all__ = ["layer_states", "with_layer_states"]

_IMAGE_ALPHA, _LABELS_ALPHA = 0.5, 0.5  # neuroglancer's own defaults, left out of its JSON


@dataclass(frozen=True, slots=True)
class _Shown:
    """What a layer shows, which decides how its look is written.

    Attributes
    ----------
    volume : Volume
        What is shown.
    look : Appearance
        How it looks at first.
    channel : int or None
        The only channel that is shown.
    """

    volume: Volume
    look: Appearance
    channel: int | None

    @property
    def has_axis(self) -> bool:
        """Whether the client sees all channels at once."""
        return self.channel is None and "c^" in client_axis_names(self.volume)

    @property
    def colors(self) -> dict[str, str]:
        """Colours of labels at first."""
        return first_label_colors(self.look, self.channel)

    def looks(self, layer: Mapping[str, Any]) -> tuple[ChannelLook, ...]:
        """How the channels look in a layer."""
        first = first_looks(self.look, self.channel, self.has_axis)
        found = channel_looks(layer.get("shader"), layer.get("shaderControls"))
        return found if len(found) == len(first) else first


def with_layer_states(layer: Json, volume: Volume, states: Sequence[LayerState]) -> Json:
    """Return a layer that looks as the states of its volume say.

    Parameters
    ----------
    layer : dict
        A layer of neuroglancer's state that shows the volume; not changed.
    volume : Volume
        What it shows.
    states : sequence of LayerState
        Those of this volume's slot; none leave the layer as it is. Of a layer
        that shows one channel, those of other channels do not matter.
    """
    shows = _Shown(volume, appearance(volume), layer_channel(layer, volume))
    if shows.channel is not None:
        states = [state for state in states if state.channel in (None, shows.channel)]
    if not states:
        return layer
    layer = copy.deepcopy(layer)
    visible = [state for state in states if state.visible]
    first = (visible or list(states))[0]
    layer.pop("visible", None)
    if not visible:
        layer["visible"] = False
    if shows.look.kind == "image":
        _set_image(layer, shows, states, first)
    else:
        _set_labels(layer, shows, first)
    write_hints(layer, states=[look_hint(state, client_dtype(volume)) for state in states])
    return layer


def layer_states(layer: Mapping[str, Any], volume: Volume) -> tuple[LayerState, ...]:
    """Return how a layer looks, one state a channel where napari has one layer a channel."""
    shows = _Shown(volume, appearance(volume), layer_channel(layer, volume))
    name = layer.get("name")
    whole = LayerState(
        slot=volume.identity.slot,
        name=name if isinstance(name, str) else "",
        visible=layer.get("visible") is not False and layer.get("archived") is not True,
    )
    if shows.look.kind == "image":
        states = _image_states(layer, shows, whole)
    else:
        states = _label_states(layer, shows, whole)
    is_image = shows.look.kind == "image"
    return tuple(
        with_look_hint(state, layer, is_image=is_image, colors=shows.colors) for state in states
    )


def _set_image(layer: Json, shows: _Shown, states: Sequence[LayerState], first: LayerState) -> None:
    by_channel = {state.channel: state for state in states}
    looks = []
    for i, look_now in enumerate(shows.looks(layer)):
        number = i if shows.channel is None else shows.channel
        state = by_channel.get(number, by_channel.get(None))
        looks.append(look_now if state is None else _channel_look(look_now, state))
    dtype = client_dtype(shows.volume)
    hints = read_hints(layer)
    layer["shader"] = image_shader(
        looks,
        has_channel_axis=shows.has_axis,
        dtype=dtype,
        multiply=first.blending == "multiplicative",
    )
    write_hints(layer, **hints)
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


def _set_labels(layer: Json, shows: _Shown, state: LayerState) -> None:
    layer["selectedAlpha"] = state.opacity * _fill(shows.look)
    layer.pop("segments", None)
    if set_label_colors(layer, shows.colors, state.label_colors):
        layer["segments"] = list(layer["segmentColors"])
    elif state.selected_label is not None and state.selected_label > 0:
        # A star in the list; "visible" would hide all others, as napari does if asked to.
        mark = "" if state.show_selected_label else "!"
        layer["segments"] = [f"{mark}{state.selected_label}"]


def _image_states(layer: Mapping[str, Any], shows: _Shown, whole: LayerState) -> list[LayerState]:
    whole = replace(
        whole,
        opacity=_number(layer.get("opacity"), _IMAGE_ALPHA),
        blending="additive" if layer.get("blend") == "additive" else _blending(shows.look),
    )
    return [
        replace(
            whole,
            channel=i if shows.has_axis else shows.channel,
            visible=whole.visible and channel.visible,
            contrast_limits=channel.contrast_limits,
            gamma=channel.gamma,
            colormap=channel.colormap,
            color_stops=channel.stops,
        )
        for i, channel in enumerate(shows.looks(layer))
    ]


def _label_states(layer: Mapping[str, Any], shows: _Shown, whole: LayerState) -> list[LayerState]:
    opacity = _number(layer.get("selectedAlpha"), _LABELS_ALPHA) / _fill(shows.look)
    label, only = _selected(layer.get("segments"))
    whole = replace(
        whole,
        channel=shows.channel,
        opacity=min(opacity, 1.0),
        blending=_blending(shows.look),
        selected_label=label,
        show_selected_label=only,
        label_colors=label_colors(layer, shows.colors),
    )
    n_channels = len(shows.look.channels)
    if shows.channel is not None or not 0 < n_channels <= MAX_CHANNELS:
        return [whole]
    return [replace(whole, channel=i) for i in range(n_channels)]


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


def _number(value: Any, default: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return default
    return min(max(float(value), 0.0), 1.0)
