"""How a prediction is cut into tiles: plain arithmetic on voxels.

Tiles lie side by side from the ROI's begin, as DaCapo lays them, and each
reads its part of the raw volume with the context that the network eats. What
sticks out over the ROI's end is cut off. Where tiles are blended, each goes on
into the next by as much.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from napari_dacapo.errors import PredictionError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Span", "Tiling"]

Shape = tuple[int, ...]
Index = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Span:
    """A box of voxels: where it begins and how large it is, per axis."""

    begin: Shape
    shape: Shape

    @property
    def end(self) -> Shape:
        """The first voxel after the box, per axis."""
        return tuple(b + n for b, n in zip(self.begin, self.shape, strict=True))

    @property
    def slices(self) -> tuple[slice, ...]:
        """The box as an index; must not begin below zero."""
        return tuple(slice(b, e) for b, e in zip(self.begin, self.end, strict=True))


@dataclass(frozen=True)
class Tiling:
    """Tiles of a prediction.

    Attributes
    ----------
    roi : Span
        What is predicted, in voxels of the raw volume (first voxel 0); may
        reach beyond it.
    input_shape : tuple of int
        Raw voxels that the network takes at once.
    output_shape : tuple of int
        Voxels that it gives for them.
    upsampling : tuple of int
        Output voxels to one raw voxel.
    trim : tuple of int
        Raw voxels cut off on either side of the network's output, so that
        tiles overlap.
    step : tuple of int
        Raw voxels of which tiles begin a whole number apart, 1 if not given:
        those by which the network's input may move so that only its output
        moves.
    blend : tuple of int
        Raw voxels at the end of a tile that lie in the next one, too, 0 if
        not given.
    """

    roi: Span
    input_shape: Shape
    output_shape: Shape
    upsampling: Shape
    trim: Shape
    step: Shape = ()
    blend: Shape = ()

    def __post_init__(self) -> None:
        # Tilings are frozen; these two follow from how many axes there are.
        object.__setattr__(self, "step", self.step or (1,) * len(self.trim))
        object.__setattr__(self, "blend", self.blend or (0,) * len(self.trim))
        strides = zip(self.stride, self.blend, self.upsampling, strict=True)
        if any(n < max(1, blend * up) for n, blend, up in strides):
            overlap = tuple(t + b for t, b in zip(self.trim, self.blend, strict=True))
            raise PredictionError(
                f"Too little is left of the network's output {self.output_shape} for tiles that "
                f"overlap by {overlap} voxels.",
                todo="Choose a smaller overlap or a larger input_shape.",
            )

    @cached_property
    def _context(self) -> Shape:
        """Output voxels between the begin of the input and that of the kept output."""
        return tuple(
            (n * up - out) // 2 + trim * up
            for n, out, up, trim in zip(
                self.input_shape, self.output_shape, self.upsampling, self.trim, strict=True
            )
        )

    @cached_property
    def context(self) -> Shape:
        """Raw voxels that a tile reads before its begin."""
        return tuple(-(-c // up) for c, up in zip(self._context, self.upsampling, strict=True))

    @cached_property
    def lead(self) -> Shape:
        """Output voxels to skip at the begin of the network's output, trimmed ones among them."""
        parts = zip(self.context, self.upsampling, self.input_shape, self.output_shape, strict=True)
        return tuple(context * up - (n * up - out) // 2 for context, up, n, out in parts)

    @cached_property
    def stride(self) -> Shape:
        """Output voxels from one tile to the next: whole steps of raw voxels."""
        parts = zip(
            self.output_shape, self.lead, self.trim, self.blend, self.upsampling, self.step,
            strict=True,
        )  # fmt: skip
        return tuple(
            (out - lead - (trim + blend) * up) // (up * step) * (up * step)
            for out, lead, trim, blend, up, step in parts
        )

    @cached_property
    def shape(self) -> Shape:
        """Voxels of the whole prediction."""
        return tuple(n * up for n, up in zip(self.roi.shape, self.upsampling, strict=True))

    @cached_property
    def grid(self) -> Shape:
        """Number of tiles along each axis."""
        return tuple(-(-n // step) for n, step in zip(self.shape, self.stride, strict=True))

    @cached_property
    def chunks(self) -> tuple[tuple[int, ...], ...]:
        """Sizes of the tiles along each axis, as dask wants them."""
        return tuple(
            tuple(min(step, n - begin) for begin in range(0, n, step))
            for n, step in zip(self.shape, self.stride, strict=True)
        )

    def output(self, index: Index) -> Span:
        """Return where a tile lies in the prediction."""
        begin = tuple(i * step for i, step in zip(index, self.stride, strict=True))
        shape = tuple(
            min(step, n - b) for step, n, b in zip(self.stride, self.shape, begin, strict=True)
        )
        return Span(begin, shape)

    def covered(self, index: Index) -> Span:
        """Return what a tile gives: its place in the prediction and its part of the next ones."""
        begin = self.output(index).begin
        parts = zip(self.stride, self.blend, self.upsampling, self.shape, begin, strict=True)
        return Span(begin, tuple(min(s + m * up, n - b) for s, m, up, n, b in parts))

    def input(self, index: Index) -> Span:
        """Return what a tile reads, in voxels of the raw volume; may reach beyond it."""
        parts = zip(index, self.stride, self.upsampling, self.roi.begin, self.context, strict=True)
        begin = tuple(start + i * step // up - context for i, step, up, start, context in parts)
        return Span(begin, self.input_shape)

    def ranges(self, region: Span) -> tuple[range, ...]:
        """Return which tiles a box of the prediction touches, along each axis."""
        if 0 in region.shape:
            return (range(0),) * len(self.grid)
        return tuple(
            range(max(0, b // step), min(n, -(-e // step)))
            for b, e, step, n in zip(region.begin, region.end, self.stride, self.grid, strict=True)
        )

    def within(self, region: Span) -> Iterator[Index]:
        """Go through the tiles that a box of the prediction touches, in order."""
        return itertools.product(*self.ranges(region))
