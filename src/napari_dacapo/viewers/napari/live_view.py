"""Where one looks in napari, and layers whose blocks arrive one by one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from napari_dacapo.viewers.live_prediction.boxes import visible_box
from napari_dacapo.viewers.napari.exchange import exchange
from napari_dacapo.viewers.napari.layers import METADATA_KEY, layer_data, place

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from napari_dacapo.viewers.live_prediction.boxes import Box
    from napari_dacapo.viewers.napari.backend import NapariBackend
    from napari_dacapo.volumes import Volume

__all__ = ["NapariLiveView"]

MIN_SHARE = 0.1
"""How much of the view something that comes to the screen must fill for the view to stay."""


class NapariLiveView:
    """A :class:`~napari_dacapo.viewers.live_prediction.view.LiveView` of a napari viewer.

    Parameters
    ----------
    backend : NapariBackend
        Whose viewer.
    """

    follows = True

    def __init__(self, backend: NapariBackend) -> None:
        self._backend = backend
        self._viewer = backend.viewer
        self._moved: Callable[[], None] | None = None
        self._removed: Callable[[], None] | None = None

    def box(self, axes: Sequence[str]) -> Box:
        """Return what is on screen, over these spatial axes."""
        view = self._backend.get_view()
        grid = self._viewer.canvas.grid
        if grid.enabled:
            rows, columns = grid.actual_shape(self._viewer.layers)
            height, width = self._viewer.canvas.size
            view = replace(view, canvas_size=(height // rows, width // columns))
        return visible_box(view, axes)

    def show(self, volumes: Sequence[Volume]) -> None:
        """Show volumes; the view stays where it is if it shows something of them.

        If nothing of their datasets was on screen, it must show more than a
        little: other runs may lie nearby without having to do with these.
        """
        view = None
        if len(self._viewer.layers) and any(self._is_seen(volume) for volume in volumes):
            view = replace(self._backend.get_view(), layers=())
        self._backend.show(volumes)
        if view is not None:
            self._backend.set_view(view)

    def _is_seen(self, volume: Volume) -> bool:
        share = self.box(volume.spatial_axes).share(*volume.roi)
        where = place(volume.identity.as_dict())
        known = any(
            place(layer.metadata[METADATA_KEY]) == where for layer in self._backend.layers()
        )
        return share > (0 if known else MIN_SHARE)

    def update(self, volumes: Sequence[Volume]) -> None:
        """Exchange what is on screen; add nothing that was taken off it."""
        for volume in volumes:
            parts = {
                _said(keywords)["channel"]: (data, keywords, kind)
                for data, keywords, kind in layer_data(volume)
            }
            for layer in self._backend.layers():
                said = layer.metadata[METADATA_KEY]
                # A hidden layer reads what is finished when it is made visible.
                if not layer.visible or said["slot"] != volume.identity.slot:
                    continue
                if said["channel"] in parts:
                    part = parts[said["channel"]]
                    _said(part[1])["run_notes"] = said["run_notes"]
                    exchange(layer, part)

    def shows(self, slots: Collection[str]) -> bool:
        """Whether any of the slots is on screen."""
        return any(
            layer.metadata[METADATA_KEY]["slot"] in slots for layer in self._backend.layers()
        )

    def watch(self, moved: Callable[[], None], removed: Callable[[], None]) -> None:
        """Call back when one looks elsewhere, and when a layer is removed."""
        self.unwatch()
        self._moved, self._removed = moved, removed
        for emitter in self._movements():
            emitter.connect(self._on_moved)
        self._viewer.layers.events.removed.connect(self._on_removed)

    def unwatch(self) -> None:
        """Call back no more; safe to call twice."""
        if self._moved is None:
            return
        self._moved = self._removed = None
        for emitter in self._movements():
            emitter.disconnect(self._on_moved)
        self._viewer.layers.events.removed.disconnect(self._on_removed)

    def _movements(self) -> list[Any]:
        dims, camera = self._viewer.dims.events, self._viewer.scene.camera.events
        canvas = self._viewer.canvas
        return [
            dims.point, dims.ndisplay, dims.order, camera.center, camera.zoom,
            canvas.events.size, canvas.grid.events.enabled,
        ]  # fmt: skip

    def _on_moved(self, event: Any = None) -> None:
        if self._moved is not None:
            self._moved()

    def _on_removed(self, event: Any = None) -> None:
        if self._removed is not None:
            self._removed()


def _said(keywords: dict[str, Any]) -> dict[str, Any]:
    said: dict[str, Any] = keywords["metadata"][METADATA_KEY]
    return said
