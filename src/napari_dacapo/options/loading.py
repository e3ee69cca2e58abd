"""Finding and reading of DaCapo's options file."""

from __future__ import annotations

import os
import sysconfig
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_dacapo.errors import OptionsError
from napari_dacapo.options.expanding import expand, home_folder, working_folder
from napari_dacapo.options.location import TO_FIND, is_options_file, is_store, locate_store
from napari_dacapo.options.maps import parse_map
from napari_dacapo.options.model import Options, StoreType
from napari_dacapo.options.options_file import read_options_file
from napari_dacapo.options.trust import belongs_to_user, without_maps, without_wide_maps

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["default_store", "find_options_file", "load_options"]

_NAME = "dacapo.yaml"


def find_options_file(
    environ: Mapping[str, str] | None = None,
    cwd: str | os.PathLike[str] | None = None,
    home: str | os.PathLike[str] | None = None,
) -> Path | None:
    """Return DaCapo's options file, in DaCapo's order; None if there is none.

    ``$DACAPO_OPTIONS_FILE`` (``$OPTIONS_FILE`` in 0.3.0), ``./dacapo.yaml``,
    ``~/dacapo.yaml`` (which DaCapo itself never finds, for it does not expand
    the ``~``), ``~/.config/dacapo/dacapo.yaml``, ``<site-packages>/dacapo.yaml``.
    What is not there, or cannot be, is passed over.
    """
    return next((path for path in _places(environ, cwd, home) if os.path.isfile(path)), None)


def default_store(
    environ: Mapping[str, str] | None = None,
    cwd: str | os.PathLike[str] | None = None,
    home: str | os.PathLike[str] | None = None,
) -> str:
    """Return what is opened when nobody names a store: a folder or an options file.

    ``$NAPARI_DACAPO_STORE``, else DaCapo's options file; empty if there is neither.
    """
    named = (os.environ if environ is None else environ).get("NAPARI_DACAPO_STORE")
    found = named or find_options_file(environ, cwd, home)
    try:
        return str(expand(found, home).absolute()) if found else ""
    except OptionsError:
        return str(found)  # opening it says what is wrong


def load_options(
    path: str | os.PathLike[str] | None = None,
    *,
    type: StoreType | None = None,
    runs_base_dir: str | os.PathLike[str] | None = None,
    mongo_db_host: str | None = None,
    mongo_db_name: str | None = None,
    path_map: str | Iterable[str] | Mapping[str, str] | None = None,
    url_map: str | Iterable[str] | Mapping[str, str] | None = None,
    environ: Mapping[str, str] | None = None,
    cwd: str | os.PathLike[str] | None = None,
    home: str | os.PathLike[str] | None = None,
) -> Options:
    """Find out which store is meant.

    Parameters
    ----------
    path : path-like, optional
        An options file, a store folder, a run folder, or a ``validation.zarr``.
        If None: ``$NAPARI_DACAPO_STORE``, else DaCapo's options file.
    type, runs_base_dir, mongo_db_host, mongo_db_name : optional
        Go over what the options file says.
    path_map, url_map : str, iterable of str, or mapping, optional
        Entries go over those of ``$NAPARI_DACAPO_PATH_MAP``, which go over
        those of the options file. Maps of an options file count if the user
        named the file, or if it is in a place that is his; not if only its
        folder was named. ``./dacapo.yaml`` must belong to him, and opens no
        folder that his home is in. `notes` of the options say what did not count.
    environ, cwd, home : optional
        Instead of those of this process.

    Raises
    ------
    StoreNotFoundError
        If the path does not exist or is no store.
    OptionsError
        If there is no options file, or it makes no sense.
    """
    environ = os.environ if environ is None else environ
    path = path if path is not None else environ.get("NAPARI_DACAPO_STORE") or None
    values: dict[str, Any] = {}
    file: Path | None = None
    named = False
    if path is None:
        file = find_options_file(environ, cwd, home)
        if file is None and runs_base_dir is None:
            places = ", ".join(str(place) for place in _places(environ, cwd, home))
            raise OptionsError(
                f"No store was named and there is no DaCapo options file (looked for: {places}).",
                todo=TO_FIND,
            )
    else:
        try:
            place = expand(path, home)
        except OptionsError:
            place = Path(path)  # whatever it is, it is not there, and is said so below
        if is_options_file(place):
            file, named = place, True
        elif os.path.isfile(place / _NAME) and not is_store(place):
            file = place / _NAME
        elif type == "mongo" and os.path.isdir(place):
            # Configs are in the database, so the folder shows nothing of a store.
            values["runs_base_dir"] = place
        else:
            values["runs_base_dir"] = locate_store(place).runs_base_dir
    if file is not None:
        values.update(_read(file, named, environ, cwd, home))
    arguments = {
        "type": type,
        "runs_base_dir": None if runs_base_dir is None else expand(runs_base_dir, home),
        "mongo_db_host": mongo_db_host,
        "mongo_db_name": mongo_db_name,
    }
    values.update((key, value) for key, value in arguments.items() if value is not None)
    values["path_map"] = {
        **values.get("path_map", {}),
        **parse_map(environ.get("NAPARI_DACAPO_PATH_MAP")),
        **parse_map(path_map),
    }
    values["url_map"] = {**values.get("url_map", {}), **parse_map(url_map)}
    for prefix, replacement in values["path_map"].items():
        expand(replacement, what=f"replacement of {prefix}")
    if values.get("type") == "mongo" and not (
        values.get("mongo_db_host") and values.get("mongo_db_name")
    ):
        raise OptionsError(
            f"{file or 'The options'} ask for a MongoDB store but name no database.",
            todo="Add mongo_db_host and mongo_db_name.",
            path=file,
        )
    return Options(**values)


