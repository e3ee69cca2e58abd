"""A prediction as a source of elements: what is read runs the network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dacapo.models.ahead import in_order
from napari_dacapo.models.blending import blended
from napari_dacapo.models.block_cache import block_cache
from napari_dacapo.models.network import choose_device
from napari_dacapo.models.tiling import Span

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from concurrent.futures import Executor

    import dask.array as da
    from numpy.typing import NDArray

    from napari_dacapo.models.network import Network, NetworkSpec
    from napari_dacapo.models.tiling import Tiling

__all__ = ["DaskSource", "PredictionSource", "RawBlocks", "assemble"]

Index = tuple[int, ...]

# Differences of integers below this are exact in single precision.
_EXACT = 2.0**22
# So that a GPU finds its next block read and its last one taken away.
_BLOCKS_AT_ONCE = 3


@dataclass(frozen=True, eq=False)
class DaskSource:
    """Any dask array as a source of elements."""

    data: da.Array

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of elements along each axis."""
        return tuple(self.data.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Data type of the elements."""
        dtype: np.dtype[Any] = self.data.dtype
        return dtype

    @property
    def chunks(self) -> tuple[int, ...]:
        """Shape of dask's first block."""
        return tuple(sizes[0] for sizes in self.data.chunks)

    def read(self, index: tuple[int | slice, ...]) -> NDArray[Any]:
        """Read a part: one int or slice (with a positive step) per axis, within bounds."""
        return _compute(self.data[index])


@dataclass(frozen=True, eq=False)
class RawBlocks:
    """Raw data as the network wants it.

    Attributes
    ----------
    data : dask.array.Array
        Channels first, if there are any.
    has_channels : bool
        Whether the first axis is that of the channels.
    intensities : tuple of (float, float)
        Values that become 0 and 1: of all channels, or of each; empty if they
        stay as they are.
    """

    data: da.Array
    has_channels: bool
    intensities: tuple[tuple[float, float], ...] = ()

    def read(self, span: Span) -> NDArray[np.float32]:
        """Read a box, with zeros where there is no raw data.

        Returns
        -------
        numpy.ndarray
            float32, channels first.
        """
        bounds = self.data.shape[-len(span.shape) :]
        begin = tuple(min(max(b, 0), n) for b, n in zip(span.begin, bounds, strict=True))
        end = tuple(min(max(e, 0), n) for e, n in zip(span.end, bounds, strict=True))
        n_channels = self.data.shape[0] if self.has_channels else 1
        there = Span(begin, tuple(max(0, e - b) for b, e in zip(begin, end, strict=True)))
        if there.shape == span.shape:
            return self._scaled(there)
        block = np.zeros((n_channels, *span.shape), np.float32)
        if 0 not in there.shape:
            place = Span(tuple(b - s for b, s in zip(begin, span.begin, strict=True)), there.shape)
            block[(slice(None), *place.slices)] = self._scaled(there)
        return block

    def _scaled(self, span: Span) -> NDArray[np.float32]:
        elements = _compute(self.data[(..., *span.slices)])
        if not self.has_channels:
            elements = elements[None]
        if not self.intensities:
            return elements.astype(np.float32)
        ends = np.reshape(self.intensities, (-1, 2, *(1,) * len(span.shape)))
        return _scale(elements, ends[:, 0], ends[:, 1])


def _scale(
    elements: NDArray[Any], low: NDArray[np.float64], high: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Scale as DaCapo's IntensitiesArray does, which computes in double precision.

    Where elements and limits are small integers, single precision gives the
    same: it holds numerator and denominator exactly, and a quotient that is
    rounded to 53 bits and then to 24 is the one that is rounded to 24 at once
    (S. A. Figueroa, "When is double rounding innocuous?", SIGNUM Newsletter
    30, 1995). It takes a fifth of the time, in which a GPU would wait.
    """
    is_small = elements.dtype.kind in "iu" and elements.dtype.itemsize <= 2
    limits = np.concatenate([low, high])
    if is_small and np.all((limits == np.rint(limits)) & (np.abs(limits) < _EXACT)):
        single = elements.astype(np.float32)
        if low.any():
            single -= low.astype(np.float32)
        single /= (high - low).astype(np.float32)
        return single
    double: NDArray[np.float64] = (elements.astype(np.float64) - low) / (high - low)
    return double.astype(np.float32)


def _compute(part: da.Array) -> NDArray[Any]:
    from napari_dacapo.volumes import LazyArray

    if isinstance(part, LazyArray):
        return np.asarray(part)
    # This runs in a thread of dask's or of ours already; more threads would only wait.
    return np.asarray(part.compute(scheduler="synchronous"))  # type: ignore[no-untyped-call]


@dataclass(frozen=True, eq=False)
class PredictionSource:
    """What a lazy array needs to know to run a network block by block.

    Everything in it can be sent to another process.

    Attributes
    ----------
    network : NetworkSpec
        Which network.
    raw : RawBlocks
        What it is run on.
    tiling : Tiling
        How.
    n_channels : int
        Channels of the prediction.
    name : str
        Names the contents: a different prediction has a different name.
    disk : bool
        Whether blocks are kept on disk as well.
    """

    network: NetworkSpec
    raw: RawBlocks
    tiling: Tiling
    n_channels: int
    name: str
    disk: bool = False

    @property
    def shape(self) -> tuple[int, ...]:
        """Channels, then voxels along each axis."""
        return (self.n_channels, *self.tiling.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Always float32."""
        return np.dtype(np.float32)

    @property
    def chunks(self) -> tuple[int, ...]:
        """All channels of one tile."""
        return (self.n_channels, *self.tiling.stride)

    @property
    def blocks_at_once(self) -> int:
        """How many blocks are best computed at the same time by one who wants several."""
        device = self.network.device
        on_cpu = (choose_device() if device == "auto" else device) == "cpu"
        return 1 if on_cpu else _BLOCKS_AT_ONCE

    def block(self, index: Index) -> NDArray[np.float32]:
        """Return one tile, cut to the prediction's end; from the cache if it is there."""
        shape = (self.n_channels, *self.tiling.output(index).shape)
        disk = shape if self.disk else None
        return block_cache.get((self.name, index), lambda: self.compute(index), disk=disk)

    def peek(self, index: Index) -> NDArray[np.float32] | None:
        """Return one tile if it is in memory."""
        return block_cache.peek((self.name, index))

    def finished(self, region: Span) -> Iterator[Index]:
        """Go through the tiles in memory that a box of the prediction touches, in no order."""
        ranges = self.tiling.ranges(region)
        for index in block_cache.places(self.name):
            if all(i in among for i, among in zip(index, ranges, strict=True)):
                yield index

    def compute(self, index: Index, threads: Executor | None = None) -> NDArray[np.float32]:
        """Compute one tile, past the cache of finished ones.

        Parameters
        ----------
        index : tuple of int
            Which tile.
        threads : Executor, optional
            Where the network runs; default: on the one network thread.
        """
        if any(self.tiling.blend):
            return blended(self.tiling, index, lambda place: self._shared(place, threads))
        return self._unblended(index, threads)

    def _shared(self, index: Index, threads: Executor | None) -> NDArray[np.float32]:
        """Return one tile with its part of the next ones, which ask for it, too."""
        key = (f"{self.name}-unblended", index)
        return block_cache.get(key, lambda: self._unblended(index, threads))

    def _unblended(self, index: Index, threads: Executor | None) -> NDArray[np.float32]:
        network = self.network.load()
        block = self.tiling.input(index)
        span = Span(self.tiling.lead, self.tiling.covered(index).shape)
        try:
            output = self._run(network, block, threads)
            # A copy, so that the cache does not hold on to what was cut off.
            return np.ascontiguousarray(output[(slice(None), *span.slices)])
        except MemoryError as error:
            raise network.not_enough_memory(block.shape) from error

    def _run(self, network: Network, block: Span, threads: Executor | None) -> NDArray[np.float32]:
        """Run the network on a box of raw, half by half if there is no memory even to read it."""
        try:
            raw = self.raw.read(block)
        except MemoryError:
            pass
        else:
            return network.run(raw, threads)
        axis, pieces = network.cut(block.shape)
        results = []
        for piece in pieces:
            begin, shape = list(block.begin), list(block.shape)
            begin[axis] += piece.begin
            shape[axis] = piece.length
            output = self._run(network, Span(tuple(begin), tuple(shape)), threads)
            keep = slice(piece.skip, piece.skip + piece.keep)
            results.append(output[(slice(None),) * (axis + 1) + (keep,)])
        return np.concatenate(results, axis + 1)

    def read(self, index: tuple[int | slice, ...]) -> NDArray[np.float32]:
        """Read a part: one int or slice (with a positive step) per axis, within bounds."""
        return assemble(self.tiling, self.shape, index, self.block, self.blocks_at_once)


def assemble(
    tiling: Tiling,
    shape: Sequence[int],
    index: Sequence[int | slice],
    block: Callable[[Index], NDArray[np.float32] | None],
    at_once: int = 1,
    places: Callable[[Span], Iterable[Index]] | None = None,
) -> NDArray[np.float32]:
    """Put a part of a prediction together from the tiles that it touches.

    Parameters
    ----------
    tiling : Tiling
        Where the tiles lie.
    shape : sequence of int
        Channels, then voxels along each axis.
    index : sequence of int and slice
        The part: one entry per axis, within bounds, steps positive.
    block : callable
        Gives a tile, or None for one that is not there, which becomes NaN.
    at_once : int
        Tiles that are asked for at the same time, on threads if more than one.
    places : callable, optional
        Says which tiles of a box are to be asked for; default: all.
    """
    full = [
        slice(entry, entry + 1, 1) if isinstance(entry, int) else slice(*entry.indices(n))
        for entry, n in zip(index, shape, strict=True)
    ]
    channels, spatial = full[0], full[1:]
    box = Span(
        tuple(entry.start for entry in spatial),
        tuple(max(0, entry.stop - entry.start) for entry in spatial),
    )
    n_channels = len(range(channels.start, channels.stop, channels.step))
    elements = np.full((n_channels, *box.shape), np.nan, np.float32)
    for place, tile in in_order(block, (places or tiling.within)(box), at_once):
        if tile is None:
            continue
        span = tiling.output(place)
        begin = tuple(map(max, span.begin, box.begin))
        end = tuple(map(min, span.end, box.end))
        size = tuple(e - b for b, e in zip(begin, end, strict=True))
        target = Span(tuple(b - o for b, o in zip(begin, box.begin, strict=True)), size)
        source = Span(tuple(b - o for b, o in zip(begin, span.begin, strict=True)), size)
        elements[(slice(None), *target.slices)] = tile[(channels, *source.slices)]
    within = [
        0 if isinstance(entry, int) else slice(None, None, part.step)
        for entry, part in zip(index[1:], spatial, strict=True)
    ]
    first: int | slice = 0 if isinstance(index[0], int) else slice(None)
    return elements[(first, *within)]
