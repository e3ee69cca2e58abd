"""Slow work in Qt's thread pool; answers arrive on the main thread."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from napari.qt.threading import thread_worker

from napari_dacapo.errors import NapariDacapoError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["start_in_thread"]

_log = logging.getLogger(__name__)


def start_in_thread(
    work: Callable[[], Iterator[Any]],
    *,
    on_value: Callable[[Any], None],
    on_error: Callable[[Exception], None],
    on_done: Callable[[], None],
) -> None:
    """Start work in a thread; a :class:`~napari_dacapo.viewers.tasks.Starter`.

    Errors travel as values: napari would show the user a traceback of what is
    raised in a worker.
    """

    def read_run() -> Iterator[tuple[str, Any]]:
        try:
            for value in work():
                yield "value", value
        except Exception as error:
            if not isinstance(error, NapariDacapoError | OSError):
                _log.exception("Unexpected error in a worker")
            yield "error", error
        yield "done", None

    def take(message: tuple[str, Any]) -> None:
        kind, value = message
        if kind == "value":
            on_value(value)
        elif kind == "error":
            on_error(value)
        else:
            on_done()

    thread_worker(read_run, connect={"yielded": take})()
