from __future__ import annotations

import re

import numpy as np
import pytest

from napari_dacapo.runs.criteria import Criterion, criteria_for
from napari_dacapo.runs.curves import Curve
from napari_dacapo.widgets.score_looks import (
    criterion_label,
    describe,
    gaps,
    legend,
    look_of,
)


def curve(dataset: str, parameters: str, n_nan: int = 0, n_missing: int = 0) -> Curve:
    return Curve(dataset, parameters, np.arange(4.0), np.ones(4), n_nan, n_missing)


def plain(html: str) -> str:
    text = re.sub("<[^>]*>", "", html.replace("<br>", "\n"))
    return re.sub(" +", " ", text.replace("&nbsp;", " "))


BIAS = "WatershedPostProcessorParameters(id={}, bias={}, context=(32, 32, 32))"


def test_one_dataset_is_told_by_its_parameters() -> None:
    curves = [curve("val", BIAS.format(i, bias)) for i, bias in enumerate((0.1, 0.25, 0.5))]
    assert len({look_of(each, curves).color for each in curves}) == 3
    assert {look_of(each, curves).line for each in curves} == {"SolidLine"}
    assert plain(legend(curves)) == "watershed bias ● 0.1 ● 0.25 ● 0.5"


def test_datasets_are_colours_and_parameters_lines() -> None:
    curves = [curve(d, f"threshold_{t}") for d in ("west", "east") for t in (0.0, 0.2)]
    looks = [look_of(each, curves) for each in curves]
    assert looks[0].color == looks[1].color != looks[2].color
    assert looks[0].line == looks[2].line != looks[1].line
    assert plain(legend(curves)) == "● west ● east\nthreshold ── 0.0 ╌╌ 0.2"


def test_names_are_text_not_html() -> None:
    assert "<b>" not in legend([curve("<b>", "p")])
    assert legend([]) == ""


def test_gaps_are_counted() -> None:
    assert gaps([curve("a", "p")]) == ""
    assert gaps([curve("a", "p", 1, 2), curve("b", "p")]) == (
        "Gaps: 1 of 8 scores are not a number (as of an empty segmentation), 2 of 8 are missing."
    )
    assert gaps([curve("a", "p", 4)]) == (
        "None of the 4 stored scores is a number (as of empty segmentations)."
    )


class Task:
    def __init__(self, kind: str) -> None:
        self.kind = kind


@pytest.mark.parametrize("kind", ["distance", "affinities", "one_hot"])
def test_every_warning_is_carried(kind: str) -> None:
    for criterion in criteria_for(Task(kind)):
        said = describe(criterion)
        assert ("⚠" in said) == bool(criterion.doubtful)
        assert ("⚠" in criterion_label(criterion)) == bool(criterion.doubtful)


def test_what_is_said_of_the_f1_score() -> None:
    (f1,) = (each for each in criteria_for(Task("distance")) if each.name == "f1_score")
    assert describe(f1) == (
        "Higher is better, 0 to 1. ⚠ The stored value is the harmonic mean of recall and "
        "specificity. The true f1 score equals dice."
    )
    assert criterion_label(f1) == "f1_score ↑  ⚠"
    assert describe(Criterion("x", True, (None, None))) == "Higher is better."
