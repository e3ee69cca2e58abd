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
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from napari_dacapo._version import __version__
from napari_dacapo.runs.row import RunRow
from napari_dacapo.runs.state import Progress

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["KnownRow", "RowCache"]

_MAX_BYTES = 256 * 2**20


@dataclass(frozen=True, slots=True)
class KnownRow:
    """A row as it was read, at whatever time.

    Attributes
    ----------
    row : RunRow
        The row without its state, which changes with time alone.
    progress : Progress
        What the state follows from.
    marks : list of list of int or None
        The run's files before it was read, see
        :func:`~napari_dacapo.runs.marks.fingerprint`; None if the row may
        change though they do not.
    """

    row: RunRow
    progress: Progress
    marks: list[list[int]] | None

    def at(self, now: float) -> RunRow:
        """Return the row with its state at a time, in seconds since the epoch."""
        return self.row.at(self.progress, now)

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as plain values."""
        return {
            "marks": self.marks,
            "row": self.row.as_dict(),
            "progress": asdict(self.progress),
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> KnownRow:
        """Make it of what :meth:`as_dict` gave, also after a way through JSON.

        Raises
        ------
        KeyError, TypeError, AttributeError
            If these are not such values.
        """
        row, progress = RunRow.from_dict(values["row"]), Progress(**values["progress"])
        return cls(row, progress, values["marks"])


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

    def __contains__(self, name: object) -> bool:
        return name in self._rows

    def get(self, name: str, marks: list[list[int]] | None) -> KnownRow | None:
        """Return what is known of a run if its files have not changed since."""
        entry = self._rows.get(name)
        if marks is None or not isinstance(entry, dict) or entry.get("marks") != marks:
            return None
        try:
            known = KnownRow.from_dict(entry)
        except (KeyError, TypeError, AttributeError):
            return None
        self._seen[name] = entry
        return known

    def put(self, known: KnownRow) -> None:
        """Keep a row that was just read, if its marks say when it changes."""
        if known.marks is not None:
            self._seen[known.row.name] = known.as_dict()
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
