"""napari's colormap objects for this package's colours."""

from __future__ import annotations

from bisect import insort
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.utils.color import ColorValue
from napari.utils.colormaps import (
    Colormap,
    CyclicLabelColormap,
    DirectLabelColormap,
    ensure_colormap,
    label_colormap,
)

from napari_dacapo.viewers.colormaps import COLORMAPS, class_color

if TYPE_CHECKING:
    from napari_dacapo.viewers.appearance import Appearance, ChannelAppearance
    from napari_dacapo.viewers.colormaps import RGBA, ColorStops

__all__ = [
    "chosen_label_colors",
    "colormap_name",
    "colormap_stops",
    "image_colormap",
    "instance_colormap",
    "labels_colormap",
    "line_colormap",
]

_VEIL = (0.5, 0.5, 0.55, 0.45)
# napari renames a colormap that has the name of another one.
_VEILED = " (veiled)"
_MAX_STOPS = 64
_TOLERANCE = 0.004  # of a colour; a screen shows steps of 1/255
_SAME = 0.02
_MAX_LABEL_COLORS = 1000


def image_colormap(name: str, *, stops: ColorStops = (), veiled: bool = False) -> Colormap:
    """Return the colormap of that name: one of this package's, or one of napari's.

    Parameters
    ----------
    name : str
        Which one.
    stops : ColorStops
        Its colours, if they are known: a name that means other ones here, or
        nothing, stands for these.
    veiled : bool
        Whether NaN is a gray veil instead of nothing: it says that an element
        is not known, where nothing would say that the network saw nothing.

    Raises
    ------
    KeyError
        If there is none, and its colours are not known.
    """
    if name in COLORMAPS:
        colormap = _own_colormap(name)
    elif stops:
        colormap = _colormap_of(name, stops)
    else:
        colormap = ensure_colormap(name)
    return _with_veil(colormap) if veiled else colormap


def colormap_stops(colormap: Colormap) -> ColorStops:
    """Return the colours of a colormap; empty if it is one of this package's."""
    if colormap_name(colormap) in COLORMAPS:
        return ()
    places = np.asarray(colormap.controls, np.float64)
    colors = np.asarray(colormap.colors, np.float64)
    if str(colormap.interpolation) == "zero":
        # One colour from each place to the next: steps, as steep as need be.
        places = np.repeat(places, 2)[1:-1]
        places[1:-1:2] -= 1e-4
        colors = np.repeat(colors, 2, axis=0)
    kept = _needed(places, colors) if len(places) > _MAX_STOPS else range(len(places))
    return tuple((round(float(places[i]), 6), _rgba(colors[i])) for i in kept)


def chosen_label_colors(
    colormap: Any, own: CyclicLabelColormap | DirectLabelColormap | None
) -> tuple[tuple[int | None, RGBA], ...]:
    """Return the colours that a user chose for labels; empty if there are none.

    Parameters
    ----------
    colormap : label colormap
        Of the layer.
    own : label colormap or None
        What this package gives the layer, which nobody chose.
    """
    if not isinstance(colormap, DirectLabelColormap):
        return ()
    chosen = {label: _rgba(color) for label, color in colormap.color_dict.items()}
    if isinstance(own, DirectLabelColormap):
        first = {label: _rgba(color) for label, color in own.color_dict.items()}
        if chosen == first:
            return ()
    # The background and all others first, so that they are never too many.
    labels = sorted(chosen, key=lambda label: -1 if label is None else label)
    return tuple((label, chosen[label]) for label in labels[:_MAX_LABEL_COLORS])


def colormap_name(colormap: Colormap) -> str:
    """Return the name by which :func:`image_colormap` knows a colormap, veiled or not."""
    return str(colormap.name).removesuffix(_VEILED)


def _colormap_of(name: str, stops: ColorStops) -> Colormap:
    """Return the colormap of a name if it has these colours, or else one that has."""
    places, colors = zip(*stops, strict=True)
    try:
        known = ensure_colormap(name)
    except (KeyError, ValueError):
        known = None
    if known is not None:
        probes = np.linspace(0, 1, 33)
        wanted = np.stack([np.interp(probes, places, part) for part in np.transpose(colors)], 1)
        if np.allclose(known.map(probes), wanted, atol=_SAME):
            return known
    return Colormap(colors=list(colors), controls=list(places), name=name)


def _needed(places: np.ndarray[Any, Any], colors: np.ndarray[Any, Any]) -> list[int]:
    """Return which of many stops are enough, the others lying between them."""
    kept = [0, len(places) - 1]
    while len(kept) < _MAX_STOPS:
        between = [np.interp(places, places[kept], part[kept]) for part in colors.T]
        away = np.abs(np.transpose(between) - colors).max(axis=1)
        worst = int(away.argmax())
        if away[worst] <= _TOLERANCE:
            break
        insort(kept, worst)
    return kept


def _rgba(color: Any) -> RGBA:
    red, green, blue, alpha = (round(float(part), 4) for part in color)
    return red, green, blue, alpha


def _with_veil(colormap: Colormap) -> Colormap:
    changes = {"nan_color": ColorValue(_VEIL), "name": f"{colormap.name}{_VEILED}"}
    veiled: Colormap = colormap.model_copy(update=changes)
    return veiled


@lru_cache
def _own_colormap(name: str) -> Colormap:
    positions, colors = zip(*COLORMAPS[name], strict=True)
    return Colormap(colors=list(colors), controls=list(positions), name=name)


def instance_colormap() -> CyclicLabelColormap:
    """Return napari's colours for instances; each layer needs an object of its own."""
    return label_colormap(49, 0.5, background_value=0)


def line_colormap(color: RGBA) -> DirectLabelColormap:
    """Return one colour for the lines around all labels."""
    return DirectLabelColormap(color_dict={0: class_color(0), None: color})


def labels_colormap(
    look: Appearance, channel: ChannelAppearance | None = None
) -> CyclicLabelColormap | DirectLabelColormap:
    """Return cyclic colours for instances, one colour a value for classes and masks."""
    if look.line_color is not None:
        return line_colormap(look.line_color)
    if look.kind == "instances":
        return instance_colormap()
    # napari without numba refuses colours of larger values.
    colors: dict[int | None, Any] = {
        value: color for value, color in look.class_colors.items() if abs(value) < 2**16
    }
    if channel is not None and channel.color is not None:
        colors[1] = channel.color
    colors.setdefault(0, class_color(0))
    # A value without a name is in the data all the same, so it must be seen.
    colors[None] = (1.0, 1.0, 1.0, 1.0)
    return DirectLabelColormap(color_dict=colors)
