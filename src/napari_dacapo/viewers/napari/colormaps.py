"""napari's colormap objects for this package's colours."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

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
    from napari_dacapo.viewers.colormaps import RGBA

__all__ = [
    "colormap_name",
    "image_colormap",
    "instance_colormap",
    "labels_colormap",
    "line_colormap",
]

_VEIL = (0.5, 0.5, 0.55, 0.45)
# napari renames a colormap that has the name of another one.
_VEILED = " (veiled)"


def image_colormap(name: str, *, veiled: bool = False) -> Colormap:
    """Return the colormap of that name: one of this package's, or one of napari's.

    Parameters
    ----------
    name : str
        Which one.
    veiled : bool
        Whether NaN is a gray veil instead of nothing: it says that an element
        is not known, where nothing would say that the network saw nothing.

    Raises
    ------
    KeyError
        If there is none.
    """
    colormap = _own_colormap(name) if name in COLORMAPS else ensure_colormap(name)
    return _with_veil(colormap) if veiled else colormap


def colormap_name(colormap: Colormap) -> str:
    """Return the name by which :func:`image_colormap` knows a colormap, veiled or not."""
    return str(colormap.name).removesuffix(_VEILED)


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
