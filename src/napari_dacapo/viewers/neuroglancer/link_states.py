"""What is to be linked, and the state that a link to it carries."""

from __future__ import annotations

import copy
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_dacapo.errors import LinkError
from napari_dacapo.options import Options
from napari_dacapo.viewers.neuroglancer.hints import name_volume, read_hints, write_hints
from napari_dacapo.viewers.neuroglancer.layer_states import layer_states
from napari_dacapo.viewers.neuroglancer.layers import Json, layer_sources, source_urls
from napari_dacapo.viewers.neuroglancer.public import public_source
from napari_dacapo.viewers.neuroglancer.states import new_state, volume_layers
from napari_dacapo.viewers.neuroglancer.stored_inputs import stored_input
from napari_dacapo.volumes import Volume

if TYPE_CHECKING:
    from napari_dacapo.runs import Store
    from napari_dacapo.viewers.neuroglancer.server import VolumeServer
    from napari_dacapo.viewers.view_state import ViewState

__all__ = ["Shown", "live_state", "static_state", "what_is_shown"]


@dataclass(frozen=True, slots=True)
class Shown:
    """What is to be linked.

    Attributes
    ----------
    volumes : sequence of Volume
        From the bottom to the top.
    view : ViewState or None
        Camera and looks; None for how volumes look at first.
    notes : tuple of str
        What is left out.
    state : mapping or None
        The state of a neuroglancer viewer, if that is what is linked.
    layers : sequence of (layer, Volume)
        The layers of that state that show volumes of ours.
    """

    volumes: Sequence[Volume]
    view: ViewState | None = None
    notes: tuple[str, ...] = ()
    state: Mapping[str, Any] | None = None
    layers: Sequence[tuple[Mapping[str, Any], Volume]] = ()


def what_is_shown(given: Any) -> Shown:
    """Return what a viewer shows, or what layers or volumes are.

    Raises
    ------
    LinkError
        If it is something else.
    """
    if hasattr(given, "shown_state"):
        state, layers = given.shown_state()
        return Shown([volume for _, volume in layers], state=state, layers=layers)
    if hasattr(given, "layers") and hasattr(given, "dims"):
        return _of_napari(given)
    if isinstance(given, Volume) or not isinstance(given, Sequence | Mapping):
        given = [given]
    things = list(given)
    if all(isinstance(thing, Volume) for thing in things):
        return Shown(things)
    return _of_layers(things)


def live_state(shown: Shown, server: VolumeServer) -> Json:
    """Return a state whose layers are read from a server of this process."""
    sources = {volume.identity.slot: layer_sources(volume, server) for volume in shown.volumes}
    return _state(shown, shown.volumes, sources)


def static_state(
    shown: Shown, url_map: Mapping[str, str], store: Store | None = None
) -> tuple[Json, tuple[str, ...]]:
    """Return a state whose layers are read from public addresses.

    Parameters
    ----------
    shown : Shown
        What is linked.
    url_map : mapping of str to str
        Local folders and their public addresses.
    store : Store, optional
        Where the runs are.

    Returns
    -------
    state : dict
        Holds nothing of this machine but what the url map makes public.
    notes : tuple of str
        What is different from what is shown here.

    Raises
    ------
    LinkError
        If a layer has no public address, or neuroglancer cannot read it.
    """
    options = Options(runs_base_dir=Path(), url_map=dict(url_map))
    view, notes = shown.view, []
    seen: list[Volume] = []
    refused: list[LinkError] = []
    sources: dict[str, list[Json]] = {}
    apart: set[str] = set()
    for volume in shown.volumes:
        public = volume
        found = stored_input(volume, store) if volume.source is None else None
        if found is not None and shown.state is None:
            public = found.volume
            view = view if view is None else found.adapt(view)
            notes += [found.note] if found.note else []
        slot = volume.identity.slot
        try:
            sources[slot], is_apart = public_source(public, options.url_for)
            apart |= {slot} if is_apart else set()
        except LinkError as error:
            refused.append(error)
        seen.append(public)
    if refused:
        reasons = " ".join(dict.fromkeys(error.message for error in refused))
        raise LinkError(reasons, todo=refused[0].todo)
    state = _state(replace(shown, view=view), seen, sources, apart)
    for layer in state["layers"]:
        _forget_store(layer)
    return state, tuple(notes)


def _of_napari(viewer: Any) -> Shown:
    from napari_dacapo.viewers.napari.view_state import get_view
    from napari_dacapo.viewers.neuroglancer.from_napari import layer_volumes, with_slots

    volumes, notes = layer_volumes(viewer.layers)
    return Shown(volumes, with_slots(get_view(viewer), volumes), notes)


def _of_layers(layers: Sequence[Any]) -> Shown:
    from napari.layers import Layer

    from napari_dacapo.viewers.neuroglancer.from_napari import layer_volumes

    if not all(isinstance(layer, Layer) for layer in layers):
        kinds = ", ".join(sorted({type(layer).__name__ for layer in layers}))
        raise LinkError(
            f"A link cannot be made of {kinds}.",
            todo="Give a viewer, napari layers, or Volumes.",
        )
    volumes, notes = layer_volumes(layers)
    return Shown(volumes, None, notes)


def _state(
    shown: Shown,
    volumes: Sequence[Volume],
    sources: Mapping[str, list[Json]],
    apart: Collection[str] = (),
) -> Json:
    if shown.state is None:
        return new_state(
            volumes,
            lambda volume: sources[volume.identity.slot],
            apart=lambda volume: volume.identity.slot in apart,
            view=shown.view,
        )
    ours = {id(layer): volume for layer, volume in shown.layers}
    layers: list[Json] = []
    for old in shown.state.get("layers", ()):
        layer = copy.deepcopy(old)
        known = ours.get(id(old))
        if known is not None and known.identity.slot in apart:
            looks = layer_states(old, known)
            layers += volume_layers(known, sources[known.identity.slot], looks, apart=True)
            continue
        if known is not None:
            layer["source"] = sources[known.identity.slot]
            name_volume(layer, known)
        elif any(url.startswith("python://") for url in source_urls(layer)):
            raise LinkError(
                f"{layer.get('name')} is in the memory of this process and cannot be linked.",
                todo="Remove the layer, or save the array to a zarr first.",
            )
        layers.append(layer)
    return {**shown.state, "layers": layers}


def _forget_store(layer: Json) -> None:
    """Where a store lies on this machine is nobody's business elsewhere."""
    identity = read_hints(layer).get("identity")
    if isinstance(identity, dict):
        write_hints(layer, identity=identity | {"store": ""})
