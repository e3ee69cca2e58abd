"""What is stored of each validation of a run, by listing folders only."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from napari_dacapo.errors import NapariDacapoError
from napari_dacapo.store import StoredValidation

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from napari_dacapo.store import LocalArrayStore, LocalContainerIdentifier

__all__ = ["Validations"]


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

    @property
    def iterations(self) -> tuple[int, ...]:
        """Iterations of which anything is stored, ascending."""
        return self._listed[0]

    @property
    def problem(self) -> NapariDacapoError | None:
        """Why there may be more of them: they cannot be listed."""
        return self._listed[1]

    @property
    def problems(self) -> tuple[NapariDacapoError, ...]:
        """Why more may be stored than was found so far, in all that was looked at."""
        listed = self.__dict__.get("_listed", ((), None))[1]
        found = [listed, *(validation.problem for validation in self._known.values())]
        return tuple(problem for problem in found if problem is not None)

    @cached_property
    def _listed(self) -> tuple[tuple[int, ...], NapariDacapoError | None]:
        try:
            return tuple(sorted(self._array_store.validated_iterations(self._run))), None
        except NapariDacapoError as error:
            return (), error

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
    def _container(self) -> LocalContainerIdentifier | None:
        try:
            return self._array_store.validation_container(self._run)
        except NapariDacapoError:
            return None

    def _look(self, iteration: int) -> StoredValidation:
        if self._container is None:
            return StoredValidation(iteration)
        return self._array_store.stored_validation(self._container, iteration)
