"""What a validation left behind, found by listing folders only.

DaCapo writes no group files: a dataset's folder is known by the ``prediction``
and ``output`` in it. Names of datasets may have slashes, so that it may lie
some levels deep.
"""

from __future__ import annotations

import os
import stat
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from napari_dacapo.errors import BrokenFileError, NapariDacapoError
from napari_dacapo.store.paths import unreadable_folder
from napari_dacapo.store.stored_chunks import was_begun

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from napari_dacapo.store.paths import Roots

__all__ = ["StoredValidation", "find_stored", "folder_names", "holds_anything", "is_array"]

_ARRAY_FILES = (".zarray", "zarr.json", "attributes.json")
_PARTS = ("prediction", "output")
_MAX_NESTING = 8
_NOT_THERE = (FileNotFoundError, NotADirectoryError)
# Validations have a few folders; a tree of this many is something else.
_MAX_FOLDERS = 10_000


@dataclass(frozen=True, slots=True)
class StoredValidation:
    """What one validation left behind.

    Attributes
    ----------
    iteration : int
        Training iterations done.
    predictions : frozenset of str
        Folders of datasets with a prediction.
    outputs : mapping of str to tuple of str
        Names of the outputs in each folder that has any.
    unwritten : frozenset of str
        Folders of datasets with a prediction that has no chunks (yet).
    problem : BrokenFileError or None
        Why there may be more: a folder that could not be looked through.
    """

    iteration: int
    predictions: frozenset[str] = frozenset()
    outputs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    unwritten: frozenset[str] = frozenset()
    problem: BrokenFileError | None = field(default=None, compare=False)

    @property
    def folders(self) -> frozenset[str]:
        """Folders of datasets with anything in them."""
        return self.predictions | self.outputs.keys()

    def folder(self, dataset: str) -> str | None:
        """Return the folder of a dataset by its name, None if nothing is stored."""
        return next((name for name in folder_names(dataset) if name in self.folders), None)

    def is_complete(self, datasets: Iterable[str]) -> bool:
        """Return whether each of the datasets has a prediction, with chunks, and an output."""
        folders = [self.folder(dataset) for dataset in datasets]
        written = self.predictions - self.unwritten
        return bool(folders) and all(
            folder is not None and folder in written and folder in self.outputs
            for folder in folders
        )


def folder_names(dataset: str) -> tuple[str, ...]:
    """Return the folders in which a dataset's validation may lie, the likeliest first.

    ``ds_`` and the name with ``/`` as ``_``; the bare name for datasets that a
    simple datasplit found, and in DaCapo 0.3.0.
    """
    flat = dataset.replace("/", "_")
    return tuple(dict.fromkeys((f"ds_{flat}", dataset, flat)))


def is_array(path: str | Path) -> bool:
    """Return whether a folder holds an array's metadata."""
    return _is_array(path, _Unread())


def holds_anything(folder: str, roots: Roots) -> bool:
    """Return whether a dataset's folder holds a prediction or an output.

    Parameters
    ----------
    folder : str
        The folder; a link that leads out of the `roots` holds nothing.
    roots : Roots
        Where files of the store may lie.
    """
    unread = _Unread()
    if not _leads_inside(folder, roots, unread):
        return False
    return any(_contents(folder, _list(folder, unread), roots, unread))


def find_stored(top: str, iteration: int, roots: Roots) -> StoredValidation:
    """Look for all that one validation left behind.

    A link to a dataset's folder counts, but what lies below a link is not
    looked through: a few links to their own folder would make an endless tree.

    Parameters
    ----------
    top : str
        The folder of the validation; need not exist.
    iteration : int
        The iteration that it is of.
    roots : Roots
        Where files of the store may lie.
    """
    predictions: set[str] = set()
    unwritten: set[str] = set()
    outputs: dict[str, tuple[str, ...]] = {}
    unread = _Unread()
    # Those that were found first are looked at first, so that a huge tree does not hide them.
    pending = deque([("", os.path.islink(top))])
    for _ in range(_MAX_FOLDERS):
        if not pending:
            break
        name, is_link = pending.popleft()
        here = f"{top}/{name}" if name else top
        if is_link and not _leads_inside(here, roots, unread):
            continue
        listing = _list(here, unread)
        if name and listing.has_parts:
            has_prediction, names = _contents(here, listing, roots, unread)
            if has_prediction:
                predictions.add(name)
                if not was_begun(f"{here}/prediction"):
                    unwritten.add(name)
            if names:
                outputs[name] = names
        elif not (name and is_link) and name.count("/") < _MAX_NESTING and not listing.is_array:
            prefix = f"{name}/" if name else ""
            pending.extend((prefix + part, False) for part in listing.folders)
            pending.extend((prefix + part, True) for part in listing.links)
    return StoredValidation(
        iteration, frozenset(predictions), outputs, frozenset(unwritten), unread.problem
    )


class _Unread:
    """Remembers what could not be looked at: it may be there all the same."""

    def __init__(self) -> None:
        self.problem: BrokenFileError | None = None

    def add(self, folder: str | Path, error: OSError) -> None:
        if self.problem is None and not isinstance(error, _NOT_THERE):
            self.problem = unreadable_folder(folder, error)
            self.problem.__cause__ = error


class _Listing(NamedTuple):
    folders: list[str]
    links: list[str]
    is_array: bool

    @property
    def has_parts(self) -> bool:
        return any(part in names for part in _PARTS for names in (self.folders, self.links))


def _list(folder: str, unread: _Unread) -> _Listing:
    folders, links, arrays = [], [], False
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    arrays = arrays or entry.name in _ARRAY_FILES
                elif entry.is_symlink():
                    links.append(entry.name)
                elif entry.is_dir(follow_symlinks=False):
                    folders.append(entry.name)
                else:
                    arrays = arrays or entry.name in _ARRAY_FILES
    except OSError as error:
        unread.add(folder, error)
        return _Listing([], [], False)
    return _Listing(folders, links, arrays)


def _is_array(path: str | Path, unread: _Unread) -> bool:
    for name in _ARRAY_FILES:
        try:
            if stat.S_ISREG(os.stat(f"{path}/{name}").st_mode):
                return True
        except OSError as error:
            unread.add(path, error)
        except ValueError:  # a name with a NUL in it
            return False
    return False


def _contents(
    here: str, listing: _Listing, roots: Roots, unread: _Unread
) -> tuple[bool, tuple[str, ...]]:
    """Return whether a folder has a prediction, and the names of the outputs in it."""

    def has(part: str) -> bool:
        if part in listing.folders:
            return True
        return part in listing.links and _leads_inside(f"{here}/{part}", roots, unread)

    has_prediction = has("prediction") and _is_array(f"{here}/prediction", unread)
    names: tuple[str, ...] = ()
    if has("output"):
        top = f"{here}/output"
        stored = _list(top, unread)
        linked = [name for name in stored.links if _leads_inside(f"{top}/{name}", roots, unread)]
        names = tuple(sorted(stored.folders + linked))
    return has_prediction, names


def _leads_inside(folder: str, roots: Roots, unread: _Unread) -> bool:
    try:
        return stat.S_ISDIR(os.stat(roots.check(Path(folder))).st_mode)
    except NapariDacapoError:
        return False
    except OSError as error:
        unread.add(folder, error)
        return False
