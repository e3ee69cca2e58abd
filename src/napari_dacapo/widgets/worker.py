"""Slow work in threads of its own; answers arrive on the main thread."""

from __future__ import annotations

import logging
import threading
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from napari_dacapo.errors import NapariDacapoError
from napari_dacapo.widgets.courier import Courier

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

    To be called on the main thread. Not napari's ``thread_worker``: while one
    runs, warnings that are filtered are shown all over the process, its errors
    are shown with a traceback, and a window that is closed waits for it.
    """
    courier = _courier()

    def run() -> None:
        try:
            for value in work():
                courier(partial(on_value, value))
        except Exception as error:
            if not isinstance(error, NapariDacapoError | OSError):
                _log.exception("Unexpected error in a worker")
            courier(partial(on_error, error))
        courier(on_done)

    threading.Thread(target=run, name="napari-dacapo work", daemon=True).start()


@cache
def _courier() -> Courier:
    return Courier()
