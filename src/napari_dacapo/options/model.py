"""The options themselves."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, Field

from napari_dacapo.options.maps import longest, normal

__all__ = ["Options", "StoreType"]

StoreType = Literal["files", "mongo"]


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
        The options file that was read; its folder, if it is trusted only as
        what is found there.
    notes : tuple of str
        What of the options file does not count, and why; to be told to the user.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: StoreType = "files"
    runs_base_dir: Path
    # May hold a password, which belongs in no log.
    mongo_db_host: str | None = Field(default=None, repr=False)
    mongo_db_name: str | None = None
    path_map: dict[str, str] = Field(default_factory=dict)
    url_map: dict[str, str] = Field(default_factory=dict)
    source: Path | None = None
    notes: tuple[str, ...] = ()

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
        text = normal(path)
        found = longest(self.path_map, text)
        if found is None:
            return Path(text)
        prefix, rest = found
        return Path(os.path.expanduser(self.path_map[prefix])) / rest

    def url_for(self, path: str | os.PathLike[str]) -> str | None:
        """Return the public address of a local path, or None if it has none.

        Examples
        --------
        >>> options = Options(runs_base_dir="/x", url_map={"/mnt/lab": "s3://lab"})
        >>> options.url_for("/mnt/lab/a b.zarr")
        's3://lab/a%20b.zarr'
        """
        found = longest(self.url_map, normal(path))
        if found is None:
            return None
        prefix, rest = found
        return "/".join(part for part in (self.url_map[prefix].rstrip("/"), quote(rest)) if part)

    @property
    def roots(self) -> tuple[Path, ...]:
        """The folders in which files of this store may lie: its own and the mapped ones."""
        mapped = (Path(os.path.expanduser(value)) for value in self.path_map.values())
        return (self.runs_base_dir, *mapped)
