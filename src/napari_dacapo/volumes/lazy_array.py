"""A dask array whose basic indexing happens before dask sees it.

Viewers ask for one slice after another. With an ordinary dask array each
step builds a graph, loads whole blocks and cuts the slice out of them; here
``array[100]`` is again a lazy view, and turning it into numpy reads just
that slice, through the chunk cache. To everything else it is a dask array
with chunk-aligned blocks, on threads as well as on a cluster.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import dask.array as da
import numpy as np
from dask.base import tokenize

from napari_dacapo.volumes.functions import AsType
from napari_dacapo.volumes.indexing import basic_index
from napari_dacapo.volumes.limits import check_chunks, check_memory
from napari_dacapo.volumes.views import MapView, SourceView, StackView

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import DTypeLike, NDArray

    from napari_dacapo.volumes.indexing import Index
    from napari_dacapo.volumes.sources import Source
    from napari_dacapo.volumes.views import View

__all__ = ["LazyArray"]

_BLOCK_ELEMENTS = 2**18
_BLOCKS_PER_AXIS = 2**16
_DIRECT_BYTES = 2**26


class LazyArray(da.Array):
    """A dask array over a lazy view; make one with the class methods.

    Basic indexing (ints, slices, Ellipsis) gives a LazyArray and reads
    nothing; any other indexing and all computing is dask's.
    """

    lazy_view: View

    @classmethod
    def from_view(
        cls, view: View, name: str, chunks: Sequence[Sequence[int]] | None = None
    ) -> LazyArray:
        """Wrap a view.

        Parameters
        ----------
        view : View
            What to read.
        name : str
            Name in dask graphs. Must change when the elements change
            (include the revision): napari caches by it.
        chunks : sequence of sequence of int, optional
            Sizes of the blocks along each axis; aligned to the chunks of the
            source if not given.
        """
        blocks = tuple(map(tuple, chunks)) if chunks is not None else _blocks(view)
        from_array: Any = da.from_array  # has no types
        plain = from_array(
            view,
            chunks=blocks,
            name=name,
            getitem=_read_block,
            meta=np.empty((0,) * view.ndim, view.dtype),
            inline_array=True,
        )
        new: Any = cls.__new__
        self: LazyArray = new(cls, plain.dask, plain.name, plain.chunks, meta=plain._meta)
        self.lazy_view = view
        return self

    @classmethod
    def from_source(cls, source: Source, name: str) -> LazyArray:
        """Wrap the whole of a source; see :meth:`from_view`."""
        return cls.from_view(SourceView(source), name)

    @classmethod
    def stack(cls, arrays: Sequence[LazyArray], name: str) -> LazyArray:
        """Stack arrays of one shape and dtype along a new first axis."""
        return cls.from_view(StackView([array.lazy_view for array in arrays]), name)

    def map(
        self,
        function: Callable[..., NDArray[Any]],
        *others: LazyArray,
        dtype: DTypeLike | None = None,
        name: str | None = None,
    ) -> LazyArray:
        """Apply a function to each element, keeping fast slicing.

        Parameters
        ----------
        function : callable
            Takes one numpy array for this array and one for each of the
            others, and returns one of the same shape. Must be picklable and
            look at each element alone.
        *others : LazyArray
            Further arguments, of the same shape.
        dtype : dtype, optional
            Of what the function returns; found by a trial if not given.
        name : str, optional
            Name in dask graphs; made from the function and the names of the
            arguments if not given.
        """
        views = [self.lazy_view, *(other.lazy_view for other in others)]
        if name is None:
            names = [self.name, *(other.name for other in others)]
            name = "map-" + tokenize(function, names, str(dtype))
        return type(self).from_view(MapView(function, views, dtype), name)

    def astype(self, dtype: DTypeLike, **kwargs: Any) -> da.Array:
        """Convert the elements, keeping fast slicing; see :meth:`dask.array.Array.astype`."""
        if kwargs.keys() - {"copy"}:
            converted: da.Array = self._plain().astype(dtype, **kwargs)
            return converted
        if np.dtype(dtype) == self.dtype:
            return self
        return self.map(AsType(np.dtype(dtype).name), dtype=dtype)

    def __getitem__(self, index: Any) -> da.Array:
        basic = basic_index(index, self.shape)
        if basic is None:
            part: da.Array = self._plain()[index]
            return part
        if all(isinstance(entry, slice) and entry == slice(None) for entry in basic):
            return self
        return type(self).from_view(self.lazy_view[basic], f"{self.name}-{_label(basic)}")

    def __array__(
        self, dtype: DTypeLike | None = None, copy: bool | None = None, **kwargs: Any
    ) -> NDArray[Any]:
        view = self.lazy_view
        if isinstance(view, SourceView) or view.nbytes <= _DIRECT_BYTES:
            return np.asarray(view.read(), dtype=dtype)
        check_memory(view.nbytes, view.path)
        check_chunks(view.n_chunks, view.path)
        # Large results of functions are computed block by block, so that no
        # intermediate array is as large as the result.
        return np.asarray(self._plain().compute(), dtype=dtype)

    def _plain(self) -> Any:
        """Return the same blocks as an ordinary dask array."""
        array: Any = da.Array
        return array(self.dask, self.name, self.chunks, meta=self._meta)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self).from_view, (self.lazy_view, self.name, self.chunks)


def _read_block(view: View, index: tuple[slice, ...]) -> NDArray[Any]:
    return view[index].read()


def _label(index: Index) -> str:
    """Write an index as a part of a name."""
    parts = []
    for entry in index:
        if isinstance(entry, int):
            parts.append(str(entry))
        else:
            ends = (
                "" if end is None else str(end) for end in (entry.start, entry.stop, entry.step)
            )
            parts.append(":".join(ends))
    return f"[{','.join(parts)}]"


def _blocks(view: View) -> tuple[tuple[int, ...], ...]:
    """Choose blocks: whole chunks, enough of them that a block is worth a task."""
    sizes = [max(1, min(c, n)) for c, n in zip(view.chunks, view.shape, strict=True)]
    for axis, n in enumerate(view.shape):
        while n > sizes[axis] * _BLOCKS_PER_AXIS:
            sizes[axis] *= 2
    while prod(sizes) < _BLOCK_ELEMENTS:
        growing = [axis for axis, n in enumerate(view.shape) if sizes[axis] < n]
        if not growing:
            break
        sizes[min(growing, key=lambda axis: sizes[axis])] *= 2
    return tuple(
        _axis_blocks(n, size, start % size)
        for n, size, start in zip(view.shape, sizes, view.starts, strict=True)
    )


def _axis_blocks(n: int, size: int, start: int) -> tuple[int, ...]:
    """Cut an axis where the chunks of the source are cut."""
    if n == 0:
        return (0,)
    first = min(n, size - start)
    full, rest = divmod(n - first, size)
    return (first, *([size] * full), *([rest] if rest else []))
