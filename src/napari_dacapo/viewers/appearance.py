"""How a volume is made to look, for both viewers.

Decided from what is known without reading an element: role, dtype, value
range, channel and class names. Raw, gt, prediction and segmentation are meant
to lie on top of each other and still be told apart: raw is gray, predictions
are clear where the network says no, the segmentation is a translucent filling
and gt a line around it.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

import numpy as np

from napari_dacapo.errors import UnsupportedError
from napari_dacapo.viewers.colormaps import (
    COLORMAPS,
    ERROR,
    GT,
    LINE,
    LIVE,
    SEGMENTATION,
    class_color,
    class_colormap,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_dacapo.viewers.colormaps import RGBA
    from napari_dacapo.volumes import Volume

__all__ = [
    "COLORMAPS",
    "Appearance",
    "ChannelAppearance",
    "LookKind",
    "appearance",
    "contrast_limits",
    "is_offset_name",
]

LookKind = Literal["image", "instances", "classes", "mask"]

_ADDED = ("green", "magenta", "cyan", "yellow")


@dataclass(frozen=True, slots=True)
class ChannelAppearance:
    """What may differ between the channels of one volume.

    Attributes
    ----------
    name : str
        Name of the channel, or its number if it has none.
    colormap : str
        A name in :data:`COLORMAPS` or one that napari knows.
    visible : bool
        Whether it is shown at first.
    color : RGBA or None
        Of a mask: the colour of its label.
    """

    name: str
    colormap: str
    visible: bool
    color: RGBA | None = None


@dataclass(frozen=True, slots=True)
class Appearance:
    """How a volume is made to look.

    Attributes
    ----------
    kind : {"image", "instances", "classes", "mask"}
        ``instances`` are labels without names (cyclic colours), ``classes``
        labels with names, a ``mask`` has one label in one colour.
    contrast_limits : tuple of float or None
        Values shown as darkest and brightest; None for labels.
    colormap : str
        Of an image: a name in :data:`COLORMAPS` or one that napari knows.
    opacity : float
        0 (clear) to 1 (opaque).
    blending : str
        napari's name for it.
    visible : bool
        Whether it is shown at first.
    gamma : float
        Exponent on the scaled value.
    channels : tuple of ChannelAppearance
        One for each channel; empty without a channel axis.
    contour : int
        Width of the line around labels in voxels; 0 fills them.
    line_color : RGBA or None
        One colour for the lines around all labels: outlines of many colours
        around fillings of many colours cannot be read. None where each label
        has its own.
    class_colors : mapping of int to RGBA
        Colour of each label value, of classes and masks; 0 is clear.
    class_names : mapping of int to str
        Name of each label value, of classes and masks.
    """

    kind: LookKind
    contrast_limits: tuple[float, float] | None = None
    colormap: str = "gray"
    opacity: float = 1.0
    blending: str = "translucent"
    visible: bool = True
    gamma: float = 1.0
    channels: tuple[ChannelAppearance, ...] = ()
    contour: int = 0
    line_color: RGBA | None = None
    class_colors: Mapping[int, RGBA] = field(default_factory=lambda: MappingProxyType({}))
    class_names: Mapping[int, str] = field(default_factory=lambda: MappingProxyType({}))


def appearance(volume: Volume) -> Appearance:
    """Return how a volume is made to look at first.

    Nothing is read: the same volume always looks the same, however it was
    trained.

    Raises
    ------
    UnsupportedError
        If the dtype cannot be shown at all (complex, text, objects), or if
        labels are not integers.
    """
    if volume.dtype.kind not in "buif":
        raise UnsupportedError(
            f"{volume.identity.label} has elements of type {volume.dtype}, which no viewer shows.",
            todo="Convert them to integers or floats.",
        )
    return _labels(volume) if volume.kind == "labels" else _image(volume)


def contrast_limits(volume: Volume) -> tuple[float, float]:
    """Return the values to show as darkest and brightest, without reading any.

    The volume's own value range if it has a usable one, else what the role and
    dtype say: signed outputs symmetrically around 0, affinities and normalised
    raw from 0 to 1, integers over their whole type.
    """
    if volume.value_range is not None:
        low, high = (float(value) for value in volume.value_range)
        if math.isfinite(low) and math.isfinite(high) and low < high:
            return low, high
    if volume.dtype.kind == "b":
        return 0.0, 1.0
    if volume.dtype.kind in "ui":
        # Nobody fills 32 bits with intensities; the whole range would be black.
        n_bytes = min(volume.dtype.itemsize, 2)
        info = np.iinfo(f"{volume.dtype.kind}{n_bytes}")
        return float(info.min), float(info.max)
    if volume.role in ("raw", "mask", "weight") or _are_affinities(volume):
        return 0.0, 1.0
    return -1.0, 1.0


def is_offset_name(name: str) -> bool:
    """Whether a channel is named like an affinity, ``"(0, 0, 1)"``."""
    return re.fullmatch(r"\(\s*-?\d+(\s*,\s*-?\d+)*\s*,?\s*\)", name) is not None


def _are_affinities(volume: Volume) -> bool:
    names = volume.channel_names
    return bool(names) and all(is_offset_name(name) for name in names)


def _labels(volume: Volume) -> Appearance:
    if volume.dtype.kind == "f":
        raise UnsupportedError(
            f"{volume.identity.label} is meant as labels but has elements of type {volume.dtype}.",
            todo="Show it as an image, or convert it to integers.",
        )
    is_gt = volume.role in ("gt", "target")
    names: dict[int, str] = dict(volume.class_names)
    channel_names = _channel_names(volume)
    kind: LookKind = "classes" if names else "instances"
    colors = {value: class_color(value) for value in names}
    channels = tuple(ChannelAppearance(name, "", True) for name in channel_names)
    if _is_mask(volume):
        kind = "mask"
        # One beside that of a validation, with which it is compared.
        segmentation = LIVE if volume.identity.variant_slot else SEGMENTATION
        color = {"gt": GT, "target": GT, "error": ERROR}.get(volume.role, segmentation)
        names = names or {1: channel_names[0] if len(channel_names) == 1 else volume.role}
        colors = {value: (*color, 1.0) for value in names if value > 0}
        if len(channels) > 1:
            channels = tuple(
                replace(channel, color=class_color(i + 1)) for i, channel in enumerate(channels)
            )
    # Two masks are compared by their outlines, and the prediction is seen within.
    is_line = is_gt or (kind == "mask" and volume.role == "segmentation")
    return Appearance(
        kind,
        opacity=0.9 if is_line else 0.4,
        visible=volume.role != "mask",
        contour=1 if is_line else 0,
        line_color=LINE if is_gt and kind == "instances" else None,
        channels=channels,
        class_colors=_classes(colors),
        class_names=MappingProxyType(names),
    )


def _classes(colors: dict[int, RGBA]) -> Mapping[int, RGBA]:
    return MappingProxyType({0: class_color(0), **colors})


def _is_mask(volume: Volume) -> bool:
    """Whether 1 is the only label: bool, or one byte with a channel axis.

    DaCapo writes masks as ``(c, …)`` and segmentations into instances or
    classes without a channel axis.
    """
    foreground = [value for value in volume.class_names if value > 0]
    if volume.class_names:
        return foreground == [1]
    if volume.dtype.kind == "b" or volume.role == "mask":
        return True
    return volume.dtype.itemsize == 1 and volume.channel_axis is not None


def _image(volume: Volume) -> Appearance:
    limits = contrast_limits(volume)
    names = _channel_names(volume)
    if volume.role in ("raw", "mask", "weight"):
        # The first channel is gray, others add their colour where they are bright.
        channels = tuple(
            ChannelAppearance(name, "gray" if i == 0 else _ADDED[(i - 1) % len(_ADDED)], i == 0)
            for i, name in enumerate(names)
        )
        return Appearance("image", limits, visible=volume.role == "raw", channels=channels)
    if _are_affinities(volume):
        # The nearest neighbour along each axis comes first in DaCapo's tasks.
        n_first = len(volume.spatial_axes)
        channels = tuple(
            ChannelAppearance(name, _affinity_colormap(name), i < n_first)
            for i, name in enumerate(names)
        )
        return Appearance("image", limits, blending="multiplicative", channels=channels)
    channels = tuple(
        ChannelAppearance(name, *_signed_channel(volume, name, i)) for i, name in enumerate(names)
    )
    return Appearance("image", limits, "dacapo signed", opacity=0.6, channels=channels)


def _channel_names(volume: Volume) -> tuple[str, ...]:
    if volume.channel_axis is None:
        return ()
    n_channels = volume.shape[volume.channel_axis]
    if len(volume.channel_names) == n_channels:
        return volume.channel_names
    return tuple(str(i) for i in range(n_channels))


def _affinity_colormap(name: str) -> str:
    """Return the colormap of the axis along which an offset is longest."""
    offset = [abs(int(number)) for number in re.findall(r"-?\d+", name)]
    from_last = len(offset) - 1 - max(range(len(offset)), key=offset.__getitem__)
    return f"dacapo affinity {'xyz'[min(from_last, 2)]}"


def _signed_channel(volume: Volume, name: str, index: int) -> tuple[str, bool]:
    """Return colormap and visibility of a channel of an output around 0."""
    names = _channel_names(volume)
    if len(names) == 1:
        return "dacapo signed", True
    value = index + 1
    visible = True
    if volume.class_names:
        # One-hot: channels are classes, and class 0 is the background.
        value, visible = index, index > 0
    elif name.endswith(" (one-hot)"):
        visible = False
    elif name.endswith(" (distance)"):
        value = index - len(names) // 2 + 1
    if value == 0:
        return "dacapo signed", visible
    return class_colormap(value), visible
