"""What the network's thread has to say, kept until the viewer's thread asks."""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from napari_dacapo.volumes import Volume

__all__ = ["Digest", "News"]

Vector = tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Digest:
    """What is new since the last one.

    Attributes
    ----------
    blocks : tuple of (offset, size)
        Finished blocks, in nm.
    n_blocks : int
        Different blocks finished so far.
    progress : (int, int) or None
        Blocks done and wanted of what is on screen.
    largest : float or None
        Largest absolute difference to the stored prediction so far.
    error : Exception or None
        Why nothing more is computed.
    """

    blocks: tuple[tuple[Vector, Vector], ...]
    n_blocks: int
    progress: tuple[int, int] | None
    largest: float | None
    error: Exception | None


class News:
    """Collects what happens on the network's thread.

    Its methods return whether the viewer's thread has to be told: it is told
    once, and then takes all there is.

    Parameters
    ----------
    computed, stored : Volume, optional
        A finished prediction, and what its blocks are compared with.
    """

    def __init__(self, computed: Volume | None = None, stored: Volume | None = None) -> None:
        self._computed, self._stored = computed, stored
        self._lock = threading.Lock()
        self._told = False
        self._blocks: list[tuple[Vector, Vector]] = []
        self._finished: set[Vector] = set()
        self._progress: tuple[int, int] | None = None
        self._largest: float | None = None
        self._error: Exception | None = None

    def add_block(self, offset: Vector, size: Vector) -> bool:
        """Note a finished block, and how far it is from what is stored."""
        largest = None
        try:
            if offset not in self._finished:
                largest = self._difference(offset, size)
        except Exception as error:  # whatever the disk has to say of what is stored
            return self.set_error(error)
        with self._lock:
            self._blocks.append((offset, size))
            self._finished.add(offset)
            if largest is not None:
                # NaN, once there, stays.
                self._largest = float(np.maximum(largest, self._largest or 0.0))
            return self._tell()

    def set_progress(self, done: int, wanted: int) -> bool:
        """Note how far the network is with what is on screen."""
        with self._lock:
            self._progress = (done, wanted)
            return self._tell()

    def set_error(self, error: Exception) -> bool:
        """Note why nothing more is computed."""
        with self._lock:
            self._error = error
            return self._tell()

    def forget_progress(self) -> None:
        """Forget how far the network was: something else is on screen now."""
        with self._lock:
            self._progress = None

    def take(self) -> Digest:
        """Return what is new."""
        with self._lock:
            blocks, self._blocks = tuple(self._blocks), []
            self._told = False
            return Digest(blocks, len(self._finished), self._progress, self._largest, self._error)

    def _tell(self) -> bool:
        was_told, self._told = self._told, True
        return not was_told

    def _difference(self, offset: Vector, size: Vector) -> float | None:
        if self._computed is None or self._stored is None:
            return None
        from napari_dacapo.volumes import crop

        here, there = (
            np.asarray(crop(volume, (offset, size)).data, np.float32)
            for volume in (self._computed, self._stored)
        )
        is_nan = np.isnan(here)
        if not np.array_equal(is_nan, np.isnan(there)):
            return math.nan
        return float(np.abs(here - there).max(initial=0.0, where=~is_nan))
