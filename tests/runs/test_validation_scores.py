"""Stored scores, against the pickles themselves and in all states of disrepair."""

from __future__ import annotations

import math
import pickle
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_dacapo.runs import Store, ValidationScores, find_best
from napari_dacapo.runs.score_table import default_parameters, order_parameters
from napari_dacapo.store import ValidationIteration
from napari_dacapo.store.configs import AffinitiesTaskConfig, DistanceTaskConfig

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

AFFINITIES = AffinitiesTaskConfig(name="a", neighborhood=((1, 0, 0),))
DISTANCE = DistanceTaskConfig(name="d", channels=("blob",), clip_distance=80, tol_distance=8)
NAN = math.nan


def _watershed(number: int, bias: float) -> str:
    return f"WatershedPostProcessorParameters(id={number}, bias={bias}, context=(32, 32, 32))"


WATERSHEDS = tuple(_watershed(i, bias) for i, bias in enumerate((0.1, 0.25, 0.5, 0.75, 0.9)))


def _scores(
    *entries: tuple[int, Any],
    task: Any = AFFINITIES,
    datasets: tuple[str, ...] = ("a",),
    outputs: Any = None,
) -> ValidationScores:
    return ValidationScores(
        [ValidationIteration(iteration, scores) for iteration, scores in entries],
        task=task, datasets=datasets, outputs=outputs,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("store", "name"),
    [("pypi-0.3.5-thresholds", "dist_thr_shim"), ("pypi-0.3.5", "dist_same_iso0"),
     ("main", "dist_aniso"), ("main", "dist_valid_iso"), ("pypi-0.3.5", "onehot_iso0")],
)  # fmt: skip
def test_scores_are_those_of_the_file(
    open_real: Callable[..., Store], stores: Path, store: str, name: str
) -> None:
    run = open_real(store).run(name)
    scores = run.validation_scores
    # These files are ours: plain pickle reads them, too.
    stored = pickle.loads((stores / store / "stats" / "validation_scores" / name).read_bytes())
    array = scores.to_xarray()
    assert array.dims == ("iterations", "datasets", "parameters", "criteria")
    assert array.coords["iterations"].values.tolist() == [entry["iteration"] for entry in stored]
    expected = np.array([entry["scores"] for entry in stored], float)
    np.testing.assert_array_equal(array.values, expected)
    assert array.coords["stored"].values.all()
    assert scores.datasets == [dataset.name for dataset in run.datasplit.validate]
    outputs = run.outputs(scores.datasets[0], scores.iterations[0])
    assert scores.parameters == list(outputs)


def test_scores_of_affinities(open_real: Callable[..., Store]) -> None:
    scores = open_real("pypi-0.3.5").run("affs_same_iso0").validation_scores
    array = scores.to_xarray()
    assert array.shape == (3, 2, 5, 3)
    assert scores.parameters == list(WATERSHEDS)
    assert scores.criteria == ["voi_split", "voi_merge", "voi"]
    np.testing.assert_allclose(
        array.sel(criteria="voi"),
        (array.sel(criteria="voi_split") + array.sel(criteria="voi_merge")) / 2,
    )
    assert scores.parameter_names == ["id", "bias", "context"]
    assert scores.problems == ()


def test_the_numbers_of_a_known_run(open_real: Callable[..., Store]) -> None:
    array = open_real("pypi-0.3.5-thresholds").run("dist_thr_shim").validation_scores.to_xarray()
    at_90 = array.sel(iterations=90, parameters="threshold_-0.2", criteria="f1_score")
    np.testing.assert_allclose(at_90, [0.8913, 0.8453], atol=5e-5)


def test_nan_scores_are_said(open_real: Callable[..., Store]) -> None:
    scores = open_real("pypi-0.3.5").run("dist_same_iso0").validation_scores
    # 18 of 21 for each of 3 iterations and 2 datasets.
    assert scores.problems == (
        "108 of 126 stored scores are not a number, as those of an empty segmentation are.",
    )


