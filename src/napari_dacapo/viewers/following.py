"""Following a run while it trains: what a watcher finds becomes state of the session.

The watcher looks from a thread of its own, and all that must be read is read
there. What comes of a look is handed over as plain values to the thread that
owns the viewer, and what no longer matters when it arrives is dropped.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from psygnal import Signal

from napari_dacapo.runs import Run, RunWatcher
from napari_dacapo.runs.events import (
    CheckpointEvent,
    FinishedEvent,
    GoneEvent,
    NewBestEvent,
    ProblemEvent,
    StalledEvent,
    ValidationEvent,
)
from napari_dacapo.runs.patience import Patience
from napari_dacapo.viewers.facts import RunFacts, gather, with_outputs
from napari_dacapo.viewers.following_texts import describe, progress

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari_dacapo.runs import RunRow, Store
    from napari_dacapo.runs.events import RunEvent
    from napari_dacapo.viewers.session import Session
    from napari_dacapo.viewers.tasks import HandOver

__all__ = ["Following", "News", "Standing"]

INTERVAL = 2.0
Level = Literal["info", "warning"]


@dataclass(frozen=True, slots=True, eq=False)
class News:
    """What one look at a followed run brought.

    Attributes
    ----------
    run : str
        Its name.
    events : tuple of RunEvent
        What happened since the look before.
    row : RunRow or None
        How it stands; None if it is gone.
    facts : RunFacts or None
        What it has to show, if that may have changed.
    """

    run: str
    events: tuple[RunEvent, ...] = ()
    row: RunRow | None = None
    facts: RunFacts | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """What to say of the run that is, or was last, followed.

    Attributes
    ----------
    run : str
        Its name; empty if none was followed.
    progress : str
        How far it is.
    last : str
        What happened last that is worth a sentence.
    warning : bool
        Whether that sentence tells of something wrong.
    """

    run: str = ""
    progress: str = ""
    last: str = ""
    warning: bool = False


class Following:
    """Follows one run of a session at a time.

    Parameters
    ----------
    session : Session
        Whose selected run is followed, and whose state is kept up to date.
    hand_over : HandOver
        Brings what was read to the thread that owns the viewer.

    Attributes
    ----------
    changed : Signal
        :attr:`run`, :attr:`standing` or :attr:`shows_new` changed.
    news : Signal
        The session has taken over what a look brought; carries it.
    told : Signal
        Something worth a notification; carries level and text.
    watcher : RunWatcher or None
        What looks at the run; None if none is followed.
    standing : Standing
        What to say of the run.
    begin : callable
        Sets a watcher to work: on a thread of its own.
    """

    changed = Signal()
    news = Signal(News)
    told = Signal(str, str)

    def __init__(self, session: Session, hand_over: HandOver) -> None:
        self._session = session
        self._hand_over = hand_over
        self._shows_new = True
        self.watcher: RunWatcher | None = None
        self.standing = Standing()
        self.begin: Callable[[RunWatcher], None] = RunWatcher.start

    @property
    def run(self) -> str:
        """Name of the run that is followed; empty if none is."""
        return self.watcher.run.name if self.watcher is not None else ""

    @property
    def shows_new(self) -> bool:
        """Whether a new validation is shown in place of the one that is on screen."""
        return self._shows_new

    @shows_new.setter
    def shows_new(self, on: bool) -> None:
        if on != self._shows_new:
            self._shows_new = on
            self.changed.emit()

    def start(self, *, interval: float = INTERVAL) -> None:
        """Follow the selected run, and no other one any more.

        Parameters
        ----------
        interval : float
            Seconds between two looks.
        """
        facts, store = self._session.facts, self._session.store.opened
        if facts is None or facts.run is None or store is None or facts.name == self.run:
            return
        self.standing = Standing(facts.name, "Looking…")
        self._watch(Run(facts.run.config, store=store), interval)

    def stop(self) -> None:
        """Follow no run any more; safe at any time."""
        if self.watcher is not None:
            self._leave()
            self.standing = Standing()
            self.changed.emit()

    def go_on_in(self, store: Store) -> None:
        """Go on in a store that was opened again: it may map paths anew."""
        if self.watcher is not None:
            self._watch(Run(self.watcher.run.config, store=store), self.watcher.interval)

    def _watch(self, run: Run, interval: float) -> None:
        self._leave()
        watcher = RunWatcher(run, interval=interval, history=False)
        reader = _Reader(run)

        def on_look(events: list[RunEvent]) -> None:
            news = reader.read(events)
            if news is not None:
                self._hand_over(lambda: self._take(watcher, news))

        watcher.looked.connect(on_look)
        self.watcher = watcher
        self.begin(watcher)
        self.changed.emit()

    def _leave(self) -> None:
        watcher, self.watcher = self.watcher, None
        if watcher is not None:
            watcher.looked.disconnect()
            watcher.stop(wait=False)  # a window must not stand still

    def _take(self, watcher: RunWatcher, news: News) -> None:
        if watcher is not self.watcher:
            return
        if any(isinstance(event, FinishedEvent) for event in news.events):
            self._leave()
        if news.row is not None:
            self._session.store.take_row(news.row)
        if news.facts is not None:
            self._renew(news.facts, news.events)
        self._say(news)
        self.news.emit(news)
        self.changed.emit()

    def _renew(self, facts: RunFacts, events: Sequence[RunEvent]) -> None:
        session = self._session
        if session.facts is None or session.facts.name != facts.name:
            return
        known = session.facts.offer.last_iteration
        session.renew(facts)
        newest = facts.offer.last_iteration if facts.offer.last_iteration != known else None
        for event in events:
            if isinstance(event, ValidationEvent) and event.iteration in facts.offer.iterations:
                newest = event.iteration
        if newest is None or not self._shows_new or not session.screen.shows(session.selection):
            return
        before = session.selection
        session.select(iteration=newest)
        if session.selection == before and before.iteration == newest:
            session.show()  # it was validated anew, or nothing was there before

    def _say(self, news: News) -> None:
        before = self.standing
        how_far = progress(news.row) if news.row is not None else before.progress
        last, warning = before.last, before.warning
        if news.events and warning:
            last, warning = "", False  # it goes on
        for event in news.events:
            text = describe(event)
            if not text:
                continue
            grave = isinstance(event, GoneEvent | ProblemEvent | StalledEvent)
            last, warning = text, grave
            if grave or isinstance(event, FinishedEvent | NewBestEvent):
                self.told.emit("warning" if grave else "info", f"{news.run}: {text}")
        self.standing = Standing(news.run, how_far, last, warning)


class _Reader:
    """Reads what a look calls for; on the thread of the watcher."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._row_is_due = self._facts_are_due = True
        self._patience = Patience()
        self._held_back: tuple[RunEvent, ...] = ()

    def read(self, events: Sequence[RunEvent]) -> News | None:
        """Return what is new; None if nothing is."""
        name = self._run.name
        events, self._held_back = (*self._held_back, *events), ()
        self._row_is_due |= bool(events)
        self._facts_are_due |= any(
            isinstance(event, ValidationEvent | CheckpointEvent) for event in events
        )
        if not self._row_is_due and not self._facts_are_due:
            return None
        if any(isinstance(event, GoneEvent) for event in events):
            return News(name, events)
        row = self._run.row()
        facts = self._facts(events) if self._facts_are_due else None
        read = [self._run] if facts is None else [self._run, facts.run]
        unread = any(run is not None and run.has_passing_problem for run in read)
        waits = unread and not self._patience.is_over("unread")
        self._patience.end_look()
        if waits:
            # What was read before is nearer to the truth than what can be read now.
            self._held_back = events
            return None
        # A config that is just being written is read again at the next look.
        self._facts_are_due = facts is not None and facts.run is None
        self._row_is_due = False
        readable = facts if facts is not None and facts.run is not None else None
        return News(name, events, row, readable)

    def _facts(self, events: Sequence[RunEvent]) -> RunFacts:
        facts = gather(self._run.store, self._run.name)
        for event in events:
            if isinstance(event, ValidationEvent):
                for dataset in facts.offer.datasets:
                    if dataset not in facts.offer.training:
                        facts = with_outputs(facts, dataset, event.iteration)
        return facts
