"""Which validation is the best, for a criterion in its own direction."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_dacapo.errors import ArrayNotFoundError
from napari_dacapo.runs.criteria import ScoredTask, default_criterion

if TYPE_CHECKING:
    from collections.abc import Collection

    from napari_dacapo.runs.datasets import Dataset
    from napari_dacapo.runs.run import Run
    from napari_dacapo.runs.validation_scores import ValidationScores
    from napari_dacapo.store import LocalArrayStore
    from napari_dacapo.volumes import Volume

__all__ = ["BestScore", "BestScoreValue", "find_best"]


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
        candidates = values[:, table.datasets.index(dataset)]
    else:
        scored = ~np.isnan(values).all(axis=(0, 2))
        if not scored.any():
            return None
        if not scored.all():
            left_out = [table.datasets[d] for d in np.flatnonzero(~scored)]
            doubts.append(f"No score of {', '.join(left_out)}: the mean is over the others.")
        candidates = values[:, scored].mean(axis=1)
    chosen_ones = table.iterations if iterations is None else iterations
    counts = np.array([iteration in chosen_ones for iteration in table.iterations], bool)
    candidates = np.where(counts[:, None], candidates, np.nan)
    missing = np.isnan(candidates)
    if missing.all():
        return None
    ranked = np.ravel(candidates if chosen.higher_is_better else -candidates)
    there = np.flatnonzero(~missing)
    i, p = np.unravel_index(there[np.argmax(ranked[there])], candidates.shape)
    only = table.datasets[0] if len(table.datasets) == 1 else ""
    return BestScoreValue(
        criterion=chosen.name,
        value=float(candidates[i, p]),
        iteration=table.iterations[i],
        dataset=dataset if dataset is not None else only,
        parameters=table.parameters[p],
        higher_is_better=chosen.higher_is_better,
        doubtful=" ".join(doubts),
        n_skipped=int(missing[counts].sum()),
    )


class BestScore:
    """The best score of a run so far, with DaCapo's interface.

    Parameters
    ----------
    run : Run
        The run that is followed.
    criterion : str, optional
        Default: the task's own (f1_score, voi).
    dataset : str, optional
        Name of a validation dataset; default: the mean over all of them.

    Attributes
    ----------
    run : Run
        The run.
    score : float
        The best score; NaN as long as there is none.
    iteration : int or None
        At which iteration.
    parameter : str or None
        With which parameters of the post-processor.
    validation_parameters : list of str
        All parameters that were scored.
    array_store, stats_store : store
        Where the run is stored.
    ds : Volume or None
        The segmentation with the best score.
    value : BestScoreValue or None
        The best score with everything that is known of it.
    """

    def __init__(self, run: Run, *, criterion: str | None = None, dataset: str | None = None):
        self.run = run
        self.criterion = criterion
        self.dataset = dataset
        self.score = math.nan
        self.iteration: int | None = None
        self.parameter: str | None = None
        self.validation_parameters: list[str] = run.validation_scores.parameters
        self.array_store: LocalArrayStore = run.store.array_store
        self.stats_store = run.store.stats_store
        self.ds: Volume | None = None
        self.value: BestScoreValue | None = None

    def get_ds(self, iteration: int, validation_dataset: Dataset | str) -> Volume:
        """Open the stored segmentation of an iteration with the best parameters.

        Parameters
        ----------
        iteration : int
            A validated iteration.
        validation_dataset : Dataset or str
            One of ``run.datasplit.validate``, or its name.

        Returns
        -------
        Volume
            Also kept as :attr:`ds`.

        Raises
        ------
        FileNotFoundError
            If it is not stored; the message says what is missing.
        """
        self.ds = self._open(iteration, validation_dataset, self.parameter)
        return self.ds

    def does_new_best_exist(self) -> bool:
        """Look into the store and take over a better score, if there is one.

        Returns
        -------
        bool
            Whether there is one. If so, all attributes tell of it.

        Raises
        ------
        FileNotFoundError
            If the segmentation that belongs to it is not stored; then nothing
            is taken over.
        """
        self.run.refresh()
        scores = self.run.validation_scores
        self.validation_parameters = scores.parameters
        found = find_best(scores, self.run.task, criterion=self.criterion, dataset=self.dataset)
        if found is None or not found.beats(self.value):
            return False
        self.ds = self._open(found.iteration, self._shown_dataset(found), found.parameters)
        self.value = found
        self.score, self.iteration = found.value, found.iteration
        self.parameter = found.parameters
        return True

    def _shown_dataset(self, found: BestScoreValue) -> str:
        """Return the dataset of a score; of a mean, the dataset that is best at that point."""
        if found.dataset:
            return found.dataset
        table = self.run.validation_scores.table
        criterion = [c.name for c in table.criteria].index(found.criterion)
        at = table.values[
            table.iterations.index(found.iteration), :,
            table.parameters.index(found.parameters), criterion,
        ]  # fmt: skip
        ranked = np.where(np.isnan(at), -np.inf, at if found.higher_is_better else -at)
        return table.datasets[int(np.argmax(ranked))]

    def _open(self, iteration: int, dataset: Dataset | str, parameter: str | None) -> Volume:
        name = dataset if isinstance(dataset, str) else dataset.name
        outputs = self.run.outputs(name, iteration)
        if parameter is None and len(outputs) == 1:
            return next(iter(outputs.values()))
        if parameter is None or parameter not in outputs:
            wanted = "any output" if parameter is None else f"the output {parameter!r}"
            raise ArrayNotFoundError(
                f"Run {self.run.name}: {wanted} of dataset {name} at iteration {iteration} is "
                "not stored.",
                todo="Validate the run again, or look at the computed segmentation.",
            )
        return outputs[parameter]
