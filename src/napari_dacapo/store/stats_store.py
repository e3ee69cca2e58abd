"""Losses and scores of a store of files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_dacapo.errors import BrokenFileError
from napari_dacapo.store.paths import Roots, check_name
from napari_dacapo.store.read_only import read_only
from napari_dacapo.store.safe_pickle import load_pickle
from napari_dacapo.store.stats_tail import last_record

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from napari_dacapo.options import Options

__all__ = [
    "WRITING",
    "FileStatsStore",
    "Scores",
    "StatsStore",
    "TrainingIteration",
    "ValidationIteration",
]

WRITING = (
    "store_training_stats",
    "store_validation_iteration_scores",
    "delete_training_stats",
    "delete_validation_scores",
    "delete_stats",
)

Scores = list[list[list[float | None]]]

_MAX_ITERATION = 2**53


@dataclass(frozen=True, slots=True)
class TrainingIteration:
    """One iteration of training.

    Attributes
    ----------
    iteration : int
        Counted from 0.
    loss : float
        May be NaN.
    time : float
        Seconds of the train step, without the fetching of its batch.
    """

    iteration: int
    loss: float
    time: float


@dataclass(frozen=True, slots=True)
class ValidationIteration:
    """One validation.

    Attributes
    ----------
    iteration : int
        Iterations that were done, as in the names of checkpoints.
    scores : list of list of list of float or None
        ``scores[dataset][parameters][criterion]``. Names are not stored, and
        any of the lists may be shorter than one would expect.
    """

    iteration: int
    scores: Scores


class StatsStore:
    """Reading of losses and scores; where they are is for subclasses."""

    def retrieve_training_stats(
        self, run_name: str, subsample: bool = False
    ) -> list[TrainingIteration]:
        """Return all iterations, in stored order; empty if there are none.

        Parameters
        ----------
        run_name : str
            The run.
        subsample : bool
            Return about 1,000 of them, evenly spread.

        Raises
        ------
        BrokenFileError
            If the stats are truncated or not what they should be.
        """
        raise NotImplementedError

    def retrieve_validation_iteration_scores(
        self, run_name: str, subsample: bool = False, validation_interval: int | None = None
    ) -> list[ValidationIteration]:
        """Return all validations, in stored order; empty if there are none.

        Parameters
        ----------
        run_name : str
            The run.
        subsample : bool
            Return at most about 1,000 of them, evenly spread.
        validation_interval : int, optional
            Return only validations at multiples of this.

        Raises
        ------
        BrokenFileError
            If the scores are truncated or not what they should be.
        """
        raise NotImplementedError

    def last_training_iteration(self, run_name: str) -> TrainingIteration | None:
        """Return the last iteration without reading all of them, if that is possible."""
        stats = self.retrieve_training_stats(run_name)
        return stats[-1] if stats else None


@read_only(*WRITING)
class FileStatsStore(StatsStore):
    """Stats in ``<runs_base_dir>/stats``, one file for each run."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.path: Path = options.runs_base_dir / "stats"
        self._roots = Roots(options.roots)

    def training_stats_path(self, run_name: str) -> Path:
        """Return the file with the losses of a run; it need not exist."""
        return self._roots.check(self.path / "training_stats" / check_name(run_name))

    def validation_scores_path(self, run_name: str) -> Path:
        """Return the file with the scores of a run; it need not exist."""
        return self._roots.check(self.path / "validation_scores" / check_name(run_name))

    def retrieve_training_stats(
        self, run_name: str, subsample: bool = False
    ) -> list[TrainingIteration]:
        """Return all iterations, in stored order; see `StatsStore`."""
        path = self.training_stats_path(run_name)
        try:
            records = load_pickle(path)
        except FileNotFoundError:
            return []
        stats = training_iterations(records, str(path))
        return thin(stats, None) if subsample else stats

    def retrieve_validation_iteration_scores(
        self, run_name: str, subsample: bool = False, validation_interval: int | None = None
    ) -> list[ValidationIteration]:
        """Return all validations, in stored order; see `StatsStore`."""
        path = self.validation_scores_path(run_name)
        try:
            records = load_pickle(path)
        except FileNotFoundError:
            return []
        scores = validation_iterations(records, str(path))
        return thin(scores, validation_interval, subsample=subsample)

    def last_training_iteration(self, run_name: str) -> TrainingIteration | None:
        """Return the last iteration, from the ends of the file if it is as usual.

        This costs the same for 100 iterations and for a million.
        """
        path = self.training_stats_path(run_name)
        record = last_record(path)
        if record is None:
            return super().last_training_iteration(run_name)
        return training_iterations([record], str(path))[0]


def training_iterations(records: Any, source: str) -> list[TrainingIteration]:
    """Turn what was stored into iterations.

    Raises
    ------
    BrokenFileError
        Naming ``source`` and the first record that is wrong.
    """
    result: list[TrainingIteration] = []
    for record in _records(records, source):
        try:
            iteration, loss, time = record["iteration"], record["loss"], record["time"]
            if type(iteration) is not int or not 0 <= iteration < _MAX_ITERATION:
                iteration = _whole(iteration)
            if type(loss) is not float:
                loss = _number(loss)
            if type(time) is not float:
                time = _number(time)
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise _wrong(source, len(result), error) from None
        result.append(
            TrainingIteration(
                iteration,
                float("nan") if loss is None else loss,
                float("nan") if time is None else time,
            )
        )
    return result


def validation_iterations(records: Any, source: str) -> list[ValidationIteration]:
    """Turn what was stored into validations.

    Raises
    ------
    BrokenFileError
        Naming ``source`` and the first record that is wrong.
    """
    result: list[ValidationIteration] = []
    for record in _records(records, source):
        try:
            iteration = _whole(record["iteration"])
            scores: Scores = [
                [[_number(value) for value in _list(criteria)] for criteria in _list(parameters)]
                for parameters in _list(record["scores"])
            ]
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise _wrong(source, len(result), error) from None
        result.append(ValidationIteration(iteration, scores))
    return result


def thin(items: list[Any], interval: int | None, *, subsample: bool = True) -> list[Any]:
    """Choose iterations as DaCapo does: multiples of a step that leaves about 1,000."""
    if interval is not None and interval > 0:
        items = [item for item in items if item.iteration % interval == 0]
    if subsample and len(items) > 1000:
        step = (len(items) + 999) // 1000
        items = items[::step]
    return items


def _records(records: Any, source: str) -> Iterable[Any]:
    if not isinstance(records, list):
        raise BrokenFileError(f"{source} holds no list of iterations.", path=source)
    return records


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError("scores are not nested as datasets, parameters, criteria")
    return value


def _whole(value: Any) -> int:
    # Subclasses of int come from MongoDB.
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < _MAX_ITERATION:
        raise ValueError(f"the iteration {value!r:.40}")
    return int(value)


def _number(value: Any) -> float | None:
    if type(value) is float or value is None:
        return value
    if isinstance(value, (int, float)):
        return float(value)
    raise TypeError(f"{value!r:.40} is no number")


def _wrong(source: str, index: int, error: Exception) -> BrokenFileError:
    reason = f"{error} is missing" if isinstance(error, KeyError) else str(error)
    return BrokenFileError(
        f"Record {index} of {source} is not as DaCapo writes it: {reason}.",
        todo="It cannot be read by DaCapo either; restore it.",
        path=source,
    )
