"""Pictures of arrays of which only a few places are read."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import product
from math import ceil, prod
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dacapo.volumes.views import View

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_dacapo.volumes.indexing import Index
    from napari_dacapo.volumes.recent import Recent

__all__ = ["SampledView", "chunk_count", "sampled"]

_PLACES = 64
_THREADS = 8


def chunk_count(view: View) -> int:
    """Return how many chunks must be read for all of a view, about."""
    return prod(_chunks_along(view, axis) for axis in range(len(view.shape)))


def sampled(view: View) -> NDArray[Any]:
    """Read a few places of a view, and let each stand for what is around it.

    Parameters
    ----------
    view : View
        With up to three axes of more than one chunk.

    Returns
    -------
    numpy.ndarray
        Of the view's shape. At most 64 places are read, each in one chunk.
    """
    cut = [axis for axis in range(len(view.shape)) if _chunks_along(view, axis) > 1]
    per_axis = max(1, int(_PLACES ** (1 / max(1, len(cut))) + 1e-9))
    places = [_middles(view.shape[axis], per_axis) for axis in cut]
    shape = list(view.shape)
    for axis, middles in zip(cut, places, strict=True):
        shape[axis] = len(middles)
    picture = np.empty(shape, view.dtype)

    def read(which: tuple[int, ...]) -> None:
        there: list[int | slice] = [slice(None)] * len(view.shape)
        here = there.copy()
        for axis, i, middles in zip(cut, which, places, strict=True):
            there[axis], here[axis] = slice(middles[i], middles[i] + 1), slice(i, i + 1)
        picture[tuple(here)] = view[tuple(there)].read()

    with ThreadPoolExecutor(_THREADS) as pool:
        list(pool.map(read, product(*(range(len(middles)) for middles in places))))
    for axis, middles in zip(cut, places, strict=True):
        n = view.shape[axis]
        picture = np.take(picture, np.arange(n) * len(middles) // n, axis)
    return picture


def _chunks_along(view: View, axis: int) -> int:
    return ceil((view.shape[axis] + view.starts[axis]) / view.chunks[axis])


def _middles(n: int, count: int) -> list[int]:
    """Return the middles of equal parts of an axis."""
    count = min(n, count)
    return [(2 * i + 1) * n // (2 * count) for i in range(count)]


class SampledView(View):
    """A view whose elements are those of :func:`sampled`; parts of it are exact.

    Parameters
    ----------
    view : View
        What is sampled.
    recent : Recent
        Where samples are kept that were taken before.
    key : str
        Which view it is, for ``recent``.
    """

    def __init__(self, view: View, recent: Recent, key: str) -> None:
        self.view, self.recent, self.key = view, recent, key
        self.shape, self.dtype = view.shape, view.dtype
        self.chunks, self.starts = view.chunks, view.starts

    def __getitem__(self, index: Index) -> View:
        return self.view[index]

    def read(self) -> NDArray[Any]:
        """Read the places and spread them."""
        return self.recent.get(self.key, lambda: sampled(self.view))
