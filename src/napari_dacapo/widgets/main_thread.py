"""Calls on the main thread, asked for on any thread, several of them at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Qt, Signal
from superqt.utils import QSignalThrottler

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["MainThread"]

INTERVAL_MS = 100
"""Blocks may finish faster than a screen is worth being drawn."""


class MainThread(QObject):
    """Calls functions on the thread that it was made on, every 100 ms at most.

    Must not be used any more when it has been destroyed; then
    :meth:`post` raises RuntimeError.
    """

    _posted = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._waiting: list[Callable[[], None]] = []
        self._throttler = QSignalThrottler(parent=self)
        self._throttler.setTimeout(INTERVAL_MS)
        self._throttler.triggered.connect(self._call_all)
        self._posted.connect(self._on_posted, Qt.ConnectionType.QueuedConnection)

    def post(self, function: Callable[[], None]) -> None:
        """Have a function called soon; may be called on any thread."""
        self._posted.emit(function)

    def _on_posted(self, function: Callable[[], None]) -> None:
        self._waiting.append(function)
        self._throttler.throttle()

    def _call_all(self) -> None:
        for _ in range(len(self._waiting)):
            self._waiting.pop(0)()
