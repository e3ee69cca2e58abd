"""Read parts of lazy arrays, computing each dask block once.

The client asks for small chunks, several at a time. A computed volume comes in
blocks that may be much larger and take seconds each, so the last blocks are
kept and a block that is being computed is waited for, not computed twice.
"""

from __future__ import annotations

import functools
import itertools
import math
import os
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dacapo.viewers.daemon_executor import DaemonExecutor
from napari_dacapo.volumes.recent import Recent

if TYPE_CHECKING:
    from collections.abc import Sequence

    import dask.array as da

__all__ = ["read_region"]

_KEPT_BYTES, _KEPT_BLOCKS = 256 * 2**20, 2**14
_COMPUTING_AT_ONCE = 4
Array = np.ndarray[Any, Any]


_CACHE = Recent(_KEPT_BYTES, _KEPT_BLOCKS)


def read_region(data: da.Array, region: Sequence[slice], cache: Recent | None = None) -> Array:
    """Return a region of a lazy array as numpy.

    Parameters
    ----------
    data : dask.array.Array
        Plain dask arrays are computed block by block through the cache; a
        subclass that reads a region directly from disk is asked for it.
    region : sequence of slice
        One for each axis, with whole numbers and step 1.
    cache : Recent, optional
        By default one that the process shares.
    """
    import dask.array as da

    if type(data) is not da.Array or _many_blocks(data, region):
        return _computed(data[tuple(region)])
    cache = _CACHE if cache is None else cache
    out = np.empty([r.stop - r.start for r in region], data.dtype)
    for parts in itertools.product(*map(_overlaps, data.chunks, region)):
        number = tuple(part[0] for part in parts)
        block = cache.get((data.name, *number), functools.partial(_block, data, number))
        source = tuple(part[1] for part in parts)
        target = tuple(part[2] for part in parts)
        out[target] = block[source]
    return out


def _block(data: da.Array, number: tuple[int, ...]) -> Array:
    return _computed(data.blocks[number])


def _computed(data: da.Array) -> Array:
    import dask.array as da

    if type(data) is not da.Array:
        return np.asarray(data)
    array: Any = data  # its methods have no types
    return np.asarray(array.compute(pool=_dask_threads()))


@functools.cache
def _dask_threads() -> DaemonExecutor:
    """Return threads for dask, which by itself makes some for each thread that computes.

    As many as those would be together; dask's own hold up the end of the process.
    """
    return DaemonExecutor(_COMPUTING_AT_ONCE * (os.cpu_count() or 1), "napari-dacapo-dask")


def _many_blocks(data: da.Array, region: Sequence[slice]) -> bool:
    """Whether blocks are so small that dask should gather them in one go."""
    counts = [len(_overlaps(sizes, r)) for sizes, r in zip(data.chunks, region, strict=True)]
    return math.prod(counts) > 8


def _overlaps(sizes: Sequence[int], region: slice) -> list[tuple[int, slice, slice]]:
    """Blocks along an axis that a region touches: number, part of block, part of region."""
    parts, begin = [], 0
    for number, size in enumerate(sizes):
        end = begin + int(size)
        low, high = max(begin, region.start), min(end, region.stop)
        if low < high:
            inside = slice(low - begin, high - begin)
            parts.append((number, inside, slice(low - region.start, high - region.start)))
        begin = end
    return parts
