"""The best score of a run that is followed, with DaCapo's interface."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from napari_dacapo.errors import ArrayNotFoundError
from napari_dacapo.runs.best import BestScoreValue, Candidates, candidates_for, find_best
from napari_dacapo.runs.score_table import order_parameters

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_dacapo.runs.datasets import Dataset
    from napari_dacapo.runs.run import Run
    from napari_dacapo.runs.validation_scores import ValidationScores
    from napari_dacapo.store import LocalArrayStore
    from napari_dacapo.volumes import Volume

__all__ = ["BestScore"]


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
    n_skipped : int
        How many scores were passed over at the last look because they are
        NaN, ragged or missing.
    """

    def __init__(self, run: Run, *, criterion: str | None = None, dataset: str | None = None):
        self.run = run
        self.criterion = criterion
        self.dataset = dataset
        self.validation_parameters: list[str] = run.validation_scores.parameters
        self.array_store: LocalArrayStore = run.store.array_store
        self.stats_store = run.store.stats_store
        self.n_skipped = 0
        self.score = math.nan
        self.iteration: int | None = None
        self.parameter: str | None = None
        self.ds: Volume | None = None
        self.value: BestScoreValue | None = None

    def __repr__(self) -> str:
        value = self.value
        if value is None:
            return f"<BestScore of run {self.run.name!r}: none>"
        return (
            f"<BestScore of run {self.run.name!r}: {value.criterion} {value.value:.4g} at "
            f"iteration {value.iteration} with {value.parameters}>"
        )

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
            Also kept as :attr:`ds`. As long as there is no best score, the
            one with the best score of that iteration, or else the first.

        Raises
        ------
        FileNotFoundError
            If it is not stored; the message says what is missing.
        """
        ds = self._open(iteration, validation_dataset, self.parameter)
        self.ds = ds
        return ds

    def does_new_best_exist(self) -> bool:
        """Look into the store and take over a better score, if there is one.

        Returns
        -------
        bool
            Whether there is one. If so, all attributes tell of it. What is no
            longer stored, of a run that was started anew, is forgotten.

        Raises
        ------
        FileNotFoundError
            If the segmentation that belongs to it is not stored; then nothing
            is taken over.
        """
        self.run.refresh()
        # One reading for all: another thread may refresh the run in between.
        scores = self.run.validation_scores
        if scores.read_problem is not None:
            return False  # torn, most likely: what is known stays until it can be read
        self.validation_parameters = scores.parameters
        candidates = candidates_for(scores, self.run.task, self.criterion, self.dataset)
        self.n_skipped = 0 if candidates is None else candidates.n_skipped
        found = None if candidates is None else candidates.best()
        if self.value is not None and not _is_stored(self.value, candidates):
            self._take(None, None)
        if found is None or not found.beats(self.value):
            return False
        dataset = found.dataset or _best_dataset(found, scores)
        self._take(found, self._open(found.iteration, dataset, found.parameters))
        return True

    def _take(self, value: BestScoreValue | None, ds: Volume | None) -> None:
        self.value, self.ds = value, ds
        self.score = math.nan if value is None else value.value
        self.iteration = None if value is None else value.iteration
        self.parameter = None if value is None else value.parameters

    def _open(self, iteration: int, dataset: Dataset | str, parameter: str | None) -> Volume:
        from napari_dacapo.runs.stored_arrays import open_output

        name = dataset if isinstance(dataset, str) else dataset.name
        stored = order_parameters(self.run.validations.outputs(iteration, name))
        if parameter is None and stored:
            parameter = self._parameters_at(iteration, name, stored)
        if parameter is None or parameter not in stored:
            wanted = "a segmentation" if parameter is None else f"the segmentation {parameter!r}"
            path = None
            if parameter is not None:
                path = self.array_store.validation_output_array(
                    self.run.name, iteration, parameter, name
                ).path
            raise ArrayNotFoundError(
                f"Run {self.run.name}: {wanted} of dataset {name} at iteration {iteration} is "
                f"not stored; stored: {', '.join(stored) or 'none'}.",
                todo="Validate the run again, or look at the computed segmentation.",
                path=path,
            )
        return open_output(self.run, name, iteration, parameter)

    def _parameters_at(self, iteration: int, dataset: str, stored: Sequence[str]) -> str:
        scores = self.run.validation_scores
        if dataset in scores.datasets:
            best = find_best(
                scores, self.run.task, criterion=self.criterion, dataset=dataset,
                iterations={iteration},
            )  # fmt: skip
            if best is not None and best.parameters in stored:
                return best.parameters
        return stored[0]


def _is_stored(value: BestScoreValue, candidates: Candidates | None) -> bool:
    """Return whether a score is still what the store says."""
    if candidates is None or value.iteration not in candidates.iterations:
        return False
    if value.parameters not in candidates.parameters:
        return False
    i = candidates.iterations.index(value.iteration)
    p = candidates.parameters.index(value.parameters)
    return bool(candidates.values[i, p] == value.value)


def _best_dataset(value: BestScoreValue, scores: ValidationScores) -> str:
    """Return the dataset that is best where the mean over the datasets is."""
    table = scores.table
    criterion = scores.criteria.index(value.criterion)
    at = table.values[
        table.iterations.index(value.iteration), :,
        table.parameters.index(value.parameters), criterion,
    ]  # fmt: skip
    ranked = np.where(np.isnan(at), -np.inf, at if value.higher_is_better else -at)
    return table.datasets[int(np.argmax(ranked))]
