"""Where the voxels of one grid lie among those of another, without writing each place down."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Grid"]


@dataclass(frozen=True)
class Grid:
    """Centres of voxels along one axis, in indices of another grid over the same box.

    Both grids have their first corner in common.

    Attributes
    ----------
    ratio : float
        Length of a voxel, in voxels of the other grid.
    indices : range
        Which voxels.
    """

    ratio: float
    indices: range

    @classmethod
    def of(cls, count: int, ratio: float = 1.0) -> Grid:
        """Return the first voxels of a grid."""
        return cls(ratio, range(count))

    def __len__(self) -> int:
        return len(self.indices)

    def at(self, index: int) -> float:
        """Return one place."""
        return (self.indices[index] + 0.5) * self.ratio - 0.5

    def part(self, index: slice) -> Grid:
        """Return some of the places."""
        return Grid(self.ratio, self.indices[index])

    def places(self) -> NDArray[Any]:
        """Return the places, which takes memory."""
        indices = self.indices
        numbers = np.arange(len(indices)) * indices.step + (indices.start + 0.5)
        return np.asarray(numbers * self.ratio - 0.5)
