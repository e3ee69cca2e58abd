"""The range of values of an array of which nothing else is known, from a sample of it.

Whoever hands over an array of 16 bits or more means some part of what its type
can hold; over all of it, most images are black. Small arrays are read, a few
blocks of large ones, and nothing at all of arrays whose type says enough.
"""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dacapo.volumes.lazy_array import LazyArray
from napari_dacapo.volumes.object_source import elements_in_memory
from napari_dacapo.volumes.opening import value_range

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import dask.array as da

    from napari_dacapo.volumes.volume import Volume

__all__ = ["READ_BYTES", "sampled_range"]

#: Of arrays that are not in memory at most so much is read.
READ_BYTES = 32 * 2**20
_BLOCK_BYTES = READ_BYTES // 4
_WHOLE_BYTES = 2**21
_SAMPLED = 2**17
_TODO = "Give shader_range to see it as it is meant."


def sampled_range(volume: Volume) -> tuple[tuple[float, float] | None, str]:
    """Return the range of some elements of an image that does not say its range.

    May read a few blocks, so it is not for a thread that draws.

    Parameters
    ----------
    volume : Volume
        Volumes of a run, labels, bool, single bytes and those that say their
        range are not read.

    Returns
    -------
    found : tuple of float or None
        Lowest and highest of what was looked at; None if it does not tell.
    why : str
        Why it does not, and what to do; empty if it does, or need not.
    """
    if not _is_unknown(volume):
        return None, ""
    try:
        elements = _sample(volume)
    except Exception as error:  # of whatever library the array is
        reason = str(getattr(error, "message", error)).rstrip(".")
        return None, f"no sample of it can be read ({reason:.200}). {_TODO}"
    if elements is None:
        return None, f"its blocks are too large for looking at a sample. {_TODO}"
    finite = elements[np.isfinite(elements)]
    if not finite.size:
        return None, ""
    low, high = float(finite.min()), float(finite.max())
    if low < high:
        return (low, high), ""
    if elements_in_memory(volume):
        return None, ""
    return None, f"all that was looked at of it is {low:g}. {_TODO}"


def _is_unknown(volume: Volume) -> bool:
    dtype = volume.dtype
    if volume.identity.run or volume.kind != "image":
        return False
    if dtype.kind not in "uif" or dtype.itemsize == 1:
        return False
    return volume.value_range in (None, value_range(dtype, "image"))


def _sample(volume: Volume) -> np.ndarray[Any, Any] | None:
    data = volume.data
    if elements_in_memory(volume):
        step = max(1, math.ceil((data.size / _SAMPLED) ** (1 / max(data.ndim, 1))))
        return _as_floats(data[(slice(None, None, step),) * data.ndim])
    if data.nbytes <= _WHOLE_BYTES:
        return _as_floats(data)
    n_read, parts = 0, []
    for region in _regions(data):
        n_read += math.prod(r.stop - r.start for r in region) * data.dtype.itemsize
        if n_read > READ_BYTES:
            break
        parts.append(_as_floats(data[region]).ravel())
    return np.concatenate(parts) if parts else None


def _as_floats(part: da.Array) -> np.ndarray[Any, Any]:
    return np.asarray(part).astype(np.float64)


def _regions(data: da.Array) -> Iterator[tuple[slice, ...]]:
    """Yield blocks of an array, the one in the middle first, no two the same."""
    seen = set()
    for places in [(0.5,) * data.ndim, *itertools.product((0.25, 0.75), repeat=data.ndim)]:
        index = tuple(
            _block_at(sizes, place) for sizes, place in zip(data.chunks, places, strict=True)
        )
        if index not in seen:
            seen.add(index)
            region = tuple(
                slice(sum(sizes[:i]), sum(sizes[: i + 1]))
                for sizes, i in zip(data.chunks, index, strict=True)
            )
            if isinstance(data, LazyArray):
                region = _cut(region, data.dtype.itemsize)
            yield region


def _block_at(sizes: Sequence[int], place: float) -> int:
    """Return which block lies at a place from 0 to 1 along an axis."""
    ends = np.cumsum(sizes)
    return int(np.searchsorted(ends, place * ends[-1], side="right").clip(max=len(sizes) - 1))


def _cut(region: tuple[slice, ...], itemsize: int) -> tuple[slice, ...]:
    """Return the middle of a region that is no more than a block should be."""
    sizes = [r.stop - r.start for r in region]
    while math.prod(sizes) * itemsize > _BLOCK_BYTES:
        axis = max(range(len(sizes)), key=sizes.__getitem__)
        sizes[axis] = -(-sizes[axis] // 2)
    begins = [r.start + (r.stop - r.start - n) // 2 for r, n in zip(region, sizes, strict=True)]
    return tuple(slice(begin, begin + n) for begin, n in zip(begins, sizes, strict=True))
