"""The losses of a run."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    import xarray as xr

    from napari_dacapo.store import TrainingIteration

__all__ = ["TrainingStats"]


class TrainingStats:
    """Loss and time of each training iteration, with DaCapo's reading interface.

    Parameters
    ----------
    iteration_stats : iterable of TrainingIteration
        As the stats store gives them.
    problem : str, optional
        Why there are none, if they could not be read.

    Attributes
    ----------
    iteration_stats : list of TrainingIteration
        As stored, sorted by iteration; of an iteration that was trained
        twice (after a restart) the later entry only.
    problems : tuple of str
        What is to be said of them.
    """

    def __init__(
        self, iteration_stats: Iterable[TrainingIteration] = (), *, problem: str | None = None
    ) -> None:
        stored = list(iteration_stats)
        latest = {stats.iteration: stats for stats in stored}
        self.iteration_stats = [latest[iteration] for iteration in sorted(latest)]
        problems = [problem] if problem else []
        if n_twice := len(stored) - len(latest):
            problems.append(f"{n_twice} iterations were trained twice; the later loss counts.")
        if n_nan := int(np.isnan(self.losses).sum()):
            problems.append(f"{n_nan} of {len(latest)} losses are not a number.")
        self.problems = tuple(problems)

    def __len__(self) -> int:
        return len(self.iteration_stats)

    @cached_property
    def iterations(self) -> np.ndarray[Any, np.dtype[np.int64]]:
        """Iterations (from 0) in ascending order, int64."""
        return np.fromiter((stats.iteration for stats in self.iteration_stats), np.int64)

    @cached_property
    def losses(self) -> np.ndarray[Any, np.dtype[np.float64]]:
        """Loss of each of :attr:`iterations`, float64."""
        return np.fromiter((stats.loss for stats in self.iteration_stats), np.float64)

    @cached_property
    def times(self) -> np.ndarray[Any, np.dtype[np.float64]]:
        """Seconds of each train step without fetching its batch, float64."""
        return np.fromiter((stats.time for stats in self.iteration_stats), np.float64)

    @property
    def loss(self) -> float | None:
        """The last loss (may be NaN), None if there is none."""
        return float(self.losses[-1]) if len(self) else None

    def trained_until(self) -> int:
        """Return how many iterations are done: the last one plus one, 0 if there is none."""
        return int(self.iterations[-1]) + 1 if len(self) else 0

    def to_xarray(self) -> xr.DataArray:
        """Return the losses over the dimension ``iterations``."""
        import xarray as xr

        return xr.DataArray(
            self.losses, dims=("iterations",), coords={"iterations": self.iterations}
        )
