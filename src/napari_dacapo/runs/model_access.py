"""The part of a run that needs torch: model, optimizer, weights."""

from __future__ import annotations

import logging
from functools import cached_property
from typing import TYPE_CHECKING, Any

from napari_dacapo.errors import NapariDacapoError, UnsupportedError

if TYPE_CHECKING:
    from pathlib import Path

    import torch

    from napari_dacapo.models.build import Model
    from napari_dacapo.models.weights_store import LocalWeightsStore
    from napari_dacapo.runs.datasplit import DataSplit
    from napari_dacapo.runs.store import Store
    from napari_dacapo.store.configs import RunConfig

__all__ = ["ModelAccess"]

_logger = logging.getLogger(__name__)


class ModelAccess:
    """Gives a run its model and optimizer, built when they are first asked for.

    Nothing here imports torch before :attr:`model` or :attr:`optimizer` is
    asked for.

    Attributes
    ----------
    start_notes : tuple of str
        What did not fit when the model was started from another run's
        checkpoint; empty before the model is asked for.
    """

    config: RunConfig
    store: Store
    load_starter_model: bool
    start_notes: tuple[str, ...] = ()

    if TYPE_CHECKING:

        @property
        def name(self) -> str: ...  # noqa: D102

        @cached_property
        def datasplit(self) -> DataSplit: ...  # noqa: D102

    @property
    def weights_store(self) -> LocalWeightsStore:
        """The checkpoints of the run's store, with their weights."""
        from napari_dacapo.models.weights_store import LocalWeightsStore

        return LocalWeightsStore(self.store.options)

    def checkpoint_path(self, iteration: int) -> Path:
        """Return the file of a checkpoint.

        Raises
        ------
        CheckpointError
            If there is none of that iteration.
        """
        return self.store.checkpoints.checkpoint_path(self.name, iteration)

    @cached_property
    def input_voxel_size(self) -> tuple[float, ...] | None:
        """Voxel size in nm that the network was trained at; None if no raw is in reach."""
        for dataset in (*self.datasplit.train, *self.datasplit.validate):
            raw = dataset.raw_or_none
            if raw is not None:
                return raw.voxel_size
        return None

    @cached_property
    def model(self) -> Model:
        """The network in training mode, with random or the starter's weights.

        A ``torch.nn.Module``. Weights of a checkpoint come with
        :meth:`load_weights`.

        Raises
        ------
        UnsupportedError
            If the network needs a package of its own.
        CheckpointError
            If the config does not describe a network, or the starter's
            checkpoint cannot be read.
        """
        from napari_dacapo.models.training import fresh_model

        model = fresh_model(self.config)
        if self.load_starter_model and self.config.start_config is not None:
            self.start_notes = tuple(self._start(model))
            for note in self.start_notes:
                _logger.warning("Run %s, start: %s", self.name, note)
        return model

    @cached_property
    def optimizer(self) -> torch.optim.Optimizer:
        """RAdam over the model's parameters, as DaCapo makes it."""
        from napari_dacapo.models.training import radam

        return radam(self.model, self.config.effective_learning_rate)

    def load_weights(self, iteration: int) -> None:
        """Fill model and optimizer from one of the run's checkpoints.

        Raises
        ------
        CheckpointError
            If it is missing, broken, or does not fit; nothing is changed then.
        UnsupportedError
            As :attr:`model`.
        """
        from napari_dacapo.models.training import resume

        resume(self.model, self.optimizer, self.weights_store.retrieve_weights(self, iteration))

    def move_optimizer(self, device: torch.device | str, empty_cuda_cache: bool = False) -> None:
        """Move every tensor of the optimizer's state to a device.

        Parameters
        ----------
        device : torch.device or str
            Where to.
        empty_cuda_cache : bool
            Whether to give CUDA memory that is no longer used back.

        Raises
        ------
        AssertionError
            If the optimizer's state is not a dictionary.
        """
        from napari_dacapo.models.training import move_optimizer

        move_optimizer(self.optimizer, device, empty_cuda_cache=empty_cuda_cache)

    def _start(self, model: Model) -> list[str]:
        from napari_dacapo.models.training import start_from

        start: Any = self.config.start_config
        if problem := getattr(start, "problem", None):
            raise UnsupportedError(
                f"The start_config of run {self.name} cannot be used: {problem}.",
                todo="Use Run(..., load_starter_model=False).",
            )
        if start.type_name != "StartConfig":
            raise UnsupportedError(
                f"Run {self.name} starts from {start.type_name} {start.name or start.run}, which "
                "needs its own package.",
                todo="Use Run(..., load_starter_model=False).",
            )
        weights = self.weights_store.retrieve_start(start.run, start.criterion)
        channels: tuple[str, ...] = ()
        notes = []
        try:
            config = self.store.config_store.retrieve_run_config(start.run)
            channels = config.task_config.channel_names
        except NapariDacapoError as error:
            notes.append(f"the channels of {start.run} are not known ({error})")
        own = self.config.task_config.channel_names
        return notes + start_from(model, weights.model, own, channels)
