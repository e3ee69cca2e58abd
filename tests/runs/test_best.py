"""The best of a run, by each criterion in its own direction."""

from __future__ import annotations

import math
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from napari_dacapo.errors import ArrayNotFoundError
from napari_dacapo.runs import BestScore, Store, ValidationScores, find_best, open_store
from napari_dacapo.runs.best import why_no_best
from napari_dacapo.store import ValidationIteration
from napari_dacapo.store.configs import AffinitiesTaskConfig

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

AFFINITIES = AffinitiesTaskConfig(name="a", neighborhood=((1, 0, 0),))
NAN = math.nan


def _scores(*entries: tuple[int, Any], datasets: tuple[str, ...] = ("a", "b")) -> ValidationScores:
    return ValidationScores(
        [ValidationIteration(iteration, scores) for iteration, scores in entries],
        task=AFFINITIES, datasets=datasets, outputs=lambda i, d: ("p0", "p1"),
    )  # fmt: skip


def _voi(*values: float) -> list[list[float]]:
    return [[0.0, 0.0, value] for value in values]


def test_lower_is_better_where_it_is() -> None:
    best = find_best(_scores((10, [_voi(3, 2)]), (20, [_voi(1, 4)]), datasets=("a",)), AFFINITIES)
    assert best is not None
    assert (best.value, best.iteration, best.parameters) == (1, 20, "p0")
    assert not best.higher_is_better


def test_the_mean_over_datasets_counts_by_default() -> None:
    scores = _scores((10, [_voi(1, 3), _voi(9, 4)]), (20, [_voi(5, 5), _voi(1, 5)]))
    best = find_best(scores, AFFINITIES)
    assert best is not None
    assert (best.value, best.iteration, best.parameters, best.dataset) == (3, 20, "p0", "")
    of_a = find_best(scores, AFFINITIES, dataset="a")
    assert of_a is not None
    assert (of_a.value, of_a.iteration, of_a.dataset) == (1, 10, "a")


def test_nan_is_skipped_and_counted() -> None:
    scores = _scores((10, [_voi(NAN, 3), _voi(1, 4)]), (20, [_voi(5, NAN), _voi(1, NAN)]))
    best = find_best(scores, AFFINITIES)
    assert best is not None
    assert (best.value, best.n_skipped) == (3, 2)


def test_why_there_is_no_best_names_the_criterion() -> None:
    nowhere = _scores((10, [_voi(NAN, NAN), _voi(NAN, NAN)]))
    assert why_no_best(nowhere, AFFINITIES).startswith("voi is NaN everywhere")
    apart = _scores((10, [_voi(1, NAN), _voi(NAN, 4)]))
    assert find_best(apart, AFFINITIES) is None
    assert why_no_best(apart, AFFINITIES) == "voi is nowhere a number for all datasets at once."
    assert why_no_best(_scores(), AFFINITIES) == "No scores are stored."


def test_a_dataset_without_any_score_is_left_out_and_named() -> None:
    best = find_best(_scores((10, [_voi(2, 3), _voi(NAN, NAN)])), AFFINITIES)
    assert best is not None
    assert best.value == 2
    assert best.doubtful == "No score of b: the mean is over the others."


def test_the_first_of_equals_wins() -> None:
    scores = _scores((20, [_voi(1, 1), _voi(1, 1)]), (10, [_voi(1, 1), _voi(1, 1)]))
    best = find_best(scores, AFFINITIES)
    assert best is not None
    assert (best.iteration, best.parameters) == (10, "p0")


def test_some_iterations_only() -> None:
    scores = _scores((10, [_voi(1, 1)] * 2), (20, [_voi(2, 3)] * 2))
    best = find_best(scores, AFFINITIES, iterations={20})
    assert best is not None
    assert (best.value, best.iteration, best.n_skipped) == (2, 20, 0)


def test_infinity_does_not_win() -> None:
    best = find_best(_scores((10, [_voi(math.inf, 7)] * 2)), AFFINITIES)
    assert best is not None
    assert best.value == 7


def test_the_worst_score_is_better_than_none() -> None:
    scores = _scores((10, [_voi(NAN, NAN)] * 2), (20, [_voi(NAN, math.inf)] * 2))
    best = find_best(scores, AFFINITIES)
    assert best is not None
    assert (best.value, best.iteration, best.parameters) == (math.inf, 20, "p1")


def test_unknown_names_are_refused() -> None:
    scores = _scores((10, [_voi(1, 1)] * 2))
    with pytest.raises(ValueError, match=r"no validation dataset 'c'.*a, b"):
        find_best(scores, AFFINITIES, dataset="c")
    with pytest.raises(ValueError, match="no criterion 'dice'"):
        find_best(scores, AFFINITIES, criterion="dice")


