"""Reading the files of chunks: at once what the kernel has in memory, the rest on a thread.

Handing a request to a thread and back costs more than all else that a small
chunk takes. Linux can be asked to read only what needs no waiting for a disk
(``RWF_NOWAIT``, see ``man 2 preadv2``); file systems on a network refuse that,
so nothing ever waits for them here.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["PIECE", "FileChunk", "FilePieces", "PageCache", "read_chunk"]

PIECE = 4 * 2**20

_NO_WAIT = getattr(os, "RWF_NOWAIT", None)
# The file was seen to be a plain one; O_NOFOLLOW holds if it was exchanged since.
_FLAGS = os.O_RDONLY
for _name in ("O_NOFOLLOW", "O_BINARY", "O_NONBLOCK", "O_CLOEXEC"):
    _FLAGS |= getattr(os, _name, 0)


@dataclass(frozen=True, slots=True)
class FileChunk:
    """A chunk that is sent as it lies on disk."""

    path: Path


@dataclass(frozen=True, slots=True)
class FilePieces:
    """A file that is sent in pieces: a shard, or a large chunk."""

    chunk: FileChunk
    size: int

    def read(self, position: int, count: int) -> bytes:
        """Return some of the file's bytes.

        Raises
        ------
        OSError
            If it cannot be read or became shorter.
        """
        descriptor = os.open(self.chunk.path, _FLAGS)
        try:
            os.lseek(descriptor, position, os.SEEK_SET)
            return _read(descriptor, count, self.chunk)
        finally:
            os.close(descriptor)


def read_chunk(chunk: FileChunk) -> bytes | FilePieces:
    """Return a chunk's bytes, or, if there are many of them, how to read them in pieces.

    Raises
    ------
    OSError
        If it cannot be read.
    """
    descriptor = os.open(chunk.path, _FLAGS)
    try:
        size = os.fstat(descriptor).st_size
        return FilePieces(chunk, size) if size > PIECE else _read(descriptor, size, chunk)
    finally:
        os.close(descriptor)


class PageCache:
    """What the kernel has in memory of the files of one array.

    Attributes
    ----------
    usable : bool
        False where the system, or the array's file system, cannot tell.
    """

    def __init__(self) -> None:
        self.usable = _NO_WAIT is not None

    def read(self, chunk: FileChunk) -> bytes | None:
        """Return a whole chunk without waiting for a disk; None if that cannot be.

        Raises
        ------
        OSError
            If it cannot be opened.
        """
        if _NO_WAIT is None:
            return None
        descriptor = os.open(chunk.path, _FLAGS)
        try:
            size = os.fstat(descriptor).st_size
            if not 0 < size <= PIECE:
                return None
            content = bytearray(size)
            count = os.preadv(descriptor, [content], 0, _NO_WAIT)
            return bytes(content) if count == size else None
        except BlockingIOError:
            return None
        except OSError:
            self.usable = False
            return None
        finally:
            os.close(descriptor)


def _read(descriptor: int, count: int, chunk: FileChunk) -> bytes:
    pieces, missing = [], count
    while missing:
        piece = os.read(descriptor, missing)
        if not piece:
            raise OSError(f"{chunk.path} became shorter while it was read")
        pieces.append(piece)
        missing -= len(piece)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)
