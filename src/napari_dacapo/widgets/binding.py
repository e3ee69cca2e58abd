"""Connections that end with the widget that made them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from psygnal import SignalInstance
    from qtpy.QtCore import QObject

__all__ = ["bind"]


def bind(owner: QObject, *pairs: tuple[SignalInstance, Callable[..., Any]]) -> None:
    """Connect signals of something that lives longer than a widget.

    Parameters
    ----------
    owner : QObject
        When it is destroyed, the connections are taken back.
    *pairs : tuple of signal and slot
        What to connect.
    """
    for signal, slot in pairs:
        signal.connect(slot)

    def unbind() -> None:
        for signal, slot in pairs:
            signal.disconnect(slot, missing_ok=True)

    owner.destroyed.connect(unbind)
