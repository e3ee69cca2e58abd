"""How the states of a run look and what they mean."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["STATES", "StateLook", "state_look"]


@dataclass(frozen=True, slots=True)
class StateLook:
    """A colour that is legible on light and dark, and a sentence."""

    color: str
    meaning: str


STATES = {
    "configured": StateLook("#8b93a1", "Only its config exists: training has not started."),
    "training": StateLook("#3d9df2", "Files changed within the last ten minutes."),
    "trained": StateLook("#23a6a0", "Trained so far without a validation; nothing changes now."),
    "validated": StateLook("#6aa84f", "Has validations; not all iterations are done."),
    "failed validations": StateLook(
        "#e69f2c", "Validations were due, but none is complete, or none has scores."
    ),
    "finished": StateLook("#2fa84f", "All iterations are done."),
    "broken": StateLook("#e5534b", "Its config cannot be read."),
}
_UNKNOWN = StateLook("#8b93a1", "")


def state_look(state: str) -> StateLook:
    """Return how a state looks; an unknown one is grey."""
    return STATES.get(state, _UNKNOWN)
