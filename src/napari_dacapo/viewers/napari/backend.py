"""The napari backend: shows volumes as layers of a viewer.

What is on screen is remembered in the layers themselves (their metadata), not
in the backend: layers that a reader made, or another backend object of the
same viewer, are found and exchanged all the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from napari.layers import Layer

from napari_dacapo.runs.selection import volumes_to_show
from napari_dacapo.viewers.napari.arrange import STACKED, arrange_layers
from napari_dacapo.viewers.napari.camera import look_at
from napari_dacapo.viewers.napari.caretaker import caretaker_of
from napari_dacapo.viewers.napari.exchange import copy_settings, exchange, finish
from napari_dacapo.viewers.napari.large_layers import read_aside, show_level_in_view
from napari_dacapo.viewers.napari.layers import METADATA_KEY, VOLUME_KEY, place, stack_layer_data
from napari_dacapo.viewers.napari.plugin_settings import use_cache_size
from napari_dacapo.viewers.napari.view_state import get_view, set_view

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from napari.components import ViewerModel

    from napari_dacapo.runs import Run
    from napari_dacapo.viewers.base import Arrangement
    from napari_dacapo.viewers.napari.layers import LayerData
    from napari_dacapo.viewers.view_state import ViewState
    from napari_dacapo.volumes import Volume

__all__ = ["NapariBackend", "add_run", "layer_volume"]

# From the bottom to the top, and from left to right side by side.
_ROLES = (
    "raw", "mask", "weight", "gt", "target", "prediction", "gradients", "live", "segmentation",
    "error",
)  # fmt: skip


def add_run(
    viewer: ViewerModel,
    run: Run,
    *,
    dataset: str | None = None,
    iteration: int | None = None,
    parameters: str | None = None,
    segmentation: Literal["stored", "computed"] | None = None,
) -> list[Layer]:
    """Show a run in napari: raw, gt, prediction and segmentation.

    Called again with another iteration, the layers are exchanged in place:
    camera, contrast, colormap and visibility stay.

    Parameters
    ----------
    viewer : napari.Viewer or napari.components.ViewerModel
        Where to show it.
    run : Run
        What to show.
    dataset : str, optional
        A validation dataset; the first one that has something if not given.
    iteration : int, optional
        A validated iteration; the last one if not given.
    parameters : str, optional
        Of the segmentation: the name of a stored output, or a threshold or
        bias as a number; what is not stored is computed.
    segmentation : {"stored", "computed"}, optional
        Stored unless every stored output is empty, if not given.

    Returns
    -------
    list of napari.layers.Layer
        In the order of :meth:`napari_dacapo.runs.Run.volumes`; nothing has
        been read but what is on screen.

    Raises
    ------
    ArrayNotFoundError
        If the run has nothing to show; says why.
    SelectionError
        If there are no such dataset or parameters.
    ValueError
        If `segmentation` is something else.
    """
    chosen = volumes_to_show(run, dataset, iteration, parameters, segmentation)
    backend = NapariBackend(viewer)
    backend.show(chosen.volumes, notes=chosen.missing)
    slots = [volume.identity.slot for volume in chosen.volumes]
    ours = [layer for layer in backend.layers() if layer.metadata[METADATA_KEY]["slot"] in slots]
    return sorted(ours, key=lambda layer: slots.index(layer.metadata[METADATA_KEY]["slot"]))


def layer_volume(layer: Layer) -> Volume | None:
    """Return the volume that a layer shows, or None if it is not ours."""
    volume: Volume | None = layer.metadata.get(VOLUME_KEY)
    return volume


def shown_in(viewer: ViewerModel) -> list[Volume]:
    """Return the volumes of this package that a viewer shows, from the bottom to the top."""
    found = {id(volume): volume for volume in map(layer_volume, viewer.layers) if volume}
    return list(found.values())


def _hide(
    wanted: list[tuple[Volume, list[LayerData]]],
) -> dict[tuple[str, int | None], bool]:
    """Make layer data invisible; return by slot and channel whether it was visible."""
    sights = {}
    for volume, data in wanted:
        for _, keywords, _ in data:
            channel = keywords["metadata"][METADATA_KEY]["channel"]
            sights[volume.identity.slot, channel] = keywords["visible"]
            keywords["visible"] = False
    return sights


class NapariBackend:
    """Shows volumes in a napari viewer.

    Parameters
    ----------
    viewer : napari.Viewer or napari.components.ViewerModel
        Whose layers to manage. Layers that did not come from this package are
        never touched.

    Notes
    -----
    To be used on the viewer's thread only.
    """

    name = "napari"

    def __init__(self, viewer: ViewerModel) -> None:
        self.viewer = viewer
        use_cache_size()
        self._caretaker = caretaker_of(viewer)
        self._asked: set[tuple[str, str, str]] = set()

    def layers(self) -> list[Layer]:
        """Return the layers on screen that came from this package, in order."""
        return [layer for layer in self.viewer.layers if METADATA_KEY in layer.metadata]

    def show(self, volumes: Sequence[Volume], *, notes: Sequence[str] = ()) -> None:
        """Show volumes, each in its slot; see :meth:`Backend.show`.

        Parameters
        ----------
        volumes : sequence of Volume
            What to show.
        notes : sequence of str
            What else to say on screen, e.g. which parts of a run are missing.

        Raises
        ------
        UnsupportedError
            If napari cannot show one of them; then nothing is changed.
        """
        self._asked = {place(volume.identity.as_dict()) for volume in volumes}
        wanted = list(zip(volumes, stack_layer_data(volumes, notes), strict=True))
        known = {layer.metadata[METADATA_KEY]["slot"] for layer in self.layers()}
        is_new = not any(volume.identity.slot in known for volume in volumes)
        # napari reads each plane that it passes on the way to the one that is looked at.
        sights = _hide(wanted) if is_new else {}
        for volume, data in wanted:
            self._show_one(volume, data)
            if volume.role == "segmentation" and volume.identity.slot not in known:
                self._give_way(place(data[0][1]["metadata"][METADATA_KEY]))
        if is_new and volumes:
            try:
                look_at(self.viewer, self._in_slots({volume.identity.slot for volume in volumes}))
            finally:
                self._reveal(sights)
            self.viewer.canvas.overlays.scale_bar.visible = True
        if any(STACKED in layer.metadata[METADATA_KEY] for layer in self.layers()):
            self.arrange("side by side")
        self._caretaker.update()

    def remove(self, slots: Iterable[str]) -> None:
        """Take the volumes of these slots off the screen; unknown slots are ignored."""
        leaving = self._in_slots(set(slots))
        if not leaving:
            return
        # One by one, napari would collect garbage and draw the others anew after each of them.
        with self.viewer.layers.batched_update():
            for layer in leaving:
                self.viewer.layers.remove(layer)

    def shown(self) -> list[Volume]:
        """Return the volumes on screen that came from this package, in order."""
        return shown_in(self.viewer)

    def arrange(self, arrangement: Arrangement) -> None:
        """Lay the volumes on top of each other, or those shown last next to each other."""
        arrange_layers(self.viewer, self.layers(), arrangement, self._asked)

    def get_view(self) -> ViewState:
        """Return camera and appearance, independent of the backend."""
        return get_view(self.viewer)

    def set_view(self, view: ViewState) -> None:
        """Take over camera and appearance from this or another backend."""
        set_view(self.viewer, view)

    def close(self) -> None:
        """Do nothing: layers stay, and so does what takes care of them."""

    def _in_slots(self, slots: set[str]) -> list[Layer]:
        return [layer for layer in self.layers() if layer.metadata[METADATA_KEY]["slot"] in slots]

    def _show_one(self, volume: Volume, wanted: list[LayerData]) -> None:
        here = {
            layer.metadata[METADATA_KEY]["channel"]: layer
            for layer in self._in_slots({volume.identity.slot})
        }
        for data in wanted:
            channel = data[1]["metadata"][METADATA_KEY]["channel"]
            old = here.pop(channel, None)
            if old is None:
                new = Layer.create(*data)
                read_aside(new)
                self.viewer.layers.insert(self._index(volume), new)
            elif not exchange(old, data):
                self._replace(old, data)
        for layer in here.values():
            self.viewer.layers.remove(layer)

    def _reveal(self, sights: dict[tuple[str, int | None], bool]) -> None:
        for layer in self.layers():
            said = layer.metadata[METADATA_KEY]
            if sights.get((said["slot"], said["channel"]), False):
                show_level_in_view(self.viewer, layer)
                layer.visible = True

    def _give_way(self, dataset: tuple[str, str, str]) -> None:
        """Hide what a segmentation that has just come sums up, see `stack_layer_data`."""
        for layer in self.layers():
            said = layer.metadata[METADATA_KEY]
            if said["gives_way"] and place(said) == dataset:
                if STACKED in said:
                    said[STACKED]["visible"] = False
                else:
                    layer.visible = False

    def _index(self, volume: Volume) -> int:
        """Return the index of a new layer: above those of its dataset that belong below it."""
        height = _ROLES.index(volume.role)
        index: int = len(self.viewer.layers)
        for i, layer in reversed(list(enumerate(self.viewer.layers))):
            said = layer.metadata.get(METADATA_KEY)
            if said is None or place(said) != place(volume.identity.as_dict()):
                continue
            if _ROLES.index(said["role"]) <= height:
                return int(i) + 1
            index = i
        return index

    def _replace(self, old: Layer, data: LayerData) -> None:
        """Put a new layer in the place of one that cannot take the data."""
        new = Layer.create(*data)
        read_aside(new)
        finish(new)
        copy_settings(old, new)
        index = int(self.viewer.layers.index(old))
        was_selected = old in self.viewer.layers.selection
        # The new one first: without any layer napari would forget the camera.
        self.viewer.layers.insert(index + 1, new)
        self.viewer.layers.remove(old)
        new.name = data[1]["name"]
        if was_selected:
            self.viewer.layers.selection.add(new)
