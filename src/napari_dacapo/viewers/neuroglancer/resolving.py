"""From the layers of a link back to volumes, reading only what the user's settings allow.

A link may be made up by anybody. Its layers say where arrays are and what they
are; the first is followed only into this process, the url map and the store
that the user gave, the second only names things.
"""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any, get_args

from napari_dacapo.errors import LinkError, NapariDacapoError
from napari_dacapo.viewers.neuroglancer.layer_states import HINTS
from napari_dacapo.viewers.neuroglancer.layers import source_urls
from napari_dacapo.viewers.neuroglancer.public import local_path
from napari_dacapo.volumes import Identity, Role

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from napari_dacapo.runs import Store
    from napari_dacapo.viewers.neuroglancer.server import VolumeServer
    from napari_dacapo.volumes import Volume

__all__ = ["Resolver", "remember_server", "with_identity"]

_TEXTS = ("run", "dataset", "variant", "store")
_MAX_TEXT = 4096

_SERVERS: weakref.WeakSet[VolumeServer] = weakref.WeakSet()


def remember_server(server: VolumeServer) -> None:
    """Let links into a server of this process be opened in this process."""
    _SERVERS.add(server)


def with_identity(layer: dict[str, Any], volume: Volume) -> None:
    """Write into a layer what it shows, for whoever opens the link with this package."""
    hints = layer.get(HINTS)
    kept = hints if isinstance(hints, dict) else {}
    layer[HINTS] = {**kept, "identity": volume.identity.as_dict()}


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
        identity = _identity(layer)
        for url in urls:
            path = local_path(url, self._url_map)
            if path is not None:
                return _open(path, identity, layer)
        found = self._from_store(identity)
        if found is not None:
            return found
        raise _out_of_reach(layer, urls[0])

    def _from_store(self, identity: Identity | None) -> Volume | None:
        if self._store is None or identity is None or not identity.run:
            return None
        try:
            run = self._store.run(identity.run)
            computed = identity.variant == "computed"
            volumes = run.volumes(
                dataset=identity.dataset or None,
                iteration=identity.iteration,
                parameters=identity.parameters,
                segmentation="computed" if computed else None,
            )
        except NapariDacapoError as error:
            raise LinkError(f"{_label(identity)} cannot be opened: {error}") from error
        same = [volume for volume in volumes if volume.identity.role == identity.role]
        return same[0] if same else None


def _open(path: Path, identity: Identity | None, layer: Mapping[str, Any]) -> Volume:
    from napari_dacapo.volumes import open_volume

    labels = layer.get("type") == "segmentation"
    if identity is None:
        name = layer.get("name")
        name = name[:200] if isinstance(name, str) else path.name
        identity = Identity(name, "", "segmentation" if labels else "raw", variant=str(path))
    try:
        return open_volume(path, identity=identity, kind="labels" if labels else "image")
    except NapariDacapoError as error:
        raise LinkError(f"{_label(identity)} cannot be opened: {error}") from error


def _identity(layer: Mapping[str, Any]) -> Identity | None:
    """Read what a layer is said to be; nothing that is said here is opened as a path."""
    hints = layer.get(HINTS)
    said = hints.get("identity") if isinstance(hints, dict) else None
    if not isinstance(said, dict):
        return None
    texts = {key: said.get(key) for key in _TEXTS}
    if not all(isinstance(text, str) and len(text) <= _MAX_TEXT for text in texts.values()):
        return None
    iteration, parameters, role = said.get("iteration"), said.get("parameters"), said.get("role")
    if role not in get_args(Role):
        return None
    if isinstance(iteration, bool) or not isinstance(iteration, int | None):
        return None
    if not isinstance(parameters, str | None) or len(parameters or "") > _MAX_TEXT:
        return None
    return Identity(role=role, iteration=iteration, parameters=parameters, **texts)  # type: ignore[arg-type]


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
