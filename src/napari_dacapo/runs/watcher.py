"""Watches a run from a thread and tells what happens to it."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, ClassVar

from psygnal import EmitLoopError, Signal, SignalInstance

from napari_dacapo.runs.events import ProblemEvent, RunEvent
from napari_dacapo.runs.observer import Observer
from napari_dacapo.runs.state import QUIET_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_dacapo.runs.run import Run

__all__ = ["RunWatcher"]

_LOGGER = logging.getLogger(__name__)


class RunWatcher:
    """Looks at a run again and again, and emits what is new.

    Signals are emitted on the watcher's own thread: connect with
    ``thread="main"`` (psygnal) or hand events over to a window by its own
    means. Before a signal is emitted, the run has forgotten what it had read,
    so that its attributes are up to date.

    Parameters
    ----------
    run : Run
        The run.
    interval : float
        Seconds between two looks.
    history : bool
        Whether what is stored when watching begins is told as events, too.
        With it, each validation is told exactly once, whenever one starts.
    criterion, dataset : str, optional
        By what the best is chosen; default: the task's own criterion, mean
        over datasets.
    stalled_after : float
        Seconds without a change after which a run counts as stalled.
    clock : callable
        Seconds since the epoch.

    Attributes
    ----------
    loss, validation, checkpoint, new_best, finished, stalled, gone, problem : SignalInstance
        Each emits one argument, an event of its kind
        (see :mod:`napari_dacapo.runs.events`).
    event : SignalInstance
        Emits every event, after the signal of its kind.
    looked : SignalInstance
        Emits the list of events of each look, after them; empty if nothing is new.

    Examples
    --------
    >>> watcher = RunWatcher(run)  # doctest: +SKIP
    >>> watcher.validation.connect(lambda event: print(event.iteration))  # doctest: +SKIP
    >>> with watcher:  # doctest: +SKIP
    ...     input("watching; press Enter to stop")
    """

    loss: ClassVar[Signal] = Signal(RunEvent)
    validation: ClassVar[Signal] = Signal(RunEvent)
    checkpoint: ClassVar[Signal] = Signal(RunEvent)
    new_best: ClassVar[Signal] = Signal(RunEvent)
    finished: ClassVar[Signal] = Signal(RunEvent)
    stalled: ClassVar[Signal] = Signal(RunEvent)
    gone: ClassVar[Signal] = Signal(RunEvent)
    problem: ClassVar[Signal] = Signal(RunEvent)
    event: ClassVar[Signal] = Signal(RunEvent)
    looked: ClassVar[Signal] = Signal(list)

    def __init__(
        self,
        run: Run,
        *,
        interval: float = 2.0,
        history: bool = True,
        criterion: str | None = None,
        dataset: str | None = None,
        stalled_after: float = QUIET_SECONDS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        if not interval > 0:
            raise ValueError(f"The interval must be positive, not {interval}.")
        self.run = run
        self.interval = interval
        self._observer = Observer(
            run, history=history, criterion=criterion, dataset=dataset,
            stalled_after=stalled_after, clock=clock,
        )  # fmt: skip
        self._looking = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._failure: str | None = None
        self._untold: deque[RunEvent] = deque()

    def __enter__(self) -> RunWatcher:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def running(self) -> bool:
        """Whether the thread is at work."""
        return self._thread is not None and self._thread.is_alive() and not self._stop.is_set()

    def start(self) -> None:
        """Begin to watch; does nothing if that is so already."""
        if self.running:
            return
        self._stop = threading.Event()
        self._thread = threading.Thread(
            target=self._watch, args=(self._stop,), name=f"watch {self.run.name}", daemon=True
        )
        self._thread.start()

    def stop(self, *, wait: bool = True) -> None:
        """End watching, within a second; safe at any time, also when never started.

        Parameters
        ----------
        wait : bool
            Whether to wait for a look that is under way, so that no event is
            emitted after this returns, unless one is just being handled. A
            window that must not stand still does not wait.
        """
        self._stop.set()
        thread = self._thread
        if wait and thread is not None and thread is not threading.current_thread():
            # A read that hangs (network file system) ends with its thread later.
            thread.join(timeout=0.9)

    def poll(self) -> list[RunEvent]:
        """Look once, now, on this thread; emit what is new and return it.

        Returns
        -------
        list of RunEvent
            In the order of emission.
        """
        return self._poll(threading.Event())

    def _poll(self, stop: threading.Event) -> list[RunEvent]:
        with self._looking:
            try:
                events = self._observer.look()
                self._failure = None
            except Exception as error:
                # Whatever a store throws at us, the next look may succeed.
                message = f"Run {self.run.name} cannot be watched: {error}"
                if message == self._failure:
                    return []
                self._failure = message
                _LOGGER.debug("%s", message, exc_info=True)
                events = [ProblemEvent(self.run.name, None, message)]
            # What is left when watching stops is told when it starts again.
            self._untold.extend(events)
        told = []
        while self._untold and not stop.is_set():
            event = self._untold.popleft()
            self._emit(getattr(self, event.kind), event)
            self._emit(self.event, event)
            told.append(event)
        if not stop.is_set():
            self._emit(self.looked, told)
        return told

    def _emit(self, signal: SignalInstance, value: object) -> None:
        try:
            signal.emit(value)
        except EmitLoopError:
            # One receiver's fault must neither end the watching nor hide it.
            _LOGGER.exception("A receiver of %r of run %s failed", signal.name, self.run.name)

    def _watch(self, stop: threading.Event) -> None:
        while not stop.is_set():
            self._poll(stop)
            stop.wait(self.interval)
