"""Finds out which validations of a run are over, and tells of each once.

A validation writes its arrays dataset by dataset, then evaluates, and its
scores come last. What cannot be read is no sign that it is not there: it is
waited for, and told as unreadable only when it stays so.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from napari_dacapo.errors import BrokenFileError
from napari_dacapo.runs.best import BestScoreValue, find_best
from napari_dacapo.runs.completeness import validation_is_readable
from napari_dacapo.runs.events import NewBestEvent, RunEvent, ValidationEvent

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_dacapo.runs.patience import Patience
    from napari_dacapo.runs.readings import Readings
    from napari_dacapo.runs.run import Run
    from napari_dacapo.store import ValidationIteration

__all__ = ["NewValidations", "Progressing"]


@dataclass(frozen=True, slots=True)
class Progressing:
    """How the training goes on around its validations.

    Attributes
    ----------
    iteration : int
        Iterations done, as far as they were told.
    anew : bool
        Whether training is behind what was told of it: it began anew.
    quiet : bool
        Whether nothing has changed for long.
    """

    iteration: int
    anew: bool
    quiet: bool


@dataclass(slots=True)
class _Look:
    """What one look finds in the store."""

    readings: Readings
    progressing: Progressing
    scored: dict[int, ValidationIteration] = field(init=False)
    stored: set[int] = field(init=False)

    def __post_init__(self) -> None:
        scores = self.readings.validation_scores.iteration_scores
        self.scored = {entry.iteration: entry for entry in scores}
        self.stored = set(self.readings.validations.iterations)

    @property
    def iterations(self) -> set[int]:
        return self.stored | self.scored.keys()

    @property
    def problem(self) -> str | None:
        """Why there may be more iterations than were found."""
        unlisted = self.readings.validations.problem
        return self.readings.scores_problem or (str(unlisted) if unlisted is not None else None)

    def has_passed(self, iteration: int) -> bool:
        """Whether the run went on, so that a validation will not be written any further."""
        newest = max(self.iterations, default=iteration)
        return iteration < newest or self.progressing.iteration > iteration


class NewValidations:
    """Remembers which validations were told, and which one was the best.

    Parameters
    ----------
    run : Run
        The run.
    criterion, dataset : str, optional
        By what the best is chosen, see :func:`napari_dacapo.runs.find_best`.
    patience : Patience
        How long is waited for what is not as it should be.

    Attributes
    ----------
    told : set of int
        Iterations of those that were told.
    waiting : bool
        Whether there are others that are not over, or not readable.
    unread : bool
        Whether one of those may be over, but cannot be read.
    """

    def __init__(
        self, run: Run, criterion: str | None, dataset: str | None, patience: Patience
    ) -> None:
        self._run = run
        self._criterion, self._dataset = criterion, dataset
        self._patience = patience
        self._best: BestScoreValue | None = None
        self.told: set[int] = set()
        self.waiting = self.unread = False

    def find(self, readings: Readings, progressing: Progressing) -> Iterator[RunEvent]:
        """Yield what happened since the last look, and remember each that was yielded."""
        look = _Look(readings, progressing)
        self.waiting = self.unread = False
        if look.problem is None:
            self._forget(look)
        for iteration in sorted(look.iterations - self.told):
            done, problem = self._is_done(look, iteration)
            if not done:
                self.waiting = True
                continue
            told = self.told | {iteration}
            validation = self._event(look, iteration, problem)
            best = self._find_best(readings, told)
            self.told = told
            yield validation
            if best is not None and best.beats(self._best):
                self._best = best
                yield NewBestEvent(self._run.name, best.iteration, best)

    def _forget(self, look: _Look) -> None:
        """Forget what is no longer there: a run that begins anew validates it again.

        A listing may lack, once, what was renamed or is just being written
        next to it; a run whose losses are gone, too, has begun anew.
        """
        for iteration in sorted(self.told - look.iterations):
            self.waiting = True
            if look.progressing.anew or self._patience.is_over(("validation gone", iteration)):
                self.told = self.told - {iteration}
        if self._best is not None and self._best.iteration not in self.told:
            self._best = None

    def _event(self, look: _Look, iteration: int, problem: str | None) -> ValidationEvent:
        found = look.readings.validations.at(iteration)
        datasets = tuple(
            name
            for name in look.readings.dataset_names
            if found is not None and found.folder(name) in found.predictions
        )
        best = self._find_best(look.readings, {iteration})
        return ValidationEvent(self._run.name, iteration, datasets, best, problem)

    def _find_best(self, readings: Readings, iterations: set[int]) -> BestScoreValue | None:
        return find_best(
            readings.validation_scores, self._run.task, criterion=self._criterion,
            dataset=self._dataset, iterations=iterations,
        )  # fmt: skip

    def _is_done(self, look: _Look, iteration: int) -> tuple[bool, str | None]:
        """Return whether a validation is over, and what is wrong with it."""
        scores_problem = look.readings.scores_problem
        complete, unread = self._arrays(look, iteration)
        passed = look.has_passed(iteration)
        if iteration in look.scored:
            if complete:
                return True, None
            if unread is not None:
                return self._is_unread_for_long(("arrays unread", iteration)), unread
            missing = passed or self._patience.is_over(("arrays missing", iteration))
            return missing, "Scores are stored, but not all of its predictions and segmentations."
        # Evaluation takes its time after the last array is written.
        if not complete or not (passed or look.progressing.quiet):
            return False, None
        if scores_problem is not None:
            return self._is_unread_for_long(("scores unread", iteration)), scores_problem
        return True, "No scores are stored of it."

    def _arrays(self, look: _Look, iteration: int) -> tuple[bool, str | None]:
        """Return whether all arrays are there and whole, and why that cannot be told."""
        validations = look.readings.validations
        found = validations.at(iteration)
        problem = validations.problem if found is None else found.problem
        if found is None or not found.is_complete(look.readings.dataset_names):
            return False, None if problem is None else str(problem)
        array_store = self._run.store.array_store
        try:
            return validation_is_readable(array_store, self._run.name, found), None
        except BrokenFileError as error:
            return False, str(error)

    def _is_unread_for_long(self, what: tuple[str, int]) -> bool:
        over = self._patience.is_over(what)
        self.unread |= not over
        return over
