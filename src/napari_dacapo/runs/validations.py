"""What is stored of each validation, by listing folders only."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from napari_dacapo.errors import NapariDacapoError
from napari_dacapo.volumes.stored_chunks import has_chunks

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from napari_dacapo.store import LocalArrayStore

__all__ = ["StoredValidation", "Validations", "is_array"]

_ARRAY_FILES = (".zarray", "zarr.json", "attributes.json")
_MAX_NESTING = 8


def is_array(path: str | Path) -> bool:
    """Return whether a folder holds an array's metadata (DaCapo writes no group files)."""
    return any(os.path.isfile(f"{path}/{name}") for name in _ARRAY_FILES)


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
    """

    iteration: int
    predictions: frozenset[str]
    outputs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    unwritten: frozenset[str] = frozenset()

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


class Validations:
    """What all validations of a run left behind, as it was when first asked for.

    Parameters
    ----------
    array_store : LocalArrayStore
        Where the arrays are.
    run : str
        Name of the run.
    """

    def __init__(self, array_store: LocalArrayStore, run: str) -> None:
        self._array_store = array_store
        self._run = run
        self._known: dict[int, StoredValidation] = {}

    @cached_property
    def iterations(self) -> tuple[int, ...]:
        """Iterations of which anything is stored, ascending."""
        try:
            return tuple(sorted(self._array_store.validated_iterations(self._run)))
        except NapariDacapoError:
            return ()

    @cached_property
    def stored(self) -> Mapping[int, StoredValidation]:
        """All of them, by iteration."""
        return {iteration: self._at(iteration) for iteration in self.iterations}

    def at(self, iteration: int) -> StoredValidation | None:
        """Return what is stored at one iteration, None if nothing is; others are not looked at."""
        return self._at(iteration) if iteration in self.iterations else None

    @cached_property
    def folders(self) -> tuple[str, ...]:
        """Folders of all datasets of which anything is stored, sorted."""
        return tuple(sorted({name for found in self.stored.values() for name in found.folders}))

    def complete(self, datasets: Sequence[str]) -> tuple[int, ...]:
        """Return the iterations at which every one of the datasets was validated."""
        return tuple(i for i, found in self.stored.items() if found.is_complete(datasets))

    def outputs(self, iteration: int, dataset: str) -> tuple[str, ...]:
        """Return the names of the stored outputs, empty if there are none."""
        found = self.at(iteration)
        folder = found.folder(dataset) if found else None
        return found.outputs.get(folder, ()) if found and folder else ()

    def has_prediction(self, iteration: int, dataset: str) -> bool:
        """Return whether a prediction is stored."""
        found = self.at(iteration)
        return found is not None and found.folder(dataset) in found.predictions

    def _at(self, iteration: int) -> StoredValidation:
        if iteration not in self._known:
            self._known[iteration] = self._look(iteration)
        return self._known[iteration]

    @cached_property
    def _container(self) -> str | None:
        try:
            return str(self._array_store.validation_container(self._run))
        except NapariDacapoError:
            return None

    def _look(self, iteration: int) -> StoredValidation:
        predictions: set[str] = set()
        unwritten: set[str] = set()
        outputs: dict[str, tuple[str, ...]] = {}
        top = f"{self._container}/{iteration}"
        pending = [("", 0)]
        while pending and self._container is not None:
            folder, depth = pending.pop()
            parts = self._subfolders(f"{top}/{folder}")
            if not {"prediction", "output"}.intersection(parts):
                # Names of datasets may have slashes.
                if depth < _MAX_NESTING and not is_array(f"{top}/{folder}"):
                    pending += [(f"{folder}/{part}".lstrip("/"), depth + 1) for part in parts]
                continue
            if "prediction" in parts and is_array(f"{top}/{folder}/prediction"):
                predictions.add(folder)
                if not has_chunks(f"{top}/{folder}/prediction"):
                    unwritten.add(folder)
            if "output" in parts and (names := self._subfolders(f"{top}/{folder}/output")):
                outputs[folder] = tuple(names)
        return StoredValidation(
            iteration, frozenset(predictions), outputs, unwritten=frozenset(unwritten)
        )

    def _subfolders(self, folder: str) -> list[str]:
        """List folders; a link counts if it leads to where the store may be read."""
        try:
            with os.scandir(folder) as entries:
                return sorted(
                    entry.name
                    for entry in entries
                    if (not entry.name.startswith(".") and entry.is_dir(follow_symlinks=False))
                    or (entry.is_symlink() and self._may_follow(entry))
                )
        except OSError:
            return []

    def _may_follow(self, link: os.DirEntry[str]) -> bool:
        from napari_dacapo.store.paths import Roots

        try:
            return Roots(self._array_store.options.roots).check(Path(link.path)).is_dir()
        except (NapariDacapoError, OSError):
            return False


def folder_names(dataset: str) -> tuple[str, str]:
    """Return the folders in which a dataset's validation may lie: DaCapo has used two."""
    return f"ds_{dataset.replace('/', '_')}", dataset
