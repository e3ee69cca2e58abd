"""Volumes as layers of neuroglancer's state, as plain JSON.

A layer is made once from the volume's appearance; afterwards it belongs to the
user. When a volume takes the place of another one, only the source changes.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from napari_dacapo.viewers.appearance import appearance
from napari_dacapo.viewers.naming import layer_name
from napari_dacapo.viewers.neuroglancer.channels import place_of_channel, split_channels
from napari_dacapo.viewers.neuroglancer.hints import read_hints, without_hints, write_hints
from napari_dacapo.viewers.neuroglancer.label_colors import first_label_colors
from napari_dacapo.viewers.neuroglancer.served import client_dtype
from napari_dacapo.viewers.neuroglancer.shaders import ChannelLook, image_shader
from napari_dacapo.viewers.neuroglancer.zarr_metadata import client_axis_names

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from napari_dacapo.viewers.appearance import Appearance
    from napari_dacapo.viewers.neuroglancer.server import VolumeServer
    from napari_dacapo.volumes import Volume

__all__ = [
    "CONTOUR_FILL",
    "Json",
    "exchanged",
    "first_looks",
    "layer_for",
    "layer_json",
    "layer_sources",
    "layers_json",
    "source_urls",
]

Json = dict[str, Any]

#: neuroglancer fills labels: one that napari draws as a line gets so much of its opacity.
CONTOUR_FILL = 0.4


def layer_sources(volume: Volume, server: VolumeServer) -> list[Json]:
    """Hand a volume to a server and return the layer's data sources.

    The first is the array; the second, if there is one, names its labels.
    """
    sources: list[Json] = [{"url": server.serve(volume)}]
    names = server.class_names_url(volume)
    if names is not None:
        sources.append({"url": names})
    return sources


def layers_json(
    volume: Volume, sources: Sequence[Mapping[str, Any]], *, apart: bool = False
) -> list[Json]:
    """Return new layers for a volume, mostly one.

    Parameters, meaning and errors are those of :func:`layer_json`.

    Parameters
    ----------
    volume, sources
        What is shown, and where the client finds it.
    apart : bool
        Whether the client cannot see the channels of an image together.

    Returns
    -------
    list of dict
        One for each channel where they cannot be one layer.
    """
    channels = split_channels(volume, apart=apart)
    if not channels:
        return [layer_json(volume, sources, apart=apart)]
    # The names of labels are those of the whole volume; of a channel the layer's name is.
    return [layer_json(volume, sources[:1], channel=i, apart=apart) for i in channels]


def layer_json(
    volume: Volume,
    sources: Sequence[Mapping[str, Any]],
    *,
    channel: int | None = None,
    apart: bool = False,
) -> Json:
    """Return a new layer for a volume.

    Parameters
    ----------
    volume : Volume
        What is shown.
    sources : sequence of mapping
        Where the client finds it, as from :func:`layer_sources`.
    channel : int, optional
        The one channel that is shown; by default the whole volume.
    apart : bool
        Whether the client cannot see the channels of an image together.

    Returns
    -------
    dict
        A layer of neuroglancer's JSON state.

    Raises
    ------
    UnsupportedError
        If the client cannot show elements of that type.
    """
    look = appearance(volume)
    layer: Json = {
        "type": "image" if look.kind == "image" else "segmentation",
        "source": [dict(source) for source in sources],
        "tab": "rendering" if look.kind == "image" else "segments",
        "name": layer_name(volume, look, channel),
    }
    if not look.visible or (channel is not None and not look.channels[channel].visible):
        layer["visible"] = False
    if channel is not None:
        layer |= place_of_channel(volume, channel, apart=apart)
    has_axis = not apart and "c^" in client_axis_names(volume)
    if look.kind == "image":
        layer |= _image(volume, look, channel, has_axis)
    else:
        layer |= _labels(look, channel)
    return layer


def layer_for(volume: Volume, server: VolumeServer) -> Any:
    """Return a neuroglancer layer object for a volume, served by a server.

    Returns
    -------
    neuroglancer.ImageLayer or neuroglancer.SegmentationLayer
        To be put into ``state.layers``.
    """
    from neuroglancer.viewer_state import make_layer

    layer = layer_json(volume, layer_sources(volume, server))
    del layer["name"]
    layer.pop("visible", None)
    return make_layer(layer)


def first_looks(look: Appearance, channel: int | None, has_axis: bool) -> tuple[ChannelLook, ...]:
    """Return how the channels of an image look at first.

    Parameters
    ----------
    look : Appearance
        Of the volume.
    channel : int or None
        The only channel that is shown.
    has_axis : bool
        Whether the client sees all channels at once; if not, there is one entry.
    """
    limits = look.contrast_limits or (0.0, 1.0)
    if channel is not None:
        return (ChannelLook(look.channels[channel].colormap, limits, look.gamma),)
    if not has_axis:
        return (ChannelLook(look.colormap, limits, look.gamma),)
    return tuple(
        ChannelLook(channel.colormap, limits, look.gamma, channel.visible)
        for channel in look.channels
    )


def exchanged(old: Mapping[str, Any], new: Mapping[str, Any], before: Volume | None) -> Json:
    """Return a layer that shows a new volume and keeps what the user has set.

    Parameters
    ----------
    old : mapping
        The layer as it is in the viewer.
    new : mapping
        What :func:`layer_json` says of the new volume.
    before : Volume or None
        What the layer showed; tells whether the user changed the shader.

    Returns
    -------
    dict
        The old layer with the new source. Selected segments are cleared: ids
        of another segmentation mean other objects.
    """
    if old.get("type") != new["type"]:
        kept = {key: old[key] for key in ("name", "visible", "archived", "tab") if key in old}
        return {**new, **kept}
    layer = copy.deepcopy(dict(old))
    layer["source"] = new["source"]
    for key in ("segments", "segmentQuery", "equivalences"):
        layer.pop(key, None)
    if new["type"] == "segmentation":
        if "segmentColors" not in old and "segmentColors" in new:
            layer["segmentColors"] = new["segmentColors"]
        return layer
    if before is not None:
        # Of images that we serve, the client sees all channels at once.
        first = _image(before, appearance(before), None, "c^" in client_axis_names(before))
        if without_hints(old.get("shader")) == first["shader"]:
            layer["shader"] = new["shader"]
            write_hints(layer, **read_hints(old))
    return layer


def source_urls(layer: Mapping[str, Any]) -> list[str]:
    """Return the data source URLs of a layer, however they are written."""
    sources = layer.get("source")
    if not isinstance(sources, list):
        sources = [sources]
    urls = [source.get("url") if isinstance(source, dict) else source for source in sources]
    return [url for url in urls if isinstance(url, str)]


def _image(volume: Volume, look: Appearance, channel: int | None, has_axis: bool) -> Json:
    layer: Json = {
        "shader": image_shader(
            first_looks(look, channel, has_axis),
            has_channel_axis=has_axis,
            dtype=client_dtype(volume),
            multiply=look.blending == "multiplicative",
        ),
        "opacity": look.opacity,
    }
    if look.blending == "additive":
        layer["blend"] = "additive"
    return layer


def _labels(look: Appearance, channel: int | None) -> Json:
    layer: Json = {"selectedAlpha": look.opacity * (CONTOUR_FILL if look.contour else 1.0)}
    colors = first_label_colors(look, channel)
    if colors:
        layer["segmentColors"] = colors
    return layer
