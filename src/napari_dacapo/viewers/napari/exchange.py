"""Layers that take the data of another volume, and keep what a user has set."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari.layers import Image, Labels

from napari_dacapo.viewers.napari.arrange import STACKED
from napari_dacapo.viewers.napari.colormaps import line_colormap
from napari_dacapo.viewers.napari.large_layers import read_aside
from napari_dacapo.viewers.napari.layers import METADATA_KEY
from napari_dacapo.viewers.plain_text import plain_text

if TYPE_CHECKING:
    from napari.layers import Layer

    from napari_dacapo.viewers.napari.layers import LayerData

__all__ = ["copy_settings", "exchange", "finish"]

_COMMON = ("opacity", "blending", "visible", "locked")
_IMAGE = (
    "projection_mode",
    "contrast_limits_range",
    "contrast_limits",
    "gamma",
    "colormap",
    "interpolation2d",
    "interpolation3d",
    "rendering",
    "iso_threshold",
    "attenuation",
    "depiction",
)
_LABELS = (
    "colormap",
    "contour",
    "selected_label",
    "show_selected_label",
    "rendering",
    "iso_gradient_mode",
    "depiction",
)


def copy_settings(old: Layer, new: Layer) -> None:
    """Make a layer look as the one that it replaces.

    Layers of different kinds share only what all layers have.
    """
    own: tuple[str, ...] = ()
    if type(old) is type(new):
        own = _LABELS if isinstance(old, Labels) else _IMAGE
    for name in _COMMON + own:
        setattr(new, name, getattr(old, name))
    _hand_on(old.metadata[METADATA_KEY], new.metadata[METADATA_KEY])


def exchange(layer: Layer, data: LayerData) -> bool:
    """Give a layer new data; False if it cannot take it."""
    elements, keywords, kind = data
    new, old = keywords["metadata"][METADATA_KEY], layer.metadata[METADATA_KEY]
    is_same_kind = isinstance(layer, Labels if kind == "labels" else Image)
    n_axes = len(keywords["scale"])
    if not is_same_kind or layer.multiscale != keywords["multiscale"] or layer.ndim != n_axes:
        return False
    if (new["key"], new["revision"]) != (old["key"], old["revision"]):
        if layer.multiscale:
            read_aside(layer, elements)
        layer.data = elements
    for name in ("scale", "translate", "units", "axis_labels"):
        if list(map(str, getattr(layer, name))) != list(map(str, keywords[name])):
            setattr(layer, name, keywords[name])
    if isinstance(layer, Labels):
        if new["look"] != old["look"]:
            layer.colormap = keywords["colormap"]
        layer.features = keywords.get("features", {})
    elif list(layer.contrast_limits) == old["contrast_limits"] != new["contrast_limits"]:
        # Nobody has touched them, and the new data want others.
        layer.contrast_limits = new["contrast_limits"]
    _hand_on(old, new)
    layer.metadata = keywords["metadata"]
    if new["notes"] != old["notes"]:
        _say_notes(layer)
    return True


def _hand_on(old: dict[str, Any], new: dict[str, Any]) -> None:
    """Hand on what was noted of a layer's look, not of its data."""
    new["contour"] = old["contour"]
    if STACKED in old:
        new[STACKED] = old[STACKED]


def finish(layer: Layer) -> None:
    """Set once what layer data cannot say: outlines, and notes in the status bar."""
    said = layer.metadata.get(METADATA_KEY)
    if said is not None:
        read_aside(layer)  # layers of readers come without
    if said is None or said["contour"] is None:
        return
    if isinstance(layer, Labels) and said["contour"]:
        layer.contour = said["contour"]
        layer.opacity = said["opacity"]
        if said["line_color"] is not None:
            layer.colormap = line_colormap(said["line_color"])
    said["contour"] = None
    _say_notes(layer)


def _say_notes(layer: Layer) -> None:
    layer.help = plain_text("; ".join(layer.metadata[METADATA_KEY]["notes"]))
