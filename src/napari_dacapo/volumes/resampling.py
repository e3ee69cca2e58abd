"""Views on another grid: averages over blocks of voxels, and values in between."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import tensorstore as ts

from napari_dacapo.errors import ArrayFormatError
from napari_dacapo.volumes.grids import Grid
from napari_dacapo.volumes.limits import check_chunks, check_memory
from napari_dacapo.volumes.recent import Recent
from napari_dacapo.volumes.sources import reading
from napari_dacapo.volumes.views import View

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_dacapo.volumes.indexing import Index
    from napari_dacapo.volumes.volume import Kind

__all__ = ["DownsampleView", "InterpolateView", "Method", "can_merge", "method_for"]

Method = Literal["mean", "mode", "stride"]

# More is read in parts, so that a coarse view of a huge array stays small.
_PART_BYTES, _PART_CHUNKS = 2**26, 2**12
_RECENT_BYTES = 2**23


def method_for(dtype: np.dtype[Any], kind: Kind) -> Method:
    """Choose how to merge voxels: labels (and bools) cannot be averaged."""
    return "mode" if kind == "labels" or dtype.kind == "b" else "mean"


def can_merge(view: View, factors: Sequence[int]) -> bool:
    """Tell whether what one voxel is merged of is little enough to be read at once."""
    block = [min(f, n) for f, n in zip(factors, view.shape, strict=True)]
    n_chunks = math.prod(-(-n // chunk) for n, chunk in zip(block, view.chunks, strict=True))
    return math.prod(block) * view.dtype.itemsize <= _PART_BYTES and n_chunks <= _PART_CHUNKS


class DownsampleView(View):
    """Blocks of voxels merged into one each, as :func:`tensorstore.downsample` does it.

    Parameters
    ----------
    view : View
        The fine one.
    factors : sequence of int
        Voxels per block along each axis. A last block that is not whole
        counts with what there is of it.
    method : {"mean", "mode", "stride"}
        How to merge; means of integers are rounded to even.
    selection : tuple of int and range, optional
        Which of the blocks; all if not given.
    recent : Recent, optional
        Planes that were merged last; shared with the views made by indexing.
    """

    def __init__(
        self,
        view: View,
        factors: Sequence[int],
        method: Method,
        selection: tuple[int | range, ...] | None = None,
        recent: Recent | None = None,
    ) -> None:
        if len(factors) != view.ndim or min(factors, default=1) < 1:
            raise ValueError(f"factors {factors} do not fit an array of {view.ndim} axes")
        if selection is None:
            selection = tuple(range(-(-n // f)) for n, f in zip(view.shape, factors, strict=True))
        self.view, self.factors, self.method = view, tuple(factors), method
        self.selection = selection
        self.recent = Recent(_RECENT_BYTES) if recent is None else recent
        self.dtype = view.dtype
        ranges = [
            (entry, max(1, chunk // factor))
            for entry, chunk, factor in zip(selection, view.chunks, factors, strict=True)
            if isinstance(entry, range)
        ]
        self.shape = tuple(len(entry) for entry, _ in ranges)
        self.chunks = tuple(chunk for _, chunk in ranges)
        self.starts = tuple(e.start % chunk if e.step == 1 else 0 for e, chunk in ranges)

    def __getitem__(self, index: Index) -> DownsampleView:
        parts = iter(index)
        selection = tuple(
            entry[next(parts)] if isinstance(entry, range) else entry for entry in self.selection
        )
        return DownsampleView(self.view, self.factors, self.method, selection, self.recent)

    @property
    def path(self) -> str:
        """What to call it in messages."""
        return self.view.path

    @property
    def n_chunks(self) -> int:
        """Number of chunks that are read for it, about."""
        return 0 if 0 in self.shape else self._fine(self._spans()).n_chunks

    def read(self) -> NDArray[Any]:
        """Read all elements of the view."""
        if 0 in self.shape:
            return np.empty(self.shape, self.dtype)
        check_memory(self.nbytes, self.path)
        check_chunks(self.n_chunks, self.path)
        if not can_merge(self.view, self.factors):
            raise ArrayFormatError(
                f"{self.path}: blocks of {self.factors} voxels are too large to be merged to one."
            )
        spans = self._spans()
        merged = self.recent.get(tuple(spans), lambda: self._merge(spans))
        return merged[
            tuple(
                entry - span.start if isinstance(entry, int) else slice(None, None, entry.step)
                for entry, span in zip(self.selection, spans, strict=True)
            )
        ]

    def _spans(self) -> list[range]:
        """Return the blocks along each axis, upwards and without gaps."""
        ranges = [e if isinstance(e, range) else range(e, e + 1) for e in self.selection]
        return [range(min(r[0], r[-1]), max(r[0], r[-1]) + 1) for r in ranges]

    def _fine(self, spans: list[range]) -> View:
        """Return what blocks are merged of."""
        fine = tuple(
            slice(span.start * factor, min(span.stop * factor, n))
            for span, factor, n in zip(spans, self.factors, self.view.shape, strict=True)
        )
        return self.view[fine]

    def _merge(self, spans: list[range]) -> NDArray[Any]:
        part = self._fine(spans)
        is_large = part.nbytes > _PART_BYTES or part.n_chunks > _PART_CHUNKS
        if is_large and (cut := self._cut(spans)) is not None:
            axis, middle = cut
            pieces = []
            for piece in (slice(0, middle), slice(middle, None)):
                pieces.append(
                    self._merge([s[piece] if i == axis else s for i, s in enumerate(spans)])
                )
            return np.concatenate(pieces, axis)
        if (store := part.tensorstore()) is not None:
            # TensorStore merges chunk by chunk, on all cores.
            return self._downsampled(store)
        return self._downsampled(ts.array(part.read()))

    def _downsampled(self, store: ts.TensorStore) -> NDArray[Any]:
        with reading(self.path):
            return np.asarray(ts.downsample(store, self.factors, self.method).read().result())

    def _cut(self, spans: list[range]) -> tuple[int, int] | None:
        """Choose where to halve what is too large to read at once: between chunks, if possible."""
        axis = max(range(len(spans)), key=lambda i: len(spans[i]))
        span, chunk = spans[axis], max(1, self.view.chunks[axis] // self.factors[axis])
        if len(span) < 2:
            return None
        middle = span.start + len(span) // 2
        aligned = middle // chunk * chunk
        return axis, (aligned if aligned > span.start else middle) - span.start


class InterpolateView(View):
    """Values at positions between voxels.

    Parameters
    ----------
    view : View
        The array on its own grid.
    positions : sequence of Grid, float or None
        For each axis, where to look, in indices of the view (the centre of
        voxel ``i`` is at ``i``); one float takes the axis away, None leaves
        it alone. Beyond the borders the outermost voxels go on.
    order : {0, 1}
        Nearest voxel, or linear (then elements are floating point).
    """

    def __init__(self, view: View, positions: Sequence[Grid | float | None], order: int) -> None:
        self.view, self.order = view, order
        self.positions = tuple(
            Grid.of(n) if where is None else where
            for where, n in zip(positions, view.shape, strict=True)
        )
        linear = order == 1 and view.dtype.kind != "f"
        self.dtype = np.dtype(np.float64) if linear else view.dtype
        kept = [
            (len(where), n, chunk)
            for where, n, chunk in zip(self.positions, view.shape, view.chunks, strict=True)
            if isinstance(where, Grid)
        ]
        self.shape = tuple(length for length, _, _ in kept)
        self.chunks = tuple(max(1, chunk * length // max(1, n)) for length, n, chunk in kept)
        self.starts = (0,) * len(kept)

    def __getitem__(self, index: Index) -> InterpolateView:
        parts = iter(index)
        positions: list[Grid | float] = []
        for where in self.positions:
            if isinstance(where, Grid):
                entry = next(parts)
                where = where.at(entry) if isinstance(entry, int) else where.part(entry)
            positions.append(where)
        return InterpolateView(self.view, positions, self.order)

    @property
    def path(self) -> str:
        """What to call it in messages."""
        return self.view.path

    @property
    def n_chunks(self) -> int:
        """Number of chunks that are read for it, about."""
        return 0 if 0 in self.shape else self.view[self._spans()].n_chunks

    def read(self) -> NDArray[Any]:
        """Read all elements of the view."""
        if 0 in self.shape:
            return np.empty(self.shape, self.dtype)
        check_memory(self.nbytes, self.path)
        spans = self._spans()
        elements = self.view[spans].read()
        for axis, (where, span) in enumerate(zip(self.positions, spans, strict=True)):
            places = where.places() if isinstance(where, Grid) else np.array([where])
            inside = np.clip(places, 0, self.view.shape[axis] - 1)
            elements = self._along(elements, axis, inside - span.start)
        kept = tuple(slice(None) if isinstance(where, Grid) else 0 for where in self.positions)
        return np.asarray(elements[kept], self.dtype)

    def _spans(self) -> tuple[slice, ...]:
        """Return the voxels around the positions, along each axis."""
        spans = []
        for where, n in zip(self.positions, self.view.shape, strict=True):
            ends = (where.at(0), where.at(-1)) if isinstance(where, Grid) else (where,)
            first, last = (math.floor(min(max(end, 0), n - 1)) for end in (min(ends), max(ends)))
            spans.append(slice(first, min(n, last + 2)))
        return tuple(spans)

    def _along(self, elements: NDArray[Any], axis: int, place: NDArray[Any]) -> NDArray[Any]:
        def take(indices: NDArray[Any]) -> NDArray[Any]:
            found: NDArray[Any] = np.take(
                elements, np.minimum(indices.astype(int), elements.shape[axis] - 1), axis
            )
            return found

        if self.order == 0:
            # Halfway between two voxels the later one is taken.
            return take(np.floor(place + 0.5))
        low = np.floor(place)
        weight = (place - low).astype(self.dtype)
        if not weight.any():
            return take(low)
        weight = weight.reshape([-1 if i == axis else 1 for i in range(elements.ndim)])
        mixed: NDArray[Any] = take(low) * (1 - weight) + take(low + 1) * weight
        return mixed
