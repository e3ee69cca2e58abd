"""Colours of labels in neuroglancer's JSON.

neuroglancer gives each segment a colour of its own choice, except for those
listed in ``segmentColors``; ``segmentDefaultColor`` is that of all others. It
cannot make segments clear, but show a list of them only.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from napari_dacapo.viewers.appearance import Appearance
    from napari_dacapo.viewers.colormaps import RGBA
    from napari_dacapo.viewers.neuroglancer.layers import Json

__all__ = ["first_label_colors", "label_colors", "set_label_colors"]

_MAX_COLORS = 1000
_CLEAR: RGBA = (0.0, 0.0, 0.0, 0.0)
_WHITE: RGBA = (1.0, 1.0, 1.0, 1.0)
_HEX = re.compile(r"#[0-9a-fA-F]{6}")

LabelColors = tuple[tuple[int | None, "RGBA"], ...]


def first_label_colors(look: Appearance, channel: int | None = None) -> dict[str, str]:
    """Return the ``segmentColors`` that labels have at first; empty for instances.

    Parameters
    ----------
    look : Appearance
        How the volume looks at first.
    channel : int, optional
        The only channel that is shown, which may have a colour of its own.
    """
    colors = dict(look.class_colors)
    own = None if channel is None else look.channels[channel].color
    if own is not None:
        colors[1] = own
    return {str(value): _hex(color) for value, color in colors.items() if color[3] > 0}


def set_label_colors(layer: Json, first: Mapping[str, str], colors: LabelColors) -> bool:
    """Give labels the colours that were chosen for them, in place.

    Parameters
    ----------
    layer : dict
        A segmentation layer.
    first : mapping of str to str
        Its ``segmentColors`` at first.
    colors : tuple of (int or None, RGBA)
        See :attr:`napari_dacapo.viewers.view_state.LayerState.label_colors`;
        none take back those that were given before.

    Returns
    -------
    bool
        Whether all other labels are clear, so that these alone are to be shown.
    """
    given_before = layer.pop("segmentDefaultColor", None) is not None
    if not colors:
        if given_before:
            layer["segmentColors"] = dict(first)
        return False
    by_label = dict(colors[:_MAX_COLORS])
    others = by_label.get(None, _WHITE)
    layer["segmentColors"] = {
        str(label): _hex(color)
        for label, color in by_label.items()
        if label is not None and label > 0 and color[3] > 0
    }
    if others[3] == 0:
        return True
    layer["segmentDefaultColor"] = _hex(others)
    return False


def label_colors(
    layer: Mapping[str, Any], first: Mapping[str, str], *, others_clear: bool = False
) -> LabelColors:
    """Return the colours that were chosen for labels; empty if there are none.

    Parameters
    ----------
    layer : mapping
        A segmentation layer, from wherever.
    first : mapping of str to str
        Its ``segmentColors`` at first.
    others_clear : bool
        Whether labels without a colour are known to be clear.
    """
    found = _colors_in(layer.get("segmentColors"))
    default = _color(layer.get("segmentDefaultColor"))
    unchanged = _colors_in(dict(first))
    if others_clear and found:
        default = _CLEAR
    elif default is None:
        if not unchanged or found in ({}, unchanged):
            return ()
        found, default = unchanged | found, _WHITE
    return (None, default), (0, _CLEAR), *sorted(found.items())


def _colors_in(value: Any) -> dict[int, RGBA]:
    if not isinstance(value, dict):
        return {}
    found = {}
    for label, text in list(value.items())[:_MAX_COLORS]:
        color = _color(text)
        if color is not None and re.fullmatch(r"[1-9][0-9]{0,18}", str(label)):
            found[int(label)] = color
    return found


def _color(text: Any) -> RGBA | None:
    if not isinstance(text, str) or not _HEX.fullmatch(text):
        return None
    red, green, blue = (round(int(text[i : i + 2], 16) / 255, 4) for i in (1, 3, 5))
    return red, green, blue, 1.0


def _hex(color: Sequence[float]) -> str:
    return "#" + "".join(f"{round(min(max(c, 0.0), 1.0) * 255):02x}" for c in color[:3])
