"""Losses and scores as curves over iterations, ready to be drawn.

Nothing here knows a plot. What is no number stays a gap, and gaps are counted
so that they can be said.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dacapo.runs.best import find_best
from napari_dacapo.runs.criteria import default_criterion

if TYPE_CHECKING:
    from napari_dacapo.runs.best import BestScoreValue
    from napari_dacapo.runs.criteria import Criterion
    from napari_dacapo.runs.run import Run
    from napari_dacapo.runs.validation_scores import ValidationScores

__all__ = ["Curve", "RunCurves", "read_curves", "thinned"]

Floats = np.ndarray[Any, np.dtype[np.float64]]

MAX_POINTS = 4000
"""More points than this are not drawn one by one: no screen is that wide."""


@dataclass(frozen=True, eq=False)
class Curve:
    """One score over iterations.

    Attributes
    ----------
    dataset, parameters : str
        What it is of.
    iterations : numpy.ndarray
        float64, ascending.
    values : numpy.ndarray
        float64, as long as `iterations`; NaN where there is a gap.
    n_nan : int
        Scores that are stored but are not a number.
    n_missing : int
        Iterations with no score at all.
    """

    dataset: str
    parameters: str
    iterations: Floats
    values: Floats
    n_nan: int = 0
    n_missing: int = 0


@dataclass(frozen=True, eq=False)
class RunCurves:
    """All that can be plotted of a run, as of one moment.

    Attributes
    ----------
    run : str
        Its name.
    loss_iterations, losses : numpy.ndarray
        float64; thinned, if there are many: see :func:`thinned`.
    n_losses : int
        How many losses are stored.
    loss_problems : tuple of str
        What is to be said of the losses.
    scores : ValidationScores
        All stored scores.
    default : Criterion or None
        The criterion to begin with; None if there is none at all.
    why_no_scores : str
        Why there are no scores; empty if there are some.
    """

    run: str
    loss_iterations: Floats
    losses: Floats
    n_losses: int
    loss_problems: tuple[str, ...]
    scores: ValidationScores
    task: Any
    default: Criterion | None
    why_no_scores: str

    @property
    def criteria(self) -> tuple[Criterion, ...]:
        """The criteria with at least one stored score; none if there are no scores."""
        return () if self.why_no_scores else self.scores.table.criteria

    def criterion(self, name: str) -> Criterion | None:
        """Return the criterion of a name, or else the one to begin with."""
        return next((each for each in self.criteria if each.name == name), self.default)

    def of(self, criterion: Criterion) -> tuple[Curve, ...]:
        """Return the curves of a criterion: one for each dataset and parameters.

        Parameters without any stored score have none.
        """
        table = self.scores.table
        values = table.values[..., table.criteria.index(criterion)]
        iterations = np.array(table.iterations, np.float64)
        curves = []
        for d, dataset in enumerate(table.datasets):
            for p, parameters in enumerate(table.parameters):
                stored = table.stored[:, d, p]
                if not stored.any():
                    continue
                of_this = values[:, d, p]
                n_nan = int(np.isnan(of_this[stored]).sum())
                n_missing = int((~stored).sum())
                curves.append(Curve(dataset, parameters, iterations, of_this, n_nan, n_missing))
        return tuple(curves)

    def best(self, criterion: Criterion) -> BestScoreValue | None:
        """Return the best score of a criterion; None if all are gaps or mean nothing."""
        if criterion.meaningless:
            return None
        return find_best(self.scores, self.task, criterion=criterion.name)


def read_curves(run: Run) -> RunCurves:
    """Read what there is to plot of a run; reads files, so not for a window's thread.

    Parameters
    ----------
    run : Run
        Read as it is on disk; what it had read before is forgotten.
    """
    run.refresh()
    stats, scores = run.training_stats, run.validation_scores
    x, y = thinned(stats.iterations.astype(np.float64), stats.losses)
    criteria = scores.table.criteria
    default = default_criterion(run.task, criteria) or next(iter(criteria), None)
    why = _why_no_scores(run, scores)
    return RunCurves(
        run.name, x, y, len(stats), stats.problems, scores, run.task,
        None if why else default, why,
    )  # fmt: skip


def thinned(x: Floats, y: Floats, max_points: int = MAX_POINTS) -> tuple[Floats, Floats]:
    """Return a curve that looks the same and has few points.

    Of each stretch the lowest and the highest value are kept, so that no
    outlier is lost; a stretch without a number stays a gap, and a NaN among
    numbers stays one, too.

    Parameters
    ----------
    x, y : numpy.ndarray
        float64 of the same length; `y` may hold NaN.
    max_points : int
        How many points to keep, about.

    Returns
    -------
    x, y : numpy.ndarray
        At most `max_points` and a half of it; the curve itself if it is short.
    """
    if len(x) <= max_points:
        return x, y
    size = -(-len(x) // (max_points // 2))
    kept: set[int] = {0, len(x) - 1}
    for begin in range(0, len(x), size):
        part = y[begin : begin + size]
        numbers = np.flatnonzero(~np.isnan(part))
        if numbers.size < part.size:
            kept.add(begin + int(np.flatnonzero(np.isnan(part))[0]))
        if numbers.size:
            kept.add(begin + int(numbers[np.argmin(part[numbers])]))
            kept.add(begin + int(numbers[np.argmax(part[numbers])]))
    places = np.array(sorted(kept))
    return x[places], y[places]


def _why_no_scores(run: Run, scores: ValidationScores) -> str:
    if scores.read_problem:
        return scores.read_problem
    if scores.table.stored.any():
        return ""
    if scores.table.iterations:
        return " ".join(scores.problems) or "The stored entries hold no scores."
    if run.validations.iterations:
        return "Validations are stored, but no scores of them: the evaluation failed or is due."
    if not run.datasplit.validate:
        return "The run has no validation datasets."
    return "It was not validated yet."