def test_all_nan_has_no_best() -> None:
    assert find_best(_scores((10, [_voi(NAN, NAN)] * 2)), AFFINITIES) is None
    assert find_best(_scores(), AFFINITIES) is None


def test_what_beats_what(open_real: Callable[..., Store]) -> None:
    run = open_real("pypi-0.3.5-thresholds").run("dist_thr_shim")
    f1 = find_best(run.validation_scores, run.task)
    worse = find_best(run.validation_scores, run.task, iterations={120})
    voi = find_best(run.validation_scores, run.task, criterion="voi")
    assert f1 is not None
    assert worse is not None
    assert voi is not None
    assert f1.beats(None)
    assert f1.beats(worse)
    assert not worse.beats(f1)
    assert not f1.beats(f1)
    assert (voi.higher_is_better, voi.doubtful) == (False, "")


def test_best_score_of_a_run(open_real: Callable[..., Store]) -> None:
    run = open_real("pypi-0.3.5-thresholds").run("dist_thr_shim")
    best = BestScore(run)
    assert math.isnan(best.score)
    assert (best.iteration, best.parameter, best.ds) == (None, None, None)
    assert best.validation_parameters == ["threshold_-0.2", "threshold_0.0", "threshold_0.2"]
    assert best.does_new_best_exist()
    assert best.score == pytest.approx((0.8913 + 0.8453) / 2, abs=1e-4)
    assert (best.iteration, best.parameter) == (90, "threshold_-0.2")
    assert best.ds is not None
    assert best.ds.identity.dataset == "iso0_val_a", "the dataset that is best there"
    assert best.ds.identity.iteration == 90
    assert not best.does_new_best_exist()
    assert best.array_store is run.store.array_store
    assert best.stats_store is run.store.stats_store


def test_best_score_by_choice(open_real: Callable[..., Store]) -> None:
    run = open_real("pypi-0.3.5-thresholds").run("dist_thr_shim")
    best = BestScore(run, criterion="voi", dataset="iso0_val_b")
    assert best.does_new_best_exist()
    assert best.score == pytest.approx(0.9433, abs=5e-5)
    assert (best.iteration, best.parameter) == (120, "threshold_0.2")
    assert best.ds is not None
    assert best.ds.identity.dataset == "iso0_val_b"


@pytest.mark.parametrize("name", ["dist_same_iso0", "hot_iso0", "onehot_iso0", "dist_aniso"])
def test_runs_without_a_best(open_real: Callable[..., Store], name: str) -> None:
    best = BestScore(open_real("pypi-0.3.5").run(name))
    assert not best.does_new_best_exist()
    assert math.isnan(best.score)


def test_segmentations_of_any_iteration(open_real: Callable[..., Store]) -> None:
    run = open_real("pypi-0.3.5-thresholds").run("dist_thr_shim")
    best = BestScore(run)
    assert best.does_new_best_exist()
    ds = best.get_ds(60, run.datasplit.validate[1])
    assert best.ds is ds
    assert (ds.identity.iteration, ds.identity.dataset) == (60, "iso0_val_b")
    assert ds.identity.parameters == "threshold_-0.2"
    with pytest.raises(FileNotFoundError, match=r"iso0_val_a.*iteration 0 is not stored"):
        best.get_ds(0, "iso0_val_a")


def test_nothing_is_taken_over_if_the_segmentation_is_missing(
    copy_run: Callable[..., Path],
) -> None:
    folder = copy_run("pypi-0.3.5-thresholds", "dist_thr_shim")
    shutil.rmtree(folder / "dist_thr_shim" / "validation.zarr" / "90")
    best = BestScore(open_store(folder).run("dist_thr_shim"))
    with pytest.raises(ArrayNotFoundError, match="iteration 90"):
        best.does_new_best_exist()
    assert math.isnan(best.score)
    assert (best.iteration, best.parameter, best.ds, best.value) == (None, None, None, None)


def test_a_new_validation_is_found(copy_run: Callable[..., Path], stores: Path) -> None:
    import pickle

    folder = copy_run("pypi-0.3.5-thresholds", "dist_thr_shim")
    path = folder / "stats" / "validation_scores" / "dist_thr_shim"
    entries = pickle.loads(path.read_bytes())
    plain = [
        {**e, "scores": [[[float(v) for v in c] for c in p] for p in e["scores"]]} for e in entries
    ]
    path.write_bytes(pickle.dumps(plain[:2], protocol=4))
    best = BestScore(open_store(folder).run("dist_thr_shim"))
    assert best.does_new_best_exist()
    assert best.iteration == 60
    path.write_bytes(pickle.dumps(plain, protocol=4))
    assert best.does_new_best_exist()
    assert best.iteration == 90
