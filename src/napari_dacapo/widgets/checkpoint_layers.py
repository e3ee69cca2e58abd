"""Layers of the viewer that a checkpoint can be run on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_dacapo.widgets.binding import when_destroyed

if TYPE_CHECKING:
    from collections.abc import Callable

    from qtpy.QtWidgets import QWidget

    from napari_dacapo.viewers.live_prediction import RawSource
    from napari_dacapo.viewers.session import Session

__all__ = ["RawLayers"]


class RawLayers:
    """The image layers of napari, once somebody asked for them.

    Parameters
    ----------
    session : Session
        Whose viewer and whose run.
    on_change : callable
        Called when layers came or went.
    owner : QWidget
        When it is destroyed, the viewer is left alone.
    """

    def __init__(self, session: Session, on_change: Callable[[], None], owner: QWidget) -> None:
        self._session = session
        self._on_change = on_change
        self._owner = owner
        self._viewer: Any = None

    def find(self) -> bool:
        """Begin to look at the viewer; return whether that is new."""
        screen = self._session.screen
        if self._viewer is not None or "napari" not in screen.choices:
            return False
        self._viewer = screen.made("napari").viewer  # type: ignore[attr-defined]
        events = self._viewer.layers.events
        events.inserted.connect(self._on_layers)
        events.removed.connect(self._on_layers)

        def let_go() -> None:
            events.inserted.disconnect(self._on_layers)
            events.removed.disconnect(self._on_layers)

        when_destroyed(self._owner, let_go)
        return True

    def layers(self) -> list[Any]:
        """Return the layers that there are now."""
        if self._viewer is None:
            return []
        from napari_dacapo.viewers.napari.layer_sources import raw_layers

        return list(raw_layers(self._viewer))

    def source(self, layer: Any) -> RawSource:
        """Return what a layer is as a source of raw for the selected run.

        Raises
        ------
        NapariDacapoError
            If it cannot be used.
        """
        from napari_dacapo.viewers.napari.layer_sources import layer_source

        facts = self._session.facts
        run = facts.run if facts is not None else None
        shape = getattr(run.architecture, "input_shape", None) if run is not None else None
        return layer_source(layer, len(shape or (0, 0, 0)))

    def _on_layers(self, event: Any = None) -> None:
        self._on_change()
