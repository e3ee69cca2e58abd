"""Rows of earlier listings, kept in the user's cache folder.

Reading a thousand runs takes seconds, looking whether they changed does not.
A row counts as long as the sizes and times of the run's files are the same, and
the version of this package, which decides what is made of them. A store itself
is never written, and a cache that is lost or broken only costs time.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from dataclasses import asdict
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from napari_dacapo._version import __version__
from napari_dacapo.runs.row import RunRow
from napari_dacapo.runs.state import Progress

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["RowCache"]

_MAX_BYTES = 256 * 2**20


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
            content = json.dumps({"version": __version__, "rows": rows})
            self._path.parent.mkdir(parents=True, exist_ok=True)
            handle, temporary = tempfile.mkstemp(dir=self._path.parent, suffix=".tmp")
            try:
                with os.fdopen(handle, "w", encoding="utf-8") as file:
                    file.write(content)
                os.replace(temporary, self._path)
            except BaseException:  # Ctrl-C, too, must leave nothing behind
                os.unlink(temporary)
                raise

    def _load(self) -> dict[str, dict[str, Any]]:
        try:
            if self._path.stat().st_size > _MAX_BYTES:
                return {}
            content = json.loads(self._path.read_bytes())
        except (OSError, ValueError, RecursionError):
            return {}
        if not isinstance(content, dict) or content.get("version") != __version__:
            return {}
        rows = content.get("rows")
        return rows if isinstance(rows, dict) else {}
