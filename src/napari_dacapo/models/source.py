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

    from numpy.typing import NDArray

    from napari_dacapo.models.network import Network, NetworkSpec
    from napari_dacapo.models.raw_blocks import RawBlocks
    from napari_dacapo.models.tiling import Tiling

__all__ = ["PredictionSource", "assemble"]

Index = tuple[int, ...]

# So that a GPU finds its next block read and its last one taken away.
_BLOCKS_AT_ONCE = 3


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
