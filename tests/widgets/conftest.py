from __future__ import annotations

import pytest

from napari_dacapo.runs.best import BestScoreValue
from napari_dacapo.runs.row import RunRow


@pytest.fixture
def rows() -> tuple[RunRow, ...]:
    """A run in each condition, in the order of their names."""
    best = BestScoreValue("f1_score", 0.75, 40, "val", "threshold_0.0")
    return (
        RunRow("a_broken", problem="configs/runs/a_broken.yaml is truncated"),
        RunRow("b_configured", "DistanceTask", "CNNectomeUNet", "configured", 0, 60),
        RunRow(
            "c_finished",
            "AffinitiesTask",
            "CNNectomeUNet",
            "finished",
            60,
            60,
            0.25,
            (20, 40, 60),
            (20, 40, 60),
            best,
            1.7e9,
        ),
        RunRow(
            "d_failed",
            "DistanceTask",
            "CNNectomeUNet",
            "failed validations",
            30,
            60,
            float("nan"),
            (20,),
            (20,),
            None,
            1.6e9,
            "No scores were stored.",
        ),
    )
