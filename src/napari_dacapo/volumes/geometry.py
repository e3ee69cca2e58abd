"""Boxes in the world, and volumes cut out of or brought onto other grids.

A roi is ``(offset, size)`` in nanometres over the spatial axes, with corners
as DaCapo has them.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from dask.base import tokenize

from napari_dacapo.errors import ArrayFormatError
from napari_dacapo.volumes.grids import Grid
from napari_dacapo.volumes.lazy_array import LazyArray
from napari_dacapo.volumes.resampling import DownsampleView, InterpolateView, method_for

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_dacapo.volumes.views import View
    from napari_dacapo.volumes.volume import Volume

__all__ = ["Roi", "crop", "intersect", "resample", "world_slices"]

Roi = tuple[tuple[float, ...], tuple[float, ...]]

# World positions are sums and products of floats: what is within this part of
# a voxel of a voxel's border lies on it.
_TOLERANCE = 1e-4


def intersect(a: Roi, b: Roi) -> Roi | None:
    """Return what two rois share; None if they share nothing."""
    begin = [max(x, y) for x, y in zip(a[0], b[0], strict=True)]
    end = [min(x, y) for x, y in zip(_end(a), _end(b), strict=True)]
    if any(e <= s for s, e in zip(begin, end, strict=True)):
        return None
    return tuple(begin), tuple(e - s for s, e in zip(begin, end, strict=True))


def world_slices(volume: Volume, roi: Roi) -> tuple[slice, ...]:
    """Return the index of a roi in a volume's data.

    Parameters
    ----------
    volume : Volume
        The one to index.
    roi : tuple
        ``(offset, size)`` in nanometres over the spatial axes. Voxels that it
        touches belong to it; what lies outside the volume is left out.

    Returns
    -------
    tuple of slice
        One for each axis; whole for non-spatial axes. Empty where the roi
        lies outside.
    """
    n = len(volume.spatial_axes)
    if len(roi[0]) != n or len(roi[1]) != n:
        raise ValueError(f"the roi {roi} does not have one value for each of {volume.spatial_axes}")
    slices = [slice(None)] * (len(volume.shape) - n)
    for begin, end, offset, size, length in zip(
        roi[0], _end(roi), volume.offset, volume.voxel_size, volume.spatial_shape, strict=True
    ):
        first = math.floor((begin - offset) / size + _TOLERANCE)
        last = math.ceil((end - offset) / size - _TOLERANCE)
        first = min(max(0, first), length)
        slices.append(slice(first, min(max(first, last), length)))
    return tuple(slices)


def crop(volume: Volume, roi: Roi) -> Volume:
    """Return the part of a volume that a roi touches, in whole voxels.

    Parameters
    ----------
    volume : Volume
        Stays as it is.
    roi : tuple
        ``(offset, size)`` in nanometres over the spatial axes.

    Raises
    ------
    ArrayFormatError
        If the roi lies outside the volume.
    """
    slices = world_slices(volume, roi)
    spatial = slices[len(slices) - len(volume.spatial_axes) :]
    if any(s.stop <= s.start for s in spatial):
        raise ArrayFormatError(f"The roi {roi} lies outside the volume, which has {volume.roi}.")
    if all((s.start, s.stop) == (0, n) for s, n in zip(spatial, volume.spatial_shape, strict=True)):
        return volume
    offset = tuple(
        o + s.start * v for o, s, v in zip(volume.offset, spatial, volume.voxel_size, strict=True)
    )
    return volume.with_(data=volume.data[slices], offset=offset, levels=(), source=None)


def resample(volume: Volume, voxel_size: Sequence[float]) -> Volume:
    """Return a volume at another voxel size, over the same box.

    Whole downsampling factors average images and take the most frequent
    label; anything else interpolates images linearly and takes the nearest
    label.

    Parameters
    ----------
    volume : Volume
        Its data must be a :class:`~napari_dacapo.volumes.LazyArray`.
    voxel_size : sequence of float
        Nanometres over the spatial axes.

    Returns
    -------
    Volume
        Still lazy; the last voxel of an axis may be cut off or reach over the
        box by half a voxel at most.
    """
    target = tuple(float(v) for v in voxel_size)
    if len(target) != len(volume.voxel_size) or not all(0 < v < math.inf for v in target):
        raise ValueError(f"the voxel size {target} does not fit {volume.spatial_axes}")
    if np.allclose(target, volume.voxel_size, rtol=1e-6):
        return volume
    data = lazy(volume)
    ratios = [t / v for t, v in zip(target, volume.voxel_size, strict=True)]
    n_other = data.ndim - len(ratios)
    factors = [round(ratio) for ratio in ratios]
    if all(abs(r - f) < 1e-6 * f and f >= 1 for r, f in zip(ratios, factors, strict=True)):
        method = method_for(data.dtype, volume.kind)
        shape = (n // f for n, f in zip(volume.spatial_shape, factors, strict=True))
        whole = (*[slice(None)] * n_other, *(slice(0, max(1, n)) for n in shape))
        view: View = DownsampleView(data.lazy_view, (*[1] * n_other, *factors), method)[whole]
    else:
        grids = [
            Grid.of(max(1, round(n / ratio)), ratio)
            for n, ratio in zip(volume.spatial_shape, ratios, strict=True)
        ]
        positions = [*[None] * n_other, *grids]
        view = InterpolateView(data.lazy_view, positions, order=int(volume.kind == "image"))
    name = f"{data.name}-resample-{tokenize(target, volume.kind)}"
    return volume.with_(
        data=type(data).from_view(view, name), voxel_size=target, levels=(), source=None
    )


def lazy(volume: Volume) -> LazyArray:
    """Return a volume's data, which has to be a LazyArray."""
    if not isinstance(volume.data, LazyArray):
        raise TypeError(f"{volume.identity.label} is computed by dask and has no lazy view")
    return volume.data


def _end(roi: Roi) -> tuple[float, ...]:
    return tuple(o + s for o, s in zip(*roi, strict=True))
