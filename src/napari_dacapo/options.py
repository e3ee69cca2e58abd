"""Which store, which database, which path map.

DaCapo's options file is found as DaCapo finds it; environment and arguments go
over it. An options file may also hold our ``path_map`` and ``url_map``, which
DaCapo ignores.
"""

from __future__ import annotations

import os
import posixpath
import sysconfig
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple, cast
from urllib.parse import quote

import yaml
from pydantic import BaseModel, ConfigDict, Field

from napari_dacapo.errors import OptionsError, StoreNotFoundError

__all__ = [
    "Options",
    "StoreLocation",
    "find_options_file",
    "load_options",
    "locate_store",
    "parse_map",
]

StoreType = Literal["files", "mongo"]

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
_RUN_PARTS = ("checkpoints", "validation.zarr", "snapshot.zarr")
_TO_FIND = (
    "Give the folder that holds `configs/runs` (runs_base_dir), a run folder, "
    "or a dacapo.yaml with runs_base_dir in it."
)


class Options(BaseModel):
    """Where runs are, and how to reach what they name.

    Attributes
    ----------
    type : {"files", "mongo"}
        Where configs and stats are. Arrays and checkpoints are files always.
    runs_base_dir : Path
        The store folder.
    mongo_db_host, mongo_db_name : str or None
        The database, for ``type="mongo"``.
    path_map : dict of str to str
        Prefixes of paths that runs name, and where they are on this machine.
    url_map : dict of str to str
        Prefixes of local paths, and the public address of what is there.
    source : Path or None
        The options file that was read.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: StoreType = "files"
    runs_base_dir: Path
    mongo_db_host: str | None = None
    mongo_db_name: str | None = None
    path_map: dict[str, str] = Field(default_factory=dict)
    url_map: dict[str, str] = Field(default_factory=dict)
    source: Path | None = None

    def map_path(self, path: str | os.PathLike[str]) -> Path:
        """Return where a path that a run names is on this machine.

        The longest prefix in ``path_map`` wins; prefixes are whole parts of
        paths. ``..`` is resolved before, so that it cannot lead out of what was
        mapped.

        Examples
        --------
        >>> options = Options(runs_base_dir="/x", path_map={"/nrs/lab": "/mnt/lab"})
        >>> options.map_path("/nrs/lab/a.zarr")
        PosixPath('/mnt/lab/a.zarr')
        >>> options.map_path("/nrs/labor/a.zarr")
        PosixPath('/nrs/labor/a.zarr')
        """
        text = _normal(path)
        found = _longest(self.path_map, text)
        if found is None:
            return Path(text)
        prefix, rest = found
        return Path(self.path_map[prefix]).expanduser() / rest

    def url_for(self, path: str | os.PathLike[str]) -> str | None:
        """Return the public address of a local path, or None if it has none.

        Examples
        --------
        >>> options = Options(runs_base_dir="/x", url_map={"/mnt/lab": "s3://lab"})
        >>> options.url_for("/mnt/lab/a b.zarr")
        's3://lab/a%20b.zarr'
        """
        found = _longest(self.url_map, _normal(path))
        if found is None:
            return None
        prefix, rest = found
        return "/".join(part for part in (self.url_map[prefix].rstrip("/"), quote(rest)) if part)

    @property
    def roots(self) -> tuple[Path, ...]:
        """The folders in which files of this store may lie: its own and the mapped ones."""
        mapped = (Path(value).expanduser() for value in self.path_map.values())
        return (self.runs_base_dir, *mapped)


class StoreLocation(NamedTuple):
    """What a path says: a store folder, and possibly one run in it."""

    runs_base_dir: Path
    run_name: str | None


def parse_map(text: str | Iterable[str] | Mapping[str, str] | None) -> dict[str, str]:
    """Read a path or url map.

    Parameters
    ----------
    text : str, iterable of str, or mapping
        ``"A=B;C=D"``, several such, or a mapping. Line breaks separate, too.

    Raises
    ------
    OptionsError
        If an entry is not of the form ``prefix=replacement``.

    Examples
    --------
    >>> parse_map("/nrs/lab=/mnt/lab; /groups=/mnt/groups")
    {'/nrs/lab': '/mnt/lab', '/groups': '/mnt/groups'}
    """
    if text is None:
        return {}
    if isinstance(text, Mapping):
        pairs: list[tuple[Any, Any]] = list(text.items())
    else:
        if not isinstance(text, Iterable):
            raise OptionsError(
                f"{text!r:.80} is no map of prefixes.", todo="Write /path/in/the/run=/path/here."
            )
        entries = [text] if isinstance(text, str) else list(text)
        pairs = []
        for entry in ";".join(map(str, entries)).replace("\n", ";").split(";"):
            if entry.strip():
                prefix, equals, replacement = entry.partition("=")
                pairs.append((prefix, replacement if equals else None))
    result = {}
    for prefix, replacement in pairs:
        if not isinstance(prefix, str) or not isinstance(replacement, (str, os.PathLike)):
            raise OptionsError(
                f"The map entry {prefix!r:.80} has no replacement.",
                todo="Write /path/in/the/run=/path/here.",
            )
        prefix, replacement = prefix.strip(), os.fspath(replacement).strip()
        if not prefix or not replacement:
            raise OptionsError(
                f"The map entry {prefix}={replacement} has an empty side.",
                todo="Write /path/in/the/run=/path/here.",
            )
        result[prefix] = replacement
    return result


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
                todo=_TO_FIND,
            )
    else:
        place = _expand(path, home)
        if _is_options_file(place):
            source = place
        elif os.path.isfile(place / "dacapo.yaml") and not _is_store(place):
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


def locate_store(path: str | os.PathLike[str]) -> StoreLocation:
    """Return the store that a path lies in, and the run, if it lies in one.

    Parameters
    ----------
    path : path-like
        A store folder, a run folder, a ``validation.zarr``, a run's YAML file,
        or anything inside of these.

    Raises
    ------
    StoreNotFoundError
        If the path does not exist, or nothing above it looks like a store.
    """
    place = Path(os.path.abspath(path))
    if not os.path.exists(place):
        raise StoreNotFoundError(f"{place} does not exist.", todo=_TO_FIND, path=place)
    if _is_run_config(place):
        return StoreLocation(place.parents[2], place.stem)
    for store in (place, *list(place.parents)[:12]):
        if _is_store(store):
            return StoreLocation(store, _run_of(store, place))
    # A run folder that was copied without its store: its parent stands for the store.
    for folder in (place, *list(place.parents)[:4]):
        if any(os.path.isdir(folder / part) for part in _RUN_PARTS):
            return StoreLocation(folder.parent, folder.name)
    raise StoreNotFoundError(f"{place} is not a DaCapo store.", todo=_TO_FIND, path=place)


def _run_of(store: Path, place: Path) -> str | None:
    """Name the run whose folder ``place`` is or lies in (names may hold ``/``)."""
    parts = place.relative_to(store).parts
    if not parts or parts[0] in ("configs", "stats"):
        return None
    for count in range(1, len(parts) + 1):
        name = "/".join(parts[:count])
        folder = store.joinpath(*parts[:count])
        if os.path.exists(store / "configs" / "runs" / f"{name}.yaml") or any(
            os.path.isdir(folder / part) for part in _RUN_PARTS
        ):
            return name
    return None


def _is_store(folder: Path) -> bool:
    return any(
        os.path.isdir(folder.joinpath(*parts))
        for parts in (("configs", "runs"), ("stats", "training_stats"))
    )


def _is_options_file(path: Path) -> bool:
    # Any other file is taken for a part of a run, configs of a store included.
    return (
        path.suffix in (".yaml", ".yml")
        and os.path.isfile(path)
        and path.parts[-3:-2] != ("configs",)
    )


def _is_run_config(path: Path) -> bool:
    return path.suffix == ".yaml" and path.parts[-3:-1] == ("configs", "runs")


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


def _normal(path: str | os.PathLike[str]) -> str:
    text = os.fspath(path)
    if os.sep != "/":
        text = text.replace(os.sep, "/")
    text = posixpath.normpath(text)
    # Two slashes at the start mean something to POSIX, but not here: what follows
    # would be taken for an absolute path.
    return "/" + text.lstrip("/") if text.startswith("//") else text


def _longest(mapping: Mapping[str, str], text: str) -> tuple[str, str] | None:
    """Return the longest matching prefix, and what comes after it."""
    best: tuple[str, str] | None = None
    length = -1
    for prefix in mapping:
        key = _normal(prefix)
        if text == key:
            rest = ""
        elif text.startswith(key.rstrip("/") + "/"):
            rest = text[len(key.rstrip("/")) + 1 :]
        else:
            continue
        if len(key) > length:
            best, length = (prefix, rest), len(key)
    return best
