"""Reading the files of chunks: at once what the kernel has in memory, the rest on a thread.

Handing a request to a thread and back costs more than all else that a small
chunk takes. Linux can be asked to read only what needs no waiting for a disk
(``RWF_NOWAIT``, see ``man 2 preadv2``). File systems on a network refuse that;
there even looking up a name may take as long as a server is silent. So that
question is put on a thread first, and an array whose file system has not
answered it is read on threads only.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_dacapo.errors import ArrayNotFoundError
from napari_dacapo.viewers.neuroglancer.array_folder import ArrayFolder

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["PIECE", "ChunkFiles", "FilePieces"]

PIECE = 4 * 2**20

_NO_WAIT = getattr(os, "RWF_NOWAIT", None)


@dataclass(frozen=True, slots=True)
class FilePieces:
    """A file that is sent in pieces: a shard, or a large chunk."""

    folder: ArrayFolder
    key: str
    size: int

    def read(self, position: int, count: int) -> bytes:
        """Return some of the file's bytes.

        Raises
        ------
        OSError
            If it cannot be read or became shorter.
        BrokenFileError
            If a link has taken its place.
        """
        descriptor, _ = self.folder.open(self.key)
        try:
            os.lseek(descriptor, position, os.SEEK_SET)
            return _read(descriptor, count, self.key)
        finally:
            os.close(descriptor)


class ChunkFiles:
    """The files of one array.

    Parameters
    ----------
    path : Path
        Folder of the array.
    metadata_name : str
        Name of the file that every array of its format has.

    Attributes
    ----------
    quick : bool or None
        Whether :meth:`at_once` reads anything: whether the file system can
        say what the kernel has in memory. None while that is not known.
    """

    def __init__(self, path: Path, metadata_name: str) -> None:
        self.quick: bool | None = False if _NO_WAIT is None else None
        self._folder = ArrayFolder(path)
        self._metadata_name = metadata_name

    def read_metadata(self, limit: int) -> bytes:
        """Return the beginning of the metadata, at most `limit` bytes.

        Raises
        ------
        ArrayNotFoundError
            If the array has gone.
        BrokenFileError, OSError
            If it cannot be read.
        """
        try:
            descriptor, size = self._folder.open(self._metadata_name)
        except FileNotFoundError as error:
            raise self._gone() from error
        try:
            return _read(descriptor, min(size, limit), self._metadata_name)
        finally:
            os.close(descriptor)

    def read(self, key: str) -> bytes | FilePieces | None:
        """Return a chunk's bytes or, if there are many of them, how to read them in pieces.

        Parameters
        ----------
        key : str
            Key of a chunk in the array, e.g. ``"0/4/2"``.

        Returns
        -------
        bytes, FilePieces or None
            None if the chunk is not stored.

        Raises
        ------
        ArrayNotFoundError
            If it is the array that is not there any more.
        BrokenFileError
            If it is no plain file, or lies behind a link.
        OSError
            If it cannot be read.
        """
        try:
            descriptor, size = self._folder.open(key)
        except FileNotFoundError as error:
            self._check_there(error)
            return None
        try:
            if size > PIECE:
                return FilePieces(self._folder, key, size)
            content = _read(descriptor, size, key)
            if self.quick is None and content:
                self._find_out(descriptor, size)
            return content
        finally:
            os.close(descriptor)

    def at_once(self, key: str) -> bytes | None:
        """Return a whole chunk without waiting for anything; None if that cannot be.

        Raises
        ------
        KeyError
            If the chunk is not stored: :meth:`read` would find nothing either.
        ArrayNotFoundError, BrokenFileError, OSError
            As :meth:`read`.
        """
        if not self.quick:
            return None
        try:
            descriptor, size = self._folder.open(key)
        except FileNotFoundError as error:
            self._check_there(error)
            raise KeyError(key) from error
        try:
            if not 0 < size <= PIECE:
                return None
            content = self._from_memory(descriptor, size)
            return content if len(content) == size else None
        finally:
            os.close(descriptor)

    def _find_out(self, descriptor: int, size: int) -> None:
        """Put the question of a file that was just read, so that the kernel has it in memory."""
        if len(self._from_memory(descriptor, size)) == size:
            self.quick = True

    def _from_memory(self, descriptor: int, size: int) -> bytes:
        """Return as much of a file's beginning as the kernel gives without waiting."""
        if _NO_WAIT is None:
            return b""
        content = bytearray(size)
        try:
            count = os.preadv(descriptor, [content], 0, _NO_WAIT)
        except BlockingIOError:
            return b""
        except OSError:
            self.quick = False
            return b""
        return bytes(content) if count == size else bytes(content[:count])

    def _check_there(self, error: OSError) -> None:
        """Tell a chunk that was never written from an array that has gone."""
        try:
            descriptor, _ = self._folder.open(self._metadata_name)
        except FileNotFoundError:
            raise self._gone() from error
        os.close(descriptor)

    def _gone(self) -> ArrayNotFoundError:
        path = self._folder.path
        return ArrayNotFoundError(
            f"The array {path} is no longer there.", todo="Reload the run.", path=path
        )


def _read(descriptor: int, count: int, key: str) -> bytes:
    pieces, missing = [], count
    while missing:
        piece = os.read(descriptor, missing)
        if not piece:
            raise OSError(f"{key} became shorter while it was read")
        pieces.append(piece)
        missing -= len(piece)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)
