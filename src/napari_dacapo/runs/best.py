"""Which validation is the best, for a criterion in its own direction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dacapo.runs.criteria import Criterion, ScoredTask, default_criterion

if TYPE_CHECKING:
    from collections.abc import Collection

    from napari_dacapo.runs.validation_scores import ValidationScores

__all__ = ["BestScoreValue", "Candidates", "candidates_for", "find_best", "why_no_best"]


@dataclass(frozen=True, slots=True)
class BestScoreValue:
    """The best of the stored scores.

    Attributes
    ----------
    criterion : str
        Name of the criterion.
    value : float
        The score; the mean over the datasets if `dataset` is empty.
    iteration : int
        Training iterations done.
    dataset : str
        Name of the dataset; empty for the mean over all.
    parameters : str
        Name of the post-processor's parameters.
    higher_is_better : bool
        Direction of the criterion.
    doubtful : str
        Why the stored value is not what the criterion's name says, or which
        datasets have no score; empty if all is well.
    n_skipped : int
        How many candidates were passed over because their score is NaN or
        missing.
    """

    criterion: str
    value: float
    iteration: int
    dataset: str
    parameters: str
    higher_is_better: bool = True
    doubtful: str = ""
    n_skipped: int = 0

    def beats(self, other: BestScoreValue | None) -> bool:
        """Return whether this is strictly better than another of the same criterion."""
        if other is None:
            return True
        if self.higher_is_better:
            return self.value > other.value
        return self.value < other.value


def find_best(
    scores: ValidationScores,
    task: ScoredTask,
    *,
    criterion: str | None = None,
    dataset: str | None = None,
    iterations: Collection[int] | None = None,
) -> BestScoreValue | None:
    """Find the best stored score.

    Parameters
    ----------
    scores : ValidationScores
        Where to look.
    task : task config
        Decides on the criterion if none is given: f1_score of distance
        tasks, voi of affinities.
    criterion : str, optional
        Name of a criterion.
    dataset : str, optional
        Name of a dataset; by default the mean over the datasets counts, at
        the same iteration and parameters. Datasets without any score are
        left out of the mean and named.
    iterations : collection of int, optional
        Only these count; default: all.

    Returns
    -------
    BestScoreValue or None
        The first of equally good ones (lowest iteration); None if every score
        is NaN or missing, or if the task's scores mean nothing.

    Raises
    ------
    ValueError
        If there is no such criterion or dataset.
    """
    candidates = candidates_for(scores, task, criterion, dataset, iterations)
    return None if candidates is None else candidates.best()


def why_no_best(scores: ValidationScores, task: ScoredTask) -> str:
    """Return why no score is the best by the task's own criterion.

    Parameters
    ----------
    scores : ValidationScores
        Of which :func:`find_best` returns None.
    task : task config
        Decides on the criterion.
    """
    table = scores.table
    if scores.read_problem:
        return scores.read_problem
    if not table.stored.any():
        return "No scores are stored."
    criterion = default_criterion(task, table.criteria)
    if criterion is None:
        doubts = dict.fromkeys(each.doubtful for each in table.criteria if each.doubtful)
        return " ".join(doubts) or "It is not known what the stored scores mean."
    values = table.values[..., table.criteria.index(criterion)]
    if np.isnan(values).all():
        return f"{criterion.name} is NaN everywhere, as it is of empty segmentations."
    return f"{criterion.name} is nowhere a number for all datasets at once."


@dataclass(frozen=True, slots=True)
class Candidates:
    """Scores that compete to be the best.

    Attributes
    ----------
    values : numpy.ndarray
        float64 over `iterations` and `parameters`; NaN where there is none.
    counted : numpy.ndarray
        bool over `iterations`: whether they count.
    criterion : Criterion
        What is compared.
    dataset : str
        Name of the dataset; empty for the mean over all.
    iterations, parameters : tuple
        Along the axes of `values`.
    doubts : tuple of str
        What is to be said of the best.
    """

    values: np.ndarray[Any, Any]
    counted: np.ndarray[Any, Any]
    criterion: Criterion
    dataset: str
    iterations: tuple[int, ...]
    parameters: tuple[str, ...]
    doubts: tuple[str, ...]

    @property
    def n_skipped(self) -> int:
        """How many are NaN or missing, of those that count."""
        return int(np.isnan(self.values[self.counted]).sum())

    def best(self) -> BestScoreValue | None:
        """Return the first of the best, None if all are NaN or missing."""
        up = self.criterion.higher_is_better
        ranked = np.ravel(self.values if up else -self.values)
        there = np.flatnonzero(~np.isnan(ranked) & np.repeat(self.counted, self.values.shape[1]))
        if not there.size:
            return None
        i, p = np.unravel_index(there[np.argmax(ranked[there])], self.values.shape)
        return BestScoreValue(
            criterion=self.criterion.name,
            value=float(self.values[i, p]),
            iteration=self.iterations[i],
            dataset=self.dataset,
            parameters=self.parameters[p],
            higher_is_better=up,
            doubtful=" ".join(self.doubts),
            n_skipped=self.n_skipped,
        )


def candidates_for(
    scores: ValidationScores,
    task: ScoredTask,
    criterion: str | None,
    dataset: str | None,
    iterations: Collection[int] | None = None,
) -> Candidates | None:
    """Return the scores that compete, see :func:`find_best`; None if they mean nothing."""
    table = scores.table
    chosen = (
        default_criterion(task, table.criteria)
        if criterion is None
        else scores.criterion(criterion)
    )
    if chosen is None:
        return None
    values = table.values[..., table.criteria.index(chosen)]
    doubts = [chosen.doubtful] if chosen.doubtful else []
    if dataset is not None:
        if dataset not in table.datasets:
            names = ", ".join(table.datasets) or "none"
            raise ValueError(f"There is no validation dataset {dataset!r}; there is: {names}.")
        values = values[:, table.datasets.index(dataset)]
    else:
        scored = ~np.isnan(values).all(axis=(0, 2))
        if scored.any() and not scored.all():
            left_out = [table.datasets[d] for d in np.flatnonzero(~scored)]
            doubts.append(f"No score of {', '.join(left_out)}: the mean is over the others.")
        # Without any score, all are candidates that are missing.
        chosen_ones = values[:, scored] if scored.any() else values[:, :1]
        values = chosen_ones.mean(axis=1) if chosen_ones.size else np.empty((len(values), 0))
    only = table.datasets[0] if len(table.datasets) == 1 else ""
    counted = np.array([iterations is None or i in iterations for i in table.iterations], bool)
    return Candidates(
        values, counted, chosen, dataset if dataset is not None else only,
        table.iterations, table.parameters, tuple(doubts),
    )  # fmt: skip
