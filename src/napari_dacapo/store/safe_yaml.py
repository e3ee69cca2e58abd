"""The YAML files of a store as plain values, and as nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_dacapo.errors import BrokenFileError, UnsafeFileError
from napari_dacapo.plain_yaml import NotPlainError, parse_yaml
from napari_dacapo.store.paths import read_file

if TYPE_CHECKING:
    import os

__all__ = ["MAX_BYTES", "load_yaml"]

# A run with a thousand datasets has less than one megabyte of config.
MAX_BYTES = 8 * 2**20


def load_yaml(source: str | os.PathLike[str] | bytes, *, limit: int = MAX_BYTES) -> Any:
    """Read one YAML document.

    Parameters
    ----------
    source : path or bytes
        The file, or its content.
    limit : int
        The size in bytes from which on the file is refused.

    Returns
    -------
    object
        Dicts, lists, tuples, strings, numbers, dates and None; None for an
        empty document.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    UnsafeFileError
        If a tag asks for a Python object, or aliases expand without measure.
    BrokenFileError
        If it is not YAML, has a key twice, or is too large or too deep.
    """
    if isinstance(source, bytes):
        path, content = None, source
    else:
        path = Path(source)
        content = read_file(path, limit)
    name = "The YAML text" if path is None else str(path)
    if len(content) > limit:
        raise BrokenFileError(
            f"{name} is not used: it has {len(content)} bytes, more than {limit}."
        )
    try:
        return parse_yaml(content)
    except NotPlainError as error:
        kind = UnsafeFileError if error.unsafe else BrokenFileError
        todo = "It may be being written right now; otherwise restore it." if error.torn else ""
        raise kind(f"{name} is not used: {error}.", todo=todo, path=path) from None
