"""Paths as users write them, with ``~`` for a home."""

from __future__ import annotations

import os
from pathlib import Path

from napari_dacapo.errors import OptionsError

__all__ = ["expand", "home_folder", "working_folder"]


def expand(
    path: str | os.PathLike[str], home: str | os.PathLike[str] | None = None, *, what: str = "path"
) -> Path:
    """Return a path with the home that it begins with.

    Parameters
    ----------
    path : path-like
        May begin with ``~`` or ``~user``.
    home : path-like, optional
        Instead of the home of the user.
    what : str
        What to call the path where it makes no sense.

    Raises
    ------
    OptionsError
        If nobody of that name has a home here, or no path is like that.
    """
    text = os.fspath(path)
    if "\0" in text:
        raise OptionsError(f"The {what}, {text!r:.120}, holds a NUL, as no path does.")
    if home is not None and (text == "~" or text.startswith("~/")):
        return Path(home, text[2:])
    expanded = os.path.expanduser(text)
    if expanded.startswith("~"):
        raise OptionsError(
            f"The {what}, {text:.120}, begins with a home that is not known here.",
            todo="Write the whole path.",
        )
    return Path(expanded)


def home_folder(home: str | os.PathLike[str] | None = None) -> Path | None:
    """Return the home of the user, or the one that is given; None if there is none."""
    try:
        return expand("~", home)
    except OptionsError:
        return None


def working_folder(cwd: str | os.PathLike[str] | None = None) -> Path | None:
    """Return the working directory, or the one that is given; None if it was removed."""
    try:
        return Path(cwd if cwd is not None else os.getcwd())
    except OSError:
        return None
