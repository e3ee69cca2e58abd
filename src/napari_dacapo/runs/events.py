"""What can be told of a run that is being watched, as plain values."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from napari_dacapo.runs.best import BestScoreValue

__all__ = [
    "CheckpointEvent",
    "FinishedEvent",
    "GoneEvent",
    "LossEvent",
    "NewBestEvent",
    "ProblemEvent",
    "RunEvent",
    "StalledEvent",
    "ValidationEvent",
]


@dataclass(frozen=True, slots=True)
class RunEvent:
    """Something happened to a run.

    Attributes
    ----------
    run : str
        Name of the run.
    iteration : int or None
        Training iterations done, as far as the event is about that.
    """

    kind: ClassVar[str] = ""

    run: str
    iteration: int | None

    def as_dict(self) -> dict[str, Any]:
        """Return the event as plain values: ``event`` (its kind), ``run``, ``iteration``, …."""
        return {"event": self.kind, **asdict(self)}


@dataclass(frozen=True, slots=True)
class LossEvent(RunEvent):
    """Training went on.

    Attributes
    ----------
    loss : float
        Loss of the last iteration; may be NaN.
    num_iterations : int
        Iterations to do in all.
    """

    kind: ClassVar[str] = "loss"

    loss: float
    num_iterations: int


@dataclass(frozen=True, slots=True)
class ValidationEvent(RunEvent):
    """A validation is complete.

    Attributes
    ----------
    datasets : tuple of str
        Validation datasets with a prediction.
    best : BestScoreValue or None
        Best score of this validation by the criterion that is watched; None
        if it has none.
    problem : str or None
        What is wrong with it: scores or arrays that are not there.
    """

    kind: ClassVar[str] = "validation"

    datasets: tuple[str, ...]
    best: BestScoreValue | None
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class CheckpointEvent(RunEvent):
    """A checkpoint is complete."""

    kind: ClassVar[str] = "checkpoint"


@dataclass(frozen=True, slots=True)
class NewBestEvent(RunEvent):
    """A validation is better than all before it.

    Attributes
    ----------
    best : BestScoreValue
        The score, its criterion, dataset and parameters.
    """

    kind: ClassVar[str] = "new_best"

    best: BestScoreValue


@dataclass(frozen=True, slots=True)
class FinishedEvent(RunEvent):
    """All iterations are done, and the last validation, if one was due."""

    kind: ClassVar[str] = "finished"


@dataclass(frozen=True, slots=True)
class StalledEvent(RunEvent):
    """Nothing has changed for long, although iterations are left to do.

    Attributes
    ----------
    seconds : float
        For how long.
    """

    kind: ClassVar[str] = "stalled"

    seconds: float


@dataclass(frozen=True, slots=True)
class GoneEvent(RunEvent):
    """The run is no longer in the store."""

    kind: ClassVar[str] = "gone"


@dataclass(frozen=True, slots=True)
class ProblemEvent(RunEvent):
    """Something cannot be read, and not only for a moment.

    Attributes
    ----------
    message : str
        Which file, what is wrong, what to do.
    """

    kind: ClassVar[str] = "problem"

    message: str
