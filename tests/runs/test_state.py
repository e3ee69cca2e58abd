"""The one word for how far a run has got."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_dacapo.runs.state import STATES, UNREADABLE, Progress, quiet_seconds, state_of, why

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


@pytest.mark.parametrize(
    ("write_interval", "quiet"),
    [
        (None, 600), (math.nan, 600), (0, 600), (-5, 600), (10, 600), (200, 600), (300, 900),
        (3_600, 3 * 3_600), (86_400, 86_400), (math.inf, 600), (1e300, 86_400),
    ],
)  # fmt: skip
def test_how_long_a_training_may_be_quiet(write_interval: float | None, quiet: float) -> None:
    """Three times as long as it takes from one write of its stats to the next, within limits."""
    progress = replace(DONE, iteration=10, write_interval=write_interval)
    assert quiet_seconds(progress) == quiet
    for seconds, state in ((quiet - 1, "training"), (quiet + 1, "validated")):
        assert state_of(replace(progress, last_change=NOW - seconds), NOW) == state


def test_nothing_is_known_of_a_run_whose_config_cannot_be_read() -> None:
    assert state_of(UNREADABLE, NOW) == "broken"
    assert why("broken", UNREADABLE) is None


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
        write_interval=st.none() | st.floats(),
    )
)  # fmt: skip
def test_every_progress_has_a_state(progress: Progress) -> None:
    assert state_of(progress, NOW) in STATES
