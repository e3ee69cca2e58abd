"""What a run did so far, as read from its store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_dacapo.runs.readings import Readings

if TYPE_CHECKING:
    from napari_dacapo.runs.row import RunRow
    from napari_dacapo.runs.store import Store
    from napari_dacapo.runs.training_stats import TrainingStats
    from napari_dacapo.runs.validation_scores import ValidationScores
    from napari_dacapo.runs.validations import Validations
    from napari_dacapo.store.configs import RunConfig

__all__ = ["ReadingAccess"]


class ReadingAccess:
    """Gives a run what changes while it trains; read when it is first asked for, and kept."""

    config: RunConfig
    store: Store
    _readings: Readings

    @property
    def training_stats(self) -> TrainingStats:
        """The losses; empty, with a problem said, if they cannot be read."""
        return self._readings.training_stats

    @property
    def validation_scores(self) -> ValidationScores:
        """The stored scores; empty, with a problem said, if they cannot be read."""
        return self._readings.validation_scores

    @property
    def validations(self) -> Validations:
        """What the validations stored, by listing only."""
        return self._readings.validations

    @property
    def validated_iterations(self) -> tuple[int, ...]:
        """Iterations with a complete validation: prediction and output of every dataset."""
        return self._readings.validated_iterations

    @property
    def checkpoints(self) -> tuple[int, ...]:
        """Iterations with a checkpoint."""
        return self._readings.checkpoints

    @property
    def iteration(self) -> int:
        """Iterations done."""
        return self._readings.iteration

    @property
    def loss(self) -> float | None:
        """The last loss (may be NaN), None if there is none."""
        return self._readings.loss

    @property
    def state(self) -> str:
        """How far it got, see :func:`napari_dacapo.runs.state.state_of`."""
        return self.row().state

    @property
    def problem(self) -> str | None:
        """What is wrong with the run, None if nothing is."""
        return self.row().problem

    @property
    def has_passing_problem(self) -> bool:
        """Whether something could not be read so far that may be readable the next time.

        :meth:`refresh` forgets it, so that it is tried again.
        """
        return self._readings.has_passing_problem

    def row(self) -> RunRow:
        """Return what a list of runs shows of this run."""
        return self._readings.row()

    def refresh(self) -> None:
        """Forget what was read, so that the next question is answered from the store.

        The config is kept.
        """
        self._readings = Readings(self.store, self.config)
        self.__dict__.pop("datasplit", None)
