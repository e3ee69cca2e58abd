"""Slow work beside the window: cancelled when one moves on, stale answers dropped.

Nothing here knows a GUI. A :class:`Starter` runs a generator somewhere and
hands what it yields to callbacks *on the thread that owns the viewer*; the Qt
one lives in ``widgets.worker``, :func:`run_here` needs no thread at all.
"""

from __future__ import annotations

import logging
from threading import Event
from typing import TYPE_CHECKING, Any, Protocol

from napari_dacapo.analysis.cancelling import stop_when

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["HandOver", "Lane", "Starter", "Work", "call_here", "run_here"]

_LOGGER = logging.getLogger(__name__)


class Work(Protocol):
    """Slow work: yields its answers and looks at ``cancelled`` now and then."""

    def __call__(self, cancelled: Event) -> Iterator[Any]:
        """Do the work."""


class Starter(Protocol):
    """Runs work and reports on the thread that owns the viewer."""

    def __call__(
        self,
        work: Callable[[], Iterator[Any]],
        *,
        on_value: Callable[[Any], None],
        on_error: Callable[[Exception], None],
        on_done: Callable[[], None],
    ) -> None:
        """Start; each callback is called on the thread that owns the viewer, `on_done` last."""


class HandOver(Protocol):
    """Takes a deed on any thread, and does it on the thread that owns the viewer."""

    def __call__(self, deed: Callable[[], None], /) -> None:
        """Hand a deed over; deeds are done in the order in which they come."""


def call_here(deed: Callable[[], None]) -> None:
    """Do it at once, on this thread: for scripts."""
    deed()


def run_here(
    work: Callable[[], Iterator[Any]],
    *,
    on_value: Callable[[Any], None],
    on_error: Callable[[Exception], None],
    on_done: Callable[[], None],
) -> None:
    """Do the work at once, on this thread: for scripts."""
    try:
        for value in work():
            on_value(value)
    except Exception as error:
        on_error(error)
    on_done()


class Lane:
    """A place where one piece of work runs at a time.

    Starting the next one cancels the one before. An answer of a cancelled
    piece is dropped, however late it comes: each piece carries the generation
    in which it was started.

    Parameters
    ----------
    start : Starter
        Where work runs.
    on_busy : callable
        Called whenever :attr:`busy` changes.
    """

    def __init__(self, start: Starter, on_busy: Callable[[], None]) -> None:
        self._start = start
        self._on_busy = on_busy
        self._generation = 0
        self._cancelled = Event()
        self.busy = ""

    def start(
        self,
        text: str,
        work: Work,
        *,
        on_value: Callable[[Any], None],
        on_error: Callable[[Exception], None],
        on_done: Callable[[], None] = lambda: None,
    ) -> None:
        """Cancel what runs here and start something else.

        Parameters
        ----------
        text : str
            What is being done, for the user.
        work : Work
            Called with an event that is set once the work is cancelled.
        on_value, on_error, on_done : callable
            Called on the thread that owns the viewer, unless cancelled.
        """
        self.cancel()
        self._generation += 1
        generation, cancelled = self._generation, Event()
        self._cancelled = cancelled

        def current() -> bool:
            return generation == self._generation and not cancelled.is_set()

        def value(answer: Any) -> None:
            if current():
                try:
                    on_value(answer)
                except Exception as error:  # e.g. a backend cannot show it
                    _LOGGER.debug("%s failed", text, exc_info=True)
                    on_error(error)

        def failed(error: Exception) -> None:
            if current():
                on_error(error)

        def done() -> None:
            if current():
                self._set_busy("")
                on_done()

        self._set_busy(text)
        self._start(lambda: _until(cancelled, work), on_value=value, on_error=failed, on_done=done)

    def tell(self, text: str) -> None:
        """Change what is said of the work that runs here."""
        if self.busy:
            self._set_busy(text)

    def cancel(self) -> bool:
        """Cancel what runs here; return whether there was anything."""
        was_busy = bool(self.busy)
        self._cancelled.set()
        self._generation += 1
        self._set_busy("")
        return was_busy

    def _set_busy(self, text: str) -> None:
        if text != self.busy:
            self.busy = text
            self._on_busy()


def _until(cancelled: Event, work: Work) -> Iterator[Any]:
    answers = iter(work(cancelled))
    while True:
        # What is computed below, e.g. a watershed, ends as well when nobody waits for it.
        with stop_when(cancelled.is_set):
            try:
                answer = next(answers)
            except StopIteration:
                return
        if cancelled.is_set():
            return
        yield answer
