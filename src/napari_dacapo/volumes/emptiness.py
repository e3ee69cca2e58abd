"""Whether there is anything in an array."""

from __future__ import annotations

from itertools import product
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from napari_dacapo.store.stored_chunks import count_chunks, has_chunks
from napari_dacapo.volumes.metadata import ArrayMetadata, read_metadata

if TYPE_CHECKING:
    from napari_dacapo.volumes.volume import Volume

__all__ = ["is_empty", "stored_share"]

_MOST_CHUNKS = 10_000


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
            if not has_chunks(volume.source.path):
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


def stored_share(volume: Volume) -> tuple[int, int] | None:
    """Return how many of an array's chunks are stored, and how many there could be.

    What is not stored reads as the fill value. Found by listing folders; of
    sharded arrays shards are counted.

    Parameters
    ----------
    volume : Volume
        Any.

    Returns
    -------
    tuple of int, or None
        None if it is no array on disk, if there are more than 10,000 chunks,
        or if its folders cannot be listed.
    """
    if volume.source is None:
        return None
    array = read_metadata(volume.source.path, volume.source.roots)
    if not isinstance(array, ArrayMetadata):
        return None
    sizes = array.files.sizes[::-1] if array.format == "n5" else array.files.sizes
    total = prod(-(-n // size) for n, size in zip(array.shape, sizes, strict=True))
    if total > _MOST_CHUNKS:
        return None
    stored = count_chunks(volume.source.path, total)
    return None if stored is None else (stored, total)
