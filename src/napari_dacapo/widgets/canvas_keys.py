"""Keys that step through the iterations while the canvas has the focus."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari.layers import Labels

from napari_dacapo.viewers.napari.plugin_settings import PLUGIN

if TYPE_CHECKING:
    from napari_dacapo.viewers.session import Session

__all__ = ["CanvasKeys"]

KEYS = {"[": -1, "]": 1}


class CanvasKeys:
    """Binds ``[`` and ``]`` while the selected run is on napari's canvas, and only then.

    Labels have bindings of their own, which go before those of the viewer: ours
    are bound on our layers, so that the brush of the user's layers keeps its keys.

    Parameters
    ----------
    session : Session
        Whose iterations to step through.
    viewer : napari.viewer.Viewer
        Whose canvas it is.
    """

    def __init__(self, session: Session, viewer: Any) -> None:
        self._session = session
        self._viewer = viewer
        self._bound: list[Any] = []
        events = viewer.layers.events
        events.inserted.connect(self._on_layers)
        events.removed.connect(self._on_layers)
        for signal in (session.screen.changed, session.selection_changed, session.facts_changed):
            signal.connect(self._update)
        self._know_layers(self._layers())
        self._update()

    def close(self) -> None:
        """Give the keys back; safe to call twice."""
        events = self._viewer.layers.events
        events.inserted.disconnect(self._on_layers)
        events.removed.disconnect(self._on_layers)
        session = self._session
        for signal in (session.screen.changed, session.selection_changed, session.facts_changed):
            signal.disconnect(self._update, missing_ok=True)
        self._unbind()

    def _layers(self) -> list[Any]:
        return [layer for layer in self._viewer.layers if PLUGIN in layer.metadata]

    def _on_layers(self, event: Any) -> None:
        if PLUGIN in event.value.metadata:
            self._know_layers([event.value])
            self._session.screen.changed.emit()

    def _know_layers(self, layers: list[Any]) -> None:
        """Let the screen know of layers that a reader or a script made."""
        if layers and "napari" in self._session.screen.choices:
            self._session.screen.made("napari")

    def _update(self) -> None:
        session = self._session
        self._unbind()
        if session.screen.name == "napari" and session.screen.shows_run(session.selection.run):
            labels = [layer for layer in self._layers() if isinstance(layer, Labels)]
            self._bound = [self._viewer, *labels]
            for provider in self._bound:
                for key, by in KEYS.items():
                    provider.bind_key(key, lambda _, by=by: session.step(by), overwrite=True)

    def _unbind(self) -> None:
        for provider in self._bound:
            for key in KEYS:
                provider.bind_key(key, None)
        self._bound = []
