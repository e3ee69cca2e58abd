"""Which block of a prediction is computed next: what one looks at, from the middle outwards."""

from __future__ import annotations

import itertools
import math
import threading
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from napari_dacapo.models.tiling import Span, Tiling

__all__ = ["BlockQueue"]

Index = tuple[int, ...]


class BlockQueue:
    """Blocks that wait, in the order in which they are wanted; safe between threads.

    Parameters
    ----------
    tiling : Tiling
        Where the blocks lie.
    """

    def __init__(self, tiling: Tiling) -> None:
        self._tiling = tiling
        self._lock = threading.Lock()
        self._visible: deque[Index] = deque()
        self._rest: Iterator[Index] = iter(())
        self._total = 0
        self._finished = 0
        self._taken: set[Index] = set()

    @property
    def progress(self) -> tuple[int, int]:
        """How many blocks of the last request are finished, and how many it asked for."""
        with self._lock:
            return self._finished, self._total

    def look_at(self, centre: Sequence[float], visible: Span) -> int:
        """Want the blocks that are on screen, and no longer any others.

        Parameters
        ----------
        centre : sequence of float
            Where one looks, in voxels of the prediction.
        visible : Span
            What is on screen, in voxels of the prediction; may reach beyond it.

        Returns
        -------
        int
            Number of blocks that wait now.
        """
        blocks = sorted(self._tiling.within(visible), key=lambda index: self._far(index, centre))
        with self._lock:
            self._replace(blocks, iter(()), len(blocks))
            return len(blocks)

    def want_all(self) -> int:
        """Want every block; those that already wait come first."""
        with self._lock:
            waiting = list(self._visible)
            grid = self._tiling.grid
            known = set(waiting)
            rest = (i for i in itertools.product(*map(range, grid)) if i not in known)
            self._replace(waiting, rest, math.prod(grid))
            return self._total

    def clear(self) -> None:
        """Want nothing any more."""
        with self._lock:
            self._replace((), iter(()), 0)

    def take(self) -> Index | None:
        """Return the next block and forget it; None if none waits."""
        with self._lock:
            index = self._visible.popleft() if self._visible else next(self._rest, None)
            if index is not None:
                self._taken.add(index)
            return index

    def finish(self, index: Index) -> None:
        """Count a block that was taken, unless it was for a request before the last."""
        with self._lock:
            if index in self._taken:
                self._taken.remove(index)
                self._finished += 1

    def _replace(self, visible: Iterable[Index], rest: Iterator[Index], total: int) -> None:
        self._visible, self._rest = deque(visible), rest
        self._taken.clear()
        self._finished, self._total = 0, total

    def _far(self, index: Index, centre: Sequence[float]) -> float:
        span = self._tiling.output(index)
        # In tiles, so that flat tiles of anisotropic data do not come last.
        return sum(
            ((b + n / 2 - c) / step) ** 2
            for b, n, c, step in zip(
                span.begin, span.shape, centre, self._tiling.stride, strict=True
            )
        )
