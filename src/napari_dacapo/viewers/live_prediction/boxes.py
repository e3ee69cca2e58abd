"""What is on screen, as boxes in nanometres and in whole blocks."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_dacapo.viewers.view_state import ViewState
    from napari_dacapo.volumes import Volume

__all__ = ["MAX_BLOCKS", "Box", "at_most", "blocks_within", "visible_box"]

Vector = tuple[float, ...]

DEFAULT_CANVAS = (800, 600)

MAX_BLOCKS = 4096
"""Blocks that are asked for at once: nobody waits for more at one place."""


@dataclass(frozen=True, slots=True)
class Box:
    """Where one looks: its middle and its corners, in nm over the spatial axes."""

    centre: Vector
    begin: Vector
    end: Vector

    def meets(self, offset: Sequence[float], size: Sequence[float]) -> bool:
        """Whether a part of the world is in the box, at least in part."""
        return all(
            begin < o + s and end >= o
            for begin, end, o, s in zip(self.begin, self.end, offset, size, strict=True)
        )

    def share(self, offset: Sequence[float], size: Sequence[float]) -> float:
        """Return how much of the box a part of the world fills, between 0 and 1."""
        if not self.meets(offset, size):
            return 0.0
        return math.prod(
            (min(end, o + s) - max(begin, o)) / (end - begin)
            for begin, end, o, s in zip(self.begin, self.end, offset, size, strict=True)
            if begin < end
        )


def visible_box(view: ViewState, axes: Sequence[str]) -> Box:
    """Return what a view shows.

    Parameters
    ----------
    view : ViewState
        Camera and canvas.
    axes : sequence of str
        Spatial axes of the volume that is looked at; one that the view does
        not name is matched by its place, counted from the last.

    Returns
    -------
    Box
        Flat along axes that are cut; in 3-D a cube that holds all that can be
        seen, whichever way one looks.
    """
    n = len(view.axes)
    shown = view.order[-view.ndisplay :]
    height, width = view.canvas_size or DEFAULT_CANVAS
    sides = {name: max(height, width) for name in shown}
    if view.ndisplay == 2:
        sides = dict(zip(shown, (height, width), strict=True))
    begin: Vector = ()
    end: Vector = ()
    centre: Vector = ()
    for place, axis in enumerate(axes):
        index = view.axes.index(axis) if axis in view.axes else n - len(axes) + place
        known = 0 <= index < n
        middle = view.position[index] if known else 0.0
        half = sides.get(view.axes[index], 0) / 2 / view.zoom if known else 0.0
        centre, begin, end = (*centre, middle), (*begin, middle - half), (*end, middle + half)
    return Box(centre, begin, end)


def blocks_within(volume: Volume, box: Box) -> tuple[Vector, Vector] | None:
    """Return the part of a volume that the blocks in a box cover, as offset and size in nm.

    None if no block is in the box.
    """
    ranges = _block_ranges(volume, box)
    if ranges is None:
        return None
    offset: Vector = ()
    size: Vector = ()
    for (first, last), sizes, o, v in zip(
        ranges, _block_sizes(volume), volume.offset, volume.voxel_size, strict=True
    ):
        offset = (*offset, o + first * sizes[0] * v)
        size = (*size, sum(sizes[first:last]) * v)
    return offset, size


def at_most(volume: Volume, box: Box, n_blocks: int = MAX_BLOCKS) -> Box:
    """Return the box, drawn together around its middle until it holds few enough blocks."""
    while (ranges := _block_ranges(volume, box)) is not None:
        if math.prod(last - first for first, last in ranges) <= n_blocks:
            break
        halves = [
            tuple(c + (edge - c) * 0.8 for c, edge in zip(box.centre, edges, strict=True))
            for edges in (box.begin, box.end)
        ]
        box = Box(box.centre, *halves)
    return box


def _block_sizes(volume: Volume) -> tuple[tuple[int, ...], ...]:
    chunks: tuple[tuple[int, ...], ...] = volume.data.chunks
    return chunks[len(chunks) - len(volume.spatial_axes) :]


def _block_ranges(volume: Volume, box: Box) -> list[tuple[int, int]] | None:
    """Return first and one after the last block along each axis."""
    ranges = []
    for begin, end, sizes, offset, v in zip(
        box.begin, box.end, _block_sizes(volume), volume.offset, volume.voxel_size, strict=True
    ):
        side = sizes[0] * v
        first = max(0, math.floor((begin - offset) / side))
        last = min(len(sizes), math.floor((end - offset) / side) + 1)
        if first >= last or begin >= offset + sum(sizes) * v:
            return None
        ranges.append((first, last))
    return ranges
