"""The store, and the run, that a path lies in."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import NamedTuple

from napari_dacapo.errors import StoreNotFoundError

__all__ = ["TO_FIND", "StoreLocation", "is_options_file", "is_store", "locate_store"]

TO_FIND = (
    "Give the folder that holds `configs/runs` (runs_base_dir), a run folder, "
    "or a dacapo.yaml with runs_base_dir in it."
)
# A path object has lost one of the slashes; a single letter is a drive of Windows.
_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/")
_RUN_PARTS = ("checkpoints", "validation.zarr", "snapshot.zarr")


class StoreLocation(NamedTuple):
    """What a path says: a store folder, and possibly one run in it."""

    runs_base_dir: Path
    run_name: str | None


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
        If the path does not exist, nothing above it looks like a store, or it
        is an address.
    """
    if address := _ADDRESS.match(os.fspath(path)):
        # It may hold a password, which belongs in no message.
        raise StoreNotFoundError(
            f"{address[1]}://… is an address, but a store is named by a folder or an options file.",
            todo="For MongoDB write a dacapo.yaml with mongo_db_host and mongo_db_name, and give "
            "that file.",
        )
    try:
        place = Path(os.path.abspath(path))
    except OSError as error:
        raise StoreNotFoundError(
            f"{os.fspath(path)} cannot be looked up, for the working directory was removed.",
            todo=TO_FIND,
            path=path,
        ) from error
    if not os.path.exists(place):
        raise StoreNotFoundError(f"{place} does not exist.", todo=TO_FIND, path=place)
    if _is_run_config(place):
        return StoreLocation(place.parents[2], place.stem)
    for store in (place, *list(place.parents)[:12]):
        if is_store(store):
            return StoreLocation(store, _run_of(store, place))
    # A run folder that was copied without its store: its parent stands for the store.
    for folder in (place, *list(place.parents)[:4]):
        if any(os.path.isdir(folder / part) for part in _RUN_PARTS):
            return StoreLocation(folder.parent, folder.name)
    raise StoreNotFoundError(f"{place} is not a DaCapo store.", todo=TO_FIND, path=place)


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


def is_store(folder: Path) -> bool:
    """Tell whether a folder holds configs or stats of runs."""
    return any(
        os.path.isdir(folder.joinpath(*parts))
        for parts in (("configs", "runs"), ("stats", "training_stats"))
    )


def is_options_file(path: Path) -> bool:
    """Tell whether a path is to be read as an options file."""
    # Any other file is taken for a part of a run, configs of a store included.
    return (
        path.suffix in (".yaml", ".yml")
        and os.path.isfile(path)
        and path.parts[-3:-2] != ("configs",)
    )


def _is_run_config(path: Path) -> bool:
    return path.suffix == ".yaml" and path.parts[-3:-1] == ("configs", "runs")
