"""What of a look neuroglancer has no words for, as hints in a layer.

A hint holds as long as nothing that it stands for was changed. It may have been
written by anybody.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from napari_dacapo.viewers.neuroglancer.hints import read_hints
from napari_dacapo.viewers.neuroglancer.label_colors import label_colors
from napari_dacapo.viewers.neuroglancer.shaders import shader_range

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_dacapo.viewers.view_state import LayerState

__all__ = ["look_hint", "with_look_hint"]

_BLENDINGS = {
    "translucent", "translucent_no_depth", "additive", "minimum", "multiplicative", "opaque",
}  # fmt: skip


def look_hint(state: LayerState, dtype: str) -> dict[str, Any]:
    """Return as JSON what of a look neuroglancer has no words for.

    Parameters
    ----------
    state : LayerState
        How a layer looks.
    dtype : str
        Type of the elements that the client reads.
    """
    hint: dict[str, Any] = {
        "channel": state.channel,
        "opacity": state.opacity,
        "blending": state.blending,
        "visible": state.visible,
        "selected_label": state.selected_label,
        "others_clear": dict(state.label_colors).get(None, (1.0,))[-1] == 0,
    }
    limits = state.contrast_limits
    if limits is not None and (taken := shader_range(limits, dtype)) != limits:
        # Of whole numbers the client takes whole limits only, and those of their type.
        hint["contrast_limits"] = {"wanted": list(limits), "taken": list(taken)}
    return hint


def with_look_hint(
    state: LayerState,
    layer: Mapping[str, Any],
    *,
    is_image: bool,
    colors: Mapping[str, str],
) -> LayerState:
    """Take back what neuroglancer has no words for, where nothing contradicts it.

    Parameters
    ----------
    state : LayerState
        How a layer looks without hints.
    layer : mapping
        The layer.
    is_image : bool
        Whether it is one of images.
    colors : mapping of str to str
        Colours that its labels have at first.
    """
    hints = read_hints(layer).get("states")
    if not isinstance(hints, list):
        return state
    valid = [hint for hint in hints if isinstance(hint, dict)]
    own = next((hint for hint in valid if hint.get("channel") == state.channel), None)
    if own is None:
        return state
    # The layer has one opacity and one blending, those of its first visible channel.
    leading = next((hint for hint in valid if hint.get("visible") is True), valid[0])
    blending, opacity = own.get("blending"), own.get("opacity")
    # Only images can be blended in two ways there; a change of that wins over the hint.
    was_additive = leading.get("blending") == "additive"
    unchanged = not is_image or was_additive == (state.blending == "additive")
    if isinstance(blending, str) and blending in _BLENDINGS and unchanged:
        state = replace(state, blending=blending)
    if _same(leading.get("opacity"), state.opacity) and _same(opacity, opacity):
        state = replace(state, opacity=float(own["opacity"]))
    contrast = own.get("contrast_limits")
    if isinstance(contrast, dict) and _limits(contrast.get("taken")) == state.contrast_limits:
        wanted = _limits(contrast.get("wanted"))
        state = state if wanted is None else replace(state, contrast_limits=wanted)
    if not is_image:
        visible, label = own.get("visible"), own.get("selected_label")
        if isinstance(visible, bool) and any(h.get("visible") is True for h in valid):
            state = replace(state, visible=state.visible and visible)
        if label == 0 and state.selected_label is None:
            state = replace(state, selected_label=0)
        if own.get("others_clear") is True:
            state = _with_clear_others(state, layer, colors, label)
    return state


def _with_clear_others(
    state: LayerState, layer: Mapping[str, Any], first: Mapping[str, str], label: Any
) -> LayerState:
    """Take a list of segments for those that have a colour, unless it was changed."""
    state = replace(state, label_colors=label_colors(layer, first, others_clear=True))
    colors, segments = layer.get("segmentColors"), layer.get("segments")
    if not isinstance(colors, dict) or not isinstance(segments, list):
        return state
    if set(colors) == set(map(str, segments)):
        picked = label if isinstance(label, int) and not isinstance(label, bool) else None
        state = replace(state, selected_label=picked, show_selected_label=False)
    return state


def _limits(value: Any) -> tuple[float, float] | None:
    if not isinstance(value, list) or len(value) != 2:
        return None
    low, high = (_number(v) for v in value)
    return (low, high) if low is not None and high is not None and low < high else None


def _same(a: Any, b: Any) -> bool:
    first, second = _number(a), _number(b)
    return first is not None and second is not None and abs(first - second) < 1e-6


def _number(value: Any) -> float | None:
    """Return a finite number, or None: whole numbers may be too large for a float."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None
