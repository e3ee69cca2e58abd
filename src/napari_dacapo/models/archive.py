"""The zip archive that a checkpoint is, opened without believing what it claims.

torch reads the sizes that an archive's directory names, and looks for the
directory elsewhere than Python does: a file may hold two. So torch is never
given the file. The directory is read here, in small parts; records must be
stored as they are and must fit into the file; and what was looked at is copied
into a fresh archive, which is all that torch gets to see.
"""

from __future__ import annotations

import hashlib
import io
import os
import zipfile
from contextlib import contextmanager
from typing import TYPE_CHECKING

from napari_dacapo.errors import CheckpointError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

__all__ = ["Archive", "open_archive"]

# A state dict of thousands of tensors is described in less than 2 MB.
MAX_DESCRIPTION_BYTES = 64 * 2**20
MAX_RECORDS = 200_000
# Room for that many entries of the directory.
_MAX_DIRECTORY_BYTES = 2**25
_PART_BYTES = 2**24
# Headers, names and alignment of one record, generously.
_AROUND_A_RECORD = 2**13
_BEGIN = b"PK\x03\x04"
_DESCRIPTION = "data.pkl"
_ENDIANNESS = "byteorder"


class _SmallReads(io.BufferedReader):
    """A file of which nothing large is read at once, whatever its directory claims."""

    def read(self, size: int | None = -1, /) -> bytes:
        wanted = -1 if size is None else size
        content = (
            b""
            if wanted > _MAX_DIRECTORY_BYTES
            else super().read(_MAX_DIRECTORY_BYTES + 1 if wanted < 0 else wanted)
        )
        if wanted > _MAX_DIRECTORY_BYTES or len(content) > _MAX_DIRECTORY_BYTES:
            raise CheckpointError("The archive claims a directory that is absurdly long.")
        return content


class Archive:
    """A torch archive whose directory was checked; made by :func:`open_archive`.

    Attributes
    ----------
    sizes : dict of str to int
        Bytes of each record by name, without the archive's own folder name.
    """

    def __init__(self, file: io.BufferedReader) -> None:
        self._file = file
        self._before = os.fstat(file.fileno())
        if file.read(len(_BEGIN)) != _BEGIN:
            raise CheckpointError(
                "The file is not a zip archive as torch writes since 1.6: it is torn, of an older "
                "torch, or not a checkpoint."
            )
        self._zip = zipfile.ZipFile(file)
        if self._zip.comment:
            raise CheckpointError("The archive has a comment, which torch never writes.")
        infos = self._zip.infolist()
        self.sizes = record_sizes(infos, self._before.st_size)
        if "constants.pkl" in self.sizes or any(name.startswith("code/") for name in self.sizes):
            raise CheckpointError("The file is a TorchScript program, not a checkpoint.")
        if _DESCRIPTION not in self.sizes:
            raise CheckpointError("The archive has no data.pkl: it is not a checkpoint.")
        if self.sizes[_DESCRIPTION] > MAX_DESCRIPTION_BYTES:
            raise CheckpointError(
                f"data.pkl has {self.sizes[_DESCRIPTION]} bytes, which is absurd."
            )
        self._folder = infos[0].filename.partition("/")[0]

    def description(self) -> bytes:
        """Return what describes the objects."""
        return b"".join(self._parts(_DESCRIPTION))

    def sha256(self) -> str:
        """Return the SHA-256 of the whole file, hexadecimal."""
        self._file.seek(0)
        digest = hashlib.sha256()
        while part := self._file.read(_PART_BYTES):
            digest.update(part)
        return digest.hexdigest()

    def copy(self, description: bytes, storages: Iterable[str]) -> io.BytesIO:
        """Return a fresh archive with a description and the records of these storages only.

        Parameters
        ----------
        description : bytes
            As it was checked.
        storages : iterable of str
            Keys of the storages that it names.

        Raises
        ------
        CheckpointError
            If there is not enough memory, or if the file is being written.
        """
        names = [f"data/{key}" for key in storages]
        _check_memory(sum(self.sizes[name] for name in names))
        fresh = io.BytesIO()
        with zipfile.ZipFile(fresh, "w", zipfile.ZIP_STORED) as target:
            target.writestr(f"checkpoint/{_DESCRIPTION}", description)
            target.writestr("checkpoint/version", b"3\n")
            if self.sizes.get(_ENDIANNESS, _PART_BYTES) < _PART_BYTES:
                content = b"".join(self._parts(_ENDIANNESS))
                target.writestr(f"checkpoint/{_ENDIANNESS}", content)
            for name in names:
                with target.open(f"checkpoint/{name}", "w", force_zip64=True) as record:
                    for part in self._parts(name):
                        record.write(part)
        after = os.fstat(self._file.fileno())
        if (after.st_size, after.st_mtime_ns) != (self._before.st_size, self._before.st_mtime_ns):
            raise CheckpointError("The file changed while it was read.")
        fresh.seek(0)
        return fresh

    def _parts(self, name: str) -> Iterator[bytes]:
        """Read a record in parts; zipfile compares its checksum."""
        with self._zip.open(f"{self._folder}/{name}") as record:
            while part := record.read(_PART_BYTES):
                yield part


