"""Whether there is anything in an array."""

from __future__ import annotations

import os
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from napari_dacapo.volumes.metadata import ArrayMetadata, read_metadata
from napari_dacapo.volumes.revision import METADATA_NAMES

if TYPE_CHECKING:
    from pathlib import Path

    from napari_dacapo.volumes.volume import Volume

__all__ = ["is_empty"]

_SEARCHED_FOLDERS = 10_000


def is_empty(volume: Volume, *, read: bool = False) -> bool | None:
    """Tell whether a volume is zero everywhere.

    DaCapo's stored masks often are: its threshold does not fit its
    predictions. Such an array has no chunks on disk, which shows without
    reading.

    Parameters
    ----------
    volume : Volume
        Any.
    read : bool
        Whether to read elements where the files do not tell, block by block
        until one is not zero. Not on the main thread.

    Returns
    -------
    bool or None
        None if it cannot be known without reading.

    Raises
    ------
    ArrayFormatError, BrokenFileError
        If the array cannot be read.
    """
    if 0 in volume.shape:
        return True
    if volume.source is not None:
        array = read_metadata(volume.source.path, volume.source.roots)
        # Zarr leaves a missing chunk at its fill value; null leaves it open, and reads as zero.
        if isinstance(array, ArrayMetadata) and array.fill_value in (0, None, False, "0"):
            if not _has_chunks(volume.source.path):
                return True
    if not read:
        return None
    data = volume.data
    ends = [np.cumsum((0, *sizes)) for sizes in data.chunks]
    for block in product(*(range(len(sizes)) for sizes in data.chunks)):
        part = tuple(
            slice(int(end[i]), int(end[i + 1])) for end, i in zip(ends, block, strict=True)
        )
        if np.any(np.asarray(data[part])):
            return False
    return True


def _has_chunks(folder: Path) -> bool:
    """Tell whether there is any file but metadata; True if that takes too long to find out."""
    queue = [str(folder)]
    for _ in range(_SEARCHED_FOLDERS):
        if not queue:
            return False
        with os.scandir(queue.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    queue.append(entry.path)
                elif entry.name not in METADATA_NAMES and not entry.name.startswith(".nfs"):
                    return True
    return True
