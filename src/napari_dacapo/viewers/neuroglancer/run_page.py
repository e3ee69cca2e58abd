"""The page of a run: all its validation datasets, one of them visible.

Nothing is read here and nobody waits for a disk: volumes come opened. So all
of it may be called from the thread that follows the run, from the user's, and
from the server's (a key on the page), in turns.
"""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any, get_args

from napari_dacapo.errors import ArrayNotFoundError
from napari_dacapo.viewers.neuroglancer.backend import NeuroglancerBackend
from napari_dacapo.viewers.neuroglancer.camera import first_camera
from napari_dacapo.viewers.neuroglancer.run_contents import DatasetContents
from napari_dacapo.volumes import Identity, Role, Volume
from napari_dacapo.volumes.any_array import as_volume
from napari_dacapo.volumes.sampling import sampled_range

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from napari_dacapo.viewers.neuroglancer.layers import Json

__all__ = ["RunPage"]

_SWITCH_KEY, _SWITCH_ACTION = "shift+keyd", "next-dataset"
_LABELS = ("gt", "segmentation")


class RunPage:
    """Shows what was read of a run's datasets, in a viewer that may come and go.

    Parameters
    ----------
    run : str
        Name of the run.
    store : str
        Where it is stored, as in the identities of its volumes.
    datasets : sequence of str
        Names of its validation datasets.
    visible : str
        The one that is visible first.
    bind_address, bind_port
        See :class:`NeuroglancerBackend`.

    Attributes
    ----------
    datasets : tuple of str
        As given.
    visible : str
        Name of the visible one.
    contents : dict of str to DatasetContents
        What is shown of each.
    on_switch : callable or None
        Called after another dataset became the visible one.
    """

    def __init__(
        self,
        run: str,
        store: str,
        datasets: Sequence[str],
        visible: str,
        *,
        bind_address: str = "127.0.0.1",
        bind_port: int = 0,
    ) -> None:
        self.datasets = tuple(datasets)
        self.visible = visible
        self.contents: dict[str, DatasetContents] = {}
        self.on_switch: Callable[[], None] | None = None
        self._run, self._store = run, store
        self._address = (bind_address, bind_port)
        self._backend: NeuroglancerBackend | None = None
        self._hidden_by_user: set[str] = set()
        self._lock = threading.RLock()

    @property
    def viewer(self) -> Any:
        """The neuroglancer viewer; None before the page is started and after it is closed."""
        backend = self._backend
        return None if backend is None else backend.viewer

    def start(self) -> None:
        """Serve the page and show what is there; does nothing if that is so already."""
        with self._lock:
            if self._backend is not None:
                return
            address, port = self._address
            backend = NeuroglancerBackend(bind_address=address, bind_port=port, title=self._run)
            if len(self.datasets) > 1:
                backend.viewer.actions.add(_SWITCH_ACTION, lambda _: self.switch(self._next()))
                with backend.viewer.config_state.txn() as config:
                    config.input_event_bindings.viewer[_SWITCH_KEY] = _SWITCH_ACTION
            self._backend = backend
            self.update(self.contents)

    def close(self) -> None:
        """End the page; safe to call twice and from any thread."""
        with self._lock:
            backend, self._backend = self._backend, None
        # The server's thread may be waiting for the lock: it has to be free.
        if backend is not None:
            backend.close()

    def update(self, contents: Mapping[str, DatasetContents], *, inputs: bool = True) -> None:
        """Show what was read; layers of which nothing has changed are not touched.

        Parameters
        ----------
        contents : mapping of str to DatasetContents
            By the name of the dataset.
        inputs : bool
            Whether raw and gt are exchanged, too.
        """
        with self._lock:
            self.contents.update(contents)
            backend = self._backend
            if backend is None:
                return
            before = {volume.identity.slot: volume for volume in backend.shown()}
            wanted = [
                volume
                for name in self.datasets
                if (shown := self.contents.get(name)) is not None
                for volume in (shown.volumes if inputs else shown.outputs)
            ]
            changed = [v for v in wanted if not _same(before.get(v.identity.slot), v)]
            slots = {volume.identity.slot for volume in wanted}
            # What is no longer stored must not stay on screen under a new title.
            backend.remove(
                slot
                for slot, volume in before.items()
                # What has an iteration was read from the run, not handed over by the user.
                if slot not in slots and volume.identity.iteration is not None
            )
            backend.show(changed, notes=self._notes())
            new = slots - before.keys()
            if not before and wanted:
                backend.viewer.change(lambda state: self._seen(self._only_visible(state, new)))
            elif new:
                backend.viewer.change(lambda state: self._only_visible(state, new))

    def switch(self, dataset: str) -> None:
        """Make a dataset the visible one, and go to its middle.

        What the user has hidden of a dataset is hidden when he comes back.
        """
        with self._lock:
            backend, before = self._backend, self.visible
            self.visible = dataset
            if backend is None or dataset == before:
                return
            for layer, volume in backend.shown_state()[1]:
                if volume.identity.dataset == before:
                    hidden = layer.get("visible", True) is False
                    (self._hidden_by_user.add if hidden else self._hidden_by_user.discard)(
                        volume.identity.slot
                    )
            slots = {volume.identity.slot for volume in backend.shown()}
            backend.viewer.change(lambda state: self._seen(self._only_visible(state, slots)))
            backend.show((), notes=self._notes())
        if self.on_switch is not None:
            self.on_switch()

    def show_array(self, layer_name: str, array: Any) -> None:
        """Show an array in a layer; its look, and all other layers, stay as they are.

        Parameters
        ----------
        layer_name : str
            Name of a layer, or raw, gt, prediction or segmentation for that
            of the visible dataset; if there is none, it is added.
        array : Volume or array
            See :func:`napari_dacapo.volumes.any_array.as_volume`.

        Raises
        ------
        ArrayNotFoundError
            If its files are gone.
        ValueError
            If it is no array that can be shown there.
        """
        # Before anybody has to wait: opening reads metadata, and a sample.
        volume = as_volume(array, layer_name, kind="labels" if layer_name in _LABELS else None)
        if volume.source is not None and not volume.source.path.exists():
            raise ArrayNotFoundError(
                f"{layer_name}: {volume.source.path} does not exist.", path=volume.source.path
            )
        found, why = sampled_range(volume)
        volume = volume if found is None else volume.with_(value_range=found)
        volume = volume.with_notes(why) if why else volume
        is_role = layer_name in get_args(Role)
        with self._lock:
            self.start()
            backend = self._backend
            assert backend is not None
            before = self._find(layer_name)
            if before is not None:
                volume = as_volume(volume, layer_name, kind=before.kind)
                identity = replace(before.identity, iteration=None, parameters=None)
            else:
                role, variant = (layer_name, "") if is_role else (volume.role, layer_name)
                dataset = self.visible
                identity = Identity(self._run, dataset, role, variant=variant, store=self._store)  # type: ignore[arg-type]
            backend.show([volume.with_(identity=identity)], notes=self._notes())
            if before is None and not is_role:
                backend.viewer.change(lambda state: self._renamed(state, identity.slot, layer_name))

    def say(self, key: str, text: str | None) -> None:
        """Say something at the bottom of the page, or no longer."""
        with self._lock:
            if self._backend is not None:
                self._backend.viewer.say(key, text)

    def set_title(self, title: str) -> None:
        """Say in the browser's tab what is shown."""
        with self._lock:
            if self._backend is not None:
                self._backend.set_title(title)

    def _next(self) -> str:
        place = self.datasets.index(self.visible)
        return self.datasets[(place + 1) % len(self.datasets)]

    def _notes(self) -> list[str]:
        n = len(self.datasets)
        notes = []
        if n > 1:
            place = self.datasets.index(self.visible) + 1
            notes.append(f"Dataset {place} of {n}: {self.visible} (Shift+D: the next one).")
        return [*notes, *self.contents.get(self.visible, DatasetContents()).missing]

    def _find(self, layer_name: str) -> Volume | None:
        assert self._backend is not None
        _, shown = self._backend.shown_state()
        named = [volume for layer, volume in shown if layer.get("name") == layer_name]
        in_role = [
            volume
            for _, volume in shown
            if volume.role == layer_name
            and volume.identity.dataset == self.visible
            and not volume.identity.variant_slot
        ]
        return next(iter([*named, *in_role]), None)

    def _renamed(self, state: Json, slot: str, name: str) -> Json:
        assert self._backend is not None
        ours = {id(layer): v for layer, v in self._backend.shown_in(state)}
        layers = []
        for layer in state["layers"]:
            volume = ours.get(id(layer))
            if volume is not None and volume.identity.slot == slot:
                # Of several channels, each layer goes on saying which one it is.
                new = str(layer["name"]).replace(volume.identity.label, name, 1)
                layer = {**layer, "name": new}
            layers.append(layer)
        return {**state, "layers": layers}

    def _only_visible(self, state: Json, slots: Iterable[str]) -> Json:
        """Return a state in which of some slots those of the visible dataset are visible."""
        assert self._backend is not None
        volumes = {id(layer): volume for layer, volume in self._backend.shown_in(state)}
        layers = []
        for layer in state.get("layers", ()):
            volume = volumes.get(id(layer))
            if volume is not None and volume.identity.slot in slots:
                layer = {k: v for k, v in layer.items() if k != "visible"}
                hidden = volume.identity.slot in self._hidden_by_user
                if hidden or volume.identity.dataset != self.visible:
                    layer["visible"] = False
            layers.append(layer)
        return {**state, "layers": layers}

    def _seen(self, state: Json) -> Json:
        """Return a state that looks at the middle of the visible dataset."""
        volumes = self.contents.get(self.visible, DatasetContents()).volumes
        if not volumes:
            return state
        camera = first_camera(volumes)
        if state.get("dimensions") == camera["dimensions"]:
            return {**state, "position": camera["position"]}
        return {**state, **camera}


def _same(old: Volume | None, new: Volume) -> bool:
    return old is not None and (old.key, old.revision) == (new.key, new.revision)
