"""Connections that end with the widget that made them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import WeakMethod

if TYPE_CHECKING:
    from collections.abc import Callable

    from psygnal import SignalInstance
    from qtpy.QtCore import QObject

__all__ = ["bind", "when_destroyed"]

# Python may collect a widget together with what is connected to its `destroyed`, and clears
# functions first: Qt would then call an empty one, which crashes. So these are held here.
_waiting: set[Callable[[], None]] = set()


def when_destroyed(owner: QObject, deed: Callable[[], object]) -> None:
    """Do something once a widget is gone.

    Parameters
    ----------
    owner : QObject
        The widget.
    deed : callable
        What to do. It is held until then: if it refers to the widget, or to
        anything that does, the widget can only go by being deleted.
    """

    def do() -> None:
        _waiting.discard(do)
        deed()

    _waiting.add(do)
    owner.destroyed.connect(do)


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
    connected = [(signal, _reference(owner, slot)) for signal, slot in pairs]

    def unbind() -> None:
        for signal, reference in connected:
            slot = reference()
            if slot is not None:
                signal.disconnect(slot, missing_ok=True)

    when_destroyed(owner, unbind)


def _reference(owner: QObject, slot: Callable[..., Any]) -> Callable[[], Callable[..., Any] | None]:
    """Return a reference to a slot that does not keep its owner alive."""
    return WeakMethod(slot) if getattr(slot, "__self__", None) is owner else lambda: slot
