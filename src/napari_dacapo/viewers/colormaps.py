"""Colours and colormaps that this package brings along.

Plain values: each viewer makes its own objects from them.
"""

from __future__ import annotations

import colorsys
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "COLORMAPS",
    "ERROR",
    "GT",
    "LIVE",
    "RGBA",
    "SEGMENTATION",
    "ColorStops",
    "class_color",
    "class_colormap",
]

RGB = tuple[float, float, float]
RGBA = tuple[float, float, float, float]
ColorStops = tuple[tuple[float, RGBA], ...]

_BLUE = (0.18, 0.55, 1.0)
_ORANGE = (1.0, 0.55, 0.1)
GT: RGB = (0.25, 1.0, 0.75)
SEGMENTATION: RGB = (1.0, 0.25, 0.65)
LIVE: RGB = (1.0, 0.85, 0.2)
ERROR: RGB = (1.0, 0.15, 0.15)
LINE: RGBA = (1.0, 1.0, 1.0, 1.0)

# Okabe and Ito's palette without black and gray: told apart by people who do
# not tell red from green. Classes beyond it get hues by the golden ratio.
_PALETTE: tuple[RGB, ...] = (
    (0.90, 0.62, 0.00),
    (0.34, 0.71, 0.91),
    (0.00, 0.62, 0.45),
    (0.94, 0.89, 0.26),
    (0.80, 0.47, 0.65),
    (0.84, 0.37, 0.00),
    (0.00, 0.45, 0.70),
)


def class_color(value: int) -> RGBA:
    """Return the colour of a class or channel: clear for 0, else opaque.

    A class has the same colour in every volume of every run.
    """
    if value <= 0:
        return (0.0, 0.0, 0.0, 0.0)
    if value <= len(_PALETTE):
        return (*_PALETTE[value - 1], 1.0)
    hue = (value * 0.6180339887498949) % 1.0
    return (*colorsys.hsv_to_rgb(hue, 0.65, 0.95), 1.0)


def _positive(color: RGB) -> ColorStops:
    """Clear up to the middle of the range, then more and more of a colour."""
    return (
        (0.0, (*color, 0.0)),
        (0.5, (*color, 0.0)),
        (0.55, (*color, 0.35)),
        (1.0, (*color, 0.95)),
    )


def _missing(axis: int) -> ColorStops:
    """From the colour that lacks one of red, green and blue, to white.

    Three of them multiplied make a colour image, and white leaves what lies
    below as it is: affinities over raw show the boundaries only.
    """
    low = tuple(0.15 if i == axis else 1.0 for i in range(3))
    return ((0.0, (low[0], low[1], low[2], 1.0)), (1.0, (1.0, 1.0, 1.0, 1.0)))


COLORMAPS: Mapping[str, ColorStops] = MappingProxyType(
    {
        "dacapo signed": (
            (0.0, (*_BLUE, 0.3)),
            (0.45, (*_BLUE, 0.06)),
            (0.5, (0.6, 0.6, 0.6, 0.0)),
            (0.55, (*_ORANGE, 0.4)),
            (0.75, (1.0, 0.7, 0.15, 0.85)),
            (1.0, (1.0, 0.92, 0.5, 1.0)),
        ),
        "dacapo affinity z": _missing(0),
        "dacapo affinity y": _missing(1),
        "dacapo affinity x": _missing(2),
        **{f"dacapo class {i + 1}": _positive(color) for i, color in enumerate(_PALETTE)},
    }
)
"""This package's own colormaps: stops ``(position 0..1, (r, g, b, a))``."""


def class_colormap(value: int) -> str:
    """Return the colormap of a class's output: clear up to 0, then its colour."""
    return f"dacapo class {(value - 1) % len(_PALETTE) + 1}"
