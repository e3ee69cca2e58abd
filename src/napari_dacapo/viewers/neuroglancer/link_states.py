"""The states that links carry: of arrays served here, and of arrays at public addresses."""

from __future__ import annotations

import copy
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
from napari_dacapo.viewers.neuroglancer.stored_inputs import StoredInput, stored_input

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from napari_dacapo.viewers.neuroglancer.server import VolumeServer
    from napari_dacapo.viewers.neuroglancer.shown import Shown
    from napari_dacapo.viewers.view_state import LayerState
    from napari_dacapo.volumes import Volume

__all__ = ["live_state", "static_state"]


@dataclass(frozen=True, slots=True)
class _Linked:
    """A volume as it is linked.

    Attributes
    ----------
    volume : Volume
        What the client reads.
    sources : list of dict
        Where it reads it.
    apart : bool
        Whether it cannot see the channels of an image together.
    stands_for : StoredInput or None
        Why it is another one than what is shown here.
    """

    volume: Volume
    sources: list[Json]
    apart: bool = False
    stands_for: StoredInput | None = None

    def adapt(self, looks: Sequence[LayerState]) -> tuple[LayerState, ...]:
        """Return looks that are meant for what is linked."""
        return tuple(looks) if self.stands_for is None else self.stands_for.adapt(looks)


def live_state(shown: Shown, server: VolumeServer) -> Json:
    """Return a state whose layers are read from a server of this process."""
    linked = {
        volume.identity.slot: _Linked(volume, layer_sources(volume, server))
        for volume in shown.volumes
    }
    return _state(shown, linked, None)


def static_state(
    shown: Shown, url_map: Mapping[str, str], *, skip_private: bool = False
) -> tuple[Json, tuple[str, ...]]:
    """Return a state whose layers are read from public addresses.

    Parameters
    ----------
    shown : Shown
        What is linked.
    url_map : mapping of str to str
        Local folders and their public addresses.
    skip_private : bool
        Whether to leave out what has no public address, or cannot be read
        there.

    Returns
    -------
    state : dict
        Holds nothing of this machine but what the url map makes public.
    notes : tuple of str
        What is different from what is shown here.

    Raises
    ------
    LinkError
        If a layer has no public address, or neuroglancer cannot read it, and
        is not to be left out; or if none is left.
    """
    options = Options(runs_base_dir=Path(), url_map=dict(url_map))
    notes: list[str] = []
    refused: list[LinkError] = []
    linked: dict[str, _Linked] = {}
    for volume in shown.volumes:
        found = stored_input(volume) if volume.source is None else None
        public = volume if found is None else found.volume
        try:
            sources, apart = public_source(public, options.url_for)
        except LinkError as error:
            refused.append(error)
            continue
        linked[volume.identity.slot] = _Linked(public, sources, apart, found)
        notes += [found.note] if found is not None and found.note else []
    if refused and not (skip_private and linked):
        reasons = " ".join(dict.fromkeys(error.message for error in refused))
        raise LinkError(reasons, todo=refused[0].todo)
    notes = [f"Left out: {error.message}" for error in refused] + notes
    state = _state(shown, linked, notes if skip_private else None)
    for layer in state["layers"]:
        _forget_store(layer)
    return state, tuple(notes)


def _state(shown: Shown, linked: Mapping[str, _Linked], notes: list[str] | None) -> Json:
    """Return the state of a link; what cannot be linked is noted, or refused without notes."""
    if shown.state is not None:
        layers = _layers_of_page(shown, shown.state, linked, notes)
        return {**shown.state, "layers": layers}
    view = shown.view
    if view is not None:
        for one in linked.values():
            view = replace(view, layers=one.adapt(view.layers))
    return new_state(
        [
            linked[volume.identity.slot].volume
            for volume in shown.volumes
            if volume.identity.slot in linked
        ],
        lambda volume: linked[volume.identity.slot].sources,
        apart=lambda volume: linked[volume.identity.slot].apart,
        view=view,
    )


def _layers_of_page(
    shown: Shown, state: Mapping[str, Any], linked: Mapping[str, _Linked], notes: list[str] | None
) -> list[Json]:
    ours = {id(layer): volume for layer, volume in shown.layers}
    looks = [look for layer, volume in shown.layers for look in layer_states(layer, volume)]
    layers: list[Json] = []
    rewritten: set[str] = set()
    for old in state.get("layers", ()):
        volume = ours.get(id(old))
        if volume is None:
            if any(url.startswith("python://") for url in source_urls(old)):
                reason = f"{old.get('name')} is in the memory of this process and cannot be linked."
                if notes is None:
                    raise LinkError(
                        reason, todo="Remove the layer, or save the array to a zarr first."
                    )
                notes.append(f"Left out: {reason}")
                continue
            layers.append(copy.deepcopy(old))
            continue
        slot = volume.identity.slot
        one = linked.get(slot)
        if one is None or slot in rewritten:
            continue
        if one.apart or one.stands_for is not None:
            # Elements or channels are others than those that the layer is written for.
            rewritten.add(slot)
            layers += volume_layers(one.volume, one.sources, one.adapt(looks), apart=one.apart)
            continue
        layer = copy.deepcopy(old)
        layer["source"] = one.sources
        name_volume(layer, volume)
        layers.append(layer)
    return layers


def _forget_store(layer: Json) -> None:
    """Where a store lies on this machine is nobody's business elsewhere."""
    identity = read_hints(layer).get("identity")
    if isinstance(identity, dict):
        write_hints(layer, identity=identity | {"store": ""})
