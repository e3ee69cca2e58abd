"""Configs of a store of files."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, TypeVar

from napari_dacapo.errors import (
    BrokenFileError,
    ConfigNotFoundError,
    RunNotFoundError,
    StoreNotFoundError,
)
from napari_dacapo.store.configs import (
    ArchitectureConfig,
    ArrayConfig,
    DatasetConfig,
    DataSplitConfig,
    RunConfig,
    TaskConfig,
    TrainerConfig,
    structure,
)
from napari_dacapo.store.paths import Roots, check_name, list_folder
from napari_dacapo.store.read_only import read_only
from napari_dacapo.store.safe_yaml import load_yaml

if TYPE_CHECKING:
    from pathlib import Path

    from napari_dacapo.options import Options
    from napari_dacapo.store.configs import Family

__all__ = ["WRITING", "ConfigStore", "FileConfigStore"]

_KINDS = ("run", "task", "architecture", "trainer", "datasplit", "dataset", "array")
_SUFFIX = ".yaml"
_MAX_NESTING = 8

WRITING = (
    *(f"{verb}_{kind}_config" for verb in ("store", "delete") for kind in _KINDS),
    "delete_config",
)

FamilyT = TypeVar("FamilyT", bound="Family")


class ConfigStore:
    """Reading of configs by name; where they are is for subclasses.

    The methods are those of DaCapo's config stores. Runs hold copies of all
    their parts; the separate configs may be missing or differ.
    """

    def __init__(self, options: Options) -> None:
        self.options = options

    def _names(self, folder: str) -> list[str]:
        raise NotImplementedError

    def _read(self, folder: str, name: str) -> dict[str, Any] | None:
        """Return the mapping of a config, or None if there is none."""
        raise NotImplementedError

    def retrieve_run_config_names(self) -> list[str]:
        """Return the names of all runs, sorted.

        Raises
        ------
        StoreNotFoundError
            If the store is not there, or does not answer.
        """
        return self._names("runs")

    def retrieve_run_config(self, run_name: str) -> RunConfig:
        """Return the config of a run.

        Raises
        ------
        RunNotFoundError
            If there is no such run.
        UnsafeFileError
            If files of a run of that name would lie outside of the store.
        BrokenFileError
            If nothing of its config can be read. If parts can, ``problem`` of
            the config says what is wrong with the rest.
        """
        raw = self._read("runs", check_name(run_name))
        if raw is None:
            raise RunNotFoundError(
                f"There is no run {run_name!r:.120} in {self}.",
                todo="Check the name and the store.",
            )
        return RunConfig.from_dict(raw, name=run_name, options=self.options)

    def retrieve_task_config_names(self) -> list[str]:
        """Return the names of all tasks that are stored separately, sorted."""
        return self._names("tasks")

    def retrieve_task_config(self, task_name: str) -> TaskConfig:
        """Return a task that is stored separately."""
        return self._retrieve(TaskConfig, "tasks", task_name)

    def retrieve_architecture_config_names(self) -> list[str]:
        """Return the names of all architectures that are stored separately, sorted."""
        return self._names("architectures")

    def retrieve_architecture_config(self, architecture_name: str) -> ArchitectureConfig:
        """Return an architecture that is stored separately."""
        return self._retrieve(ArchitectureConfig, "architectures", architecture_name)

    def retrieve_trainer_config_names(self) -> list[str]:
        """Return the names of all trainers that are stored separately, sorted."""
        return self._names("trainers")

    def retrieve_trainer_config(self, trainer_name: str) -> TrainerConfig:
        """Return a trainer that is stored separately."""
        return self._retrieve(TrainerConfig, "trainers", trainer_name)

    def retrieve_datasplit_config_names(self) -> list[str]:
        """Return the names of all datasplits that are stored separately, sorted."""
        return self._names("datasplits")

    def retrieve_datasplit_config(self, datasplit_name: str) -> DataSplitConfig:
        """Return a datasplit that is stored separately."""
        return self._retrieve(DataSplitConfig, "datasplits", datasplit_name)

    def retrieve_dataset_config_names(self) -> list[str]:
        """Return the names of all datasets that are stored separately, sorted."""
        return self._names("datasets")

    def retrieve_dataset_config(self, dataset_name: str) -> DatasetConfig:
        """Return a dataset that is stored separately."""
        return self._retrieve(DatasetConfig, "datasets", dataset_name)

    def retrieve_array_config_names(self) -> list[str]:
        """Return the names of all arrays that are stored separately, sorted."""
        return self._names("arrays")

    def retrieve_array_config(self, array_name: str) -> ArrayConfig:
        """Return an array that is stored separately."""
        return self._retrieve(ArrayConfig, "arrays", array_name)

    def _retrieve(self, family: type[FamilyT], folder: str, name: str) -> FamilyT:
        raw = self._read(folder, name)
        if raw is None:
            raise ConfigNotFoundError(
                f"There is no {family.noun} {name!r:.120} in {self}.",
                todo="Runs hold copies of all their configs; separate ones need not be stored.",
            )
        return structure(family, raw)


@read_only(*WRITING)
class FileConfigStore(ConfigStore):
    """Configs in ``<runs_base_dir>/configs/<kind>s/<name>.yaml``."""

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self.path: Path = options.runs_base_dir / "configs"
        self._roots = Roots(options.roots)

    def __str__(self) -> str:
        return str(self.path.parent)

    def config_path(self, name: str, folder: str = "runs") -> Path:
        """Return the file of a config; it need not exist.

        Raises
        ------
        UnsafeFileError
            If the name would lead out of the store.
        """
        return self._roots.check(self.path / folder / (check_name(name) + _SUFFIX))

    def _names(self, folder: str) -> list[str]:
        self._check_that_it_is_there()
        names: list[str] = []
        folders = [(self.path / folder, "", 0)]
        while folders:
            path, prefix, depth = folders.pop()
            for entry in list_folder(path):
                if entry.name.endswith(_SUFFIX):
                    names.append(prefix + entry.name[: -len(_SUFFIX)])
                elif (
                    depth < _MAX_NESTING
                    and not entry.name.startswith(".")
                    and entry.is_dir(follow_symlinks=False)
                ):
                    folders.append((path / entry.name, f"{prefix}{entry.name}/", depth + 1))
        return sorted(name for name in names if name and not name.endswith("/"))

    def _read(self, folder: str, name: str) -> dict[str, Any] | None:
        path = self.config_path(name, folder)
        try:
            raw = load_yaml(path)
        except FileNotFoundError:
            self._check_that_it_is_there()
            return None
        if not isinstance(raw, dict):
            reason = "is empty" if raw is None else "holds no keys"
            raise BrokenFileError(
                f"The config {path} {reason}.",
                todo="It may be being written right now; otherwise restore it.",
                path=path,
            )
        return raw

    def _check_that_it_is_there(self) -> None:
        base, source = self.options.runs_base_dir, self.options.source
        if not os.path.isdir(base):
            place = f"runs_base_dir in {source}" if source else "runs_base_dir"
            raise StoreNotFoundError(
                f"The store {base} is not there.",
                todo=f"Check {place}, and whether its disk is mounted.",
                path=base,
            )
