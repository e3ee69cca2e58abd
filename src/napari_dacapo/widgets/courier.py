"""Deeds from other threads, done on Qt's main thread in the order in which they come."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Courier"]


class Courier(QObject):
    """A :class:`~napari_dacapo.viewers.tasks.HandOver` to the thread that made it."""

    _sent = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        # Queued by Qt if the sender is another thread, called at once if not.
        self._sent.connect(self._do)

    def __call__(self, deed: Callable[[], None], /) -> None:
        """Hand a deed over; dropped when the application has ended."""
        with suppress(RuntimeError):  # Qt has deleted this object
            self._sent.emit(deed)

    def _do(self, deed: Callable[[], None]) -> None:
        deed()
