"""Finds out what is new of a run, one look at a time; no threads, no signals.

Stores lie on network file systems, where nothing tells of a change: sizes,
times and listings are compared. Files are rewritten in place while one looks,
so what cannot be read now is read again at the next look, and only what stays
unreadable is a problem.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from napari_dacapo.errors import NapariDacapoError
from napari_dacapo.runs.best import BestScoreValue, find_best
from napari_dacapo.runs.completeness import checkpoint_is_complete, validation_is_readable
from napari_dacapo.runs.events import (
    CheckpointEvent,
    FinishedEvent,
    GoneEvent,
    LossEvent,
    NewBestEvent,
    ProblemEvent,
    RunEvent,
    StalledEvent,
    ValidationEvent,
)
from napari_dacapo.runs.readings import Readings
from napari_dacapo.runs.row_cache import fingerprint
from napari_dacapo.runs.state import QUIET_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_dacapo.runs.run import Run
    from napari_dacapo.store import ValidationIteration

__all__ = ["Observer"]

# How many looks something may stay unreadable or incomplete before it is said.
_PATIENCE = 3
# Looks after a change that read whether or not another change shows: times on
# network file systems are coarse, and listings come late.
_LOOKS_AFTER_CHANGE = 2
_SETTLED_SECONDS = 30.0


class Observer:
    """Remembers what was told of a run and finds what is new.

    Parameters
    ----------
    run : Run
        The run.
    history : bool
        Whether what is stored at the first look is told, too.
    criterion, dataset : str, optional
        By what the best is chosen, see :func:`napari_dacapo.runs.find_best`.
    stalled_after : float
        Seconds without a change after which a run counts as stalled.
    clock : callable
        Seconds since the epoch.
    """

    def __init__(
        self,
        run: Run,
        *,
        history: bool = True,
        criterion: str | None = None,
        dataset: str | None = None,
        stalled_after: float = QUIET_SECONDS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._run = run
        self._tell = history
        self._criterion = criterion
        self._dataset = dataset
        self._stalled_after = stalled_after
        self._clock = clock
        self._marks: object = None
        self._changed_at: float | None = None
        self._first_look: float | None = None
        self._looks_left = 0
        self._incomplete = False
        self._iteration: int | None = None
        self._checkpoints: set[int] = set()
        self._validations: set[int] = set()
        self._waiting: dict[object, int] = {}
        self._best: BestScoreValue | None = None
        self._problems: set[str] = set()
        self._problems_now: set[str] = set()
        self._flags: set[str] = set()

    def look(self) -> list[RunEvent]:
        """Look into the store and return what happened since the last look.

        Returns
        -------
        list of RunEvent
            In the order in which it happened. At the first look this is the
            run's history, unless that was not asked for.
        """
        run, now = self._run, self._clock()
        there, marks = self._find()
        if not there:
            return self._once("gone", GoneEvent(run.name, self._iteration))
        self._flags.discard("gone")
        if self._first_look is None:
            self._first_look = now
        if marks is None or marks != self._marks:
            if self._marks is not None:
                self._changed_at = now
            self._marks = marks
            self._looks_left = 1 + _LOOKS_AFTER_CHANGE
            self._flags.discard("stalled")
        readings = Readings(run.store, run.config)
        events: list[RunEvent] = []
        if self._looks_left or self._incomplete:
            self._looks_left = max(self._looks_left - 1, 0)
            self._incomplete = False
            self._problems_now = set()
            events += self._losses(readings)
            events += self._new_checkpoints(readings)
            events += self._new_validations(readings, now)
            # One that is over may come again, and is told of again then.
            for message in self._waiting.keys() - self._problems_now:
                if isinstance(message, str):
                    del self._waiting[message]
            self._problems &= self._problems_now
        events += self._how_it_stands(readings, now)
        if any(not isinstance(event, ProblemEvent) for event in events):
            run.refresh()
        told, self._tell = events if self._tell else self._ends(events), True
        return told

    def _find(self) -> tuple[bool, object]:
        store, name = self._run.store, self._run.name
        if store.options.type == "files":
            marks = fingerprint(store.options.runs_base_dir, name)
            return marks is not None, marks
        return name in store, None

    def _once(self, flag: str, *events: RunEvent) -> list[RunEvent]:
        if flag in self._flags:
            return []
        self._flags.add(flag)
        return list(events)

    def _problem(self, message: str) -> list[RunEvent]:
        """Tell of a problem that lasts, once."""
        self._incomplete = True
        self._problems_now.add(message)
        if message in self._problems or not self._out_of_patience(message):
            return []
        self._problems.add(message)
        return [ProblemEvent(self._run.name, self._iteration, message)]

    def _out_of_patience(self, what: object) -> bool:
        self._waiting[what] = self._waiting.get(what, 0) + 1
        return self._waiting[what] >= _PATIENCE

    def _losses(self, readings: Readings) -> list[RunEvent]:
        last, problem = readings.last_training
        if problem:
            return self._problem(problem)
        if last is None or last.iteration + 1 == self._iteration:
            return []
        self._iteration = last.iteration + 1
        return [LossEvent(self._run.name, self._iteration, last.loss, self._run.num_iterations)]

    def _new_checkpoints(self, readings: Readings) -> list[RunEvent]:
        run = self._run
        stored = set(readings.checkpoints)
        self._checkpoints &= stored
        events: list[RunEvent] = []
        for iteration in sorted(stored - self._checkpoints):
            try:
                path = run.store.checkpoints.checkpoint_path(run.name, iteration)
                complete, size = checkpoint_is_complete(path), path.stat().st_size
            except (NapariDacapoError, OSError):
                self._incomplete = True
                continue
            if complete or self._out_of_patience(("checkpoint", iteration, size)):
                self._checkpoints.add(iteration)
                events.append(CheckpointEvent(run.name, iteration))
            else:
                self._incomplete = True
        return events

    def _new_validations(self, readings: Readings, now: float) -> list[RunEvent]:
        scores = readings.validation_scores
        events: list[RunEvent] = []
        if problem := readings.scores_problem:
            events += self._problem(problem)
        scored = {entry.iteration: entry for entry in scores.iteration_scores}
        stored = set(readings.validations.iterations)
        # A run that started anew validates at the same iterations again.
        if not problem:
            self._validations &= stored | scored.keys()
            if self._best is not None and self._best.iteration not in self._validations:
                self._best = None
        for iteration in sorted((stored | scored.keys()) - self._validations):
            done, problem = self._is_done(readings, iteration, scored, now)
            if not done:
                self._incomplete = True
                continue
            self._validations.add(iteration)
            told = self._validations
            best = find_best(
                scores, self._run.task, criterion=self._criterion, dataset=self._dataset,
                iterations={iteration},
            )  # fmt: skip
            found = readings.validations.at(iteration)
            datasets = tuple(
                name
                for name in readings.dataset_names
                if found is not None and found.folder(name) in found.predictions
            )
            events.append(ValidationEvent(self._run.name, iteration, datasets, best, problem))
            so_far = find_best(
                scores, self._run.task, criterion=self._criterion, dataset=self._dataset,
                iterations=told,
            )  # fmt: skip
            if so_far is not None and so_far.beats(self._best):
                self._best = so_far
                events.append(NewBestEvent(self._run.name, so_far.iteration, so_far))
        return events

    def _is_done(
        self,
        readings: Readings,
        iteration: int,
        scored: dict[int, ValidationIteration],
        now: float,
    ) -> tuple[bool, str | None]:
        """Return whether a validation is over, and what is wrong with it."""
        run = self._run
        names = readings.dataset_names
        found = readings.validations.at(iteration)
        complete = (
            found is not None
            and found.is_complete(names)
            and validation_is_readable(run.store.array_store, run.name, found)
        )
        newest = max((*readings.validations.iterations, *scored), default=iteration)
        passed = iteration < newest or (self._iteration or 0) > iteration
        if iteration in scored:
            if complete:
                return True, None
            if passed or self._out_of_patience(("arrays", iteration)):
                return True, "Scores are stored, but not all of its predictions and segmentations."
            return False, None
        # Evaluation takes its time after the last array is written.
        quiet = self._quiet_seconds(readings, now) >= self._stalled_after
        if complete and (passed or quiet):
            return True, "No scores are stored of it."
        return False, None

    def _quiet_seconds(self, readings: Readings, now: float) -> float:
        """Return for how long nothing has changed, by our clock or by the times of files."""
        if self._changed_at is not None:
            return now - self._changed_at
        watched = now - (self._first_look if self._first_look is not None else now)
        written = now - (readings.last_change if readings.last_change is not None else now)
        # The clock of a file server may be ahead of ours.
        return max(watched, written)

    def _how_it_stands(self, readings: Readings, now: float) -> list[RunEvent]:
        run = self._run
        iteration = readings.iteration
        quiet = self._quiet_seconds(readings, now)
        if 0 < run.num_iterations <= iteration:
            if self._last_validation_is_over(readings, quiet):
                return self._once("finished", FinishedEvent(run.name, iteration))
            return []
        self._flags.discard("finished")
        if readings.started and quiet >= self._stalled_after:
            return self._once("stalled", StalledEvent(run.name, iteration, quiet))
        return []

    def _last_validation_is_over(self, readings: Readings, quiet: float) -> bool:
        last, interval = self._run.num_iterations, self._run.validation_interval
        due = readings.has_validation_data and interval > 0 and last % interval == 0
        if not due or last in self._validations:
            return True
        begun = last in readings.validations.iterations
        return quiet >= (self._stalled_after if begun else _SETTLED_SECONDS)

    @staticmethod
    def _ends(events: list[RunEvent]) -> list[RunEvent]:
        """Leave out history, but not how the run stands now."""
        return [
            event
            for event in events
            if isinstance(event, FinishedEvent | StalledEvent | GoneEvent | ProblemEvent)
        ]
