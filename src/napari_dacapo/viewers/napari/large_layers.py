"""What keeps layers over huge arrays quick, though napari looks at whole planes of them."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dacapo.viewers.napari.aside import AsideReader, AsideView
from napari_dacapo.viewers.napari.sampling import SampledView, chunk_count
from napari_dacapo.volumes.indexing import basic_index
from napari_dacapo.volumes.lazy_array import LazyArray
from napari_dacapo.volumes.recent import Recent

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import dask.array as da
    from napari.components import ViewerModel
    from napari.layers import Layer
    from numpy.typing import DTypeLike, NDArray

    from napari_dacapo.volumes.views import View

__all__ = ["CoarseLevel", "prepare_levels", "read_aside", "show_level_in_view"]

# A plane of more chunks than this is not read for a thumbnail of 32 pixels.
_MANY_CHUNKS = 128
_RECENT_BYTES = 2**22


def prepare_levels(levels: Sequence[da.Array]) -> list[da.Array]:
    """Return the levels of a multiscale layer, ready for the way in which napari reads them."""
    reader = AsideReader()
    return [
        CoarseLevel.from_level(level, reader) if i and isinstance(level, LazyArray) else level
        for i, level in enumerate(levels)
    ]


class CoarseLevel(LazyArray):
    """A coarse level of an array, for napari.

    At each step of a slider napari reads a whole plane of the coarsest level
    for the thumbnail of the layer, however small the part on screen is: of a
    plane of 4096 x 4096 voxels all chunks, gigabytes of them. Here a plane
    that would touch very many chunks is sampled: a few of its blocks stand for
    those around them. What is shown on the canvas napari crops first, if only
    to the whole: that is read aside if it takes long (:func:`read_aside`), and
    exact in the end. What dask computes always is.
    """

    reader: AsideReader
    recent: Recent

    @classmethod
    def from_level(cls, level: LazyArray, reader: AsideReader) -> CoarseLevel:
        """Wrap a level; all levels of a layer share a reader."""
        self = cls.from_view(level.lazy_view, level.name, level.chunks)
        assert isinstance(self, CoarseLevel)
        self.reader = reader
        return self

    @classmethod
    def from_view(
        cls, view: View, name: str, chunks: Sequence[Sequence[int]] | None = None
    ) -> CoarseLevel:
        """Wrap a view, as :meth:`LazyArray.from_view`."""
        self = super().from_view(view, name, chunks)
        assert isinstance(self, CoarseLevel)
        self.reader, self.recent = AsideReader(), Recent(_RECENT_BYTES)
        return self

    def __getitem__(self, index: Any) -> da.Array:
        basic = basic_index(index, self.shape)
        if basic is None:
            part: da.Array = self._plain()[index]
            return part
        whole = [axis for axis, entry in enumerate(basic) if entry == slice(None)]
        view = self.lazy_view[basic]
        name = f"{self.name}-{basic}"
        if len(whole) == 2 < len(basic):  # for a thumbnail
            if chunk_count(view) <= _MANY_CHUNKS:
                return LazyArray.from_view(view, name)
            return LazyArray.from_view(SampledView(view, self.recent, name), f"{name}-sampled")
        return _Cropped.from_view(AsideView(view, self.reader, name), name)


class _Cropped(LazyArray):
    """A part that napari shows, and waits for."""

    def __array__(
        self, dtype: DTypeLike | None = None, copy: bool | None = None, **kwargs: Any
    ) -> NDArray[Any]:
        return np.asarray(self.lazy_view.read(), dtype=dtype)


def read_aside(layer: Layer, levels: Any = None) -> None:
    """Let a layer show pictures that take long to read roughly at first.

    It shows more as more is read, with a bar among napari's activities, where
    it can be cancelled. Does nothing without a window.

    Parameters
    ----------
    layer : napari.layers.Layer
        Whose levels are not all quick to read.
    levels : sequence of array, optional
        The levels that it will have; default those that it has.
    """
    if levels is None:
        levels = layer.data if layer.multiscale else ()
    reader = next((level.reader for level in _coarse(levels)), None)
    if reader is None or reader.attached:
        return
    from qtpy.QtWidgets import QApplication

    if QApplication.instance() is not None:
        reader.attach(_News(layer, reader))


def _coarse(levels: Iterable[Any]) -> Iterable[CoarseLevel]:
    return (level for level in levels if isinstance(level, CoarseLevel))


class _News:
    """Tells a layer to look again, and the user how far it is."""

    def __init__(self, layer: Layer, reader: AsideReader) -> None:
        self._layer, self._reader = weakref.ref(layer), weakref.ref(reader)
        self._bar: Any = None
        self._latest: tuple[int, int] | None = None
        self._showing = False

    def __call__(self, done: int, total: int) -> None:
        from superqt.utils import ensure_main_thread

        self._latest = (done, total)
        ensure_main_thread(self._show)()

    def _show(self) -> None:
        # napari handles events while it makes a bar: what comes then is shown after.
        if self._showing:
            return
        self._showing = True
        try:
            while (latest := self._latest) is not None:
                self._latest = None
                layer = self._layer()
                self._announce(layer, *latest)
                if layer is not None:
                    layer.refresh(extent=False, thumbnail=False)
        finally:
            self._showing = False

    def _announce(self, layer: Layer | None, done: int, total: int) -> None:
        from napari.utils import cancelable_progress

        reader = self._reader()
        if self._bar is not None and self._bar.is_canceled and reader is not None:
            reader.cancel()
        if self._bar is not None and (layer is None or done >= total or done < self._bar.n):
            self._bar.close()
            self._bar = None
        if layer is None or not 0 < done < total:
            return
        if self._bar is None:
            text = f"Reading an overview of {layer.name}"
            self._bar = cancelable_progress(total=total, desc=text)
        self._bar.update(done - self._bar.n)


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
