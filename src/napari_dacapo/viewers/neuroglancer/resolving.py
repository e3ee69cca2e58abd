"""From the layers of a link back to volumes, reading only what the user's settings allow.

A link may be made up by anybody. Its layers say where arrays are and what they
are; the first is followed only into this process, the url map and the store
that the user gave, the second only names things.
"""

from __future__ import annotations

import re
import weakref
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from napari_dacapo.errors import LinkError, NapariDacapoError
from napari_dacapo.viewers.neuroglancer.channels import layer_channel
from napari_dacapo.viewers.neuroglancer.hints import identity_in, named_as
from napari_dacapo.viewers.neuroglancer.layers import source_urls
from napari_dacapo.viewers.neuroglancer.public import local_path
from napari_dacapo.viewers.neuroglancer.stored_inputs import StoredInput, stored_input
from napari_dacapo.volumes import Identity

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from napari_dacapo.runs import Store
    from napari_dacapo.viewers.neuroglancer.server import VolumeServer
    from napari_dacapo.viewers.view_state import LayerState
    from napari_dacapo.volumes import Volume

__all__ = ["Resolver", "apart", "remember_server"]

_SERVED = re.compile(r"https?://[^/]+/[\w-]{43}/[0-9a-f]{20}/[0-9a-f]{20}/")
_SERVERS: weakref.WeakSet[VolumeServer] = weakref.WeakSet()


def remember_server(server: VolumeServer) -> None:
    """Let links into a server of this process be opened in this process."""
    _SERVERS.add(server)


def _is_served(url: str) -> bool:
    """Whether a server of this package, be it gone or elsewhere, gave a source its address."""
    return _SERVED.match(url) is not None


def apart(
    layers: Sequence[tuple[Mapping[str, Any], Volume]],
) -> list[tuple[Mapping[str, Any], Volume]]:
    """Give layers of a link that show the same array places of their own.

    Layers that show channels of one volume stay together.
    """
    volumes: dict[str, Volume] = {}
    taken: dict[str, set[int | None]] = {}
    found = []
    for layer, volume in layers:
        channel, number, identity = layer_channel(layer, volume), 1, volume.identity
        while (there := taken.get(identity.slot)) and (
            channel in there or None in (channel, *there)
        ):
            number += 1
            variant = f"{volume.identity.variant} ({number})".strip()
            identity = replace(volume.identity, variant=variant)
        taken.setdefault(identity.slot, set()).add(channel)
        kept = volumes.setdefault(identity.slot, volume.with_(identity=identity))
        found.append((layer, kept))
    return found


class Resolver:
    """Finds the volumes that layers of a link mean.

    Parameters
    ----------
    url_map : mapping of str to str
        Local folders and their public addresses.
    store : Store, optional
        Where runs are that layers name.
    """

    def __init__(self, url_map: Mapping[str, str], store: Store | None = None) -> None:
        self._url_map = url_map
        self._store = store
        self._stand_ins: dict[int, StoredInput] = {}

    def volume(self, layer: Mapping[str, Any]) -> Volume | None:
        """Return the volume that a layer means; None if it is not of an array.

        Raises
        ------
        LinkError
            If the array is out of reach; says why and what to do.
        """
        if layer.get("type") not in ("image", "segmentation"):
            return None
        urls = source_urls(layer)
        if not urls:
            return None
        for url in urls:
            for server in list(_SERVERS):
                found = server.volume_at(url)
                if found is not None:
                    return found
        identity = identity_in(layer)
        for url in urls:
            path = local_path(url, self._url_map)
            if path is not None:
                return _open(path, identity, layer)
        if self._store is not None and identity is not None and _may_be_stored(identity):
            volume = _from_store(self._store, identity)
            stand_in = None if any(map(_is_served, urls)) else stored_input(volume)
            if stand_in is not None:
                self._stand_ins[id(layer)] = stand_in
            return volume
        raise _out_of_reach(layer, urls[0])

    def restored(
        self,
        looks: Sequence[LayerState],
        layers: Sequence[tuple[Mapping[str, Any], Volume]],
    ) -> tuple[LayerState, ...]:
        """Return looks for what is shown here in the place of stored arrays that were linked."""
        for layer, volume in layers:
            if id(layer) in self._stand_ins:
                looks = self._stand_ins[id(layer)].restore(looks, volume.identity.slot)
        return tuple(looks)


def _may_be_stored(identity: Identity) -> bool:
    """Whether a store may hold what a layer is said to be, or what it is made from."""
    return bool(identity.run) and identity.variant in ("", "stored", "computed", "snapshot")


def _from_store(store: Store, identity: Identity) -> Volume:
    from napari_dacapo.runs.selection import select_volumes

    stored_or_computed: Any = identity.variant or None
    try:
        run = store.run(identity.run)
        if identity.variant == "snapshot":
            volumes, missing = run.snapshot(identity.iteration or 0), []
        else:
            dataset = run.dataset(identity.dataset or None)
            chosen = select_volumes(
                run, dataset, identity.iteration, identity.parameters, stored_or_computed
            )
            volumes, missing = chosen.volumes, chosen.missing
    except (NapariDacapoError, ValueError) as error:
        raise LinkError(f"{_label(identity)} cannot be opened: {error}") from error
    for volume in volumes:
        if volume.identity.role == identity.role:
            return volume
    reasons = [reason for reason in missing if reason.startswith(identity.role)]
    raise LinkError(
        " ".join((f"{_label(identity)} is not in the store {store.label}.", *reasons)),
        todo="Give the store that it was linked from.",
    )


def _open(path: Path, identity: Identity | None, layer: Mapping[str, Any]) -> Volume:
    from napari_dacapo.volumes import open_volume

    labels = layer.get("type") == "segmentation"
    if identity is None:
        name = layer.get("name")
        name = name[:200] if isinstance(name, str) else path.name
        identity = Identity(name, "", "segmentation" if labels else "raw", variant=str(path))
    try:
        volume = open_volume(path, identity=identity, kind="labels" if labels else "image")
        return named_as(layer, volume)
    except NapariDacapoError as error:
        raise LinkError(f"{_label(identity)} cannot be opened: {error}") from error


def _out_of_reach(layer: Mapping[str, Any], url: str) -> LinkError:
    name = layer.get("name")
    label = name if isinstance(name, str) and name else "A layer"
    if url.startswith("python://"):
        return LinkError(f"{label:.200} was in the memory of another process.")
    if url.startswith(("http://127.0.0.1", "http://localhost", "http://[::1]")):
        return LinkError(
            f"{label:.200} is on a server that runs no more, or in another process.",
            todo="Give the store that the run is in.",
        )
    return LinkError(
        f"{label:.200} is at {url!r:.300}, which is in no folder of the url map; it is not "
        "fetched from there.",
        todo="Add its folder to the url map, as /local/folder=address, or give the store.",
    )


def _label(identity: Identity) -> str:
    return identity.label or identity.role
