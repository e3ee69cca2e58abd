"""Curves of real runs against what is stored."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_dacapo.runs.curves import Curve, RunCurves, read_curves, thinned

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from napari_dacapo.runs import Store


def curves_of(store: Store, name: str, criterion: str) -> tuple[RunCurves, tuple[Curve, ...]]:
    found = read_curves(store.run(name))
    return found, found.of(found.scores.criterion(criterion))


def stored(stores: Path, store: str, kind: str, name: str) -> list[Any]:
    entries: list[Any] = pickle.loads((stores / store / "stats" / kind / name).read_bytes())
    return entries


def test_losses_are_the_stored_ones(open_real: Callable[..., Store], stores: Path) -> None:
    name = "dist_thr_shim"
    found = read_curves(open_real("pypi-0.3.5-thresholds").run(name))
    entries = stored(stores, "pypi-0.3.5-thresholds", "training_stats", name)
    assert found.loss_iterations.tolist() == [entry["iteration"] for entry in entries]
    assert found.losses.tolist() == [entry["loss"] for entry in entries]
    assert found.n_losses == len(entries) == 120


def test_scores_are_the_stored_ones(open_real: Callable[..., Store], stores: Path) -> None:
    name = "dist_thr_shim"
    found, curves = curves_of(open_real("pypi-0.3.5-thresholds"), name, "f1_score")
    entries = stored(stores, "pypi-0.3.5-thresholds", "validation_scores", name)
    assert found.default is not None
    assert found.default.name == "f1_score"
    assert "dice" in found.default.doubtful
    place = [criterion.name for criterion in found.criteria].index("f1_score")
    datasets = found.scores.datasets
    for curve in curves:
        d = datasets.index(curve.dataset)
        p = found.scores.parameters.index(curve.parameters)
        expected = [float(entry["scores"][d][p][place]) for entry in entries]
        assert curve.iterations.tolist() == [entry["iteration"] for entry in entries]
        assert np.array_equal(curve.values, expected, equal_nan=True)
        assert curve.n_nan == int(np.isnan(expected).sum())
        assert curve.n_missing == 0
    assert len(curves) == len(entries[0]["scores"]) * len(entries[0]["scores"][0])


def test_the_best_goes_by_the_criterion_s_own_direction(open_real: Callable[..., Store]) -> None:
    found, _ = curves_of(open_real("pypi-0.3.5"), "affs_same_iso0", "voi")
    voi = found.criterion("voi")
    assert voi is not None
    best = found.best(voi)
    lowest = min(np.nanmin(curve.values) for curve in found.of(voi))
    assert best is not None
    assert not best.higher_is_better
    if len(found.scores.datasets) == 1:
        assert best.value == lowest
    assert len({curve.parameters for curve in found.of(voi)}) == 5


def test_random_numbers_have_no_best(open_real: Callable[..., Store]) -> None:
    found = read_curves(open_real("pypi-0.3.5").run("onehot_iso0"))
    assert found.default is not None
    assert found.default.meaningless
    assert found.best(found.default) is None
    assert found.of(found.default)


def test_a_criterion_that_is_not_there_becomes_the_one_to_begin_with(
    open_real: Callable[..., Store],
) -> None:
    found = read_curves(open_real("pypi-0.3.5").run("affs_same_iso0"))
    assert found.criterion("voi_split") in found.criteria
    assert found.criterion("f1_score") == found.default


@pytest.mark.parametrize(
    ("store", "name", "why"),
    [
        ("pypi-0.3.5", "never_trained", "not validated yet"),
        ("pypi-0.3.5", "no_validation", "no validation datasets"),
    ],
)
def test_no_scores_have_a_reason(
    open_real: Callable[..., Store], store: str, name: str, why: str
) -> None:
    found = read_curves(open_real(store).run(name))
    assert why in found.why_no_scores
    assert found.criteria == ()
    assert found.default is None


def test_torn_scores_are_said(
    open_real: Callable[..., Store], copy_run: Callable[..., Path]
) -> None:
    from napari_dacapo.runs import open_store

    folder = copy_run("pypi-0.3.5-thresholds", "dist_thr_shim")
    path = folder / "stats" / "validation_scores" / "dist_thr_shim"
    path.write_bytes(path.read_bytes()[:-40])
    found = read_curves(open_store(folder).run("dist_thr_shim"))
    assert "dist_thr_shim" in found.why_no_scores
    assert found.n_losses == 120


def test_what_was_read_before_is_read_again(copy_run: Callable[..., Path]) -> None:
    from napari_dacapo.runs import open_store

    folder = copy_run("pypi-0.3.5-thresholds", "dist_thr_shim")
    run = open_store(folder).run("dist_thr_shim")
    assert read_curves(run).n_losses == 120
    path = folder / "stats" / "training_stats" / "dist_thr_shim"
    path.write_bytes(pickle.dumps(pickle.loads(path.read_bytes())[:60], protocol=4))
    assert read_curves(run).n_losses == 60


@given(
    y=arrays(
        np.float64,
        st.integers(0, 400),
        elements=st.one_of(st.floats(-1e6, 1e6), st.just(float("nan"))),
    ),
    max_points=st.integers(4, 40),
)
def test_thinning_loses_neither_extremes_nor_gaps(y: np.ndarray[Any, Any], max_points: int) -> None:
    x = np.arange(len(y), dtype=np.float64)
    kept_x, kept = thinned(x, y, max_points)
    assert len(kept_x) == len(kept) <= max(max_points, max_points * 3 // 2 + 5)
    assert np.array_equal(y[kept_x.astype(int)], kept, equal_nan=True)
    assert (np.diff(kept_x) > 0).all()
    assert np.isnan(kept).any() == np.isnan(y).any()
    if len(y) and not np.isnan(y).all():
        assert np.nanmin(kept) == np.nanmin(y)
        assert np.nanmax(kept) == np.nanmax(y)
    if len(y):
        assert (kept_x[0], kept_x[-1]) == (x[0], x[-1])
