"""Losses and scores of a store of files."""

from __future__ import annotations

import math
import pickle
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_dacapo.errors import BrokenFileError, ReadOnlyError, UnsafeFileError
from napari_dacapo.options import Options
from napari_dacapo.store import (
    FileStatsStore,
    TrainingIteration,
    ValidationIteration,
    create_stats_store,
    stats_tail,
)
from napari_dacapo.store.stats_store import WRITING, training_iterations, validation_iterations

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

STORES = ["main", "pypi-0.3.5", "pypi-0.3.5-thresholds"]


@pytest.mark.parametrize("store", STORES)
def test_losses_of_every_run(options: Callable[[str], Options], stores: Path, store: str) -> None:
    reader = create_stats_store(options(store))
    files = list((stores / store / "stats" / "training_stats").iterdir())
    assert files
    for file in files:
        expected = pickle.loads(file.read_bytes())
        stats = reader.retrieve_training_stats(file.name)
        assert stats == [
            TrainingIteration(record["iteration"], record["loss"], record["time"])
            for record in expected
        ]
        assert reader.last_training_iteration(file.name) == stats[-1]


@pytest.mark.parametrize("store", STORES)
def test_scores_of_every_run(options: Callable[[str], Options], stores: Path, store: str) -> None:
    reader = create_stats_store(options(store))
    files = list((stores / store / "stats" / "validation_scores").iterdir())
    assert files
    for file in files:
        expected = pickle.loads(file.read_bytes())
        scores = reader.retrieve_validation_iteration_scores(file.name)
        assert [entry.iteration for entry in scores] == [r["iteration"] for r in expected]
        for entry, record in zip(scores, expected, strict=True):
            assert repr(entry.scores) == repr(
                [[[float(v) for v in vector] for vector in ds] for ds in record["scores"]]
            )


def test_known_numbers(options: Callable[[str], Options]) -> None:
    store = create_stats_store(options("pypi-0.3.5-thresholds"))
    best = store.retrieve_validation_iteration_scores("dist_thr_shim")[2]
    assert best.iteration == 90
    # f1_score (index 20) at threshold -0.2, of both datasets.
    assert [round(ds[0][20] or 0, 3) for ds in best.scores] == [0.891, 0.845]
    ragged = create_stats_store(options("pypi-0.3.5")).retrieve_validation_iteration_scores(
        "hot_iso0"
    )
    assert [entry.scores for entry in ragged] == [[[], []], [[], []]]


def test_runs_without_stats(options: Callable[[str], Options]) -> None:
    store = create_stats_store(options("main"))
    for name in ("never_trained", "nothing"):
        assert store.retrieve_training_stats(name) == []
        assert store.retrieve_validation_iteration_scores(name) == []
        assert store.last_training_iteration(name) is None


@pytest.mark.parametrize("name", WRITING)
def test_nothing_is_written(options: Callable[[str], Options], name: str) -> None:
    with pytest.raises(ReadOnlyError, match=name):
        getattr(create_stats_store(options("main")), name)("snapshot", [])


@pytest.mark.parametrize("name", ["../training_stats/snapshot", "/etc/passwd", "..", ""])
def test_names_stay_in_the_store(options: Callable[[str], Options], name: str) -> None:
    store = create_stats_store(options("main"))
    for read in (
        store.retrieve_training_stats,
        store.retrieve_validation_iteration_scores,
        store.last_training_iteration,
    ):
        with pytest.raises(UnsafeFileError):
            read(name)


def test_a_link_out_of_the_store(own: Options, tmp_path: Path) -> None:
    (tmp_path / "other").write_bytes(pickle.dumps([]))
    (own.runs_base_dir / "stats/training_stats/link").symlink_to(tmp_path / "other")
    store = FileStatsStore(own)
    for read in (store.retrieve_training_stats, store.last_training_iteration):
        with pytest.raises(UnsafeFileError, match="outside the store"):
            read("link")


@pytest.mark.parametrize(
    ("records", "reason"),
    [
        (3, "no list"),
        ({"a": 1}, "no list"),
        ([3], "Record 0"),
        ([{"iteration": 0, "loss": 1.0, "time": 1.0}, {}], "Record 1 .*'iteration' is missing"),
        ([{"iteration": "0", "loss": 1.0, "time": 1.0}], "the iteration '0'"),
        ([{"iteration": -1, "loss": 1.0, "time": 1.0}], "the iteration -1"),
        ([{"iteration": True, "loss": 1.0, "time": 1.0}], "the iteration True"),
        ([{"iteration": 2**60, "loss": 1.0, "time": 1.0}], "the iteration"),
        ([{"iteration": 0, "loss": "x", "time": 1.0}], "'x' is no number"),
        ([{"iteration": 0, "loss": [], "time": 1.0}], "is no number"),
        ([{"iteration": 0, "loss": 10**400, "time": 1.0}], "too large"),
    ],
)
def test_losses_of_the_wrong_shape(records: object, reason: str) -> None:
    with pytest.raises(BrokenFileError, match=reason) as info:
        training_iterations(records, "the file")
    assert "the file" in str(info.value)


