"""Lazy views: what a basic index does to an array without reading it.

A view is an expression over sources: a part of one (:class:`SourceView`), a
function of several (:class:`MapView`), or several on top of each other
(:class:`StackView`). Indexing a view gives a view; only :meth:`View.read`
touches elements, and only those that are asked for.
"""

from __future__ import annotations

import operator
from abc import ABC, abstractmethod
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dacapo.volumes.limits import check_memory, count_chunks

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import tensorstore as ts
    from numpy.typing import NDArray

    from napari_dacapo.volumes.sources import Source

__all__ = ["Index", "MapView", "SourceView", "StackView", "View", "basic_index"]

Index = tuple["int | slice", ...]


def basic_index(index: Any, shape: tuple[int, ...]) -> Index | None:
    """Bring a basic index into its full form: one int or slice per axis.

    Parameters
    ----------
    index : object
        Whatever stood between the brackets.
    shape : tuple of int
        Of the array that is indexed.

    Returns
    -------
    tuple of int and slice, or None
        Ints are not negative. None if the index is of another kind (arrays,
        lists, None, bools).

    Raises
    ------
    IndexError
        If an int is out of bounds or there are too many entries.
    """
    entries = list(index) if isinstance(index, tuple) else [index]
    if sum(entry is Ellipsis for entry in entries) > 1:
        return None
    for i, entry in enumerate(entries):
        if entry is Ellipsis:
            fill = len(shape) - (len(entries) - 1)
            entries[i : i + 1] = [slice(None)] * max(0, fill)
            break
    if any(not _is_basic(entry) for entry in entries):
        return None
    if len(entries) > len(shape):
        raise IndexError(f"too many indices: {len(entries)} for {len(shape)} axes")
    entries += [slice(None)] * (len(shape) - len(entries))
    return tuple(_within(entry, n) for entry, n in zip(entries, shape, strict=True))


def _is_basic(entry: Any) -> bool:
    if isinstance(entry, slice):
        parts = (entry.start, entry.stop, entry.step)
        return all(part is None or _is_int(part) for part in parts)
    return _is_int(entry)


def _is_int(value: Any) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def _within(entry: Any, n: int) -> int | slice:
    if isinstance(entry, slice):
        parts = (entry.start, entry.stop, entry.step)
        return slice(*(None if part is None else operator.index(part) for part in parts))
    i = operator.index(entry)
    if not -n <= i < n:
        raise IndexError(f"index {i} is out of bounds for an axis of {n}")
    return i % n


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
        """Return a part of it, for an index as :func:`basic_index` gives it."""

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
    def n_chunks(self) -> int:
        """Number of chunks that are read for it."""
        if 0 in self.shape:
            return 0
        return count_chunks(tuple(_forward(entry) for entry in self.selection), self.source.chunks)

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
        view: ts.TensorStore = part(tuple(_forward(entry) for entry in self.selection))
        at_origin: ts.TensorStore = view.translate_to[(0,) * view.ndim]
        return at_origin

    def read(self) -> NDArray[Any]:
        """Read all elements of the view."""
        if 0 in self.shape:
            return np.empty(self.shape, self.dtype)
        check_memory(self.nbytes, getattr(self.source, "path", ""))
        elements = self.source.read(tuple(_forward(entry) for entry in self.selection))
        flips = [
            slice(None, None, -1 if entry.step < 0 else 1)
            for entry in self.selection
            if isinstance(entry, range)
        ]
        return elements[tuple(flips)]


def _forward(entry: int | range) -> int | slice:
    """Return the same elements, counted upwards (libraries know no negative steps)."""
    if isinstance(entry, int):
        return entry
    if entry.step < 0:
        entry = entry[::-1]
    return slice(entry.start, entry[-1] + 1, entry.step)


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
    def n_chunks(self) -> int:
        """Number of chunks that are read for it, about."""
        return sum(view.n_chunks for view in self.views)

    def __getitem__(self, index: Index) -> MapView:
        return MapView(self.function, [view[index] for view in self.views], self.dtype)

    def read(self) -> NDArray[Any]:
        """Read all elements of the view."""
        check_memory(self.nbytes, "")
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
        check_memory(self.nbytes, "")
        elements = np.empty(self.shape, self.dtype)
        for i, view in enumerate(self.views):
            elements[i] = view.read()
        return elements


def _nothing(view: View) -> View:
    from napari_dacapo.volumes.sources import ConstantSource

    return SourceView(ConstantSource((0, *view.shape), view.dtype, (1, *view.chunks)))
