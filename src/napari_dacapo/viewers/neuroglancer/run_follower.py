"""Keeps the page of a run up to date, at once or from a thread."""

from __future__ import annotations

import threading
import weakref
from typing import TYPE_CHECKING

from napari_dacapo.errors import NapariDacapoError
from napari_dacapo.runs import RunWatcher
from napari_dacapo.runs.events import (
    GoneEvent,
    LossEvent,
    NewBestEvent,
    ProblemEvent,
    ValidationEvent,
)
from napari_dacapo.runs.patience import Patience
from napari_dacapo.viewers.neuroglancer.run_contents import (
    DatasetContents,
    read_contents,
    score_text,
    title,
)

if TYPE_CHECKING:
    from napari_dacapo.runs import BestScore
    from napari_dacapo.runs.events import RunEvent
    from napari_dacapo.viewers.neuroglancer.run_page import RunPage

__all__ = ["RunFollower"]


class RunFollower:
    """Reads what a page shows of a run, and reads it again when the run has gone on.

    Parameters
    ----------
    best_score : BestScore
        Of the run.
    page : RunPage
        Where it is shown.
    interval : float
        Seconds between two looks at the store.

    Attributes
    ----------
    watcher : RunWatcher or None
        What looks at the store, while the run is followed.
    newest : int
        The last validated iteration that was seen, 0 if there is none.
    """

    def __init__(self, best_score: BestScore, page: RunPage, interval: float) -> None:
        self.watcher: RunWatcher | None = None
        self.newest = 0
        self._best_score, self._page, self._interval = best_score, page, interval
        self._best_problem: str | None = None
        self._due = self._due_before = False
        self._patience = Patience()
        # Held while disks are read, which may take long; stop() does not need it.
        self._reading = threading.Lock()
        page.on_switch = self.say_how_good

    @property
    def visible(self) -> DatasetContents:
        """What was read of the visible dataset."""
        return self._page.contents.get(self._page.visible, DatasetContents())

    def read(self, *, best: bool = True) -> None:
        """Read what there is now, without showing it."""
        with self._reading:
            self._read(best)
        self.say_how_good()

    def update(self, *, inputs: bool) -> None:
        """Read what there is now and show it, if there is a page; with raw and gt or without."""
        with self._reading:
            self._read(best=True)
            self._page.update({}, inputs=inputs)
        self.say_how_good()

    def follow(self) -> None:
        """Begin to look from a thread; does nothing if that is so already."""
        if self.watcher is None or not self.watcher.running:
            watcher = RunWatcher(
                self._best_score.run, interval=self._interval,
                criterion=self._best_score.criterion, dataset=self._best_score.dataset,
            )  # fmt: skip
            # Known to the watcher by a weak reference: whoever drops us ends it.
            watcher.looked.connect(self._on_look)
            weakref.finalize(self, watcher.stop).atexit = False
            self.watcher = watcher
            watcher.start()

    def say_how_good(self) -> None:
        """Say in the title what is shown and how good it is."""
        name, best = self._best_score.run.name, self._best_score.value
        self._page.set_title(title(name, self._page.visible, self.visible, best))
        said = (score_text(self._best_score), self._best_problem)
        self._page.say("score", " ".join(text for text in said if text) or None)

    def _on_look(self, events: list[RunEvent]) -> None:
        """Take over what the watcher found; on its thread."""
        for event in events:
            if isinstance(event, ProblemEvent):
                self._page.say("following", event.message)
            elif isinstance(event, GoneEvent):
                self._page.say("following", f"Run {event.run} is no longer in the store.")
            else:
                self._page.say("following", None)
            # A run that was begun anew is behind what was seen of it.
            is_back = isinstance(event, LossEvent) and (event.iteration or 0) < self.newest
            self._due |= is_back or isinstance(event, ValidationEvent | NewBestEvent)
        if not self._due:
            return
        why = self._why_not_yet()
        if why is not None:
            self._page.say("following", f"The last validation cannot be shown yet: {why}")
        elif self._due_before and not any(isinstance(event, ProblemEvent) for event in events):
            self._page.say("following", None)
        self._due_before = self._due = why is not None

    def _why_not_yet(self) -> str | None:
        """Show what there is; if that has to wait for another look, return why."""
        run = self._best_score.run
        try:
            problem = run.problem  # looks at all that the page depends on
            # What cannot be listed would vanish from the page.
            waits = run.has_passing_problem and not self._patience.is_over("unread")
            self._patience.end_look()
            if waits:
                return problem
            self.update(inputs=False)
        except (NapariDacapoError, OSError, ValueError) as error:
            return str(error)  # being written, most likely
        return None

    def _read(self, best: bool) -> None:
        run = self._best_score.run
        if best:
            try:
                self._best_score.does_new_best_exist()
                self._best_problem = None
            except NapariDacapoError as error:
                self._best_problem = f"There is a better score, but what it is of is not: {error}"
        for name in self._page.datasets:
            self._page.contents[name] = read_contents(run, name, self._best_score.value)
        self.newest = max(run.validated_iterations, default=0)