@pytest.mark.parametrize(
    ("records", "reason"),
    [
        ("x", "no list"),
        ([{"iteration": 1}], "'scores' is missing"),
        ([{"iteration": 1, "scores": 3}], "not nested"),
        ([{"iteration": 1, "scores": [3.0]}], "not nested"),
        ([{"iteration": 1, "scores": [[3.0]]}], "not nested"),
        ([{"iteration": 1, "scores": [[[[3.0]]]]}], "is no number"),
        ([{"iteration": 1, "scores": [[["x"]]]}], "is no number"),
        ([{"iteration": 1.5, "scores": []}], "the iteration"),
    ],
)
def test_scores_of_the_wrong_shape(records: object, reason: str) -> None:
    with pytest.raises(BrokenFileError, match=reason):
        validation_iterations(records, "the file")


def test_numbers_are_kept_as_they_are() -> None:
    nan = float("nan")
    (entry,) = validation_iterations(
        [{"iteration": 1, "scores": [[[1, None, nan, True, float("inf")]]]}], "x"
    )
    values = entry.scores[0][0]
    assert values[:2] == [1.0, None]
    assert math.isnan(values[2] or 0)
    assert values[3:] == [1.0, math.inf]
    (record,) = training_iterations([{"iteration": 1, "loss": None, "time": 1}], "x")
    assert math.isnan(record.loss)
    assert record.time == 1.0


def _store(folder: Path, records: list[Any], kind: str = "training_stats") -> FileStatsStore:
    (folder / "stats" / kind).mkdir(parents=True, exist_ok=True)
    (folder / "stats" / kind / "run").write_bytes(pickle.dumps(records, 4))
    return FileStatsStore(Options(runs_base_dir=folder))


def _records(count: int, start: int = 0) -> list[dict[str, Any]]:
    # As DaCapo makes them: one name object for all.
    return [
        {"iteration": i, "loss": 1 / (i + 1), "time": 0.01 * i, "run_name": "run"}
        for i in range(start, start + count)
    ]


@pytest.mark.parametrize("count", [1, 2, 254, 256, 999, 1000, 1001, 2001, 65_535, 65_600])
def test_the_last_iteration_of_long_trainings(tmp_path: Path, count: int) -> None:
    store = _store(tmp_path, _records(count))
    assert store.last_training_iteration("run") == TrainingIteration(
        count - 1, 1 / count, 0.01 * (count - 1)
    )


@given(st.integers(240, 3000), st.floats(), st.floats())
@settings(max_examples=60, deadline=None)
def test_the_last_iteration_for_any_numbers(
    tmp_path_factory: pytest.TempPathFactory, count: int, loss: float, time: float
) -> None:
    records = _records(count)
    records[-1].update(loss=loss, time=time)
    store = _store(tmp_path_factory.mktemp("stats"), records)
    found = stats_tail.last_record(store.training_stats_path("run"))
    last = store.retrieve_training_stats("run")[-1]
    assert store.last_training_iteration("run") is not None
    assert repr(store.last_training_iteration("run")) == repr(last)
    if count > 300 and count % 1000 > 1:
        assert found is not None
        assert repr((found["iteration"], found["loss"], found["time"])) == repr(
            (last.iteration, last.loss, last.time)
        )


def test_the_last_iteration_after_a_training_was_resumed(tmp_path: Path) -> None:
    # Strings of old records come out of the pickle, those of new ones do not.
    old = pickle.loads(pickle.dumps(_records(500)))
    store = _store(tmp_path, old + _records(500, start=500))
    found = stats_tail.last_record(store.training_stats_path("run"))
    assert found is not None
    assert found["iteration"] == 999
    assert store.last_training_iteration("run") == store.retrieve_training_stats("run")[-1]


def test_the_end_is_read_without_the_middle(tmp_path: Path) -> None:
    store = _store(tmp_path, _records(5000))
    path = store.training_stats_path("run")
    content = bytearray(path.read_bytes())
    content[5000:-5000] = b"?" * (len(content) - 10_000)
    path.write_bytes(content)
    last = store.last_training_iteration("run")
    assert last is not None
    assert last.iteration == 4999
    with pytest.raises(BrokenFileError):
        store.retrieve_training_stats("run")


@pytest.mark.parametrize("cut", [1, 2, 30, 5000])
def test_torn_stats_are_said_to_be_torn(tmp_path: Path, cut: int) -> None:
    store = _store(tmp_path, _records(2000))
    path = store.training_stats_path("run")
    path.write_bytes(path.read_bytes()[:-cut])
    for read in (store.retrieve_training_stats, store.last_training_iteration):
        with pytest.raises(BrokenFileError, match="may be being written right now"):
            read("run")


def test_files_of_another_order_are_read_whole(tmp_path: Path) -> None:
    records = [
        {"loss": 1.0 * i, "iteration": i, "time": 0.5, "run_name": "run"} for i in range(2000)
    ]
    store = _store(tmp_path, records)
    assert stats_tail.last_record(store.training_stats_path("run")) is None
    assert store.last_training_iteration("run") == TrainingIteration(1999, 1999.0, 0.5)


def test_subsampling(tmp_path: Path) -> None:
    store = _store(tmp_path, _records(3500))
    thinned = store.retrieve_training_stats("run", subsample=True)
    assert 800 <= len(thinned) <= 1000
    assert [entry.iteration for entry in thinned[:3]] == [0, 4, 8]
    assert len(store.retrieve_training_stats("run")) == 3500
    _store(
        tmp_path,
        [{"iteration": i, "scores": [], "run_name": "run"} for i in range(10, 110, 10)],
        "validation_scores",
    )
    chosen = store.retrieve_validation_iteration_scores("run", validation_interval=50)
    assert chosen == [ValidationIteration(50, []), ValidationIteration(100, [])]
    assert len(store.retrieve_validation_iteration_scores("run", subsample=True)) == 10
