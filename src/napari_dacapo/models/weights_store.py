"""Checkpoints of a store with their weights; needs torch when something is loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_dacapo.options import Options, load_options
from napari_dacapo.store.weights_store import CheckpointFiles

if TYPE_CHECKING:
    from pathlib import Path

    from napari_dacapo.models.checkpoints import Weights

__all__ = ["LocalWeightsStore", "create_weights_store"]


class LocalWeightsStore(CheckpointFiles):
    """DaCapo's weights store, read-only and safe."""

    def retrieve_weights(self, run: Any, iteration: int) -> Weights:
        """Return the weights of a run at an iteration.

        Parameters
        ----------
        run : str or Run
            The run, or its name.
        iteration : int
            Training iterations done.

        Raises
        ------
        CheckpointError
            If there is no such checkpoint, or it is not one that can be trusted.
        """
        return _load(self.checkpoint_path(_name(run), iteration))

    def retrieve_start(self, run: str, criterion: str) -> Weights:
        """Return the weights that a start config names.

        Raises
        ------
        CheckpointError
            As :meth:`retrieve_weights`.
        """
        return _load(self.named_checkpoint(run, criterion))

    def load_weights(self, run: Any, iteration: int) -> None:
        """Fill a run's model and optimizer from a checkpoint of it.

        Raises
        ------
        CheckpointError
            If the checkpoint is missing, broken, or does not fit the run.
        """
        run.load_weights(iteration)

    def load_best(self, run: Any, dataset: str | None, criterion: str) -> None:
        """Fill a run's model and optimizer from the checkpoint that DaCapo marked as best.

        Raises
        ------
        CheckpointError
            If none is marked, or as :meth:`load_weights`.
        """
        run.load_weights(self.retrieve_best(run.name, dataset, criterion))


def create_weights_store(options: Options | None = None) -> LocalWeightsStore:
    """Return the reader of a store's checkpoints.

    Parameters
    ----------
    options : Options, optional
        Which store; default: the user's options.
    """
    return LocalWeightsStore(options if options is not None else load_options())


def _name(run: Any) -> str:
    return run if isinstance(run, str) else str(run.name)


def _load(path: Path) -> Weights:
    from napari_dacapo.models.checkpoints import load_checkpoint

    return load_checkpoint(path)
