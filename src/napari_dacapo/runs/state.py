"""How far a run has got, as one word."""

from __future__ import annotations

import math
from dataclasses import dataclass

__all__ = [
    "QUIET_SECONDS",
    "STATES",
    "UNREADABLE",
    "Progress",
    "quiet_seconds",
    "state_of",
    "why",
]

STATES = (
    "configured",
    "training",
    "trained",
    "validated",
    "failed validations",
    "finished",
    "broken",
)
QUIET_SECONDS = 600.0
_MAX_QUIET_SECONDS = 86_400.0
# The time that stats tell is that of the train step; fetching its batch may take twice as long.
_WRITES_TO_MISS = 3.0


@dataclass(frozen=True, slots=True)
class Progress:
    """What a run's state depends on.

    Attributes
    ----------
    readable : bool
        Whether its config makes a run at all.
    started : bool
        Whether anything but the config is stored.
    iteration : int
        Iterations done.
    num_iterations, validation_interval : int
        As configured; 0 if not known.
    has_validation_data : bool
        Whether validation datasets are configured.
    validated : bool
        Whether any validation is complete: prediction and output of every
        dataset.
    scored : bool
        Whether any score of a validation is stored, or at least an entry of
        scores that cannot be read.
    last_change : float or None
        When its files changed last, in seconds since the epoch.
    write_interval : float or None
        Seconds of training from one write of its stats to the next, as far
        as the stats tell.
    """

    readable: bool
    started: bool
    iteration: int
    num_iterations: int
    validation_interval: int
    has_validation_data: bool
    validated: bool
    scored: bool
    last_change: float | None
    write_interval: float | None = None


UNREADABLE = Progress(
    readable=False, started=False, iteration=0, num_iterations=0, validation_interval=0,
    has_validation_data=False, validated=False, scored=False, last_change=None,
)  # fmt: skip


def quiet_seconds(progress: Progress) -> float:
    """Return for how long nothing need change while a run is being trained.

    Ten minutes, or longer if the run writes less often, up to a day.
    """
    interval = progress.write_interval
    if interval is None or not math.isfinite(interval):
        return QUIET_SECONDS
    return min(max(_WRITES_TO_MISS * interval, QUIET_SECONDS), _MAX_QUIET_SECONDS)


def state_of(progress: Progress, now: float) -> str:
    """Return the state of a run.

    The first that holds:

    1. ``"broken"``: the config cannot be read.
    2. ``"configured"``: nothing but the config is stored.
    3. ``"training"``: not all iterations are done, and files changed lately,
       see :func:`quiet_seconds`.
    4. ``"failed validations"``: a validation was due (there are validation
       datasets, and the interval has passed), but not one is complete, or not
       one has scores: DaCapo goes on when an evaluation fails.
    5. ``"finished"``: all iterations are done.
    6. ``"validated"``: some validation is complete.
    7. ``"trained"``: some iterations are done.
    8. ``"configured"``: files are there, but no iteration was done.

    Parameters
    ----------
    progress : Progress
        What is known.
    now : float
        Seconds since the epoch, by the clock of `progress.last_change`.
    """
    if not progress.readable:
        return "broken"
    if not progress.started:
        return "configured"
    all_done = 0 < progress.num_iterations <= progress.iteration
    last = progress.last_change
    if not all_done and last is not None and now - last <= quiet_seconds(progress):
        return "training"
    due = progress.has_validation_data and 0 < progress.validation_interval <= progress.iteration
    if due and not (progress.validated and progress.scored):
        return "failed validations"
    if all_done:
        return "finished"
    if progress.validated:
        return "validated"
    return "trained" if progress.iteration else "configured"


def why(state: str, progress: Progress) -> str | None:
    """Return what there is to say of a state that is not as it should be, else None."""
    if state == "failed validations" and progress.validated:
        return "Validations are complete, but no scores of them are stored."
    if state == "failed validations":
        return (
            f"No validation is complete, though one is due every {progress.validation_interval} "
            "iterations. DaCapo's log says why; checkpoints can still predict, unless the network "
            "is code of its own."
        )
    if state == "configured" and progress.started:
        return "It was started, but stopped before its first iterations were stored."
    return None
