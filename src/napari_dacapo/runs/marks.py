"""Sizes and times of a run's files: what tells that it has changed without reading it."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from napari_dacapo.errors import UnsafeFileError
from napari_dacapo.store.paths import check_name

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Mark", "Marks", "fingerprint", "look_at"]

#: Size in bytes and time of the last change in nanoseconds; None if there is no such file.
Mark = tuple[int, int] | None


@dataclass(frozen=True, slots=True)
class Marks:
    """How the files were found at one look.

    Attributes
    ----------
    config : str
        The file with the run's config.
    found : dict of str to Mark
        By path.
    failed : dict of str to OSError
        Why others could not be looked at: nothing is known of them, not even
        that they are not there.
    """

    config: str
    found: dict[str, Mark] = field(default_factory=dict)
    failed: dict[str, OSError] = field(default_factory=dict)

    def add(self, path: str) -> bool:
        """Look at a path; return whether it is there."""
        try:
            status = os.stat(path)
        except (FileNotFoundError, NotADirectoryError):
            self.found[path] = None
            return False
        except OSError as error:
            self.failed[path] = error
            return False
        self.found[path] = (status.st_size, status.st_mtime_ns)
        return True

    def names_in(self, folder: str) -> list[str]:
        """List a folder, sorted."""
        try:
            return sorted(os.listdir(folder))
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            self.failed[folder] = error
            return []


def look_at(store: Path, name: str) -> Marks:
    """Look at the files that a run's row depends on.

    Parameters
    ----------
    store : Path
        ``runs_base_dir``.
    name : str
        Name of a run.

    Raises
    ------
    UnsafeFileError
        If files of that name would lie outside of the store.
    """
    check_name(name)
    run = f"{store}/{name}"
    container = f"{run}/validation.zarr"
    marks = Marks(f"{store}/configs/runs/{name}.yaml")
    for path in (
        marks.config,
        f"{store}/stats/training_stats/{name}",
        f"{store}/stats/validation_scores/{name}",
        run,
        f"{run}/checkpoints/iterations",
    ):
        marks.add(path)
    if marks.add(container):
        numbers = [entry for entry in marks.names_in(container) if entry.isdecimal()]
        if numbers:
            newest = f"{container}/{max(numbers, key=int)}"
            marks.add(newest)
            for dataset in marks.names_in(newest):
                marks.add(f"{newest}/{dataset}")
                marks.add(f"{newest}/{dataset}/output")
                marks.add(f"{newest}/{dataset}/prediction")
    return marks


def fingerprint(store: Path, name: str) -> list[list[int]] | None:
    """Return sizes and times of what a run's row depends on, as plain values.

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
        added, or the newest validation grows; None if that cannot be told.
    """
    try:
        marks = look_at(store, name)
    except UnsafeFileError:
        return None
    if marks.failed or marks.found[marks.config] is None:
        return None
    return [list(mark or ()) for mark in marks.found.values()]
