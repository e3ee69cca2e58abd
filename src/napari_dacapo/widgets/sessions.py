"""One session for each viewer, shared by all docks of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from qtpy.QtCore import QObject

from napari_dacapo import preferences
from napari_dacapo.viewers.backends import backend_choices
from napari_dacapo.viewers.napari.notifications import show_error, show_info, show_warning
from napari_dacapo.viewers.session import Session
from napari_dacapo.widgets.binding import when_destroyed
from napari_dacapo.widgets.canvas_keys import CanvasKeys
from napari_dacapo.widgets.courier import Courier
from napari_dacapo.widgets.worker import start_in_thread

if TYPE_CHECKING:
    from qtpy.QtWidgets import QWidget

__all__ = ["keep_with_window", "session_of"]

_KEEPER = "napari-dacapo session"
# Keys are ids: viewers compare by value. A session holds its viewer through its
# backends, so an id is not used anew while the session lives.
_sessions: WeakValueDictionary[int, Session] = WeakValueDictionary()


def session_of(viewer: Any) -> Session:
    """Return the session of a viewer, made when it is first asked for."""
    # napari hands plugins a proxy, a new one each time.
    key = id(getattr(viewer, "__wrapped__", viewer))
    session = _sessions.get(key)
    if session is None:
        session = Session(
            backend_choices(viewer),
            start=start_in_thread,
            hand_over=Courier(),
            path_map=preferences.usable_path_map,
        )
        session.following.told.connect(_notify)
        session.failed.connect(show_error)
        session.companions.append(CanvasKeys(session, viewer))
        _sessions[key] = session
    return session


def _notify(level: str, text: str) -> None:
    (show_warning if level == "warning" else show_info)(text)


def keep_with_window(session: Session, widget: QWidget) -> None:
    """Let a session live until the window of a dock is gone, although the dock is closed."""
    window = widget
    # Not `window()`: a dock that floats is a window of its own.
    while (parent := window.parentWidget()) is not None:
        window = parent
    if window.findChild(QObject, _KEEPER) is not None:
        return
    keeper = QObject(window)
    keeper.setObjectName(_KEEPER)
    when_destroyed(keeper, session.close)
