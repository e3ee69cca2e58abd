"""What to say of a run that is followed: sentences made of events and rows."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from napari_dacapo.runs.events import (
    FinishedEvent,
    GoneEvent,
    NewBestEvent,
    ProblemEvent,
    StalledEvent,
    ValidationEvent,
)
from napari_dacapo.viewers.selection import short

if TYPE_CHECKING:
    from napari_dacapo.runs import RunRow
    from napari_dacapo.runs.best import BestScoreValue
    from napari_dacapo.runs.events import RunEvent

__all__ = ["describe", "progress"]


def progress(row: RunRow) -> str:
    """Return how far a run is, in one line."""
    parts = [f"{row.iteration:,} of {row.num_iterations:,} iterations"]
    if row.loss is not None:
        parts.append(f"loss {row.loss:.4g}" if math.isfinite(row.loss) else "loss is NaN")
    if row.best_score is not None:
        best = row.best_score
        doubt = " ?" if best.doubtful else ""
        parts.append(f"best {best.criterion} {best.value:.4g}{doubt} at {best.iteration:,}")
    return " · ".join(parts)


def describe(event: RunEvent) -> str:
    """Return what happened, as a sentence; empty if it is not worth one."""
    if isinstance(event, NewBestEvent):
        return f"New best: {_score(event.best)} at iteration {event.best.iteration:,}."
    if isinstance(event, ValidationEvent):
        score = f": {_score(event.best)}" if event.best is not None else ""
        problem = f" {event.problem}" if event.problem else ""
        return f"Validated at iteration {event.iteration:,}{score}.{problem}"
    if isinstance(event, FinishedEvent):
        return f"Finished: all {event.iteration:,} iterations are done."
    if isinstance(event, StalledEvent):
        return f"Nothing has changed for {_duration(event.seconds)}; it may have been stopped."
    if isinstance(event, GoneEvent):
        return "It is no longer in the store."
    if isinstance(event, ProblemEvent):
        return event.message
    return ""


def _score(best: BestScoreValue) -> str:
    where = ", ".join(part for part in (best.dataset, short(best.parameters)) if part)
    doubt = " ?" if best.doubtful else ""
    return f"{best.criterion} {best.value:.4g}{doubt}" + (f" ({where})" if where else "")


def _duration(seconds: float) -> str:
    """Return a duration in the largest unit that fits.

    >>> _duration(725.0)
    '12 minutes'
    """
    for unit, length in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= 2 * length or (seconds >= length and unit == "minute"):
            count = int(seconds // length)
            return f"{count} {unit}{'s' if count != 1 else ''}"
    return f"{int(seconds)} seconds"
