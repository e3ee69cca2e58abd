"""How far an options file is trusted that nobody named.

A path map opens folders of this computer to whatever a run names, so it must be
the user's own word. An options file may also come along with a folder of
somebody else, or lie where the user happens to work.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from napari_dacapo.errors import OptionsError
from napari_dacapo.options.expanding import home_folder

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["belongs_to_user", "without_maps", "without_wide_maps"]

_MAPS = ("path_map", "url_map")


def belongs_to_user(file: Path) -> bool:
    """Return whether a file is the user's own (any file is, where the system does not say)."""
    return not hasattr(os, "geteuid") or file.stat().st_uid == os.geteuid()


def without_maps(values: dict[str, Any], file: Path, todo: str) -> dict[str, Any]:
    """Take from an options file only what can open nothing but its store.

    Parameters
    ----------
    values : dict
        As `read_options_file` gives it.
    file : Path
        The file.
    todo : str
        How the user says that he trusts it.

    Returns
    -------
    dict
        The values without maps, and with `notes` of what was left out.

    Raises
    ------
    OptionsError
        If it names a database and a folder elsewhere: that folder would be
        open to what the database says.
    """
    base = values["runs_base_dir"]
    if values["type"] == "mongo" and not _lies_in(base, file.parent):
        raise OptionsError(
            f"{file} came along with its folder, and lets a database say what is read in {base}.",
            todo=todo,
            path=file,
        )
    given = " and ".join(key for key in _MAPS if values[key])
    notes = (f"The {given} of {file} is not used: it came along with its folder. {todo}",)
    return {**values, **{key: {} for key in _MAPS}, "notes": notes if given else ()}


def without_wide_maps(
    values: dict[str, Any], file: Path, todo: str, home: str | os.PathLike[str] | None
) -> dict[str, Any]:
    """Take all from an options file but what would open everything, or the whole home.

    Parameters
    ----------
    values, file, todo
        As for `without_maps`.
    home : path-like or None
        Instead of the home of the user.

    Returns
    -------
    dict
        The values without such entries, and with `notes` of what was left out.
    """
    narrow, notes = {}, []
    for prefix, replacement in values["path_map"].items():
        if _is_wide(replacement, home):
            notes.append(
                f"{prefix}={replacement} in the path_map of {file} is not used: it would open all "
                f"of {replacement}. {todo}"
            )
        else:
            narrow[prefix] = replacement
    return {**values, "path_map": narrow, "notes": tuple(notes)}


def _is_wide(folder: str, home: str | os.PathLike[str] | None) -> bool:
    own = home_folder(home)
    real = os.path.realpath(os.path.expanduser(folder))
    return real == os.path.dirname(real) or (own is not None and _lies_in(own, real))


def _lies_in(path: str | os.PathLike[str], folder: str | os.PathLike[str]) -> bool:
    real, top = os.path.realpath(path), os.path.realpath(folder)
    return real == top or real.startswith(top.rstrip(os.sep) + os.sep)