def _places(
    environ: Mapping[str, str] | None,
    cwd: str | os.PathLike[str] | None,
    home: str | os.PathLike[str] | None,
) -> list[Path]:
    named, of_user = _own_places(environ, home)
    here = working_folder(cwd)
    return [*named, *([here / _NAME] if here is not None else []), *of_user]


def _own_places(
    environ: Mapping[str, str] | None, home: str | os.PathLike[str] | None
) -> tuple[list[Path], list[Path]]:
    """Return where only the user himself puts an options file: by environment, and by folder."""
    environ = os.environ if environ is None else environ
    named = []
    for name in ("DACAPO_OPTIONS_FILE", "OPTIONS_FILE"):
        with suppress(OptionsError):  # such a one is passed over, as one that is not there
            named += [expand(environ[name], home)] if environ.get(name) else []
    user = home_folder(home)
    of_user = [] if user is None else [user / _NAME, user / ".config" / "dacapo" / _NAME]
    return named, [*of_user, Path(sysconfig.get_paths()["purelib"]) / _NAME]


def _read(
    file: Path,
    named: bool,
    environ: Mapping[str, str],
    cwd: str | os.PathLike[str] | None,
    home: str | os.PathLike[str] | None,
) -> dict[str, Any]:
    """Read an options file as far as it is trusted.

    What is kept as `source` is trusted as much when it is opened again.
    """
    values = read_options_file(file, cwd, home)
    trusted = {"source": file, **values}
    places = [os.path.abspath(place) for group in _own_places(environ, home) for place in group]
    if os.path.abspath(file) in places:
        return trusted
    here = working_folder(cwd)
    if here is not None and os.path.abspath(file) == os.path.abspath(here / _NAME):
        # However it was named: the store that is opened at first is named by its file, too.
        todo = f"If you trust it, set DACAPO_OPTIONS_FILE={file}."
        if belongs_to_user(file):
            return without_wide_maps(trusted, file, todo, home)
        return without_maps({**trusted, "source": file.parent}, file, todo)
    if named:
        return trusted
    todo = f"If you trust it, name the file itself: {file}."
    return without_maps({**trusted, "source": file.parent}, file, todo)
