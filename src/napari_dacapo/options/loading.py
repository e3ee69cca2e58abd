"""Finding and reading of DaCapo's options file."""

from __future__ import annotations

import os
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import yaml

from napari_dacapo.errors import OptionsError
from napari_dacapo.options.location import TO_FIND, is_options_file, is_store, locate_store
from napari_dacapo.options.maps import parse_map
from napari_dacapo.options.model import Options, StoreType

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["default_store", "find_options_file", "load_options"]

_MAX_BYTES = 2**20
_KEYS = {
    "type",
    "runs_base_dir",
    "compute_context",
    "mongo_db_host",
    "mongo_db_name",
    "path_map",
    "url_map",
}


def find_options_file(
    environ: Mapping[str, str] | None = None,
    cwd: str | os.PathLike[str] | None = None,
    home: str | os.PathLike[str] | None = None,
) -> Path | None:
    """Return DaCapo's options file, in DaCapo's order; None if there is none.

    ``$DACAPO_OPTIONS_FILE`` (``$OPTIONS_FILE`` in 0.3.0), ``./dacapo.yaml``,
    ``~/dacapo.yaml`` (which DaCapo itself never finds, for it does not expand
    the ``~``), ``~/.config/dacapo/dacapo.yaml``, ``<site-packages>/dacapo.yaml``.
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
    return str(_expand(found, home).absolute()) if found else ""


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
        those of the options file.
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
    source: Path | None = None
    if path is None:
        source = find_options_file(environ, cwd, home)
        if source is None and runs_base_dir is None:
            places = ", ".join(str(place) for place in _places(environ, cwd, home))
            raise OptionsError(
                f"No store was named and there is no DaCapo options file (looked for: {places}).",
                todo=TO_FIND,
            )
    else:
        place = _expand(path, home)
        if is_options_file(place):
            source = place
        elif os.path.isfile(place / "dacapo.yaml") and not is_store(place):
            source = place / "dacapo.yaml"
        elif type == "mongo" and os.path.isdir(place):
            # Configs are in the database, so the folder shows nothing of a store.
            values["runs_base_dir"] = place
        else:
            values["runs_base_dir"] = locate_store(place).runs_base_dir
    if source is not None:
        values.update(_read_options_file(source, cwd, home))
    arguments = {
        "type": type,
        "runs_base_dir": None if runs_base_dir is None else _expand(runs_base_dir, home),
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
    if values.get("type") == "mongo" and not (
        values.get("mongo_db_host") and values.get("mongo_db_name")
    ):
        raise OptionsError(
            f"{source or 'The options'} ask for a MongoDB store but name no database.",
            todo="Add mongo_db_host and mongo_db_name.",
            path=source,
        )
    return Options(**values, source=source)


def _places(
    environ: Mapping[str, str] | None,
    cwd: str | os.PathLike[str] | None,
    home: str | os.PathLike[str] | None,
) -> list[Path]:
    environ = os.environ if environ is None else environ
    user = Path(home) if home is not None else Path.home()
    named = [environ.get("DACAPO_OPTIONS_FILE"), environ.get("OPTIONS_FILE")]
    return [
        *(_expand(name, home) for name in named if name),
        Path(cwd if cwd is not None else Path.cwd()) / "dacapo.yaml",
        user / "dacapo.yaml",
        user / ".config" / "dacapo" / "dacapo.yaml",
        Path(sysconfig.get_paths()["purelib"]) / "dacapo.yaml",
    ]


def _expand(path: str | os.PathLike[str], home: str | os.PathLike[str] | None) -> Path:
    text = os.fspath(path)
    if home is not None and (text == "~" or text.startswith("~/")):
        return Path(home, text[2:])
    return Path(os.path.expanduser(text))


def _read_options_file(
    path: Path, cwd: str | os.PathLike[str] | None, home: str | os.PathLike[str] | None
) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_BYTES + 1)
        if len(content) > _MAX_BYTES:
            raise ValueError(f"more than {_MAX_BYTES} bytes")
        raw = yaml.safe_load(content)
    except (OSError, yaml.YAMLError, ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise OptionsError(
            f"The options file {path} cannot be read: {reason:.200}.",
            todo="Mend it, or name a store folder instead.",
            path=path,
        ) from error
    if raw is None:
        raw = {}
    if not isinstance(raw, dict):
        raise OptionsError(
            f"{path} is not a DaCapo options file: it holds no keys.",
            todo="It should name runs_base_dir.",
            path=path,
        )
    if raw and not raw.keys() & _KEYS:
        raise OptionsError(
            f"{path} is not a DaCapo options file: it has none of its keys.",
            todo="It should name runs_base_dir.",
            path=path,
        )
    for key in ("runs_base_dir", "mongo_db_host", "mongo_db_name"):
        if raw.get(key) is not None and not isinstance(raw[key], str):
            raise OptionsError(f"{key} in {path} is not text: {raw[key]!r:.80}.", path=path)
    kind = raw.get("type") or "files"
    if kind not in ("files", "mongo"):
        raise OptionsError(
            f"{path} asks for a store of type {kind!r:.40}.",
            todo="DaCapo knows files and mongo.",
            path=path,
        )
    folder = _expand(raw.get("runs_base_dir") or "~/dacapo", home)
    if not folder.is_absolute():
        # DaCapo means the working directory; next to the file is the better guess
        # when an options file is opened from elsewhere.
        here = Path(cwd if cwd is not None else Path.cwd()) / folder
        folder = here if os.path.isdir(here) else path.absolute().parent / folder
    return {
        "type": cast("StoreType", kind),
        "runs_base_dir": folder,
        "mongo_db_host": raw.get("mongo_db_host"),
        "mongo_db_name": raw.get("mongo_db_name"),
        "path_map": parse_map(raw.get("path_map")),
        "url_map": parse_map(raw.get("url_map")),
    }
