"""The neuroglancer backend: shows volumes in a page of the web browser."""

from __future__ import annotations

import webbrowser
from dataclasses import replace
from typing import TYPE_CHECKING

from napari_dacapo.viewers.neuroglancer.camera import (
    CANVAS_HEIGHT,
    camera_from_view,
    first_camera,
    spatial_dimensions,
)
from napari_dacapo.viewers.neuroglancer.layer_states import with_layer_states
from napari_dacapo.viewers.neuroglancer.layers import (
    exchanged,
    layer_sources,
    layers_json,
    source_urls,
)
from napari_dacapo.viewers.neuroglancer.states import free_name, new_state, view_of_state
from napari_dacapo.viewers.neuroglancer.viewer import OwnViewer

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from napari_dacapo.viewers.base import Arrangement
    from napari_dacapo.viewers.neuroglancer.layers import Json
    from napari_dacapo.viewers.view_state import ViewState
    from napari_dacapo.volumes import Volume

__all__ = ["NeuroglancerBackend"]


class NeuroglancerBackend:
    """Shows volumes in neuroglancer, with a server that ends with it.

    Parameters
    ----------
    bind_address : str
        Where to listen; any other address than the loopback is warned of.
    bind_port : int
        Of the page; 0 takes a free one.
    title : str
        Of the browser's tab.

    Attributes
    ----------
    viewer : neuroglancer.Viewer
        The viewer; its own state may be changed freely.
    """

    name = "neuroglancer"

    def __init__(
        self,
        *,
        bind_address: str = "127.0.0.1",
        bind_port: int = 0,
        title: str = "napari-dacapo",
    ) -> None:
        self.viewer = OwnViewer(bind_address=bind_address, bind_port=bind_port)
        self._volumes: dict[str, Volume] = {}
        self._title = title

    def __enter__(self) -> NeuroglancerBackend:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def url(self) -> str:
        """Address of the page; secret, for whoever has it can read the volumes."""
        return str(self.viewer.get_viewer_url())

    @property
    def closed(self) -> bool:
        """Whether the page is no longer served."""
        return bool(self.viewer.closed)

    def open(self) -> bool:
        """Open the page in the user's browser; False if there is none."""
        return webbrowser.open(self.url)

    def show(self, volumes: Sequence[Volume], *, notes: Sequence[str] = ()) -> None:
        """Show volumes, each in its slot; see :meth:`Backend.show`.

        Parameters
        ----------
        volumes : sequence of Volume
            What to show.
        notes : sequence of str
            What else to say at the bottom of the page.

        Raises
        ------
        UnsupportedError
            If neuroglancer cannot show one of them; then nothing is changed.
        """
        server = self.viewer.volumes
        new = {
            volume.identity.slot: layers_json(volume, layer_sources(volume, server))
            for volume in volumes
        }
        before = dict(self._volumes)

        def change(state: Json) -> Json:
            layers = list(state.get("layers", ()))
            for slot, wanted in new.items():
                places = self._find(layers, slot)
                if len(places) == len(wanted):
                    for place, layer in zip(places, wanted, strict=True):
                        layers[place] = exchanged(layers[place], layer, before.get(slot))
                    continue
                # Another number of channels: there is no telling which is which.
                begin = places[0] if places else len(layers)
                layers = [layer for place, layer in enumerate(layers) if place not in places]
                for place, layer in enumerate(wanted, start=begin):
                    taken = [other.get("name") for other in layers]
                    layers.insert(place, {**layer, "name": free_name(layer["name"], taken)})
            if "dimensions" not in state and volumes:
                first = new_state((), lambda _: (), title=self._title) | first_camera(volumes)
                return {**first, **state, "layers": layers}
            return {**state, "layers": layers}

        self.viewer.change(change)
        for volume in volumes:
            slot = volume.identity.slot
            self._volumes[slot] = volume
            old = before.get(slot)
            if old is not None and server.serve(old) != server.serve(volume):
                server.withdraw(old)
        self._say_notes(notes)

    def remove(self, slots: Iterable[str]) -> None:
        """Take the volumes of these slots off the screen; unknown slots are ignored."""
        known = [slot for slot in slots if slot in self._volumes]
        if not known:
            return

        def change(state: Json) -> Json:
            layers = list(state.get("layers", ()))
            for slot in known:
                places = self._find(layers, slot)
                layers = [layer for i, layer in enumerate(layers) if i not in places]
            return {**state, "layers": layers}

        self.viewer.change(change)
        for slot in known:
            self.viewer.volumes.withdraw(self._volumes.pop(slot))
        self._say_notes(())

    def shown(self) -> list[Volume]:
        """Return the volumes on screen that came from this package, in order."""
        found = self.shown_in(self.viewer.raw_state)
        return list({volume.identity.slot: volume for _, volume in found}.values())

    def shown_state(self) -> tuple[Json, list[tuple[Json, Volume]]]:
        """Return the whole state, and which of its layers show which volumes."""
        state = self.viewer.raw_state
        return state, self.shown_in(state)

    def shown_in(self, state: Json) -> list[tuple[Json, Volume]]:
        """Return which layers of a state of this viewer show which volumes, in order."""
        by_prefix = {self.viewer.volumes.slot_prefix(slot): slot for slot in self._volumes}
        found: list[tuple[Json, Volume]] = []
        for layer in state.get("layers", ()):
            urls = source_urls(layer)
            for prefix, slot in by_prefix.items():
                if any(url.startswith(prefix) for url in urls):
                    found.append((layer, self._volumes[slot]))
                    break
        return found

    def arrange(self, arrangement: Arrangement) -> None:
        """Lay the volumes on top of each other, or each into a panel of its own."""

        def change(state: Json) -> Json:
            shown: dict[str, list[str]] = {}
            for layer, volume in self.shown_in(state):
                shown.setdefault(volume.identity.slot, []).append(str(layer["name"]))
            flat = len(state.get("displayDimensions", ())) < 3
            plane = "xy" if flat else "4panel"
            if arrangement == "stacked" or len(shown) < 2:
                return {**state, "layout": plane}
            panels = [
                {"type": "viewer", "layers": names, "layout": "xy"} for names in shown.values()
            ]
            return {**state, "layout": {"type": "row", "children": panels}}

        self.viewer.change(change)

    def get_view(self) -> ViewState:
        """Return camera and appearance, independent of the backend.

        Raises
        ------
        ValueError
            If nothing is shown yet.
        """
        state = self.viewer.raw_state
        return view_of_state(state, self.shown_in(state))

    def set_view(self, view: ViewState) -> None:
        """Take over camera and appearance from this or another backend."""

        def change(state: Json) -> Json:
            shown = self.shown_in(state)
            if not shown:
                return state
            sizes = spatial_dimensions([volume for _, volume in shown])
            # A panel here is of another size than the canvas there: what fits, fits.
            here = replace(view, canvas_size=(CANVAS_HEIGHT, CANVAS_HEIGHT))
            camera = camera_from_view(here, sizes)
            if "layout" in state and view.ndisplay == 2 and state["layout"] != "3d":
                camera["layout"] = state["layout"]
            volumes = {id(layer): volume for layer, volume in shown}
            layers = []
            for layer in state["layers"]:
                volume = volumes.get(id(layer))
                if volume is not None:
                    own = [s for s in view.layers if s.slot == volume.identity.slot]
                    layer = with_layer_states(layer, volume, own)
                layers.append(layer)
            kept = {k: v for k, v in state.items() if k != "projectionOrientation"}
            return {**kept, **camera, "layers": layers}

        self.viewer.change(change)

    def set_title(self, title: str) -> None:
        """Say in the browser's tab what is shown."""
        self._title = title
        self.viewer.change(lambda state: {**state, "title": title})

    def close(self) -> None:
        """End the servers; safe to call twice."""
        self.viewer.close()
        self._volumes.clear()

    def _find(self, layers: Sequence[Json], slot: str) -> list[int]:
        """Find the layers of a slot by their source, whatever the user called them."""
        prefix = self.viewer.volumes.slot_prefix(slot)
        return [
            place
            for place, layer in enumerate(layers)
            if any(url.startswith(prefix) for url in source_urls(layer))
        ]

    def _say_notes(self, notes: Sequence[str]) -> None:
        """Say at the bottom of the page what is not as it seems."""
        said = [f"{v.role}: {note}" for v in self._volumes.values() for note in v.notes]
        texts = list(dict.fromkeys((*notes, *said)))
        self.viewer.say("notes", " ".join(texts) or None)
