"""What keeps layers over huge arrays quick, though napari looks at whole planes of them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from math import ceil, prod
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dacapo.volumes.indexing import basic_index
from napari_dacapo.volumes.lazy_array import LazyArray
from napari_dacapo.volumes.recent import Recent
from napari_dacapo.volumes.views import View

if TYPE_CHECKING:
    from collections.abc import Sequence

    import dask.array as da
    from napari.components import ViewerModel
    from napari.layers import Layer
    from numpy.typing import NDArray

    from napari_dacapo.volumes.indexing import Index

__all__ = ["SampledPlane", "ThumbnailLevel", "prepare_levels", "show_level_in_view"]

# A plane of more chunks than this is not read for a picture of 32 pixels.
_MANY_CHUNKS = 128
_SAMPLES = 8
_THREADS = 8
_RECENT_BYTES = 2**22


def prepare_levels(levels: Sequence[da.Array]) -> list[da.Array]:
    """Return the levels of a multiscale layer, ready for the way in which napari reads them."""
    prepared = list(levels)
    if len(prepared) > 1 and isinstance(prepared[-1], LazyArray):
        prepared[-1] = ThumbnailLevel.from_level(prepared[-1])
    return prepared


class ThumbnailLevel(LazyArray):
    """The coarsest level of an array, with cheap planes for thumbnails.

    At each step of a slider napari reads a whole plane of the coarsest level
    for the thumbnail of the layer, however small the part on screen is: of a
    plane of 4096 x 4096 voxels all chunks, gigabytes of them. Here a plane
    that would touch very many chunks is sampled: a few of its blocks stand for
    those around them. What is shown on the canvas napari crops first, if only
    to the whole; crops are exact, as is all that dask computes.
    """

    recent: Recent

    @classmethod
    def from_level(cls, level: LazyArray) -> ThumbnailLevel:
        """Wrap the coarsest level."""
        return cls.from_view(level.lazy_view, level.name, level.chunks)

    @classmethod
    def from_view(
        cls, view: View, name: str, chunks: Sequence[Sequence[int]] | None = None
    ) -> ThumbnailLevel:
        """Wrap a view, as :meth:`LazyArray.from_view`."""
        self = super().from_view(view, name, chunks)
        assert isinstance(self, ThumbnailLevel)
        self.recent = Recent(_RECENT_BYTES)
        return self

    def __getitem__(self, index: Any) -> da.Array:
        part = LazyArray.from_view(self.lazy_view, self.name, self.chunks)[index]
        basic = basic_index(index, self.shape)
        if basic is None or not isinstance(part, LazyArray):
            return part
        whole = [axis for axis, entry in enumerate(basic) if entry == slice(None)]
        if len(whole) != 2 or len(basic) == 2:
            return part
        kept = [axis for axis, entry in enumerate(basic) if isinstance(entry, slice)]
        view, axes = part.lazy_view, (kept.index(whole[0]), kept.index(whole[1]))
        if prod(ceil(view.shape[axis] / view.chunks[axis]) for axis in axes) <= _MANY_CHUNKS:
            return part
        sampled = SampledPlane(view, axes, self.recent, str(basic))
        return LazyArray.from_view(sampled, f"{part.name}-sampled", part.chunks)


class SampledPlane(View):
    """A plane of which a few places are read; each stands for those around it.

    Parameters
    ----------
    view : View
        The plane; it may be several voxels thick.
    axes : tuple of int
        The two axes along which it extends.
    recent : Recent
        Where planes are kept that were read before.
    key : str
        Which plane it is, for ``recent``.
    """

    def __init__(self, view: View, axes: tuple[int, int], recent: Recent, key: str) -> None:
        self.view, self.axes, self.recent, self.key = view, axes, recent, key
        self.shape, self.dtype = view.shape, view.dtype
        self.chunks, self.starts = view.chunks, view.starts

    def __getitem__(self, index: Index) -> View:
        return self.view[index]

    def read(self) -> NDArray[Any]:
        """Read the places and spread them."""
        return self.recent.get(self.key, self._sample)

    def _sample(self) -> NDArray[Any]:
        rows, columns = (_places(self.view.shape[axis]) for axis in self.axes)
        points = [self._through(row, column) for row in rows for column in columns]
        with ThreadPoolExecutor(_THREADS) as pool:
            samples = list(pool.map(lambda point: point.read(), points))
        grid = np.array(samples, self.dtype).reshape(len(rows), len(columns), *samples[0].shape)
        grid = np.moveaxis(grid, (0, 1), self.axes)
        for axis in self.axes:
            n = self.view.shape[axis]
            grid = np.take(grid, np.arange(n) * len(_places(n)) // n, axis)
        return grid

    def _through(self, row: int, column: int) -> View:
        index: list[int | slice] = [slice(None)] * self.view.ndim
        for axis, place in zip(self.axes, (row, column), strict=True):
            index[axis] = place
        return self.view[tuple(index)]


def _places(n: int) -> list[int]:
    """Return the middles of equal parts of an axis."""
    count = min(n, _SAMPLES)
    return [(2 * i + 1) * n // (2 * count) for i in range(count)]


def show_level_in_view(viewer: ViewerModel, layer: Layer) -> None:
    """Let a hidden layer begin with the level and part of it that are on screen.

    napari begins with the whole of the coarsest level, and finds out what is
    looked at when it draws for the first time. To be called while the layer is
    hidden; does nothing in 3-D, where the whole is on screen.
    """
    from napari.layers.utils import layer_utils

    if not layer.multiscale or viewer.dims.ndisplay != 2:
        return
    axes = [axis - (viewer.dims.ndim - layer.ndim) for axis in viewer.dims.displayed]
    if min(axes) < 0:
        return
    size = np.array(viewer.canvas.viewbox_size(viewer.layers), float)
    middle = np.array(viewer.scene.camera.center[-2:], float)
    half = size / viewer.scene.camera.zoom / 2
    scale, translate = np.array(layer.scale)[axes], np.array(layer.translate)[axes]
    corners = np.sort((np.stack([middle - half, middle + half]) - translate) / scale, axis=0)
    box = np.stack([np.floor(corners[0]), np.ceil(corners[1])]).astype(int)
    level, wanted = layer_utils.compute_multiscale_level_and_corners(
        box, size, layer.downsample_factors[:, axes]
    )
    ends = np.take(layer.data[level].shape, axes) - 1
    part = np.zeros((2, layer.ndim), int)
    part[:, axes] = np.clip(wanted, 0, ends)
    layer.data_level = level
    layer.corner_pixels = layer_utils.expand_corners_to_chunk_boundaries(
        part, layer.data[level], axes
    )