def test_swallowed_evaluations_are_said(open_real: Callable[..., Store]) -> None:
    scores = open_real("pypi-0.3.5").run("hot_iso0").validation_scores
    assert len(scores) == 2
    assert not scores.table.stored.any()
    assert len(scores.problems) == 4
    assert scores.problems[0] == (
        "Iteration 10, dataset iso0_val_a: no scores are stored, each evaluation failed."
    )


def test_the_reading_interface(open_real: Callable[..., Store]) -> None:
    scores = open_real("pypi-0.3.5-thresholds").run("dist_thr_shim").validation_scores
    assert scores.validated_until() == 121
    assert scores.validated_until_iteration == 120
    assert [entry.iteration for entry in scores.scores] == [30, 60, 90, 120]
    early = scores.subscores(scores.scores[:2])
    assert early.iterations == [30, 60]
    assert early.parameters == scores.parameters
    assert scores.compare([]) == (False, 0)
    assert scores.compare(early.scores) == (False, 61)
    assert early.compare(scores.scores) == (True, 0)
    assert scores.higher_is_better("f1_score")
    assert not scores.higher_is_better("voi")
    assert scores.store_best("voi")
    assert scores.bounds("hausdorff") == (0, None)
    assert scores.criterion("blob__dice").name == "dice"


def test_no_scores_at_all(open_real: Callable[..., Store]) -> None:
    scores = open_real("main").run("never_trained").validation_scores
    assert len(scores) == 0
    assert scores.validated_until() == 0
    assert scores.validated_until_iteration is None
    assert scores.parameter_names == []
    assert scores.to_xarray().shape == (0, 2, 0, 21)
    index, best = scores.get_best(scores.to_xarray(), "iterations")
    assert index.shape == best.shape == (2, 0, 21)


def test_best_along_iterations(open_real: Callable[..., Store]) -> None:
    scores = open_real("pypi-0.3.5-thresholds").run("dist_thr_shim").validation_scores
    array = scores.to_xarray()
    index, best = scores.get_best(array, "iterations")
    assert index.dims == best.dims == ("datasets", "parameters", "criteria")
    index, best = (
        found.sel(datasets="iso0_val_a", parameters="threshold_-0.2") for found in (index, best)
    )
    assert index.sel(criteria="f1_score").item() == 90
    assert best.sel(criteria="f1_score").item() == pytest.approx(0.8913, abs=5e-5)
    assert index.sel(criteria="voi").item() == 120, "lower is better"
    assert best.sel(criteria="voi").item() == pytest.approx(0.9586, abs=5e-5)


def test_best_is_that_of_xarray_for_every_criterion(open_real: Callable[..., Store]) -> None:
    scores = open_real("pypi-0.3.5-thresholds").run("dist_thr_shim").validation_scores
    array = scores.to_xarray()
    for dim in ("iterations", "datasets", "parameters"):
        _, best = scores.get_best(array, dim)
        for criterion in scores.criteria:
            one = array.sel(criteria=criterion)
            expected = one.max(dim) if scores.higher_is_better(criterion) else one.min(dim)
            np.testing.assert_array_equal(best.sel(criteria=criterion), expected)


def test_best_of_one_criterion_and_of_nothing() -> None:
    scores = _scores(
        (10, [[[1.0, 2.0, NAN]]]), (20, [[[3.0, NAN, NAN]]]), (30, [[[1.0, 1.0, NAN]]])
    )
    array = scores.to_xarray()
    index, best = scores.get_best(array.sel(criteria="voi_split"), "iterations")
    assert (index.item(), best.item()) == (10, 1.0)
    index, best = scores.get_best(array.sel(criteria="voi"), "iterations")
    assert index.item() is None
    assert math.isnan(best.item())


