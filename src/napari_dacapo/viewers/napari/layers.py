"""Volumes as layer data: what napari needs to make layers, without a viewer.

napari puts the *centre* of a layer's first voxel at ``translate``; a volume's
offset is the *corner* of its first voxel. Hence ``translate = offset +
voxel_size / 2``, and a world position in napari is the same number of
nanometres as everywhere else in this package.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from napari_dacapo.runs.selection import volumes_to_show
from napari_dacapo.viewers.appearance import appearance
from napari_dacapo.viewers.naming import layer_name
from napari_dacapo.viewers.napari.colormaps import (
    image_colormap,
    instance_colormap,
    labels_colormap,
)
from napari_dacapo.viewers.napari.large_layers import prepare_levels
from napari_dacapo.viewers.plain_text import plain_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import dask.array as da

    from napari_dacapo.runs import Run
    from napari_dacapo.viewers.appearance import Appearance, ChannelAppearance
    from napari_dacapo.volumes import Volume

__all__ = [
    "MAX_SPLIT_CHANNELS",
    "METADATA_KEY",
    "VOLUME_KEY",
    "LayerData",
    "layer_data",
    "place",
    "run_layer_data",
    "shown_dtype",
    "stack_layer_data",
]

LayerData = tuple[Any, dict[str, Any], Literal["image", "labels"]]

METADATA_KEY = "napari-dacapo"
"""Key of ``layer.metadata`` under which plain values say what a layer shows."""

VOLUME_KEY = "napari-dacapo volume"
"""Key of ``layer.metadata`` under which the volume itself is."""

MAX_SPLIT_CHANNELS = 16
"""Up to so many channels become layers of their own; more become a slider."""

UNIT = "nanometer"
_FILLED = 0.3


def run_layer_data(
    run: Run,
    *,
    dataset: str | None = None,
    iteration: int | None = None,
    parameters: str | None = None,
    segmentation: Literal["stored", "computed"] | None = None,
) -> list[LayerData]:
    """Return the layers of a run as layer data, for napari's readers.

    The arguments are those of :meth:`napari_dacapo.runs.Run.volumes`.
    """
    chosen = volumes_to_show(run, dataset, iteration, parameters, segmentation)
    stack = stack_layer_data(chosen.volumes, chosen.missing)
    return [layer for layers in stack for layer in layers]


def stack_layer_data(volumes: Sequence[Volume], notes: Sequence[str] = ()) -> list[list[LayerData]]:
    """Return the layer data of volumes that lie on top of each other.

    As :func:`layer_data` of each, but affinities and the scores of classes
    are hidden at first where there is a segmentation made of them: they cover
    what the eye needs to compare it with gt.

    Parameters
    ----------
    volumes : sequence of Volume
        From the bottom to the top.
    notes : sequence of str
        What to say of all of them, e.g. which parts of a run are missing;
        kept with the first.
    """
    stack = [layer_data(volume) for volume in volumes]
    for _, keywords, _ in stack[0] if stack else ():
        keywords["metadata"][METADATA_KEY]["run_notes"] = list(notes)
    all_said = [keywords["metadata"][METADATA_KEY] for layers in stack for _, keywords, _ in layers]
    segmented = {place(said) for said in all_said if said["role"] == "segmentation"}
    for layers in stack:
        for _, keywords, _ in layers:
            said = keywords["metadata"][METADATA_KEY]
            if said["gives_way"] and place(said) in segmented:
                keywords["visible"] = False
    return stack


def place(said: dict[str, Any]) -> tuple[str, str, str]:
    """Return what layers lie on top of each other for, from a layer's metadata."""
    return said["store"], said["run"], said["dataset"]


def _gives_way(volume: Volume, look: Appearance) -> bool:
    if volume.role not in ("prediction", "live"):
        return False
    return bool(volume.class_names) or look.blending == "multiplicative"


def layer_data(volume: Volume) -> list[LayerData]:
    """Return a volume as napari layer data; no element is read.

    A channel axis becomes one layer a channel (a slider if there are more than
    :data:`MAX_SPLIT_CHANNELS`), other axes that are not spatial become
    sliders.

    Parameters
    ----------
    volume : Volume
        With at least two axes besides the channels.

    Returns
    -------
    list of (data, keyword arguments, layer type)
        For :meth:`napari.layers.Layer.create`. Scale and translate are in
        nanometres; ``metadata["napari-dacapo"]`` holds the identity, key,
        revision, notes and source of the volume.

    Raises
    ------
    UnsupportedError
        If napari cannot show elements of that type, or labels are floats.
    """
    look = appearance(volume)
    return [_one_layer(volume, look, index) for index in _channel_indices(volume, look)]


def _channel_indices(volume: Volume, look: Appearance) -> Iterator[int | None]:
    if not look.channels or len(look.channels) > MAX_SPLIT_CHANNELS:
        yield None
    else:
        yield from range(len(look.channels))


