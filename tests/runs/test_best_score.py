"""A best score that is followed: torn files, runs begun anew, arrays that are missing."""

from __future__ import annotations

import json
import math
import pickle
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from napari_dacapo.errors import BrokenFileError
from napari_dacapo.runs import BestScore, open_store

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

RUN = "dist_thr_shim"
Entries = list[dict[str, Any]]


@pytest.fixture
def folder(copy_run: Callable[..., Path]) -> Path:
    return copy_run("pypi-0.3.5-thresholds", RUN)


@pytest.fixture
def scores_file(folder: Path) -> Path:
    return folder / "stats" / "validation_scores" / RUN


@pytest.fixture
def entries(scores_file: Path) -> Entries:
    """The stored scores as plain values; f1_score is the 21st criterion."""
    stored = pickle.loads(scores_file.read_bytes())
    return [
        {**e, "scores": [[[float(v) for v in c] for c in p] for p in e["scores"]]} for e in stored
    ]


@pytest.fixture
def best(folder: Path) -> BestScore:
    return BestScore(open_store(folder).run(RUN))


def write(path: Path, entries: Entries) -> None:
    path.write_bytes(pickle.dumps(entries, protocol=4))


def test_what_is_torn_changes_nothing(best: BestScore, scores_file: Path) -> None:
    whole = scores_file.read_bytes()
    assert best.does_new_best_exist()
    known = (best.score, best.iteration, best.parameter, best.ds, best.n_skipped)
    scores_file.write_bytes(whole[: len(whole) // 2])
    assert not best.does_new_best_exist()
    assert (best.score, best.iteration, best.parameter, best.ds, best.n_skipped) == known
    scores_file.write_bytes(whole)
    assert not best.does_new_best_exist()


def test_the_best_of_a_run_that_was_begun_anew_is_forgotten(
    best: BestScore, scores_file: Path, entries: Entries
) -> None:
    assert best.does_new_best_exist()
    assert best.iteration == 90
    write(scores_file, entries[:1])
    assert best.does_new_best_exist(), "worse than the one before, but that is no longer stored"
    assert best.iteration == entries[0]["iteration"]
    scores_file.unlink()
    assert not best.does_new_best_exist()
    assert math.isnan(best.score)
    assert (best.iteration, best.parameter, best.ds, best.value) == (None, None, None, None)


def test_nan_and_ragged_scores_are_skipped_and_counted(
    best: BestScore, scores_file: Path, entries: Entries
) -> None:
    f1 = best.run.validation_scores.criteria.index("f1_score")
    for entry in entries:
        entry["scores"][0][0][f1] = math.nan
    write(scores_file, entries)
    assert best.does_new_best_exist()
    assert best.parameter != "threshold_-0.2"
    n_before = best.n_skipped
    assert n_before >= len(entries)
    # One value too few: nobody can say which one is missing.
    entries[-1]["scores"][1][1].pop()
    write(scores_file, entries)
    best.does_new_best_exist()
    assert best.n_skipped > n_before


def test_all_nan_is_counted_too(best: BestScore, scores_file: Path, entries: Entries) -> None:
    f1 = best.run.validation_scores.criteria.index("f1_score")
    for entry in entries:
        for dataset in entry["scores"]:
            for parameters in dataset:
                parameters[f1] = math.nan
    write(scores_file, entries)
    assert not best.does_new_best_exist()
    assert best.n_skipped == len(entries) * len(best.validation_parameters)


def test_a_segmentation_before_there_is_a_best(best: BestScore) -> None:
    ds = best.get_ds(60, best.run.datasplit.validate[0])
    assert ds.identity.iteration == 60
    assert ds.identity.parameters in best.validation_parameters
    assert best.ds is ds


def test_the_error_says_which_array_is_missing(best: BestScore, folder: Path) -> None:
    container = folder / RUN / "validation.zarr" / "60"
    gone = next(path for path in container.rglob("threshold_-0.2") if "iso0_val_b" in str(path))
    shutil.rmtree(gone)
    assert best.does_new_best_exist()
    with pytest.raises(FileNotFoundError) as caught:
        best.get_ds(60, "iso0_val_b")
    assert caught.value.path == gone  # type: ignore[attr-defined]
    for word in (RUN, "'threshold_-0.2'", "iso0_val_b", "iteration 60", "threshold_0.0"):
        assert word in str(caught.value)


def test_a_broken_segmentation_is_not_called_missing(best: BestScore, folder: Path) -> None:
    assert best.does_new_best_exist()
    container = folder / RUN / "validation.zarr" / "60"
    array = next(path for path in container.rglob("threshold_-0.2") if "iso0_val_b" in str(path))
    metadata = array / ".zarray"
    metadata.write_text(json.dumps(json.loads(metadata.read_text()))[:-40])
    with pytest.raises(BrokenFileError):
        best.get_ds(60, "iso0_val_b")


def test_repr_says_what_it_is(best: BestScore) -> None:
    assert repr(best) == f"<BestScore of run '{RUN}': none>"
    best.does_new_best_exist()
    assert repr(best) == (
        f"<BestScore of run '{RUN}': f1_score 0.8683 at iteration 90 with threshold_-0.2>"
    )
