"""How far a live prediction is, and how to say it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from napari_dacapo.viewers.live_prediction.request import Mode

__all__ = ["LiveState", "in_words"]

ROUNDING = 1e-5
"""Processors sum in different orders: predictions around 1 in single precision differ by this."""

Phase = Literal["idle", "loading", "working", "done", "stopped", "failed"]


@dataclass(frozen=True, slots=True)
class LiveState:
    """How a live prediction is.

    Attributes
    ----------
    phase : {"idle", "loading", "working", "done", "stopped", "failed"}
        "done" goes on following the view in mode "here".
    run : str
        Whose checkpoint.
    iteration : int or None
        Which one.
    mode : {"here", "whole", "compare"}
        What was asked for.
    done, total : int
        Blocks finished, and wanted.
    follows : bool
        Whether what comes on screen is computed next.
    limited : bool
        Whether more is on screen than is computed at once.
    largest : float or None
        Largest absolute difference to the stored prediction so far; NaN if
        only one of the two is a number somewhere.
    problem : str
        Why it failed.
    notes : tuple of str
        What is to be known of the prediction.
    """

    phase: Phase = "idle"
    run: str = ""
    iteration: int | None = None
    mode: Mode = "here"
    done: int = 0
    total: int = 0
    follows: bool = False
    limited: bool = False
    largest: float | None = None
    problem: str = ""
    notes: tuple[str, ...] = ()

    @property
    def active(self) -> bool:
        """Whether there is something to cancel."""
        return self.phase in ("loading", "working") or (self.phase == "done" and self.follows)


def in_words(state: LiveState) -> str:
    """Return a state as a short text; empty if there is nothing to say."""
    what = f"{state.run} · {state.iteration}"
    count = f"{state.done} of {state.total} blocks"
    if state.phase == "idle":
        return ""
    if state.phase == "loading":
        return f"{what}: loading the checkpoint…"
    if state.phase == "failed":
        return f"{what} failed: {state.problem}"
    if state.phase == "stopped":
        return f"{what}: stopped. What was computed stays; the rest is veiled in gray."
    if state.mode == "compare":
        return f"{what}: {_difference(state)} ({count})"
    if state.mode == "whole":
        return f"{what}: {count}" + (" · all predicted" if state.phase == "done" else "")
    if not state.follows:
        return f"{what}: computed where neuroglancer looks"
    if not state.total:
        return f"{what}: nothing to predict is on screen; move to where raw is"
    near = ", the nearest ones," if state.limited else ""
    end = "predicted · follows the view" if state.phase == "done" else "on screen"
    return f"{what}: {count}{near} {end}"


def _difference(state: LiveState) -> str:
    if state.largest is None:
        return "comparing with the stored prediction"
    if math.isnan(state.largest):
        return "NaN where the stored prediction has numbers, or the other way round"
    sofar = " so far" if state.phase != "done" else ""
    rounding = ", as rounding makes it" if 0 < state.largest <= ROUNDING else ""
    return f"max |difference| to stored = {state.largest:.3g}{rounding}{sofar}"
