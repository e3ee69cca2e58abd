"""Coarser levels for arrays that have none on disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_dacapo.volumes.functions import Affine
from napari_dacapo.volumes.lazy_array import LazyArray
from napari_dacapo.volumes.resampling import DownsampleView, can_merge, method_for
from napari_dacapo.volumes.views import MapView, StackView
from napari_dacapo.volumes.volume import Level

if TYPE_CHECKING:
    from napari_dacapo.volumes.resampling import Method
    from napari_dacapo.volumes.views import View
    from napari_dacapo.volumes.volume import Volume

__all__ = ["downsample_view", "with_pyramid"]

_NEEDED_ABOVE = 1024
_COARSEST = 512


def with_pyramid(volume: Volume) -> Volume:
    """Add virtual coarser levels to a volume that is large and has none.

    Each level is computed where it is looked at: means of images, the most
    frequent label of labels. Axes are halved until voxels are about as long
    along all axes and the longest axis has at most 512 of them, or until a
    voxel would have to be merged of more than can be read at once.

    Parameters
    ----------
    volume : Volume
        Returned as it is if no spatial axis is longer than 1024, if it has
        levels, or if its data is no LazyArray.

    Returns
    -------
    Volume
        With levels whose factors are powers of two and whose offset is the
        volume's own: corners of blocks are corners of voxels.
    """
    data = volume.data
    if volume.levels or not isinstance(data, LazyArray):
        return volume
    if max(volume.spatial_shape, default=0) <= _NEEDED_ABOVE:
        return volume
    method = method_for(data.dtype, volume.kind)
    n_other = data.ndim - len(volume.spatial_axes)
    levels = []
    for factors in _factors(volume.spatial_shape, volume.voxel_size):
        every = (*[1] * n_other, *factors)
        if not can_merge(data.lazy_view, every):
            break
        view = downsample_view(data.lazy_view, every, method)
        name = f"{data.name}-{method}-{'x'.join(map(str, factors))}"
        voxel_size = tuple(v * f for v, f in zip(volume.voxel_size, factors, strict=True))
        levels.append(Level(LazyArray.from_view(view, name), voxel_size, volume.offset))
    return volume.with_(levels=tuple(levels))


def downsample_view(view: View, factors: tuple[int, ...], method: Method) -> View:
    """Merge blocks of a view's elements, as near to the stored elements as possible.

    A mean commutes with an affine function, so that 8-bit raw is averaged
    before it becomes floating point, and merging leaves stacked channels apart.
    """
    if isinstance(view, StackView) and factors[0] == 1:
        return StackView([downsample_view(v, factors[1:], method) for v in view.views])
    if isinstance(view, MapView) and isinstance(view.function, Affine) and method == "mean":
        (inner,) = view.views
        return MapView(view.function, [downsample_view(inner, factors, method)], view.dtype)
    return DownsampleView(view, factors, method)


def _factors(shape: tuple[int, ...], voxel_size: tuple[float, ...]) -> list[tuple[int, ...]]:
    """Choose the factors of each level, finest first."""
    factors = (1,) * len(shape)
    found: list[tuple[int, ...]] = []
    while max(-(-n // f) for n, f in zip(shape, factors, strict=True)) > _COARSEST:
        lengths = [v * f for v, f in zip(voxel_size, factors, strict=True)]
        can_halve = [n // f > 1 for n, f in zip(shape, factors, strict=True)]
        shortest = min(length for length, can in zip(lengths, can_halve, strict=True) if can)
        # An axis whose voxels are twice as long as the shortest waits.
        factors = tuple(
            f * 2 if can and length < 2 * shortest else f
            for f, length, can in zip(factors, lengths, can_halve, strict=True)
        )
        found.append(factors)
    return found
