"""How much is read at once: what metadata claim is checked before it is believed."""

from __future__ import annotations

import os
from math import prod
from typing import TYPE_CHECKING

from napari_dacapo.errors import ArrayFormatError, ArrayTooLargeError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["check_channels", "check_chunks", "check_decoding", "check_memory", "count_chunks"]

_CHECK_ABOVE = 2**28
_MOST_CHUNKS = 2**20
_MOST_CHANNELS = 4096
_CORES = os.cpu_count() or 1


def check_memory(n_bytes: int, what: str) -> None:
    """Refuse to read more at once than there is free memory.

    Raises
    ------
    ArrayTooLargeError
        Before anything is allocated.
    """
    if n_bytes <= _CHECK_ABOVE:
        return
    import psutil

    free = psutil.virtual_memory().available
    if n_bytes > free:
        raise ArrayTooLargeError(
            f"{what or 'The array'} would need {n_bytes / 2**30:.0f} GiB at once, "
            f"but {free / 2**30:.0f} GiB are free.",
            todo="Look at a part of it, or check that its metadata is right.",
            path=what or None,
        )


def check_channels(n_channels: int, what: str) -> None:
    """Refuse more channels than can be told apart: each has a name and a colour.

    Raises
    ------
    ArrayFormatError
        If there are none, or too many.
    """
    if not 0 < n_channels <= _MOST_CHANNELS:
        raise ArrayFormatError(
            f"{what or 'The array'}: {n_channels} channels make no sense.",
            todo="If they are something else, the array's axis_names are wrong.",
            path=what or None,
        )


def check_chunks(n_chunks: int, what: str) -> None:
    """Refuse to look for more chunks at once than anyone can wait for.

    Raises
    ------
    ArrayFormatError
        Before any is looked for.
    """
    if n_chunks > _MOST_CHUNKS:
        raise ArrayFormatError(
            f"{what or 'The array'}: {n_chunks:,} chunks would have to be read at once.",
            todo="Look at a part of it, or check that its metadata is right.",
            path=what or None,
        )


def check_decoding(n_chunks: int, chunk_bytes: int, result_bytes: int, what: str) -> None:
    """Refuse chunks that, as many as are decoded at the same time, do not fit into free memory.

    Parameters
    ----------
    n_chunks : int
        That are read for a result.
    chunk_bytes, result_bytes : int
        Decoded size of a chunk, and of what is wanted of them.
    what : str
        What to call the array in messages.

    Raises
    ------
    ArrayFormatError
        Before any is read.
    """
    check_chunks(n_chunks, what)
    check_memory(min(n_chunks, _CORES) * chunk_bytes + result_bytes, what)


def count_chunks(index: Sequence[int | slice], chunks: Sequence[int]) -> int:
    """Return how many chunks a part of an array touches.

    Parameters
    ----------
    index : sequence of int and slice
        One entry per axis, within bounds, steps positive.
    chunks : sequence of int
        Their size along each axis.
    """
    return prod(_along(entry, size) for entry, size in zip(index, chunks, strict=True))


def _along(entry: int | slice, size: int) -> int:
    if isinstance(entry, int):
        return 1
    places = range(entry.start, entry.stop, entry.step or 1)
    if not places:
        return 0
    if places.step > size:
        return len(places)
    return places[-1] // size - places[0] // size + 1
