"""Finds out what is new of a run, one look at a time; no threads, no signals.

Stores lie on network file systems, where nothing tells of a change: sizes,
times and listings are compared. Files are rewritten in place while one looks,
and file servers are silent for a while, so what cannot be read now is read
again at the next look, and only what stays unreadable is a problem. Meanwhile
what was known counts: only a server that says so makes something absent.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from napari_dacapo.errors import NapariDacapoError
from napari_dacapo.runs.completeness import checkpoint_is_complete
from napari_dacapo.runs.events import (
    CheckpointEvent,
    FinishedEvent,
    GoneEvent,
    LossEvent,
    ProblemEvent,
    RunEvent,
    StalledEvent,
)
from napari_dacapo.runs.marks import Mark, look_at
from napari_dacapo.runs.new_validations import NewValidations, Progressing
from napari_dacapo.runs.patience import Patience
from napari_dacapo.runs.readings import Readings
from napari_dacapo.runs.state import QUIET_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_dacapo.runs.run import Run

__all__ = ["Observer"]

# A config may be missing for a moment: when a store is mounted anew, or a config is replaced.
_LOOKS_UNTIL_GONE = 2
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
        self._stalled_after = stalled_after
        self._clock = clock
        self._patience = Patience()
        self._validations = NewValidations(run, criterion, dataset, self._patience)
        self._events: list[RunEvent] = []
        self._marks: dict[str, Mark] | None = None
        self._changed_at: float | None = None
        self._first_look: float | None = None
        self._looks_left = 0
        self._incomplete = False
        self._iteration: int | None = None
        self._checkpoints: set[int] = set()
        self._problems: set[str] = set()
        self._problems_now: set[str] = set()
        self._torn_checkpoints = False
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
        if run.has_passing_problem:
            run.refresh()
        self._problems_now = set()
        try:
            self._look(now)
        except (NapariDacapoError, OSError) as error:
            # What was found before that is told all the same, and once.
            self._problem(f"Run {run.name} cannot be watched: {error}")
        # One that is over may come again, and is told of again then.
        self._problems &= self._problems_now
        events, self._events = self._events, []
        if any(not isinstance(event, ProblemEvent) for event in events):
            run.refresh()
        told = self._asked_for(events)
        self._patience.end_look()
        return told

    def _asked_for(self, events: list[RunEvent]) -> list[RunEvent]:
        """Leave out history, if it was not asked for, but not how the run stands now."""
        if self._tell:
            return events
        # What cannot be read at first would pass for new when it can be.
        unread = bool(self._problems_now) or self._validations.unread
        self._tell = not unread or self._patience.is_over("history")
        lasting = FinishedEvent | StalledEvent | GoneEvent | ProblemEvent
        return [event for event in events if isinstance(event, lasting)]

    def _look(self, now: float) -> None:
        run = self._run
        if not self._is_there(now):
            if self._patience.is_over("gone", _LOOKS_UNTIL_GONE):
                self._once("gone", GoneEvent(run.name, self._iteration))
            return
        self._flags.discard("gone")
        readings = Readings(run.store, run.config)
        if self._looks_left or self._incomplete:
            self._looks_left = max(self._looks_left - 1, 0)
            self._incomplete = False
            self._read(readings, now)
        if self._first_look is None:
            self._first_look = now
        self._how_it_stands(readings, now)

    def _is_there(self, now: float) -> bool:
        """Return whether the run is in the store, and note whether its files have changed."""
        store, name = self._run.store, self._run.name
        marks = look_at(store.options.runs_base_dir, name)
        in_files = store.options.type == "files"
        if in_files and marks.config in marks.failed:
            self._problem(f"{marks.config} cannot be read: {marks.failed[marks.config].strerror}.")
        elif not (marks.found[marks.config] is not None if in_files else name in store):
            return False
        self._incomplete |= bool(marks.failed)
        known = self._marks or {}
        found = {**known, **marks.found} if marks.failed else marks.found
        if found != self._marks or not in_files:
            self._looks_left = 1 + _LOOKS_AFTER_CHANGE
        if found != self._marks and self._marks is not None:
            self._has_changed(now)
        self._marks = found
        return True

    def _has_changed(self, now: float) -> None:
        self._changed_at = now
        self._flags.discard("stalled")

    def _once(self, flag: str, event: RunEvent) -> None:
        if flag not in self._flags:
            self._flags.add(flag)
            self._events.append(event)

    def _problem(self, message: str) -> None:
        """Tell of a problem that lasts, once."""
        self._incomplete = True
        self._problems_now.add(message)
        if message not in self._problems and self._patience.is_over(message):
            self._problems.add(message)
            self._events.append(ProblemEvent(self._run.name, self._iteration, message))

    def _read(self, readings: Readings, now: float) -> None:
        iteration, anew = self._losses(readings, now)
        self._new_checkpoints(readings, anew)
        unlisted = readings.validations.problem
        for problem in (readings.scores_problem, None if unlisted is None else str(unlisted)):
            if problem:
                self._problem(problem)
        quiet = self._quiet_seconds(readings, now) >= self._stalled_after
        progressing = Progressing(iteration, anew, quiet)
        for event in self._validations.find(readings, progressing):
            self._events.append(event)
        self._incomplete |= self._validations.waiting

    def _losses(self, readings: Readings, now: float) -> tuple[int, bool]:
        """Tell how far the training is, and return that and whether it has begun anew."""
        last, problem = readings.last_training
        told = self._iteration or 0
        if problem:
            self._problem(problem)
            return told, False
        if last is None:
            return 0, told > 0
        if last.iteration + 1 != self._iteration:
            if self._first_look is not None:
                self._has_changed(now)
            self._iteration = last.iteration + 1
            name, total = self._run.name, self._run.num_iterations
            self._events.append(LossEvent(name, self._iteration, last.loss, total))
        return self._iteration, self._iteration < told

    def _new_checkpoints(self, readings: Readings, anew: bool) -> None:
        run = self._run
        self._torn_checkpoints = False
        if problem := readings.checkpoints_problem:
            self._problem(problem)
            return
        stored = set(readings.checkpoints)
        for iteration in self._checkpoints - stored:
            self._incomplete = True
            if anew or self._patience.is_over(("checkpoint gone", iteration)):
                self._checkpoints = self._checkpoints - {iteration}
        for iteration in sorted(stored - self._checkpoints):
            try:
                path = run.store.checkpoints.checkpoint_path(run.name, iteration)
                complete, size = checkpoint_is_complete(path), path.stat().st_size
            except (NapariDacapoError, OSError) as error:
                self._problem(f"Checkpoint {iteration} of run {run.name} cannot be read: {error}")
                continue
            if complete or self._patience.is_over(("checkpoint", iteration, size)):
                self._checkpoints = self._checkpoints | {iteration}
                self._events.append(CheckpointEvent(run.name, iteration))
            else:
                self._incomplete = self._torn_checkpoints = True

    def _quiet_seconds(self, readings: Readings, now: float) -> float:
        """Return for how long nothing has changed, by our clock or by the times of files."""
        if self._changed_at is not None:
            return now - self._changed_at
        watched = now - (self._first_look if self._first_look is not None else now)
        written = now - (readings.last_change if readings.last_change is not None else now)
        # The clock of a file server may be ahead of ours.
        return max(watched, written)

    def _how_it_stands(self, readings: Readings, now: float) -> None:
        run = self._run
        iteration = readings.iteration
        quiet = self._quiet_seconds(readings, now)
        if 0 < run.num_iterations <= iteration:
            # What is told last must not come before what is still being waited for.
            waiting = self._torn_checkpoints or self._validations.unread
            if waiting or self._problems_now - self._problems:
                return
            if self._last_validation_is_over(readings, quiet):
                self._once("finished", FinishedEvent(run.name, iteration))
            return
        _, problem = readings.last_training
        if "finished" in self._flags and (problem or readings.checkpoints_problem):
            return  # it seems to be behind only because that cannot be read
        self._flags.discard("finished")
        if readings.started and quiet >= self._stalled_after:
            self._once("stalled", StalledEvent(run.name, iteration, quiet))

    def _last_validation_is_over(self, readings: Readings, quiet: float) -> bool:
        last, interval = self._run.num_iterations, self._run.validation_interval
        due = readings.has_validation_data and interval > 0 and last % interval == 0
        if not due or last in self._validations.told:
            return True
        unknown = readings.validations.problem is not None or readings.scores_problem is not None
        begun = unknown or last in readings.validations.iterations
        return quiet >= (self._stalled_after if begun else _SETTLED_SECONDS)
