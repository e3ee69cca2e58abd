"""Arrays that are computed block by block, once each.

A viewer asks for the same block again and again: once for each plane that
crosses it. A watershed of a block takes seconds, so finished blocks are kept
in one memo for the whole process, bounded in bytes; a worker thread can fill
it before the viewer looks.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    import dask.array as da

__all__ = ["BlockMemo", "BlockwiseArray", "Chunks", "Region", "clear_memo", "memo", "set_memo_size"]

Chunks = tuple[tuple[int, ...], ...]
Region = tuple[slice, ...]

_DEFAULT_BYTES = 512 * 2**20


class BlockMemo:
    """Finished blocks, the least recently used forgotten first.

    Parameters
    ----------
    max_bytes : int
        Sum of the sizes of the blocks that are kept. A block larger than
        this is handed out but not kept.
    """

    def __init__(self, max_bytes: int = _DEFAULT_BYTES) -> None:
        self._max_bytes = max_bytes
        self._blocks: OrderedDict[Hashable, np.ndarray[Any, Any]] = OrderedDict()
        self._n_bytes = 0
        self._lock = threading.Lock()
        self._at_work: dict[Hashable, threading.Lock] = {}

    @property
    def n_bytes(self) -> int:
        """Size of the blocks that are kept now."""
        return self._n_bytes

    def get(
        self, key: Hashable, compute: Callable[[], np.ndarray[Any, Any]]
    ) -> np.ndarray[Any, Any]:
        """Return the block of this key, computed at most once at a time.

        The array is read-only: it is shared by all who ask for it.
        """
        with self._lock:
            found = self._find(key)
            if found is not None:
                return found
            turn = self._at_work.setdefault(key, threading.Lock())
        with turn:
            with self._lock:
                found = self._find(key)
            if found is None:
                try:
                    found = compute()
                    found.setflags(write=False)
                    self._keep(key, found)
                finally:
                    with self._lock:
                        self._at_work.pop(key, None)
        return found

    def set_size(self, max_bytes: int) -> None:
        """Change the bound; blocks beyond it are forgotten at once."""
        with self._lock:
            self._max_bytes = max_bytes
            self._trim()

    def clear(self) -> None:
        """Forget all blocks."""
        with self._lock:
            self._blocks.clear()
            self._n_bytes = 0

    def _find(self, key: Hashable) -> np.ndarray[Any, Any] | None:
        block = self._blocks.get(key)
        if block is not None:
            self._blocks.move_to_end(key)
        return block

    def _keep(self, key: Hashable, block: np.ndarray[Any, Any]) -> None:
        with self._lock:
            if block.nbytes > self._max_bytes or key in self._blocks:
                return
            self._blocks[key] = block
            self._n_bytes += block.nbytes
            self._trim()

    def _trim(self) -> None:
        while self._n_bytes > self._max_bytes:
            _, block = self._blocks.popitem(last=False)
            self._n_bytes -= block.nbytes


memo = BlockMemo()


def set_memo_size(max_bytes: int) -> None:
    """Set how many bytes of computed blocks this process keeps.

    Parameters
    ----------
    max_bytes : int
        The bound; 0 keeps nothing.
    """
    memo.set_size(max_bytes)


def clear_memo() -> None:
    """Forget all computed blocks of this process."""
    memo.clear()


@dataclass(frozen=True, eq=False)
class BlockwiseArray:
    """What dask needs of an array, with blocks computed on demand.

    Picklable if `source` and `compute` are, so that it also works on a
    cluster, where each worker has a memo of its own.

    Attributes
    ----------
    source : dask.array.Array
        What blocks are computed from; its last ``len(chunks)`` or fewer axes
        correspond to those of the result as `compute` sees fit.
    compute : callable
        ``compute(source, region, block) -> numpy.ndarray`` gives the elements
        in `region` (slices without step) of the result; `block` is the
        block's index along each axis.
    chunks : tuple of tuple of int
        Sizes of the blocks along each axis.
    dtype : numpy.dtype
        Of the result.
    name : str
        Names the contents in memo and graph; must change with the contents.
    """

    source: da.Array
    compute: Callable[[da.Array, Region, tuple[int, ...]], np.ndarray[Any, Any]]
    chunks: Chunks
    dtype: np.dtype[Any]
    name: str
    _starts: tuple[tuple[int, ...], ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        starts = tuple(tuple(int(n) for n in np.cumsum((0, *sizes))) for sizes in self.chunks)
        object.__setattr__(self, "_starts", starts)

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of elements along each axis."""
        return tuple(starts[-1] for starts in self._starts)

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.chunks)

    def to_dask(self) -> da.Array:
        """Return the array as a dask array whose blocks are these blocks."""
        import dask.array as da

        return da.from_array(
            self, chunks=self.chunks, name=self.name, asarray=False, inline_array=True,
            meta=np.empty((0,) * self.ndim, dtype=self.dtype),
        )  # fmt: skip

    def block(self, index: tuple[int, ...]) -> np.ndarray[Any, Any]:
        """Return one whole block, from the memo if it is there."""
        region = tuple(
            slice(starts[i], starts[i + 1]) for starts, i in zip(self._starts, index, strict=True)
        )
        return memo.get((self.name, index), lambda: self.compute(self.source, region, index))

    def __getitem__(self, key: Any) -> np.ndarray[Any, Any]:
        """Return the elements of a basic selection (ints, slices, Ellipsis)."""
        wanted = _full_slices(key, self.shape)
        spans = [
            _blocks_within(starts, chosen)
            for starts, (chosen, _) in zip(self._starts, wanted, strict=True)
        ]
        box = tuple(
            slice(starts[span.start], starts[span.stop])
            for starts, span in zip(self._starts, spans, strict=True)
        )
        indices = list(product(*spans))
        if len(indices) == 1:
            elements = self.block(indices[0])
        else:
            elements = np.empty([s.stop - s.start for s in box], self.dtype)
            for index in indices:
                place = tuple(
                    slice(starts[i] - whole.start, starts[i + 1] - whole.start)
                    for starts, i, whole in zip(self._starts, index, box, strict=True)
                )
                elements[place] = self.block(index)
        within = tuple(
            chosen.start - whole.start
            if dropped
            else slice(chosen.start - whole.start, chosen.stop - whole.start, chosen.step)
            for (chosen, dropped), whole in zip(wanted, box, strict=True)
        )
        return elements[within]


