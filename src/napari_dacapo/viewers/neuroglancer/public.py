"""Arrays at public addresses: what a link for a colleague points to.

The colleague's browser reads the zarr itself, without our server in between:
only arrays whose files it can read as they are can be linked, and their place
in the world is written into the link.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from napari_dacapo.errors import LinkError
from napari_dacapo.viewers.neuroglancer.camera import metres
from napari_dacapo.viewers.neuroglancer.overrides import override_v2, override_v3
from napari_dacapo.viewers.neuroglancer.zarr_metadata import client_axis_names

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from napari_dacapo.viewers.neuroglancer.layers import Json
    from napari_dacapo.volumes import ArraySource, Volume

__all__ = ["local_path", "public_source"]

_SCHEMES = ("https://", "http://", "s3://", "gs://", "s3+https://", "s3+http://")
_MAX_METADATA_BYTES = 2**20
_FILES = {"zarr2": ".zarray", "zarr3": "zarr.json"}


def public_source(volume: Volume, url_for: Callable[[Path], str | None]) -> tuple[list[Json], bool]:
    """Return where everybody can read a volume.

    Parameters
    ----------
    volume : Volume
        Must be an array on disk, as it is.
    url_for : callable
        Returns the public address of a local path, or None.

    Returns
    -------
    sources : list of dict
        Data sources of the layer.
    apart : bool
        Whether the channels of an image lie in chunks of their own, so that a
        shader cannot see them together.

    Raises
    ------
    LinkError
        If the volume has no public address, or the client cannot read it;
        says which and what to do.
    """
    label, source = volume.identity.label, volume.source
    if source is None:
        raise LinkError(
            f"{label} is computed here and has no public address.",
            todo=f"{_without(volume)}, make a live link, or export it to a zarr at a public place.",
        )
    url = url_for(source.path)
    if url is None:
        raise LinkError(
            f"{label} has no public address: {source.path} is in no folder of the url map.",
            todo="Add its folder to the url map, as /local/folder=https://… (or s3://, gs://). Or: "
            f"{_without(volume)}, or make a live link.",
            path=source.path,
        )
    if not url.startswith(_SCHEMES):
        raise LinkError(
            f"The url map gives {label} the address {url}, which neuroglancer cannot read.",
            todo=f"Use one of {', '.join(_SCHEMES)}.",
        )
    apart = _are_channels_apart(volume, source)
    suffix = "zarr3" if source.format == "zarr3" else "zarr2"
    transform = _transform(volume, source, apart)
    return [{"url": f"{url.rstrip('/')}/|{suffix}:", "transform": transform}], apart


def local_path(url: str, url_map: Mapping[str, str]) -> Path | None:
    """Return the local folder behind a data source URL; None if the url map has none.

    The reverse of the url map, for links that come from others: the result
    always lies in a folder of the map, also if links in it lead elsewhere.
    """
    address, _, _ = url.partition("|")
    text = address.removeprefix("zarr://").removeprefix("zarr2://").removeprefix("zarr3://")
    for local, public in sorted(url_map.items(), key=lambda item: -len(item[1])):
        begin = public.rstrip("/")
        if text.rstrip("/") != begin and not text.startswith(begin + "/"):
            continue
        rest = text[len(begin) :]
        inner = unquote(rest).strip("/")
        if "?" in rest or "#" in rest or "\0" in inner:
            continue
        root = os.path.realpath(os.path.expanduser(local))
        path = os.path.realpath(os.path.join(root, inner))
        if path != root and not path.startswith(root.rstrip(os.sep) + os.sep):
            return None
        return Path(path)
    return None


def _are_channels_apart(volume: Volume, source: ArraySource) -> bool:
    """Return whether channels lie in chunks of their own, if the client can read the files."""
    label = volume.identity.label
    if source.format not in _FILES:
        raise LinkError(
            f"{label} is an N5 array, which cannot be put in its place by a link.",
            todo=f"{_without(volume)}, make a live link, or export it to zarr.",
        )
    if volume.dtype.kind == "b" or volume.dtype.name in ("float16", "float64"):
        raise LinkError(
            f"{label} has elements of type {volume.dtype}, which neuroglancer cannot read itself.",
            todo=f"{_without(volume)}, make a live link, or export it as uint8 or float32.",
        )
    stored = _metadata(source)
    override = override_v3 if source.format == "zarr3" else override_v2
    # Signed 64 bits are read as unsigned in zarr v2; other types must be as they are.
    as_is = "uint64" if volume.dtype.name == "int64" and source.format == "zarr2" else None
    dtype = as_is or volume.dtype.name
    channels = [i for i, name in enumerate(client_axis_names(volume)) if name == "c^"]
    if override(stored, volume.shape, dtype, channels) is not None:
        return False
    if channels and override(stored, volume.shape, dtype, ()) is not None:
        return True
    raise LinkError(
        f"{label} is stored in a way that neuroglancer cannot read itself.",
        todo=f"{_without(volume)}, make a live link, or export it to a plain zarr.",
    )


def _without(volume: Volume) -> str:
    """Return how a layer is left out."""
    name = volume.identity.role if volume.identity.dataset else volume.identity.label
    return f"Leave it out (a tick in the dock, without={name!r} in Python, --without {name})"


def _metadata(source: ArraySource) -> dict[str, Any]:
    return _json(source.path / _FILES[source.format]) or {}


def _json(path: Path) -> dict[str, Any] | None:
    try:
        with open(path, "rb") as file:
            stored = json.loads(file.read(_MAX_METADATA_BYTES))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        raise LinkError(f"{path} cannot be read: {error!s:.200}", path=path) from error
    return stored if isinstance(stored, dict) else {}


def _stored_axis_names(source: ArraySource, rank: int) -> list[str]:
    """Return the names that the client gives to an array's axes before we say better ones."""
    if source.format == "zarr3":
        said, prefix = _metadata(source).get("dimension_names"), "dim_"
    else:
        said, prefix = (_json(source.path / ".zattrs") or {}).get("_ARRAY_DIMENSIONS"), "d"
    given = said if isinstance(said, list) and len(said) == rank else [None] * rank
    names: list[str] = []
    for index, name in enumerate(given):
        free, number = (name, 0) if isinstance(name, str) else (f"{prefix}{index}", index)
        while free in names:
            number += 1
            free = f"{name}{number}" if isinstance(name, str) else f"{prefix}{number}"
        names.append(free)
    return names


def _transform(volume: Volume, source: ArraySource, apart: bool) -> Json:
    """Return where the array lies: voxel size, and the corner of its first voxel."""
    names = client_axis_names(volume, channels_apart=apart)
    n_other = len(names) - len(volume.spatial_axes)
    scales: list[list[Any]] = [[1, ""] for _ in range(n_other)]
    scales += [[metres(size), "m"] for size in volume.voxel_size]
    begin = [0.0] * n_other
    begin += [o / v for o, v in zip(volume.offset, volume.voxel_size, strict=True)]
    rank = len(names)
    stored = _stored_axis_names(source, rank)
    return {
        "outputDimensions": dict(zip(names, scales, strict=True)),
        # By name, and with the voxel size: the client takes stored voxels for units of 1.
        "inputDimensions": dict(zip(stored, scales, strict=True)),
        "matrix": [[float(i == j) for j in range(rank)] + [begin[i]] for i in range(rank)],
    }
