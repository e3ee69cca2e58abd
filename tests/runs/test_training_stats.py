"""Losses, against the pickle itself."""

from __future__ import annotations

import math
import pickle
from typing import TYPE_CHECKING

import numpy as np

from napari_dacapo.runs import Store, TrainingStats
from napari_dacapo.store import TrainingIteration

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def test_losses_are_those_of_the_file(open_real: Callable[..., Store], stores: Path) -> None:
    stats = open_real("pypi-0.3.5").run("dist_same_iso0").training_stats
    path = stores / "pypi-0.3.5" / "stats" / "training_stats" / "dist_same_iso0"
    stored = pickle.loads(path.read_bytes())  # ours: plain values only
    assert stats.trained_until() == len(stats) == 60
    np.testing.assert_array_equal(stats.losses, [entry["loss"] for entry in stored])
    np.testing.assert_array_equal(stats.iterations, range(60))
    np.testing.assert_array_equal(stats.times, [entry["time"] for entry in stored])
    array = stats.to_xarray()
    assert array.dims == ("iterations",)
    assert array.sel(iterations=59).item() == stats.loss == stored[-1]["loss"]
    assert stats.problems == ()


def test_no_losses(open_real: Callable[..., Store]) -> None:
    stats = open_real("main").run("never_trained").training_stats
    assert (stats.trained_until(), len(stats), stats.loss) == (0, 0, None)
    assert stats.to_xarray().shape == (0,)


def test_iterations_that_were_trained_twice() -> None:
    stored = [TrainingIteration(i, float(i), 1.0) for i in (0, 1, 2, 1, 2, 3)]
    stats = TrainingStats([*stored[:3], TrainingIteration(1, 9.0, 1.0), *stored[4:]])
    assert stats.losses.tolist() == [0.0, 9.0, 2.0, 3.0]
    assert "2 iterations were trained twice" in stats.problems[0]


def test_losses_that_are_not_a_number() -> None:
    stats = TrainingStats([TrainingIteration(0, 1.0, 1.0), TrainingIteration(1, math.nan, 1.0)])
    assert stats.loss is not None
    assert math.isnan(stats.loss)
    assert stats.problems == ("1 of 2 losses are not a number.",)


def test_why_there_are_none() -> None:
    assert TrainingStats(problem="torn").problems == ("torn",)
