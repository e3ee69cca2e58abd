"""Opens files of an array that is served, and no file that lies elsewhere.

Whoever can write to a store can put a link in the place of a chunk, or of a
folder of chunks, at any moment, also after it was looked at. So nothing is
looked at first: a file is opened step by step from its array's folder, where
no step may be a link.
"""

from __future__ import annotations

import contextlib
import os
import stat
import threading
from typing import TYPE_CHECKING

from napari_dacapo.errors import BrokenFileError
from napari_dacapo.store.paths import check_name

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["ArrayFolder"]

_STEPS = os.open in os.supports_dir_fd and hasattr(os, "O_NOFOLLOW")


def _flags(*names: str) -> int:
    flags = os.O_RDONLY
    for name in names:
        flags |= getattr(os, name, 0)
    return flags


# Without O_NONBLOCK, opening a pipe would wait for somebody to write into it.
_FILE = _flags("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_BINARY")
_FOLDER = _flags("O_NOFOLLOW", "O_DIRECTORY", "O_CLOEXEC", "O_PATH")


class ArrayFolder:
    """The folder of an array, as the place where its files are opened.

    Parameters
    ----------
    path : Path
        The folder. It may be a link itself, or lie below one: that is
        followed once, when the first file is opened.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._real: str | None = None
        self._identity: tuple[int, int] | None = None

    def open(self, key: str) -> tuple[int, int]:
        """Open a file for reading.

        Parameters
        ----------
        key : str
            Where it lies in the folder, with slashes.

        Returns
        -------
        descriptor, size : int
            To be closed by the caller; size in bytes.

        Raises
        ------
        FileNotFoundError
            If there is none.
        UnsafeFileError
            If the key leads out of the folder.
        BrokenFileError
            If it is no plain file, or lies behind a link.
        OSError
            If it cannot be opened.
        """
        names = check_name(key).split("/")
        descriptor = self._descend(names) if _STEPS else self._open_by_path(names)
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise BrokenFileError(f"{self.path / key} is not a plain file.", path=self.path)
        except BaseException:  # Ctrl-C, too, must leave nothing behind
            os.close(descriptor)
            raise
        return descriptor, status.st_size

    def _descend(self, names: list[str]) -> int:
        folder = self._open_top()
        try:
            for name in names[:-1]:
                inner = _step(name, folder, self.path)
                os.close(folder)
                folder = inner
            return _step(names[-1], folder, self.path, is_file=True)
        finally:
            os.close(folder)

    def _open_top(self) -> int:
        """Open the folder itself, which nobody may have exchanged for a link either."""
        real = self._real_path()
        if self._identity is not None:
            with contextlib.suppress(NotADirectoryError):
                top = os.open(real, _FOLDER)
                if _identity(top) == self._identity:
                    return top
                os.close(top)
        # Not seen before, or made anew since. O_NOFOLLOW is about the last name of a path
        # only, so one name at a time.
        top = os.open("/", _FOLDER)
        for name in filter(None, real.split("/")):
            try:
                inner = _step(name, top, self.path)
            finally:
                os.close(top)
            top = inner
        self._identity = _identity(top)
        return top

    def _real_path(self) -> str:
        with self._lock:
            if self._real is None:
                self._real = os.path.realpath(self.path, strict=True)
            return self._real

    def _open_by_path(self, names: list[str]) -> int:
        """Open where there are no steps (Windows): there, who makes links is an administrator."""
        top = self._real_path()
        path = os.path.join(top, *names)
        if os.path.realpath(path) != path:
            raise _outside(self.path, names[-1])
        try:
            return os.open(path, _FILE)
        except NotADirectoryError as error:
            raise FileNotFoundError(f"{path} is below a file") from error


def _identity(descriptor: int) -> tuple[int, int]:
    status = os.fstat(descriptor)
    return status.st_dev, status.st_ino


def _step(name: str, folder: int, top: Path, *, is_file: bool = False) -> int:
    try:
        return os.open(name, _FILE if is_file else _FOLDER, dir_fd=folder)
    except FileNotFoundError:
        raise
    except OSError as error:
        # What the system says of a link depends on the system.
        if stat.S_ISLNK(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
            raise _outside(top, name) from error
        if isinstance(error, NotADirectoryError):
            raise FileNotFoundError(f"{name} is a file of {top}") from error
        raise


def _outside(top: Path, name: str) -> BrokenFileError:
    return BrokenFileError(
        f"{name!r:.120} is a link, and of the array {top} only what lies in it is read.",
        todo="Put the file or folder itself in its place.",
        path=top,
    )