@pytest.mark.parametrize(
    ("criterion", "stored", "best", "iteration"),
    [
        ("voi", (NAN, math.inf), math.inf, 2), ("voi", (NAN, math.inf, 3.0), 3.0, 3),
        ("voi", (math.inf, NAN, math.inf), math.inf, 1),
        ("f1_score", (NAN, -math.inf), -math.inf, 2), ("f1_score", (-math.inf, NAN), -math.inf, 1),
    ],
)  # fmt: skip
def test_what_is_missing_never_beats_the_worst_of_scores(
    criterion: str, stored: tuple[float, ...], best: float, iteration: int
) -> None:
    scores = _scores(task=AFFINITIES if criterion == "voi" else DISTANCE)
    place = scores.criteria.index(criterion)
    entries = []
    for number, value in enumerate(stored, start=1):
        vector = [0.0] * len(scores.criteria)
        vector[place] = value
        entries.append(ValidationIteration(number, [[vector]]))
    array = scores.subscores(entries).to_xarray()
    index, found = scores.get_best(array.sel(criteria=criterion), "iterations")
    assert (index.item(), found.item()) == (iteration, best)


def test_best_needs_to_know_the_criterion() -> None:
    scores = _scores((10, [[[1.0, 2.0, 3.0]]]))
    array = scores.to_xarray()
    with pytest.raises(ValueError, match="criterion"):
        scores.get_best(array.drop_vars("criteria"), "iterations")
    with pytest.raises(ValueError, match="along 'criteria'"):
        scores.get_best(array, "criteria")
    with pytest.raises(ValueError, match="along 'time'"):
        scores.get_best(array, "time")


def test_parameters_go_by_name_not_by_position() -> None:
    names = {10: WATERSHEDS[1:3], 20: WATERSHEDS[2:4]}
    scores = _scores(
        (10, [[[1.0] * 3, [2.0] * 3]]), (20, [[[3.0] * 3, [4.0] * 3]]),
        outputs=lambda iteration, dataset: names[iteration],
    )  # fmt: skip
    array = scores.to_xarray().sel(criteria="voi", datasets="a")
    assert scores.parameters == list(WATERSHEDS[1:4])
    assert array.sel(iterations=10).values.tolist()[:2] == [1.0, 2.0]
    assert array.sel(iterations=20).values.tolist()[1:] == [3.0, 4.0]
    assert np.isnan(array.sel(iterations=10).values[2])
    stored = scores.table.stored[:, 0].tolist()
    assert stored == [[True, True, False], [False, True, True]]


def test_a_gap_that_cannot_be_placed_is_left_out_and_said() -> None:
    scores = _scores(
        (10, [[[1.0] * 3, [2.0] * 3]]), (20, [[[3.0] * 3, [4.0] * 3, [5.0] * 3]]),
        outputs=lambda iteration, dataset: WATERSHEDS[:3],
    )  # fmt: skip
    assert scores.table.stored[:, 0].tolist() == [[False] * 3, [True] * 3]
    assert scores.problems == (
        "Iteration 10, dataset a: 2 scores are stored for 3 outputs; an evaluation failed and "
        "it is not known which, so they are left out.",
    )


def test_outputs_that_were_removed_keep_their_names() -> None:
    left = {10: (), 20: WATERSHEDS[:3], 30: WATERSHEDS[:1]}
    entry = [[[1.0] * 3, [2.0] * 3, [3.0] * 3]]
    scores = _scores(
        (10, entry), (20, entry), (30, entry), outputs=lambda iteration, dataset: left[iteration]
    )
    assert scores.parameters == list(WATERSHEDS[:3])
    assert scores.table.stored.all()
    assert scores.problems == ()


def test_without_outputs_dacapos_usual_names_are_taken() -> None:
    scores = _scores((10, [[[1.0] * 3] * 5]))
    assert scores.parameters == list(WATERSHEDS)
    scores = _scores((10, [[[1.0] * 3] * 4]))
    assert scores.parameters == [f"parameters {i}" for i in range(4)]
    assert "numbered" in scores.problems[0]


