"""Where the arrays of a run are."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from napari_dacapo.errors import UnsafeFileError
from napari_dacapo.store.paths import Roots, check_name, list_folder
from napari_dacapo.store.read_only import read_only
from napari_dacapo.store.stored_validation import find_stored, folder_names, holds_anything

if TYPE_CHECKING:
    from pathlib import Path

    from napari_dacapo.options import Options
    from napari_dacapo.store.stored_validation import StoredValidation

__all__ = ["LocalArrayIdentifier", "LocalArrayStore", "LocalContainerIdentifier", "numbered"]

_NUMBER = re.compile(r"0|[1-9][0-9]{0,15}")


class _Named(Protocol):
    @property
    def name(self) -> str: ...


@dataclass(frozen=True)
class LocalArrayIdentifier:
    """An array: a container, and the dataset in it."""

    container: Path
    dataset: str

    @property
    def path(self) -> Path:
        """The folder of the array."""
        return self.container / self.dataset

    def __str__(self) -> str:
        return str(self.path)


@dataclass(frozen=True)
class LocalContainerIdentifier:
    """A container of arrays; may be used as a path."""

    container: Path

    def array_identifier(self, dataset: str) -> LocalArrayIdentifier:
        """Return the identifier of an array in it."""
        return LocalArrayIdentifier(self.container, check_name(dataset))

    def __fspath__(self) -> str:
        return str(self.container)

    def __str__(self) -> str:
        return str(self.container)

    def __truediv__(self, name: str) -> Path:
        return self.container / name


@read_only("remove", "store_array", "delete_array")
class LocalArrayStore:
    """Arrays in ``<runs_base_dir>/<run>/validation.zarr`` and ``snapshot.zarr``.

    Nothing is opened here, and what an identifier names need not exist.
    Wherever a dataset is asked for, its name or an object with such a ``name``
    will do; for what is stored for each iteration, also the name of its folder.
    """

    def __init__(self, options: Options) -> None:
        self.options = options
        self.path: Path = options.runs_base_dir
        self._roots = Roots(options.roots)

    def run_folder(self, run_name: str) -> Path:
        """Return the folder of a run; it need not exist.

        Raises
        ------
        UnsafeFileError
            If the name, or a link, would lead out of the store.
        """
        return self._roots.join(self.path, run_name)

    def validation_container(self, run_name: str) -> LocalContainerIdentifier:
        """Return the container with all validations of a run."""
        return LocalContainerIdentifier(self._container(run_name, "validation.zarr"))

    def snapshot_container(self, run_name: str) -> LocalContainerIdentifier:
        """Return the container with the snapshots of a run."""
        return LocalContainerIdentifier(self._container(run_name, "snapshot.zarr"))

    def validation_prediction_array(
        self, run_name: str, iteration: int, dataset: str | _Named
    ) -> LocalArrayIdentifier:
        """Return the identifier of a stored prediction."""
        container, folder = self._dataset_folder(run_name, iteration, dataset)
        return self._identifier(container, f"{folder}/prediction")

    def validation_output_array(
        self, run_name: str, iteration: int, parameters: object, dataset: str | _Named
    ) -> LocalArrayIdentifier:
        """Return the identifier of a stored output.

        Parameters
        ----------
        run_name, iteration, dataset
            Which validation.
        parameters : str or object
            The name of the folder, or something whose ``str`` is that.
        """
        container, folder = self._dataset_folder(run_name, iteration, dataset)
        return self._identifier(container, f"{folder}/output/{parameters}")

    def validation_input_arrays(
        self, run_name: str, dataset: str | _Named | None = None
    ) -> tuple[LocalArrayIdentifier, LocalArrayIdentifier]:
        """Return the identifiers of the copies of raw and gt that validation was done on."""
        container = self._container(run_name, "validation.zarr")
        folder = "inputs" if dataset is None else f"inputs/{_name(dataset)}"
        return (
            self._identifier(container, f"{folder}/raw"),
            self._identifier(container, f"{folder}/gt"),
        )

    def best_validation_array(
        self, run_name: str, criterion: str, index: str | int | None = None
    ) -> LocalArrayIdentifier:
        """Return the identifier of a stored best output.

        No version of DaCapo from 0.3.0 on writes such arrays.
        """
        container = self._container(run_name, "validation.zarr")
        return self._identifier(container, criterion if index is None else f"{index}/{criterion}")

    def validated_iterations(self, run_name: str) -> list[int]:
        """Return the iterations that have a folder in ``validation.zarr``, sorted.

        What is in the folder may be incomplete.
        """
        return numbered(self._container(run_name, "validation.zarr"))

    def stored_validation(
        self, container: LocalContainerIdentifier, iteration: int
    ) -> StoredValidation:
        """Return what one of the validations in a container left behind.

        Parameters
        ----------
        container : LocalContainerIdentifier
            As `validation_container` gives it.
        iteration : int
            Training iterations done. What is stored of it may be incomplete.
        """
        return find_stored(f"{container}/{_iteration(iteration)}", iteration, self._roots)

    def _container(self, run_name: str, name: str) -> Path:
        return self._roots.join(self.path, run_name, name)

    def _identifier(self, container: Path, dataset: str) -> LocalArrayIdentifier:
        self._roots.join(container, dataset)
        return LocalArrayIdentifier(container, dataset)

    def _dataset_folder(
        self, run_name: str, iteration: int, dataset: str | _Named
    ) -> tuple[Path, str]:
        container = self._container(run_name, "validation.zarr")
        name = _name(dataset)
        candidates = folder_names(name)
        top = str(_iteration(iteration))
        for candidate in candidates:
            if holds_anything(f"{container}/{top}/{candidate}", self._roots):
                return container, f"{top}/{candidate}"
        return container, f"{top}/{candidates[0]}"


def numbered(folder: Path) -> list[int]:
    """Return the entries of a folder whose names are whole numbers, as numbers, sorted."""
    return sorted(int(e.name) for e in list_folder(folder) if _NUMBER.fullmatch(e.name))


def _iteration(value: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise UnsafeFileError(f"{value!r:.60} is no iteration.")
    return value


def _name(dataset: str | _Named) -> str:
    return check_name(dataset if isinstance(dataset, str) else dataset.name)
