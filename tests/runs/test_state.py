"""The one word for how far a run has got."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_dacapo.runs.state import STATES, Progress, state_of, why

NOW = 1_700_000_000.0
DONE = Progress(
    readable=True, started=True, iteration=20, num_iterations=20, validation_interval=10,
    has_validation_data=True, validated=True, scored=True, last_change=NOW - 3600,
)  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({}, "finished"),
        ({"last_change": NOW}, "finished"),
        ({"readable": False}, "broken"),
        ({"started": False, "iteration": 0, "validated": False}, "configured"),
        ({"validated": False}, "failed validations"),
        ({"validated": False, "last_change": NOW}, "failed validations"),
        ({"scored": False}, "failed validations"),
        ({"iteration": 10, "scored": False}, "failed validations"),
        ({"iteration": 10, "scored": False, "last_change": NOW}, "training"),
        ({"validated": False, "scored": False, "has_validation_data": False}, "finished"),
        ({"validated": False, "has_validation_data": False}, "finished"),
        ({"validated": False, "validation_interval": 30}, "finished"),
        ({"iteration": 10}, "validated"),
        ({"iteration": 10, "last_change": NOW - 599}, "training"),
        ({"iteration": 10, "last_change": NOW - 601}, "validated"),
        ({"iteration": 10, "last_change": NOW + 60}, "training"),
        ({"iteration": 10, "last_change": None}, "validated"),
        ({"iteration": 10, "validated": False}, "failed validations"),
        ({"iteration": 5, "validated": False}, "trained"),
        ({"iteration": 0, "validated": False}, "configured"),
        ({"iteration": 0, "validated": False, "last_change": NOW}, "training"),
        ({"num_iterations": 0}, "validated"),
        ({"iteration": 30}, "finished"),
    ],
)
def test_states(changes: dict[str, object], state: str) -> None:
    assert state_of(replace(DONE, **changes), NOW) == state  # type: ignore[arg-type]


def test_only_states_that_are_not_as_they_should_be_are_explained() -> None:
    assert why("finished", DONE) is None
    assert "every 10 iterations" in str(why("failed validations", replace(DONE, validated=False)))
    assert "no scores" in str(why("failed validations", DONE))
    assert "stopped" in str(why("configured", DONE))
    assert why("configured", replace(DONE, started=False)) is None


@given(
    st.builds(
        Progress, readable=st.booleans(), started=st.booleans(),
        iteration=st.integers(0, 50), num_iterations=st.integers(0, 50),
        validation_interval=st.integers(0, 50), has_validation_data=st.booleans(),
        validated=st.booleans(), scored=st.booleans(),
        last_change=st.none() | st.floats(NOW - 5000, NOW + 5000),
    )
)  # fmt: skip
def test_every_progress_has_a_state(progress: Progress) -> None:
    assert state_of(progress, NOW) in STATES
