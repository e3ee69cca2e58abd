"""Lazy views: what a basic index does to an array without reading it.

A view is an expression over sources: a part of one (:class:`SourceView`), a
function of several (:class:`MapView`), or several on top of each other
(:class:`StackView`). Indexing a view gives a view; only :meth:`View.read`
touches elements, and only those that are asked for.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dacapo.volumes.indexing import forward
from napari_dacapo.volumes.limits import check_memory, count_chunks

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import tensorstore as ts
    from numpy.typing import NDArray

    from napari_dacapo.volumes.indexing import Index
    from napari_dacapo.volumes.sources import Source

__all__ = ["MapView", "SourceView", "StackView", "View"]


class View(ABC):
    """A lazy, picklable array that can be indexed and read."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    chunks: tuple[int, ...]
    """Shape of the blocks that are natural to read, one entry per axis."""
    starts: tuple[int, ...]
    """Position of the first element within its block, per axis."""

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes of all elements."""
        return prod(self.shape) * self.dtype.itemsize

    @property
    def path(self) -> str:
        """What to call it in messages; empty if it has no name."""
        return ""

    @property
    def n_chunks(self) -> int:
        """Number of chunks that are read for it, about."""
        triples = zip(self.shape, self.chunks, self.starts, strict=True)
        return prod(-(-(start + n) // chunk) if n else 0 for n, chunk, start in triples)

    def tensorstore(self) -> ts.TensorStore | None:
        """Return the view as a TensorStore whose domain begins at 0, if it is one already.

        Nothing is read, but the files of its chunks are looked at; see :class:`ChunkFiles`.
        """
        return None

    @abstractmethod
    def __getitem__(self, index: Index) -> View:
        """Return a part of it, for an index as ``basic_index`` gives it."""

    @abstractmethod
    def read(self) -> NDArray[Any]:
        """Read all elements of the view."""


class SourceView(View):
    """A part of a source: an element or a range along each of its axes."""

    def __init__(self, source: Source, selection: tuple[int | range, ...] | None = None) -> None:
        if selection is None:
            selection = tuple(range(n) for n in source.shape)
        self.source = source
        self.selection = selection
        self.dtype = source.dtype
        ranges = [
            (entry, chunk)
            for entry, chunk in zip(selection, source.chunks, strict=True)
            if isinstance(entry, range)
        ]
        self.shape = tuple(len(entry) for entry, _ in ranges)
        self.chunks = tuple(max(1, chunk // abs(entry.step)) for entry, chunk in ranges)
        self.starts = tuple(
            entry.start % chunk if entry.step == 1 else 0 for entry, chunk in ranges
        )

    @property
    def path(self) -> str:
        """What to call it in messages."""
        return getattr(self.source, "path", "")

    @property
    def n_chunks(self) -> int:
        """Number of chunks that are read for it."""
        if 0 in self.shape:
            return 0
        return count_chunks(tuple(forward(entry) for entry in self.selection), self.source.chunks)

    def __getitem__(self, index: Index) -> SourceView:
        parts = iter(index)
        selection = tuple(
            entry[next(parts)] if isinstance(entry, range) else entry for entry in self.selection
        )
        return SourceView(self.source, selection)

    def tensorstore(self) -> ts.TensorStore | None:
        """Return the view as a TensorStore whose domain begins at 0, if it is one already."""
        part = getattr(self.source, "part", None)
        if part is None or any(isinstance(e, range) and e.step != 1 for e in self.selection):
            return None
        view: ts.TensorStore = part(tuple(forward(entry) for entry in self.selection))
        at_origin: ts.TensorStore = view.translate_to[(0,) * view.ndim]
        return at_origin

    def read(self) -> NDArray[Any]:
        """Read all elements of the view."""
        if 0 in self.shape:
            return np.empty(self.shape, self.dtype)
        check_memory(self.nbytes, self.path)
        elements = self.source.read(tuple(forward(entry) for entry in self.selection))
        flips = [
            slice(None, None, -1 if entry.step < 0 else 1)
            for entry in self.selection
            if isinstance(entry, range)
        ]
        return elements[tuple(flips)]


class MapView(View):
    """A function of several views of one shape, element by element.

    Parameters
    ----------
    function : callable
        Takes as many numpy arrays as there are views and returns one of the
        same shape. Must be picklable and look at each element alone.
    views : sequence of View
        At least one.
    dtype : dtype, optional
        Of what the function returns; found by a trial if not given.
    """

    def __init__(
        self,
        function: Callable[..., NDArray[Any]],
        views: Sequence[View],
        dtype: Any = None,
    ) -> None:
        self.function = function
        self.views = tuple(views)
        first = self.views[0]
        if any(view.shape != first.shape for view in self.views):
            raise ValueError(f"shapes differ: {[view.shape for view in self.views]}")
        if dtype is None:
            dtype = function(*(np.ones((1,) * v.ndim, v.dtype) for v in self.views)).dtype
        self.dtype = np.dtype(dtype)
        self.shape, self.chunks, self.starts = first.shape, first.chunks, first.starts

    @property
    def path(self) -> str:
        """What to call it in messages."""
        return self.views[0].path

    @property
    def n_chunks(self) -> int:
        """Number of chunks that are read for it, about."""
        return sum(view.n_chunks for view in self.views)

    def __getitem__(self, index: Index) -> MapView:
        return MapView(self.function, [view[index] for view in self.views], self.dtype)

    def read(self) -> NDArray[Any]:
        """Read all elements of the view."""
        check_memory(self.nbytes, self.path)
        elements = self.function(*(view.read() for view in self.views))
        return np.asarray(elements, self.dtype)


class StackView(View):
    """Views of one shape and dtype, stacked along a new first axis."""

    def __init__(self, views: Sequence[View]) -> None:
        self.views = tuple(views)
        first = self.views[0]
        if any((v.shape, v.dtype) != (first.shape, first.dtype) for v in self.views):
            raise ValueError(f"shapes or dtypes differ: {[(v.shape, v.dtype) for v in self.views]}")
        self.dtype = first.dtype
        self.shape = (len(self.views), *first.shape)
        self.chunks = (1, *first.chunks)
        self.starts = (0, *first.starts)

    @property
    def path(self) -> str:
        """What to call it in messages."""
        return self.views[0].path

    @property
    def n_chunks(self) -> int:
        """Number of chunks that are read for it, about."""
        return sum(view.n_chunks for view in self.views)

    def __getitem__(self, index: Index) -> View:
        first, rest = index[0], index[1:]
        if isinstance(first, int):
            return self.views[first][rest]
        chosen = self.views[first]
        if not chosen:
            # Nothing to stack, but the shape of nothing still has to be right.
            return _nothing(self.views[0][rest])
        return StackView([view[rest] for view in chosen])

    def read(self) -> NDArray[Any]:
        """Read all elements of the view."""
        check_memory(self.nbytes, self.path)
        elements = np.empty(self.shape, self.dtype)
        for i, view in enumerate(self.views):
            elements[i] = view.read()
        return elements


def _nothing(view: View) -> View:
    from napari_dacapo.volumes.sources import ConstantSource

    return SourceView(ConstantSource((0, *view.shape), view.dtype, (1, *view.chunks)))