def test_iterations_that_were_validated_twice() -> None:
    scores = _scores((20, [[[1.0] * 3] * 5]), (10, [[[2.0] * 3] * 5]), (20, [[[3.0] * 3] * 5]))
    assert scores.iterations == [10, 20]
    assert scores.table.values[:, 0, 0, 0].tolist() == [2.0, 3.0]
    assert scores.problems == (
        "Iteration 20 was validated more than once; the later scores count.",
    )
    assert len(scores.scores) == 3


def test_datasets_that_are_not_known_are_numbered() -> None:
    scores = _scores((10, [[[1.0] * 3] * 5, [[2.0] * 3] * 5]), datasets=("a",))
    assert scores.datasets == ["a", "dataset 1"]
    assert "numbered" in scores.problems[0]


def test_datasets_without_scores_are_said() -> None:
    scores = _scores((10, [[[1.0] * 3] * 5]), datasets=("a", "b"))
    assert scores.table.stored[0].any(axis=1).tolist() == [True, False]
    assert scores.problems == ("Iteration 10: no scores are stored of b.",)


def test_vectors_of_another_length_are_left_out_and_said() -> None:
    scores = _scores((10, [[[1.0] * 3] * 5]), (20, [[[1.0] * 2] * 5]))
    assert scores.table.stored[:, 0, 0].tolist() == [True, False]
    assert all("2 scores are stored, where there are 3 criteria" in p for p in scores.problems)


def test_none_is_nan() -> None:
    scores = _scores((10, [[[None, 1.0, 2.0]] * 5]))
    assert np.isnan(scores.table.values[0, 0, 0, 0])
    assert scores.table.stored.all()


@pytest.mark.parametrize(
    "absurd",
    [[[[1.0] * 3]] * 3000, [[[1.0] * 3] * 60_000]],
    ids=["many datasets", "many parameters"],
)
def test_absurd_scores_do_not_fill_the_memory(absurd: Any) -> None:
    scores = _scores(*((i, []) for i in range(1000)), (1000, absurd))
    assert len(scores) == 0
    assert "not shown" in scores.problems[0]
    assert find_best(scores, AFFINITIES) is None


def test_many_problems_are_summed_up() -> None:
    scores = _scores(*((i, [[]]) for i in range(100)))
    assert len(scores.problems) == 21
    assert scores.problems[-1] == "… and 80 more of this kind."


def test_order_of_parameters() -> None:
    assert order_parameters(reversed(WATERSHEDS)) == WATERSHEDS
    thresholds = ("threshold_-0.2", "threshold_0.0", "threshold_0.2", "threshold_10")
    assert order_parameters(sorted(thresholds, reverse=True)) == thresholds
    assert order_parameters(["b", "a"]) == ("a", "b")


def test_usual_parameters() -> None:
    assert default_parameters("distance", 1) == ("threshold_127",)
    assert len(default_parameters("distance", 3)) == 3
    assert default_parameters("distance", 2) == ()
    assert len(default_parameters("dummy", 10)) == 10
    assert default_parameters("unknown", 1) == ()


_SCORE = st.none() | st.floats() | st.integers(-3, 3)


@settings(max_examples=60, deadline=None)
@given(
    entries=st.lists(
        st.tuples(
            st.integers(0, 5),
            st.lists(st.lists(st.lists(_SCORE, max_size=4), max_size=6), max_size=3),
        ),
        max_size=6,
    ),
    n_outputs=st.integers(0, 5),
)
def test_any_nesting_gives_a_table(entries: list[tuple[int, Any]], n_outputs: int) -> None:
    scores = _scores(*entries, datasets=("a", "b"), outputs=lambda i, d: WATERSHEDS[:n_outputs])
    table = scores.table
    assert table.values.shape[:3] == table.stored.shape
    assert np.isnan(table.values[~table.stored]).all()
    n_stored = sum(len(v) == len(table.criteria) for _, e in entries for d in e for v in d)
    assert table.stored.sum() <= n_stored
    best = find_best(scores, AFFINITIES)
    assert best is None or not math.isnan(best.value)
