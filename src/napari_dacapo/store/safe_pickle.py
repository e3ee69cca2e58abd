"""Pickles of DaCapo's stats into plain values, and into nothing else."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_dacapo.errors import BrokenFileError, UnsafeFileError
from napari_dacapo.store.numpy_scalars import Broken, Unsafe
from napari_dacapo.store.paths import read_file
from napari_dacapo.store.pickle_program import interpret

if TYPE_CHECKING:
    import os

__all__ = ["MAX_BYTES", "load_pickle"]

MAX_BYTES = 128 * 2**20

_WHEN = "It may be being written right now, then it is read again later; otherwise restore it."


def load_pickle(source: str | os.PathLike[str] | bytes, *, limit: int = MAX_BYTES) -> Any:
    """Read a pickle of lists, dicts, strings, numbers, and numpy scalars.

    Parameters
    ----------
    source : path or bytes
        The file, or its content.
    limit : int
        The size in bytes from which on the file is refused.

    Returns
    -------
    object
        Numpy scalars come as Python numbers.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    UnsafeFileError
        If it names anything to import, or is made to exhaust memory.
    BrokenFileError
        If it is truncated or not such a pickle.
    """
    if isinstance(source, bytes):
        path, content = None, source
    else:
        path = Path(source)
        content = read_file(path, limit)
    name = "The pickle" if path is None else str(path)
    try:
        return interpret(content)
    except Unsafe as error:
        raise UnsafeFileError(f"{name} is not used: {error}.", path=path) from None
    except (Broken, IndexError, struct.error, UnicodeDecodeError) as error:
        reason = str(error) if isinstance(error, Broken) else "it ends in the middle of a value"
        if isinstance(error, UnicodeDecodeError):
            reason = "it holds text that is not UTF-8"
        raise BrokenFileError(
            f"{name} is truncated or not a stats file: {reason}.", todo=_WHEN, path=path
        ) from None