@contextmanager
def open_archive(path: Path) -> Iterator[Archive]:
    """Open a checkpoint; nothing but its directory is read yet.

    Parameters
    ----------
    path : Path
        The file.

    Raises
    ------
    OSError
        If it cannot be opened.
    CheckpointError
        If it is not a torch zip archive, is truncated, compressed, or claims
        records that do not fit into it; while it is used, too.
    """
    with _SmallReads(io.FileIO(path)) as file:
        try:
            yield Archive(file)
        except CheckpointError:
            raise
        except MemoryError:
            raise CheckpointError("There is not enough memory to read it.") from None
        except Exception as error:  # whatever zipfile makes of a damaged archive
            raise CheckpointError(f"The file is truncated or damaged ({error}).") from error


def record_sizes(infos: Iterable[zipfile.ZipInfo], n_bytes: int) -> dict[str, int]:
    """Return the records' sizes by name, without the archive's own folder name.

    Parameters
    ----------
    infos : iterable of ZipInfo
        The archive's directory.
    n_bytes : int
        Size of the whole file.

    Raises
    ------
    CheckpointError
        If a record is not as torch writes it, or if they cannot all be in the file.
    """
    sizes: dict[str, int] = {}
    folders: set[str] = set()
    for info in infos:
        name = info.filename[:80]
        if info.compress_type != zipfile.ZIP_STORED or info.compress_size != info.file_size:
            raise CheckpointError(f"Record {name!r} is compressed, which torch never does.")
        if info.flag_bits & 0x1:
            raise CheckpointError(f"Record {name!r} is encrypted.")
        folder, _, inner = info.filename.partition("/")
        folders.add(folder)
        if not inner or inner in sizes or len(folders) > 1:
            raise CheckpointError(f"Record {name!r} is doubled or out of place.")
        sizes[inner] = info.file_size
        if len(sizes) > MAX_RECORDS:
            raise CheckpointError(f"The file has more than {MAX_RECORDS} records.")
    total = sum(sizes.values())
    if total > n_bytes:
        raise CheckpointError("The records overlap: the file would unpack to more than it is.")
    if n_bytes - total > (len(sizes) + 1) * _AROUND_A_RECORD:
        raise CheckpointError(f"The file has {n_bytes} bytes, but its records only {total}.")
    return sizes


def _check_memory(n_bytes: int) -> None:
    import psutil

    # Once in the fresh archive, once as tensors.
    needed, free = 2 * n_bytes, psutil.virtual_memory().available
    if needed > free:
        raise CheckpointError(
            f"It needs {needed / 2**30:.1f} GiB of memory, but {free / 2**30:.1f} GiB are free."
        )