def _full_slices(key: Any, shape: tuple[int, ...]) -> list[tuple[slice, bool]]:
    """Spell out a basic selection: a slice with a positive step per axis, and if it drops it."""
    parts = list(key) if isinstance(key, tuple) else [key]
    if Ellipsis in [part for part in parts if not isinstance(part, slice)]:
        at = parts.index(Ellipsis)
        parts[at : at + 1] = [slice(None)] * (len(shape) - len(parts) + 1)
    parts += [slice(None)] * (len(shape) - len(parts))
    full: list[tuple[slice, bool]] = []
    for part, size in zip(parts, shape, strict=True):
        if isinstance(part, slice):
            start, stop, step = part.indices(size)
            if step < 1:
                raise IndexError("blockwise arrays take slices with positive steps only")
            full.append((slice(start, max(start, stop), step), False))
        else:
            index = int(part)
            if not -size <= index < size:
                raise IndexError(f"index {index} is outside an axis of {size} elements")
            full.append((slice(index % size, index % size + 1, 1), True))
    return full


def _blocks_within(starts: tuple[int, ...], chosen: slice) -> range:
    """Return which blocks a slice touches; one block if it is empty."""
    n_blocks = len(starts) - 1
    first = int(np.searchsorted(starts, chosen.start, side="right")) - 1
    first = min(max(first, 0), n_blocks - 1)
    last = int(np.searchsorted(starts, max(chosen.stop - 1, chosen.start), side="right")) - 1
    return range(first, min(max(last, first), n_blocks - 1) + 1)
