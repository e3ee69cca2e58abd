"""Metadata of arrays on disk: read with suspicion, checked before use.

Whoever wrote the files may have been careless or hostile: sizes are checked
before anything is allocated, codecs before any of them runs, and nothing
that is not a regular file inside the allowed folders is opened.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from napari_dacapo.errors import ArrayFormatError, BrokenFileError
from napari_dacapo.store.paths import Roots, read_file
from napari_dacapo.volumes.array_metadata import ArrayMetadata, GroupMetadata
from napari_dacapo.volumes.metadata_formats import n5_array, zarr2_array, zarr3_array

__all__ = ["ArrayMetadata", "GroupMetadata", "read_attributes", "read_metadata"]

_METADATA_BYTES = 2**25


def read_metadata(folder: Path, roots: Roots | None = None) -> ArrayMetadata | GroupMetadata | None:
    """Read the metadata of an array or a group.

    Parameters
    ----------
    folder : Path
        Where ``.zarray``, ``zarr.json`` or ``attributes.json`` may lie.
    roots : Roots, optional
        Where links may lead; by default nowhere out of the folder.

    Returns
    -------
    ArrayMetadata, GroupMetadata or None
        None if there is no folder. A folder without any metadata counts as a
        group: DaCapo writes none for the groups of its containers.

    Raises
    ------
    BrokenFileError
        If a file is torn, is not JSON, is no regular file, or is too large.
    UnsafeFileError
        If a file is a link that leads out of the allowed folders.
    ArrayFormatError
        If it makes no sense: negative or absurd sizes, wrong types.
    UnsupportedError
        If elements are not numbers or are coded in an unknown or unsafe way.
    """

    def read(name: str) -> dict[str, Any] | None:
        return _read_json(folder / name, roots)

    if (zarray := read(".zarray")) is not None:
        return zarr2_array(folder, zarray, read(".zattrs") or {})
    if (zarr3 := read("zarr.json")) is not None:
        if zarr3.get("node_type") == "array":
            return zarr3_array(folder, zarr3)
        attributes = zarr3.get("attributes")
        return GroupMetadata(folder, attributes if isinstance(attributes, dict) else {})
    if (n5 := read("attributes.json")) is not None:
        return n5_array(folder, n5) if "dimensions" in n5 else GroupMetadata(folder, n5)
    if not folder.is_dir():
        return None
    return GroupMetadata(folder, read(".zattrs") or {})


def read_attributes(folder: Path, roots: Roots | None = None) -> dict[str, Any]:
    """Return the attributes of an array or group; empty if there are none."""
    found = read_metadata(folder, roots)
    return found.attributes if found is not None else {}


def _read_json(path: Path, roots: Roots | None) -> dict[str, Any] | None:
    try:
        content = read_file(_target(path, roots), _METADATA_BYTES, follow_links=False)
    except FileNotFoundError:
        return None
    try:
        value = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise BrokenFileError(
            f"{path} is not valid JSON: {error}.",
            todo="If it is being written just now, try again later.",
            path=path,
        ) from error
    if not isinstance(value, dict):
        raise ArrayFormatError(f"{path} holds no JSON object.", path=path)
    return value


def _target(path: Path, roots: Roots | None) -> Path:
    """Return where a file really is; links are followed into allowed folders only."""
    if not os.path.islink(path):
        return path
    allowed = Roots([path.parent]) if roots is None else roots
    return Path(os.path.realpath(allowed.check(path)))
