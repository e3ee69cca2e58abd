"""Work that takes long asks here whether anybody still waits for it.

Elements are computed when an array is read, far below whoever knows that the
answer is no longer wanted; so the question is left with the thread.
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

from napari_dacapo.errors import CancelledError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["check_cancelled", "stop_when"]

_ask: ContextVar[Callable[[], bool]] = ContextVar("cancelled", default=lambda: False)


@contextmanager
def stop_when(cancelled: Callable[[], bool]) -> Iterator[None]:
    """Let what is computed inside, on this thread, ask whether it is still wanted.

    Parameters
    ----------
    cancelled : callable
        Returns True once it is not.
    """
    token = _ask.set(cancelled)
    try:
        yield
    finally:
        _ask.reset(token)


def check_cancelled() -> None:
    """Raise CancelledError if nobody waits for what this thread computes."""
    if _ask.get()():
        raise CancelledError("Cancelled.")
