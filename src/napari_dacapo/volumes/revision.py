"""A cheap fingerprint of an array on disk: changes when the array may have changed."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from napari_dacapo.errors import BrokenFileError

if TYPE_CHECKING:
    from napari_dacapo.store.paths import Roots

__all__ = ["revision_of"]

_METADATA_NAMES = frozenset(
    {".zarray", ".zattrs", ".zgroup", ".zmetadata", "zarr.json", "attributes.json"}
)
_MAX_STATS = 256


def revision_of(path: Path, roots: Roots | None = None) -> str:
    """Fingerprint an array by size and mtime, without reading any element.

    Looks at the metadata files and the listing of folders and chunks, level
    by level, up to a fixed number of files: enough for the arrays that a run
    rewrites, and cheap for volumes of any size.

    Parameters
    ----------
    path : Path
        Folder of an array, or a file.
    roots : Roots, optional
        Where links among the files may lead; by default anywhere. What lies in
        folders that are links is not looked at.

    Returns
    -------
    str
        Equal as long as nothing that was looked at has changed.

    Raises
    ------
    BrokenFileError
        If something among the chunks is neither file nor folder: reading a
        pipe would block for ever.
    UnsafeFileError
        If a link leads out of the allowed folders.
    """
    digest = hashlib.blake2b(digest_size=8)
    left = _MAX_STATS
    queue = [str(path)]
    while queue and left > 0:
        place = queue.pop(0)
        is_link = place != str(path) and os.path.islink(place)
        if is_link and roots is not None:
            roots.check(Path(place))
        try:
            status = os.stat(place)
        except OSError:
            continue
        left -= 1
        digest.update(f"{place}\0{status.st_size}\0{status.st_mtime_ns}\0".encode(errors="replace"))
        if stat.S_ISDIR(status.st_mode):
            if is_link:
                continue
            queue += _children(place, limit=left)
        elif not stat.S_ISREG(status.st_mode):
            raise BrokenFileError(f"{place} is neither a file nor a folder.", path=place)
    return digest.hexdigest()


def _children(folder: str, limit: int) -> list[str]:
    """Return what a folder holds, metadata first; no more than ``limit``."""
    try:
        with os.scandir(folder) as entries:
            names = sorted(entry.name for entry in entries)
    except OSError:
        return []
    names.sort(key=lambda name: name not in _METADATA_NAMES)
    return [os.path.join(folder, name) for name in names[:limit]]
