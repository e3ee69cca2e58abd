"""What stands in an options file."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, cast

from napari_dacapo.errors import OptionsError
from napari_dacapo.options.expanding import expand, working_folder
from napari_dacapo.options.maps import parse_map
from napari_dacapo.plain_yaml import NotPlainError, parse_yaml

if TYPE_CHECKING:
    from pathlib import Path

    from napari_dacapo.options.model import StoreType

__all__ = ["read_options_file"]

_MAX_BYTES = 2**20
_MAX_VALUES = 10_000
_KEYS = {
    "type",
    "runs_base_dir",
    "compute_context",
    "mongo_db_host",
    "mongo_db_name",
    "path_map",
    "url_map",
}


def read_options_file(
    path: Path, cwd: str | os.PathLike[str] | None, home: str | os.PathLike[str] | None
) -> dict[str, Any]:
    """Return the fields of `Options` that a file sets, DaCapo's defaults included.

    Parameters
    ----------
    path : Path
        The file.
    cwd, home : path-like, optional
        Instead of those of this process.

    Raises
    ------
    OptionsError
        If it cannot be read, is no options file, or makes no sense.
    """
    raw = _read(path)
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
    folder = expand(raw.get("runs_base_dir") or "~/dacapo", home, what=f"runs_base_dir of {path}")
    if not folder.is_absolute():
        # DaCapo means the working directory; next to the file is the better guess
        # when an options file is opened from elsewhere.
        here, beside = working_folder(cwd), (working_folder() or path).joinpath(path.parent)
        folder = here / folder if here and os.path.isdir(here / folder) else beside / folder
    return {
        "type": cast("StoreType", kind),
        "runs_base_dir": folder,
        "mongo_db_host": raw.get("mongo_db_host"),
        "mongo_db_name": raw.get("mongo_db_name"),
        "path_map": parse_map(raw.get("path_map")),
        "url_map": parse_map(raw.get("url_map")),
    }


def _read(path: Path) -> dict[Any, Any]:
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_BYTES + 1)
        if len(content) > _MAX_BYTES:
            raise NotPlainError(f"more than {_MAX_BYTES} bytes")
        raw = parse_yaml(content, max_values=_MAX_VALUES)
    except (OSError, ValueError, NotPlainError) as error:
        reason = " ".join(str(error).split())
        raise OptionsError(
            f"The options file {path} cannot be read: {reason:.200}.",
            todo="Mend it, or name a store folder instead.",
            path=path,
        ) from error
    if raw is None:
        return {}
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
    return raw
