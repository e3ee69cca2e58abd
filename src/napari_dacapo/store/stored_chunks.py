"""What is stored of an array's chunks, by listing folders only.

Imports nothing heavy: whether a prediction was written at all is asked of each
validation of each run in a list.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["count_chunks", "has_chunks", "was_begun"]

_MOST_FOLDERS = 10_000
# As zarr v2, zarr v3 and N5 name the last part of a chunk's path.
_NAME = re.compile(r"(c\.)?\d+(\.\d+)*")


def has_chunks(folder: str | os.PathLike[str]) -> bool:
    """Tell whether there is any chunk of an array.

    True as well where that cannot be found out: a folder may not be listed,
    or there are too many.
    """
    try:
        return next(_chunks(folder), None) is not None
    except OSError:
        return True


def was_begun(folder: str | os.PathLike[str]) -> bool:
    """Tell whether writing an array was begun, by a look into its folder alone.

    As :func:`has_chunks`, but folders of chunks count without a look into
    them: they are made when the first chunk in them is written.
    """
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if _NAME.fullmatch(entry.name):
                    return True
                if entry.name == "c":  # zarr v3, whose writer may have made it beforehand
                    return has_chunks(entry.path)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return False


def count_chunks(folder: str | os.PathLike[str], at_most: int) -> int | None:
    """Return how many files of chunks there are.

    Parameters
    ----------
    folder : path-like
        Of an array.
    at_most : int
        Where to stop.

    Returns
    -------
    int or None
        None if there are more, or if that cannot be found out.
    """
    count = 0
    try:
        for _ in _chunks(folder):
            count += 1
            if count > at_most:
                return None
    except OSError:
        return None
    return count


def _chunks(folder: str | os.PathLike[str]) -> Iterator[str]:
    """Yield the files of chunks.

    Raises
    ------
    OSError
        If a folder cannot be listed, or there are too many.
    """
    queue = [os.fspath(folder)]
    for _ in range(_MOST_FOLDERS):
        if not queue:
            return
        try:
            with os.scandir(queue.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        queue.append(entry.path)
                    elif _NAME.fullmatch(entry.name):
                        yield entry.path
        except FileNotFoundError:
            continue  # removed just now
    raise OSError("too many folders")
