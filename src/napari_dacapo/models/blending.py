"""Tiles that fade into each other, for networks whose tiles differ where they meet."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from napari_dacapo.models.tiling import Tiling

__all__ = ["blended"]

Index = tuple[int, ...]


def blended(
    tiling: Tiling, index: Index, tile: Callable[[Index], NDArray[np.float32]]
) -> NDArray[np.float32]:
    """Return a tile into which those before it fade, linearly along each axis.

    Parameters
    ----------
    tiling : Tiling
        Where the tiles lie, and over how much they are blended.
    index : tuple of int
        Which tile.
    tile : callable
        Gives a tile as the network does, with its part of the next ones.
    """
    shape = tiling.output(index).shape
    total: NDArray[np.float32] | None = None
    # Along an axis, only the tile before reaches into this one.
    axes = zip(index, tiling.blend, strict=True)
    for back in itertools.product(*((0, 1) if i and blend else (0,) for i, blend in axes)):
        part = tile(tuple(i - b for i, b in zip(index, back, strict=True)))
        for axis, b in enumerate(back):
            begin = b * tiling.stride[axis]
            width = tiling.blend[axis] * tiling.upsampling[axis]
            # Of the tile before, what it has of this one; of this one, all.
            part = _cut(part, axis + 1, begin, min(shape[axis], width) if b else shape[axis])
            if index[axis] and width:
                rising = np.minimum((np.arange(part.shape[axis + 1]) + 0.5) / width, 1)
                weight = (1 - rising if b else rising).astype(np.float32)
                part = part * weight.reshape(-1, *(1,) * (len(shape) - 1 - axis))
        if total is None:
            total = np.array(part)
        else:
            total[(slice(None), *map(slice, part.shape[1:]))] += part
    assert total is not None
    return total


def _cut(part: NDArray[np.float32], axis: int, begin: int, n: int) -> NDArray[np.float32]:
    return part[(slice(None),) * axis + (slice(begin, begin + n),)]
