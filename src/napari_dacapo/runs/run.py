"""A training run: what it was told to do, and what it did so far."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from napari_dacapo.errors import NapariDacapoError, SelectionError
from napari_dacapo.runs.model_access import ModelAccess
from napari_dacapo.runs.reading_access import ReadingAccess
from napari_dacapo.runs.readings import Readings

if TYPE_CHECKING:
    from napari_dacapo.runs.datasets import Dataset
    from napari_dacapo.runs.datasplit import DataSplit
    from napari_dacapo.runs.store import Store
    from napari_dacapo.runs.validation_scores import ValidationScores
    from napari_dacapo.store.configs import (
        ArchitectureConfig,
        RunConfig,
        TaskConfig,
        TrainerConfig,
    )
    from napari_dacapo.volumes import Volume

__all__ = ["Run"]

Segmentation = Literal["stored", "computed"]


class Run(ModelAccess, ReadingAccess):
    """A run of a store.

    Cheap to make: only the config is there at first. Everything else is read
    when it is asked for and then kept until :meth:`refresh`.

    Parameters
    ----------
    run_config : RunConfig or str
        As the config store gives it, or the name of a run.
    load_starter_model : bool
        Whether :attr:`model` starts from the checkpoint that the config
        names. Nothing is loaded before the model is asked for.
    store : Store, optional
        Where it is stored; default: where the config came from, or else the
        store of the user's options.

    Raises
    ------
    RunNotFoundError
        If there is no run of that name.
    BrokenFileError
        If its config cannot be read.
    """

    def __init__(
        self,
        run_config: RunConfig | str,
        load_starter_model: bool = True,
        *,
        store: Store | None = None,
    ) -> None:
        from napari_dacapo.runs.store import Store, open_store

        if isinstance(run_config, str):
            store = store or open_store()
            run_config = store.config_store.retrieve_run_config(run_config)
        elif store is None:
            store = Store(run_config.options) if run_config.options is not None else open_store()
        self.config: RunConfig = run_config
        self.store: Store = store
        self.load_starter_model = load_starter_model
        self._readings = Readings(store, run_config)

    def __repr__(self) -> str:
        return f"<Run {self.name!r} of {self.store.label}>"

    # What it was told to do

    @property
    def name(self) -> str:
        """Name of the run."""
        return self.config.name

    @property
    def task(self) -> TaskConfig:
        """Config of the task."""
        return self.config.task_config

    @property
    def architecture(self) -> ArchitectureConfig:
        """Config of the architecture."""
        return self.config.architecture_config

    @property
    def trainer(self) -> TrainerConfig:
        """Config of the trainer."""
        return self.config.trainer_config

    @property
    def start(self) -> Any:
        """Config of where the weights come from, None if they were random."""
        return self.config.start_config

    @property
    def num_iterations(self) -> int:
        """The number of iterations to train for."""
        return self.config.num_iterations

    @property
    def train_until(self) -> int:
        """The number of iterations to train for, by DaCapo's name."""
        return self.config.num_iterations

    @property
    def validation_interval(self) -> int:
        """After how many iterations it validates."""
        return self.config.validation_interval

    @cached_property
    def datasplit(self) -> DataSplit:
        """The datasets, ``train`` and ``validate``."""
        from napari_dacapo.runs.datasplit import DataSplit

        return DataSplit(self)

    def dataset(self, name: str | None = None) -> Dataset:
        """Return a dataset by its name, validation datasets first.

        Parameters
        ----------
        name : str, optional
            Default: the first validation dataset with a prediction, or else
            the first one that there is.

        Raises
        ------
        SelectionError
            If there is no such dataset, or none at all.
        """
        split = self.datasplit
        datasets = [*split.validate, *split.train]
        if name is None:
            predicted = (
                dataset
                for iteration in reversed(self.validations.iterations)
                for dataset in split.validate
                if self.validations.has_prediction(iteration, dataset.name)
            )
            chosen = next(predicted, next(iter(datasets), None))
            if chosen is None:
                raise SelectionError(f"Run {self.name} has no datasets.", todo=split.problem or "")
            return chosen
        for dataset in datasets:
            if dataset.name == name:
                return dataset
        names = ", ".join(dict.fromkeys(dataset.name for dataset in datasets)) or "none"
        raise SelectionError(f"Run {self.name} has no dataset {name!r}; there is: {names}.")

    @staticmethod
    def get_validation_scores(run_config: RunConfig) -> ValidationScores:
        """Return the stored scores of a run, without anything else of it.

        Raises
        ------
        AssertionError
            If the config does not say what task or datasplit the run has.
        """
        # As DaCapo documents it; an `assert` would vanish with `python -O`.
        if not run_config.task_config.type_name:
            raise AssertionError(f"Run {run_config.name}: the type of the task is not specified.")
        if not run_config.datasplit_config.type_name:
            raise AssertionError(
                f"Run {run_config.name}: the type of the datasplit is not specified."
            )
        return Run(run_config, load_starter_model=False).validation_scores

    # Its arrays

    def prediction(self, dataset: Dataset | str, iteration: int) -> Volume | None:
        """Return the stored prediction, None if there is none.

        Parameters
        ----------
        dataset : Dataset or str
            A validation dataset, or its name.
        iteration : int
            Training iterations done.

        Raises
        ------
        ArrayFormatError, BrokenFileError
            If there is one whose metadata cannot be understood.
        """
        from napari_dacapo.runs.stored_arrays import open_prediction

        name = dataset if isinstance(dataset, str) else dataset.name
        if not self.validations.has_prediction(iteration, name):
            return None
        return open_prediction(self, name, iteration)

    def outputs(self, dataset: Dataset | str, iteration: int) -> dict[str, Volume]:
        """Return the stored segmentations by the name of their parameters.

        Those that cannot be opened are left out; :meth:`missing` says so.
        """
        from napari_dacapo.runs.score_table import order_parameters
        from napari_dacapo.runs.stored_arrays import open_output

        name = dataset if isinstance(dataset, str) else dataset.name
        volumes = {}
        for parameters in order_parameters(self.validations.outputs(iteration, name)):
            try:
                volumes[parameters] = open_output(self, name, iteration, parameters)
            except NapariDacapoError:
                continue
        return volumes

    @property
    def snapshots(self) -> list[int]:
        """Iterations with a snapshot of a training batch."""
        from napari_dacapo.runs.snapshots import snapshot_iterations

        return snapshot_iterations(self)

    def snapshot(self, iteration: int) -> list[Volume]:
        """Return the arrays of a snapshot: raw, gt, target, weight, mask, prediction, gradients.

        Raises
        ------
        ArrayNotFoundError
            If there is none of that iteration.
        """
        from napari_dacapo.runs.snapshots import open_snapshot

        return open_snapshot(self, iteration)

    def volumes(
        self,
        *,
        dataset: Dataset | str | None = None,
        iteration: int | None = None,
        parameters: str | None = None,
        segmentation: Segmentation | None = None,
    ) -> list[Volume]:
        """Return what is to be shown: raw, gt, prediction, segmentation, in this order.

        Parameters
        ----------
        dataset : Dataset or str, optional
            Default: the first validation dataset with a prediction.
        iteration : int, optional
            Default: the last one at which the dataset was validated.
        parameters : str, optional
            Of the segmentation: the name of a stored output, or a threshold
            or bias as a number; what is not stored is computed. Default: those
            with the best score, or else the first stored (computed: the
            natural ones).
        segmentation : {"stored", "computed"}, optional
            Default: stored, unless every stored segmentation is empty or
            there is none.

        Returns
        -------
        list of Volume
            What is missing is left out; :meth:`missing` says why.

        Raises
        ------
        SelectionError
            If there are no such dataset or parameters.
        ValueError
            If `segmentation` is something else.
        """
        from napari_dacapo.runs.selection import select_volumes

        chosen = self._chosen(dataset)
        return select_volumes(self, chosen, iteration, parameters, segmentation).volumes

    def missing(
        self,
        dataset: Dataset | str | None = None,
        iteration: int | None = None,
        parameters: str | None = None,
        segmentation: Segmentation | None = None,
    ) -> list[str]:
        """Return why parts of what :meth:`volumes` could give are not there, one line each."""
        from napari_dacapo.runs.selection import select_volumes

        chosen = self._chosen(dataset)
        return select_volumes(self, chosen, iteration, parameters, segmentation).missing

    def _chosen(self, dataset: Dataset | str | None) -> Dataset:
        if dataset is None or isinstance(dataset, str):
            return self.dataset(dataset)
        return dataset
