"""What Blosc chunks say of the size that they will have, read before they are decoded.

Four kilobytes can claim to be two gigabytes, and the decoder makes room for
them before it finds out that an array's chunks are of another size.
"""

from __future__ import annotations

import os
from itertools import product
from typing import TYPE_CHECKING

from napari_dacapo.errors import BrokenFileError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from napari_dacapo.volumes.array_metadata import BloscPlace

__all__ = ["check_file", "claimed_bytes"]

_HEADER_BYTES = 16
_POSITION_BYTES = 16
# Checksums are compressed along with the elements.
_MORE_BYTES = 64


def claimed_bytes(header: bytes) -> int:
    """Return the decoded size that a Blosc header claims; 0 if it is torn."""
    return int.from_bytes(header[4:8], "little") if len(header) >= _HEADER_BYTES else 0


def check_file(
    path: str,
    place: BloscPlace,
    chunk_bytes: int,
    inner: Sequence[Iterable[int]] = (),
    counts: Sequence[int] = (),
) -> None:
    """Refuse a file whose chunks would become larger than the array's are.

    Parameters
    ----------
    path : str
        A plain file.
    place : BloscPlace
        Where in it headers are.
    chunk_bytes : int
        Decoded size of a chunk.
    inner, counts : sequence
        Of a shard: places of the chunks to look at, and the number of all
        chunks, along each axis.

    Raises
    ------
    BrokenFileError
        If a chunk claims more.
    OSError
        If the file cannot be read.
    """
    flags = os.O_RDONLY
    for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_BINARY"):
        flags |= getattr(os, name, 0)
    descriptor = os.open(path, flags)
    try:
        positions: Iterable[int] = [place.skipped]
        if place.inner is not None:
            positions = _positions(descriptor, place, inner, counts)
        for position in positions:
            claimed = claimed_bytes(_read(descriptor, position, _HEADER_BYTES))
            if claimed > chunk_bytes + _MORE_BYTES:
                raise BrokenFileError(
                    f"{path} claims a chunk of {claimed} bytes, but the array's have "
                    f"{chunk_bytes}.",
                    path=path,
                )
    finally:
        os.close(descriptor)


def _positions(
    descriptor: int, place: BloscPlace, inner: Sequence[Iterable[int]], counts: Sequence[int]
) -> Iterable[int]:
    """Yield where in a shard chunks begin, as its list of them says."""
    n_chunks = 1
    for count in counts:
        n_chunks *= count
    size = os.fstat(descriptor).st_size
    start = size - n_chunks * _POSITION_BYTES - place.index_extra if place.index_at_end else 0
    for cell in product(*inner):
        number = 0
        for i, count in zip(cell, counts, strict=True):
            number = number * count + i
        entry = _read(descriptor, max(0, start) + number * _POSITION_BYTES, _POSITION_BYTES)
        position = int.from_bytes(entry[:8], "little")
        # A chunk that is not stored is at the largest number there is.
        if position + _HEADER_BYTES <= size:
            yield position


def _read(descriptor: int, position: int, count: int) -> bytes:
    os.lseek(descriptor, position, os.SEEK_SET)
    return os.read(descriptor, count)