def _one_layer(volume: Volume, look: Appearance, index: int | None) -> LayerData:
    channel = None if index is None else look.channels[index]
    levels = [_element_type(_channel(volume, data, index), look) for data in _levels(volume)]
    n_extra = levels[0].ndim - len(volume.spatial_axes)
    extra = [
        axis for axis in volume.axis_names if axis.endswith("^") and (index is None or axis != "c^")
    ]
    centre = [offset + size / 2 for offset, size in _corners(volume)]
    keywords: dict[str, Any] = {
        # napari shows names in its status bar and in tooltips.
        "name": plain_text(layer_name(volume, look, index)),
        "scale": [1.0] * n_extra + [float(size) for size in volume.voxel_size],
        "translate": [0.0] * n_extra + centre,
        # Channels, batches and iterations are counted, not measured.
        "units": ["pixel"] * n_extra + [UNIT] * len(volume.spatial_axes),
        "axis_labels": [axis.rstrip("^") for axis in extra] + list(volume.spatial_axes),
        "opacity": look.opacity,
        "blending": look.blending,
        "visible": look.visible and (channel is None or channel.visible),
        "multiscale": len(levels) > 1,
        "metadata": {METADATA_KEY: _metadata(volume, look, index), VOLUME_KEY: volume},
    }
    data = prepare_levels(levels) if len(levels) > 1 else levels[0]
    if look.kind == "image":
        keywords |= {
            "rgb": False,
            "contrast_limits": look.contrast_limits,
            "gamma": look.gamma,
            "colormap": image_colormap(
                channel.colormap if channel else look.colormap, veiled=_arrives_in_parts(volume)
            ),
        }
        return data, keywords, "image"
    # Layer data cannot say that labels are lines; as fillings these would cover everything.
    keywords["opacity"] = _FILLED if look.contour else look.opacity
    keywords["colormap"] = (
        instance_colormap() if look.line_color is not None else labels_colormap(look, channel)
    )
    if features := _features(look, channel):
        keywords["features"] = features
    return data, keywords, "labels"


def _arrives_in_parts(volume: Volume) -> bool:
    """Whether NaN in a volume means that something has not been computed yet."""
    return volume.role == "live" or (volume.role, volume.identity.variant) == (
        "error",
        "difference",
    )


def _corners(volume: Volume) -> Iterable[tuple[float, float]]:
    return zip(volume.offset, volume.voxel_size, strict=True)


def _levels(volume: Volume) -> Iterator[da.Array]:
    """Yield the data and its coarser copies as far as napari can place them.

    napari knows no offset for a level and takes its scale from the shapes, so
    a level must cover the same region to within one of its own voxels.
    """
    yield volume.data
    finer = volume.shape
    for level in volume.levels:
        shape = tuple(level.data.shape)
        if len(shape) != len(finer) or shape == finer:
            continue
        spatial = shape[len(shape) - len(volume.spatial_axes) :]
        ends = zip(
            volume.offset, volume.spatial_shape, volume.voxel_size,
            level.offset, spatial, level.voxel_size, strict=True,
        )  # fmt: skip
        if all(
            abs(o - lo) <= lv / 2 and abs(o + n * v - lo - ln * lv) <= lv
            for o, n, v, lo, ln, lv in ends
        ) and all(n <= m for n, m in zip(shape, finer, strict=True)):
            yield level.data
            finer = shape


def _channel(volume: Volume, data: da.Array, index: int | None) -> da.Array:
    if index is None or volume.channel_axis is None:
        return data
    one: da.Array = data[(slice(None),) * volume.channel_axis + (index,)]
    return one


def shown_dtype(dtype: np.dtype[Any], look: Appearance) -> np.dtype[Any]:
    """Return the type of the elements that napari is given for those of a volume."""
    if dtype.kind == "b":  # no labels for napari
        return np.dtype(np.uint8)
    if dtype == np.float16 and look.kind == "image":
        return np.dtype(np.float32)
    return dtype


def _element_type(data: da.Array, look: Appearance) -> da.Array:
    converted: da.Array = data.astype(shown_dtype(data.dtype, look))  # type: ignore[no-untyped-call]
    return converted


def _features(look: Appearance, channel: ChannelAppearance | None) -> dict[str, list[Any]]:
    """Return the names of label values, which napari shows in its status bar."""
    names = {0: "background", **look.class_names}
    if look.kind == "mask" and channel is not None and set(look.class_names) == {1}:
        names[1] = channel.name if len(look.channels) > 1 else look.class_names[1]
    if look.kind == "instances":
        return {}
    return {"index": list(names), "class": [plain_text(name) for name in names.values()]}


def _metadata(volume: Volume, look: Appearance, index: int | None) -> dict[str, Any]:
    return {
        **volume.identity.as_dict(),
        "key": volume.key,
        "slot": volume.identity.slot,
        "revision": volume.revision,
        "notes": list(volume.notes),
        "source": None if volume.source is None else str(volume.source.path),
        "channel": index,
        "channel_names": [channel.name for channel in look.channels],
        "voxel_size": list(volume.voxel_size),
        "offset": list(volume.offset),
        "look": look.kind,
        "line_color": look.line_color,
        "contrast_limits": None if look.contrast_limits is None else list(look.contrast_limits),
        "gives_way": _gives_way(volume, look),
        "contour": look.contour,
        "opacity": look.opacity,
        "run_notes": [],
    }
