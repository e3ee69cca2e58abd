"""Rows of earlier listings, kept in the user's cache folder.

Reading a thousand runs takes seconds, looking whether they changed does not.
A row counts as long as the sizes and times of the run's files are the same. A
store itself is never written, and a cache that is lost or broken only costs
time.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from dataclasses import asdict
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from napari_dacapo.runs.row import RunRow
from napari_dacapo.runs.state import Progress

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["RowCache", "fingerprint"]

_VERSION = 2
_MAX_BYTES = 256 * 2**20


def fingerprint(store: Path, name: str) -> list[list[int]] | None:
    """Return sizes and times of what a run's row depends on.

    Parameters
    ----------
    store : Path
        ``runs_base_dir`` of a store of files.
    name : str
        Name of a run.

    Returns
    -------
    list of list of int, or None
        Changes whenever a file is written, a checkpoint or validation is
        added, or the newest validation grows; None if the run's config
        cannot be looked up.
    """
    marks: list[list[int]] = []
    config = _mark(f"{store}/configs/runs/{name}.yaml")
    if config is None:
        return None
    marks.append(config)
    run = f"{store}/{name}"
    for path in (
        f"{store}/stats/training_stats/{name}",
        f"{store}/stats/validation_scores/{name}",
        run,
        f"{run}/checkpoints/iterations",
        f"{run}/validation.zarr",
    ):
        marks.append(_mark(path) or [])
    if marks[-1]:
        marks.extend(_newest_validation(f"{run}/validation.zarr"))
    return marks


def _newest_validation(container: str) -> list[list[int]]:
    try:
        names = os.listdir(container)
    except OSError:
        return []
    newest = max((name for name in names if name.isdecimal()), key=int, default=None)
    if newest is None:
        return []
    folder = f"{container}/{newest}"
    marks = [_mark(folder) or []]
    try:
        datasets = sorted(os.listdir(folder))
    except OSError:
        return marks
    for dataset in datasets:
        marks.append(_mark(f"{folder}/{dataset}") or [])
        marks.append(_mark(f"{folder}/{dataset}/output") or [])
        marks.append(_mark(f"{folder}/{dataset}/prediction") or [])
    return marks


def _mark(path: str) -> list[int] | None:
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return None
    return [status.st_size, status.st_mtime_ns]


class RowCache:
    """The rows of one store, as they were when they were read.

    Parameters
    ----------
    store : Path
        ``runs_base_dir``.
    folder : Path, optional
        Where the cache is kept; default: the user's cache folder.
    """

    def __init__(self, store: Path, folder: Path | None = None) -> None:
        if folder is None:
            from platformdirs import user_cache_path

            folder = user_cache_path("napari-dacapo") / "rows"
        key = sha256(os.fsencode(os.path.realpath(store))).hexdigest()[:32]
        self._path = folder / f"{key}.json"
        self._rows: dict[str, dict[str, Any]] = self._load()
        self._seen: dict[str, dict[str, Any]] = {}
        self._changed = False

    def get(self, name: str, marks: list[list[int]] | None, now: float) -> RunRow | None:
        """Return the row of a run, with its state of now, if its files have not changed since."""
        entry = self._rows.get(name)
        if marks is None or not isinstance(entry, dict) or entry.get("marks") != marks:
            return None
        try:
            row = RunRow.from_dict(entry["row"])
            row = row.at(Progress(**entry["progress"]), now)
        except (KeyError, TypeError, AttributeError):
            return None
        self._seen[name] = entry
        return row

    def put(self, row: RunRow, progress: Progress, marks: list[list[int]] | None) -> None:
        """Keep a row that was just read, without its state; `marks` were taken before that."""
        if marks is not None:
            self._seen[row.name] = {
                "marks": marks,
                "row": row.as_dict(),
                "progress": asdict(progress),
            }
            self._changed = True

    def save(self, *, complete: bool) -> None:
        """Write the cache if anything changed; a failure to do so is no error.

        Parameters
        ----------
        complete : bool
            Whether all runs were asked for: the others are then forgotten.
        """
        rows = self._seen if complete else {**self._rows, **self._seen}
        if not self._changed and rows.keys() == self._rows.keys():
            return
        with contextlib.suppress(OSError, ValueError):
            # Not json.dump, which goes through each value in Python.
            content = json.dumps({"version": _VERSION, "rows": rows})
            self._path.parent.mkdir(parents=True, exist_ok=True)
            handle, temporary = tempfile.mkstemp(dir=self._path.parent, suffix=".tmp")
            try:
                with os.fdopen(handle, "w", encoding="utf-8") as file:
                    file.write(content)
                os.replace(temporary, self._path)
            except BaseException:
                os.unlink(temporary)
                raise

    def _load(self) -> dict[str, dict[str, Any]]:
        try:
            if self._path.stat().st_size > _MAX_BYTES:
                return {}
            content = json.loads(self._path.read_bytes())
        except (OSError, ValueError, RecursionError):
            return {}
        if not isinstance(content, dict) or content.get("version") != _VERSION:
            return {}
        rows = content.get("rows")
        return rows if isinstance(rows, dict) else {}
