"""Names from a store made into paths that cannot leave it.

Run, dataset and parameter names come from files that anyone may have written,
and they become parts of paths. Everything here is lexical first (no ``..``, no
absolute parts) and then looks at where symbolic links really lead.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, BinaryIO

from napari_dacapo.errors import ArrayNotFoundError, BrokenFileError, UnsafeFileError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from napari_dacapo.options import Options

__all__ = [
    "Roots",
    "check_name",
    "list_folder",
    "open_regular",
    "reachable",
    "read_file",
    "unreadable_folder",
]


def check_name(name: str) -> str:
    """Return a name if it may become part of a path.

    Raises
    ------
    UnsafeFileError
        If it is empty, absolute, or has empty or ``..`` parts.
    """
    if not isinstance(name, str):
        raise UnsafeFileError(f"{name!r:.80} is not a name.")
    parts = name.replace(os.sep, "/").split("/")
    if (
        not all(part not in ("", ".", "..") for part in parts)
        or "\0" in name
        or os.path.isabs(name)
        or os.path.splitdrive(name)[0]
    ):
        raise UnsafeFileError(
            f"The name {name!r:.120} would lead out of its folder and is not followed."
        )
    return name


class Roots:
    """The folders in which files of a store may lie.

    Parameters
    ----------
    folders : iterable of Path
        The store folder first, then those of the path map.
    """

    def __init__(self, folders: Iterable[Path]) -> None:
        self.folders = tuple(folders)
        # Links above the store are the user's own choice, so both sides are resolved.
        self._real = tuple(os.path.realpath(folder) for folder in self.folders)

    def check(self, path: Path) -> Path:
        """Return a path if it, with links followed, lies in one of the folders.

        Raises
        ------
        UnsafeFileError
            If a link leads elsewhere.
        """
        try:
            real = os.path.realpath(path)
        except (OSError, ValueError) as error:
            raise BrokenFileError(f"{str(path)!r:.200} cannot be looked up: {error}.") from error
        for top in self._real:
            if real == top or real.startswith(top.rstrip(os.sep) + os.sep):
                return path
        folder = os.path.dirname(real)
        raise UnsafeFileError(
            f"{path} is a link to {real}, outside the store.",
            todo=f"If that is meant, allow it by the path map entry {folder}={folder}.",
            path=path,
        )

    def join(self, folder: Path, *names: str) -> Path:
        """Join names from a store to a folder; the result lies in one of the folders.

        Raises
        ------
        UnsafeFileError
            If a name or a link would lead out.
        """
        return self.check(folder.joinpath(*(check_name(name) for name in names)))


def reachable(path: str, options: Options) -> Path:
    """Return where a file that a config names lies here, if it may be read.

    A config can name any file of this computer. Read is what lies in the
    store, and what the user's path map leads to, nothing else.

    Parameters
    ----------
    path : str
        As the config has it.
    options : Options
        Store and path map.

    Raises
    ------
    ArrayNotFoundError
        If it is there, but neither in the store nor in a mapped folder. What
        is not there at all is returned: whoever opens it says so.
    """
    mapped = options.map_path(path)
    if not os.path.lexists(mapped):
        return mapped
    try:
        return Roots(options.roots).check(mapped)
    except UnsafeFileError as error:
        folder = os.path.dirname(os.path.realpath(mapped))
        raise ArrayNotFoundError(
            f"{mapped} lies neither in the store nor in a folder of the path map, so it is not "
            "read.",
            todo=f"If you trust this run, add {folder}={folder} to the path map.",
            path=mapped,
        ) from error


def open_regular(path: Path, *, follow_links: bool = True) -> BinaryIO:
    """Open a regular file for reading; never waits, as opening a pipe would.

    Raises
    ------
    OSError, ValueError
        If it cannot be opened; for a link if these are not to be followed.
    BrokenFileError
        If it is something other than a file.
    """
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    if not follow_links:
        flags |= getattr(os, "O_NOFOLLOW", 0)
    descriptor = os.open(path, flags)
    try:
        # Before ``fdopen``, which refuses a folder without closing it.
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise BrokenFileError(f"{path} is not a file.", path=path)
        return os.fdopen(descriptor, "rb")
    except BaseException:  # Ctrl-C, too, must leave nothing behind
        os.close(descriptor)
        raise


def read_file(path: Path, limit: int, *, follow_links: bool = True) -> bytes:
    """Read a whole regular file of at most ``limit`` bytes.

    Raises
    ------
    FileNotFoundError
        If there is none.
    BrokenFileError
        If it is no regular file (a pipe would block for ever), too large, or
        cannot be read.
    """
    try:
        with open_regular(path, follow_links=follow_links) as file:
            size = os.fstat(file.fileno()).st_size
            if size > limit:
                raise BrokenFileError(
                    f"{path} has {size} bytes, more than the {limit} "
                    "that such a file can sensibly have.",
                    path=path,
                )
            return file.read(limit)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise FileNotFoundError(str(path)) from error
    except (OSError, ValueError) as error:
        if isinstance(error, BrokenFileError):
            raise
        reason = getattr(error, "strerror", None) or str(error)
        raise BrokenFileError(f"{path} cannot be read: {reason}.", path=path) from error


def list_folder(folder: Path) -> list[os.DirEntry[str]]:
    """Return the entries of a folder; none if there is no such folder.

    Raises
    ------
    BrokenFileError
        If it cannot be read.
    """
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except (FileNotFoundError, NotADirectoryError):
        return []
    except (OSError, ValueError) as error:
        raise unreadable_folder(folder, error) from error


def unreadable_folder(folder: str | Path, error: Exception) -> BrokenFileError:
    """Return what to raise when a folder cannot be looked through."""
    reason = getattr(error, "strerror", None) or str(error)
    return BrokenFileError(f"The folder {folder} cannot be read: {reason}.", path=folder)
