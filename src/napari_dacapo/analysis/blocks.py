"""Elements that are computed block by block, each block once.

A viewer asks for the same block again and again: once for each plane that
crosses it. A watershed of a block takes seconds, so finished blocks are kept
in one memo for the whole process, bounded in bytes; a worker thread can fill
it before the viewer looks.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dacapo.volumes.recent import Recent

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["BlockwiseSource", "Region", "clear_memo", "memo", "set_memo_size"]

Region = tuple[slice, ...]

_DEFAULT_BYTES, _MOST_BLOCKS = 512 * 2**20, 2**16


memo = Recent(_DEFAULT_BYTES, _MOST_BLOCKS)


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
class BlockwiseSource:
    """A source of a lazy array whose blocks are computed on demand.

    Picklable if `compute` is, so that it also works on a cluster, where each
    worker has a memo of its own.

    Attributes
    ----------
    compute : callable
        ``compute(region, block) -> numpy.ndarray`` gives the elements in
        `region` (slices without step); `block` is the block's index along
        each axis.
    shape : tuple of int
        Number of elements along each axis.
    dtype : numpy.dtype
        Of the elements.
    chunks : tuple of int
        Shape of the blocks; the last ones may be smaller.
    name : str
        Names the contents in the memo; must change with the contents.
    """

    compute: Callable[[Region, tuple[int, ...]], np.ndarray[Any, Any]]
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    chunks: tuple[int, ...]
    name: str

    def block(self, index: tuple[int, ...]) -> np.ndarray[Any, Any]:
        """Return one whole block, from the memo if it is there."""
        return memo.get((self.name, index), lambda: self.compute(self._region(index), index))

    def read(self, index: tuple[int | slice, ...]) -> np.ndarray[Any, Any]:
        """Read a part; one entry per axis, within bounds, steps positive."""
        wanted = [
            range(entry, entry + 1) if isinstance(entry, int) else range(*entry.indices(n))
            for entry, n in zip(index, self.shape, strict=True)
        ]
        elements = np.empty([len(entry) for entry in wanted], self.dtype)
        spans = [
            range(entry[0] // chunk, entry[-1] // chunk + 1) if entry else range(0)
            for entry, chunk in zip(wanted, self.chunks, strict=True)
        ]
        for block in product(*spans):
            pairs = [
                _overlap(entry, region)
                for entry, region in zip(wanted, self._region(block), strict=True)
            ]
            if all(target.stop > target.start for target, _ in pairs):
                found = self.block(block)[tuple(source for _, source in pairs)]
                elements[tuple(target for target, _ in pairs)] = found
        return elements[tuple(0 if isinstance(entry, int) else slice(None) for entry in index)]

    def _region(self, block: tuple[int, ...]) -> Region:
        return tuple(
            slice(i * chunk, min((i + 1) * chunk, n))
            for i, chunk, n in zip(block, self.chunks, self.shape, strict=True)
        )


def _overlap(wanted: range, region: slice) -> tuple[slice, slice]:
    """Return which of the wanted elements lie in a block, and where in the block they are."""
    first = max(0, -((wanted.start - region.start) // wanted.step))
    last = max(first, -((wanted.start - region.stop) // wanted.step))
    last = min(last, len(wanted))
    if first >= last:
        return slice(0, 0), slice(0, 0)
    chosen = wanted[first:last]
    start, stop = chosen[0] - region.start, chosen[-1] - region.start + 1
    return slice(first, last), slice(start, stop, wanted.step)
