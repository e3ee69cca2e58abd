"""What keeps the layers of this package as they should be in a viewer, whoever added them.

A reader hands napari plain tuples, which cannot say all: a line around labels,
words on the canvas, where to look. Whoever takes care of the viewer does that
when the layers arrive, and goes on while they are there, also when nothing
else of this package is open.
"""

from __future__ import annotations

import warnings
import weakref
from typing import TYPE_CHECKING, Any

from napari_dacapo.viewers.napari.arrange import fit_grid
from napari_dacapo.viewers.napari.camera import look_at
from napari_dacapo.viewers.napari.exchange import finish
from napari_dacapo.viewers.napari.layers import METADATA_KEY
from napari_dacapo.viewers.napari.legend import show_legend, update_legend
from napari_dacapo.viewers.napari.plugin_settings import settings_of
from napari_dacapo.viewers.napari.proxies import unwrapped

if TYPE_CHECKING:
    from collections.abc import Iterable

    from napari.components import ViewerModel
    from napari.layers import Layer

    from napari_dacapo.viewers.napari.layers import LayerData

__all__ = ["Caretaker", "await_in_current_viewer", "caretaker_of"]

# Keys are ids, since viewers compare by value. A caretaker is held by the events of its viewer's
# layers: it may outlive the viewer for a while, in which the id may be used anew.
_caretakers: weakref.WeakValueDictionary[int, Caretaker] = weakref.WeakValueDictionary()


def caretaker_of(viewer: ViewerModel) -> Caretaker:
    """Return the one that takes care of a viewer, made when it is first asked for."""
    viewer = unwrapped(viewer)
    caretaker = _caretakers.get(id(viewer))
    if caretaker is None or caretaker.viewer is not viewer:
        caretaker = _caretakers[id(viewer)] = Caretaker(viewer)
    return caretaker


def await_in_current_viewer(data: Iterable[LayerData]) -> None:
    """Finish layers that napari is about to add to its current viewer, if there is one."""
    import napari

    viewer = napari.current_viewer()
    if viewer is not None:
        caretaker_of(viewer).await_layers(data)


class Caretaker:
    """Takes care of the layers of this package in a viewer; lives as long as the viewer.

    Parameters
    ----------
    viewer : ViewerModel
        Whose layers. Those that did not come from this package are never
        touched, but they get a box of their own in the grid.
    """

    def __init__(self, viewer: ViewerModel) -> None:
        self._viewer = weakref.ref(viewer)
        self._awaited: set[tuple[str, int | None]] = set()
        self._arrived: list[Layer] = []
        # napari keeps bound methods by weak references only: these two hold the caretaker.
        viewer.layers.events.inserted.connect(lambda event: self._on_inserted(event))
        viewer.layers.events.removed.connect(lambda event: self._on_removed(event))
        viewer.canvas.events.size.connect(self._on_other_size)
        display = settings_of("display")
        if display is not None:
            display.events.legend.connect(self._on_setting)
        # gt is a line in planes and filled in 3-D; that is no news at each turn.
        warnings.filterwarnings("ignore", message="Contours are not displayed during 3D")
        for layer in viewer.layers:
            self._take(layer)
        self.update()

    @property
    def viewer(self) -> ViewerModel | None:
        """The viewer, None once it is gone."""
        return self._viewer()

    def await_layers(self, data: Iterable[LayerData]) -> None:
        """Bring layers into view when the last of them has been added."""
        all_said = (keywords["metadata"][METADATA_KEY] for _, keywords, _ in data)
        self._awaited = {(said["slot"], said["channel"]) for said in all_said}
        self._arrived = []

    def update(self) -> None:
        """Say on the canvas what there is to say, and give each visible layer its box."""
        if (viewer := self.viewer) is not None:
            update_legend(viewer)
            fit_grid(viewer)

    def _on_inserted(self, event: Any) -> None:
        self._take(event.value)
        self.update()
        said = event.value.metadata.get(METADATA_KEY)
        if said is not None and (said["slot"], said["channel"]) in self._awaited:
            self._awaited.discard((said["slot"], said["channel"]))
            self._arrived.append(event.value)
            if not self._awaited:
                self._welcome()

    def _on_removed(self, event: Any) -> None:
        event.value.events.visible.disconnect(self._on_visible)
        self.update()

    def _on_visible(self, event: Any) -> None:
        self.update()

    def _on_setting(self, event: Any) -> None:
        if (viewer := self.viewer) is not None:
            show_legend(viewer)

    def _on_other_size(self, event: Any) -> None:
        if (viewer := self.viewer) is not None:
            update_legend(viewer)

    def _take(self, layer: Layer) -> None:
        finish(layer)
        layer.events.visible.connect(self._on_visible)

    def _welcome(self) -> None:
        viewer, layers = self.viewer, self._arrived
        self._arrived = []
        if viewer is not None:
            look_at(viewer, layers)
            viewer.canvas.overlays.scale_bar.visible = True
