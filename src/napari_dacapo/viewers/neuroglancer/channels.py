"""Channels that are layers of their own in neuroglancer, as they are in napari.

A shader sees all channels of an image at once, if they lie in one chunk. Labels
have no shader, and channels in chunks of their own cannot be seen together:
then each channel is a layer that stands at its place along an axis that
belongs to the layer alone (``c'``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_dacapo.viewers.neuroglancer.zarr_metadata import MAX_CHANNELS, client_axis_names

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_dacapo.viewers.neuroglancer.layers import Json
    from napari_dacapo.volumes import Volume

__all__ = ["layer_channel", "place_of_channel", "split_channels"]

_AXIS = "c'"


def split_channels(volume: Volume, *, apart: bool = False) -> range:
    """Return the channels that get a layer each; empty if one layer shows the whole volume.

    Parameters
    ----------
    volume : Volume
        What is shown.
    apart : bool
        Whether the client cannot see the channels of an image together.
    """
    axis = volume.channel_axis
    n_channels = 0 if axis is None else volume.shape[axis]
    is_split = volume.kind == "labels" or apart
    return range(n_channels if is_split and 1 < n_channels <= MAX_CHANNELS else 0)


def place_of_channel(volume: Volume, channel: int, *, apart: bool = False) -> Json:
    """Return the part of a layer that says at which channel it stands."""
    dimensions, position = {}, []
    names = client_axis_names(volume, channels_apart=apart)
    for name, count in zip(names, volume.shape, strict=True):
        if name.endswith("'"):
            dimensions[name] = [1, ""]
            # The middle of other axes, where the client would stand of itself.
            position.append((channel if name == _AXIS else count // 2) + 0.5)
    return {"localDimensions": dimensions, "localPosition": position}


def layer_channel(layer: Mapping[str, Any], volume: Volume) -> int | None:
    """Return the channel that a layer stands at; None if it shows the whole volume."""
    dimensions, position = layer.get("localDimensions"), layer.get("localPosition")
    if not isinstance(dimensions, dict) or not isinstance(position, list):
        return None
    names = list(dimensions)
    place = names.index(_AXIS) if _AXIS in names else len(position)
    channels = split_channels(volume, apart=True)
    if place >= len(position) or not isinstance(position[place], int | float):
        return None
    # Not by int(): the position may be infinite.
    return next((i for i in channels if i <= position[place] < i + 1), None)
