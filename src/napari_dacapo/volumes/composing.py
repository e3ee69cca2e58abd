"""Volumes made of other volumes, still lazy and still quick to slice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from dask.base import tokenize

from napari_dacapo.errors import ArrayFormatError
from napari_dacapo.volumes.functions import AsType
from napari_dacapo.volumes.geometry import crop, intersect, lazy
from napari_dacapo.volumes.lazy_array import LazyArray
from napari_dacapo.volumes.limits import check_channels
from napari_dacapo.volumes.sources import ConstantSource
from napari_dacapo.volumes.views import MapView, SourceView, StackView
from napari_dacapo.volumes.volume import Level

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from napari_dacapo.volumes.views import View
    from napari_dacapo.volumes.volume import Volume

__all__ = [
    "apply",
    "channels_of",
    "combine",
    "constant_like",
    "on_shared_box",
    "single_channel",
    "split_channels",
    "stack",
]


def apply(volume: Volume, change: Callable[[View], View], token: Any, **others: Any) -> Volume:
    """Change the elements of a volume and of its levels.

    Parameters
    ----------
    volume : Volume
        Its data must be a LazyArray.
    change : callable
        Makes a view of a view.
    token : object
        Stands for ``change`` in names and revision.
    **others
        Further attributes to replace, such as axis names.
    """
    stamp = tokenize(token)[:12]

    def changed(data: LazyArray) -> LazyArray:
        return LazyArray.from_view(change(data.lazy_view), f"{data.name}-{stamp}")

    levels = tuple(
        Level(changed(level.data), level.voxel_size, level.offset)
        for level in volume.levels
        if isinstance(level.data, LazyArray)
    )
    others = {"levels": levels, "source": None, **others}
    return volume.with_(data=changed(lazy(volume)), revision=f"{volume.revision}-{stamp}", **others)


def channels_of(
    volume: Volume,
    functions: Sequence[Callable[[NDArray[Any]], NDArray[Any]]],
    names: Sequence[str],
) -> Volume:
    """Make masks of labels, one for each function, as channels."""
    check_channels(len(functions), "")
    volume = single_channel(volume)
    return apply(
        volume,
        lambda view: StackView([MapView(f, [view], np.uint8) for f in functions]),
        tuple(functions),
        axis_names=("c^", *volume.axis_names),
        channel_names=tuple(names),
        kind="labels",
        value_range=None,
    )


def combine(volumes: Sequence[Volume], function: Callable[..., NDArray[Any]]) -> Volume:
    """Make one volume of several over the same box, element by element."""
    first = volumes[0]
    if any(volume.shape != first.shape for volume in volumes):
        raise ArrayFormatError(f"The sources have different shapes: {[v.shape for v in volumes]}.")
    views = [lazy(volume).lazy_view for volume in volumes]
    return apply(
        first,
        lambda view: MapView(function, [view, *views[1:]]),
        (function, [volume.data.name for volume in volumes]),
        levels=(),
        notes=_all_notes(volumes),
    )


def stack(volumes: Sequence[Volume], names: Sequence[str]) -> Volume:
    """Put volumes over the same box on top of each other, as channels."""
    check_channels(len(volumes), "")
    first = volumes[0]
    if any(volume.shape != first.shape for volume in volumes):
        raise ArrayFormatError(f"The sources have different shapes: {[v.shape for v in volumes]}.")
    dtype = np.result_type(*(volume.dtype for volume in volumes))
    views = [_converted(lazy(volume).lazy_view, dtype) for volume in volumes]
    return apply(
        first,
        lambda _: StackView(views),
        [volume.data.name for volume in volumes],
        axis_names=("c^", *first.axis_names),
        channel_names=tuple(names),
        levels=(),
        notes=_all_notes(volumes),
    )


def split_channels(volume: Volume) -> list[Volume]:
    """Return the channels of a volume, one volume each.

    Raises
    ------
    ArrayFormatError
        If it has no channels, or absurdly many.
    """
    axis = volume.channel_axis
    if axis is None:
        raise ArrayFormatError(f"The array has no channels, only {volume.axis_names}.")
    check_channels(volume.shape[axis], "")
    return [_channel(volume, axis, i) for i in range(volume.shape[axis])]


def single_channel(volume: Volume) -> Volume:
    """Return a volume without its channel axis, if it has one, of length one.

    Raises
    ------
    ArrayFormatError
        If there are several channels.
    """
    axis = volume.channel_axis
    if axis is None:
        return volume
    if volume.shape[axis] != 1:
        raise ArrayFormatError(
            f"The array has {volume.shape[axis]} channels where none or one is expected."
        )
    return _channel(volume, axis, 0)


def constant_like(volume: Volume, value: float) -> Volume:
    """Return a volume with one value everywhere, in the place of another and of its dtype."""
    if not np.isfinite(value):
        raise ArrayFormatError(f"The constant {value} makes no sense.")
    # numpy would overflow silently or not, by version.
    dtype = np.result_type(volume.dtype, np.min_scalar_type(value))
    view = lazy(volume).lazy_view
    source = ConstantSource(volume.shape, dtype, view.chunks, value)
    return apply(
        volume, lambda _: SourceView(source), (value, volume.shape), levels=(), value_range=None
    )


def on_shared_box(volumes: Sequence[Volume]) -> list[Volume]:
    """Crop volumes to the box that they share.

    Raises
    ------
    ArrayFormatError
        If there are none, they share nothing, or their voxel sizes differ.
    """
    if not volumes:
        raise ArrayFormatError("The array config names no source.")
    first, *rest = volumes
    roi = first.roi
    for volume in rest:
        if volume.spatial_axes != first.spatial_axes or not np.allclose(
            volume.voxel_size, first.voxel_size
        ):
            raise ArrayFormatError(
                f"The sources have different voxel sizes: {first.voxel_size}, {volume.voxel_size}."
            )
        shared = intersect(roi, volume.roi)
        if shared is None:
            raise ArrayFormatError("The sources of the array config do not overlap.")
        roi = shared
    return [crop(volume, roi) for volume in volumes]


def _channel(volume: Volume, axis: int, i: int) -> Volume:
    index = (*[slice(None)] * axis, i)
    names = tuple(name for k, name in enumerate(volume.axis_names) if k != axis)
    levels = tuple(
        Level(level.data[index], level.voxel_size, level.offset) for level in volume.levels
    )
    return volume.with_(
        data=volume.data[index], axis_names=names, levels=levels, channel_names=(), source=None
    )


def _converted(view: View, dtype: np.dtype[Any]) -> View:
    return view if view.dtype == dtype else MapView(AsType(dtype.name), [view])


def _all_notes(volumes: Sequence[Volume]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(note for volume in volumes for note in volume.notes))
