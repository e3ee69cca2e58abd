from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_dacapo.runs.best import BestScoreValue
from napari_dacapo.runs.row import RunRow
from napari_dacapo.widgets.row_texts import COLUMNS, ago, fitting, matches, natural

ROW = RunRow(
    "mito_distance",
    task="DistanceTask",
    architecture="CNNectomeUNet",
    state="finished",
    iteration=1500,
    num_iterations=1500,
    loss=0.0123456,
    validated_iterations=(300, 600),
    checkpoints=(300, 600),
    best_score=BestScoreValue("f1_score", 0.8913, 600, "val", "threshold_-0.2", doubtful="Wrong."),
    last_change=0.0,
)
BROKEN = RunRow("torn", problem="torn.yaml is truncated")
COLUMN = {column.key: column for column in COLUMNS}


def texts(row: RunRow) -> dict[str, str]:
    return {column.key: column.text(row) for column in COLUMNS}


def test_texts_of_a_run() -> None:
    said = texts(ROW)
    assert said.pop("last_change").startswith("19")
    assert said == {
        "name": "mito_distance",
        "task": "Distance",
        "architecture": "CNNectomeUNet",
        "state": "finished",
        "iterations": "1500 / 1500",
        "loss": "0.01235",
        "best_score": "0.8913 f1_score ?",
    }


def test_large_numbers_of_iterations_are_shortened_and_told_in_full() -> None:
    row = replace(ROW, iteration=99_999, num_iterations=1_250_000)
    assert COLUMN["iterations"].text(row) == "99999 / 1250k"
    assert "99999 of 1250000" in COLUMN["iterations"].tooltip(row)


def test_a_broken_run_says_why_and_no_zeros() -> None:
    said = texts(BROKEN)
    assert said["name"] == "torn"
    assert {said[key] for key in said if key not in ("name", "state")} == {"–"}
    for key in ("name", "task", "architecture", "state"):
        assert "truncated" in COLUMN[key].tooltip(BROKEN)


def test_nan_is_said_and_not_sorted_as_a_number() -> None:
    why = "f1_score is NaN everywhere, as it is of empty segmentations."
    row = replace(ROW, loss=float("nan"), best_score=None, why_no_best=why)
    assert COLUMN["loss"].text(row) == "NaN"
    assert "diverged" in COLUMN["loss"].tooltip(row)
    assert COLUMN["loss"].sort(row) is None
    assert COLUMN["best_score"].tooltip(row) == why
    assert COLUMN["best_score"].tooltip(BROKEN) == "Not validated"


def test_a_doubtful_score_carries_its_doubt() -> None:
    tooltip = COLUMN["best_score"].tooltip(ROW)
    assert tooltip.splitlines() == [
        "f1_score = 0.8913",
        "at iteration 600, val, threshold -0.2",
        "Wrong.",
    ]


def test_better_scores_sort_together_whatever_their_direction() -> None:
    best = ROW.best_score
    assert best is not None
    key = COLUMN["best_score"].sort
    low, high = replace(best, value=0.1), replace(best, value=0.9)
    assert key(replace(ROW, best_score=high)) < key(replace(ROW, best_score=low))
    low, high = (replace(score, criterion="voi", higher_is_better=False) for score in (low, high))
    assert key(replace(ROW, best_score=low)) < key(replace(ROW, best_score=high))


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-5, "just now"), (59, "just now"), (60, "1 min ago"), (3600, "1 h ago"), (86400, "1 d ago")],
)
def test_ago(seconds: float, text: str) -> None:
    assert ago(1e9, 1e9 + seconds) == text


def test_long_ago_is_a_date() -> None:
    assert ago(1e9, 2e9) == "2001-09-09"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", True),
        ("MITO", True),
        ("mito unet", True),
        ("mito affinities", False),
        ("state:finished", True),
        ("state:broken", False),
        ("name:distance", True),
        ("architecture:mito", False),
        ("other:thing", False),
    ],
)
def test_filter(text: str, found: bool) -> None:
    assert matches(ROW, text) is found


def test_filter_finds_problems() -> None:
    assert matches(BROKEN, "problem:truncated")


@given(st.lists(st.text()))
def test_natural_keys_can_be_compared(names: list[str]) -> None:
    sorted(names, key=natural)


def test_natural_order() -> None:
    names = ["run10", "run2", "Run1", "10", "9", ""]
    assert sorted(names, key=natural) == ["", "9", "10", "Run1", "run2", "run10"]


@given(st.integers(0, 2000))
def test_columns_go_by_rank(available: int) -> None:
    widths = {column.key: 100 for column in COLUMNS}
    shown = fitting(widths, available)
    ranks = sorted(column.rank for column in COLUMNS if column.key in shown)
    assert ranks == list(range(len(ranks)))
    assert len(shown) == max(1, min(len(COLUMNS), available // 100))


def test_chosen_columns_are_shown_whether_they_fit_or_not() -> None:
    widths = {column.key: 100 for column in COLUMNS}
    assert fitting(widths, 50, ("name", "loss", "gone")) == {"name", "loss"}
