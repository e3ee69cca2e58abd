"""What a user has set on a layer, kept when the layer has to be exchanged."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari.layers import Labels

if TYPE_CHECKING:
    from napari.layers import Layer

__all__ = ["copy_settings"]

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
