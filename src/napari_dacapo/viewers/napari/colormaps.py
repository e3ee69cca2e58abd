"""napari's colormap objects for this package's colours."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

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

__all__ = ["image_colormap", "instance_colormap", "labels_colormap"]


def image_colormap(name: str) -> Colormap:
    """Return the colormap of that name: one of this package's, or one of napari's.

    Raises
    ------
    KeyError
        If there is none.
    """
    return _own_colormap(name) if name in COLORMAPS else ensure_colormap(name)


@lru_cache
def _own_colormap(name: str) -> Colormap:
    positions, colors = zip(*COLORMAPS[name], strict=True)
    return Colormap(colors=list(colors), controls=list(positions), name=name)


def instance_colormap() -> CyclicLabelColormap:
    """Return napari's colours for instances; each layer needs an object of its own."""
    return label_colormap(49, 0.5, background_value=0)


def labels_colormap(
    look: Appearance, channel: ChannelAppearance | None = None
) -> CyclicLabelColormap | DirectLabelColormap:
    """Return cyclic colours for instances, one colour a value for classes and masks."""
    if look.line_color is not None:
        return DirectLabelColormap(color_dict={0: class_color(0), None: look.line_color})
    if look.kind == "instances":
        return instance_colormap()
    colors: dict[int | None, Any] = dict(look.class_colors.items())
    if channel is not None and channel.color is not None:
        colors[1] = channel.color
    colors.setdefault(0, class_color(0))
    # A value without a name is in the data all the same, so it must be seen.
    colors[None] = (1.0, 1.0, 1.0, 1.0)
    return DirectLabelColormap(color_dict=colors)
