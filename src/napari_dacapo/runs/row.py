"""What a list of runs shows of one run."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from napari_dacapo.runs.best import BestScoreValue
from napari_dacapo.runs.state import Progress, state_of, why

__all__ = ["RunRow"]


@dataclass(frozen=True, slots=True)
class RunRow:
    """One run, in plain values.

    Attributes
    ----------
    name : str
        Name of the run.
    task, architecture : str
        The ``__type__`` without the ending ``Config``; empty if not known.
    state : str
        See :func:`napari_dacapo.runs.state.state_of`.
    iteration, num_iterations : int
        Iterations done and to do.
    loss : float or None
        The last loss; may be NaN.
    validated_iterations : tuple of int
        Iterations with a complete validation.
    checkpoints : tuple of int
        Iterations with a checkpoint.
    best_score : BestScoreValue or None
        By the task's own criterion, mean over the datasets.
    last_change : float or None
        When files of the run changed last, seconds since the epoch.
    problem : str or None
        What is wrong with the run: which file, and what to do.
    why_no_best : str
        Why there is no best score; empty if there is one, or no validation.
    """

    name: str
    task: str = ""
    architecture: str = ""
    state: str = "broken"
    iteration: int = 0
    num_iterations: int = 0
    loss: float | None = None
    validated_iterations: tuple[int, ...] = ()
    checkpoints: tuple[int, ...] = ()
    best_score: BestScoreValue | None = None
    last_change: float | None = None
    problem: str | None = None
    why_no_best: str = ""

    def at(self, progress: Progress, now: float) -> RunRow:
        """Return the row with the state of a moment, and with what that means.

        Parameters
        ----------
        progress : Progress
            What the state follows from.
        now : float
            Seconds since the epoch.
        """
        state = state_of(progress, now)
        return replace(self, state=state, problem=self.problem or why(state, progress))

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as plain values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> RunRow:
        """Make a row of what :meth:`as_dict` gave, also after a way through JSON.

        Raises
        ------
        TypeError
            If these are not the fields of a row.
        """
        known = {field.name for field in fields(cls)}
        if set(values) != known:
            raise TypeError(f"not the fields of a row: {sorted(set(values) ^ known)}")
        best = values["best_score"]
        return cls(
            **{
                **values,
                "validated_iterations": tuple(values["validated_iterations"]),
                "checkpoints": tuple(values["checkpoints"]),
                "best_score": None if best is None else BestScoreValue(**best),
            }
        )
