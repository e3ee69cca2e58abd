"""What a validation left behind, found by listing folders only.

DaCapo writes no group files: a dataset's folder is known by the ``prediction``
and ``output`` in it. Names of datasets may have slashes, so that it may lie
some levels deep.
"""

from __future__ import annotations

import os
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from napari_dacapo.errors import NapariDacapoError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from napari_dacapo.store.paths import Roots

__all__ = ["StoredValidation", "find_stored", "folder_names", "holds_anything", "is_array"]

_ARRAY_FILES = (".zarray", "zarr.json", "attributes.json")
_PARTS = ("prediction", "output")
_MAX_NESTING = 8
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
    """

    iteration: int
    predictions: frozenset[str] = frozenset()
    outputs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def folders(self) -> frozenset[str]:
        """Folders of datasets with anything in them."""
        return self.predictions | self.outputs.keys()

    def folder(self, dataset: str) -> str | None:
        """Return the folder of a dataset by its name, None if nothing is stored."""
        return next((name for name in folder_names(dataset) if name in self.folders), None)

    def is_complete(self, datasets: Iterable[str]) -> bool:
        """Return whether each of the datasets has a prediction and an output."""
        folders = [self.folder(dataset) for dataset in datasets]
        return bool(folders) and all(
            folder is not None and folder in self.predictions and folder in self.outputs
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
    return any(os.path.isfile(f"{path}/{name}") for name in _ARRAY_FILES)


def holds_anything(folder: str, roots: Roots) -> bool:
    """Return whether a dataset's folder holds a prediction or an output.

    Parameters
    ----------
    folder : str
        The folder; a link that leads out of the `roots` holds nothing.
    roots : Roots
        Where files of the store may lie.
    """
    return _leads_inside(folder, roots) and any(_contents(folder, _list(folder), roots))


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
    outputs: dict[str, tuple[str, ...]] = {}
    # Those that were found first are looked at first, so that a huge tree does not hide them.
    pending = deque([("", os.path.islink(top))])
    for _ in range(_MAX_FOLDERS):
        if not pending:
            break
        name, is_link = pending.popleft()
        here = f"{top}/{name}" if name else top
        if is_link and not _leads_inside(here, roots):
            continue
        listing = _list(here)
        if name and listing.has_parts:
            has_prediction, names = _contents(here, listing, roots)
            if has_prediction:
                predictions.add(name)
            if names:
                outputs[name] = names
        elif not (name and is_link) and name.count("/") < _MAX_NESTING and not listing.is_array:
            prefix = f"{name}/" if name else ""
            pending.extend((prefix + part, False) for part in listing.folders)
            pending.extend((prefix + part, True) for part in listing.links)
    return StoredValidation(iteration, frozenset(predictions), outputs)


class _Listing(NamedTuple):
    folders: list[str]
    links: list[str]
    is_array: bool

    @property
    def has_parts(self) -> bool:
        return any(part in names for part in _PARTS for names in (self.folders, self.links))


def _list(folder: str) -> _Listing:
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
    except OSError:
        return _Listing([], [], False)
    return _Listing(folders, links, arrays)


def _contents(here: str, listing: _Listing, roots: Roots) -> tuple[bool, tuple[str, ...]]:
    """Return whether a folder has a prediction, and the names of the outputs in it."""
    has_prediction = _has("prediction", here, listing, roots) and is_array(f"{here}/prediction")
    names: tuple[str, ...] = ()
    if _has("output", here, listing, roots):
        stored = _list(f"{here}/output")
        linked = [name for name in stored.links if _leads_inside(f"{here}/output/{name}", roots)]
        names = tuple(sorted(stored.folders + linked))
    return has_prediction, names


def _has(part: str, here: str, listing: _Listing, roots: Roots) -> bool:
    if part in listing.folders:
        return True
    return part in listing.links and _leads_inside(f"{here}/{part}", roots)


def _leads_inside(folder: str, roots: Roots) -> bool:
    try:
        return os.path.isdir(roots.check(Path(folder)))
    except NapariDacapoError:
        return False
