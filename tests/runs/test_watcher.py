"""Watching a run that is written anew, step by step."""

from __future__ import annotations

import json
import shutil
import threading
import time
from typing import TYPE_CHECKING

import pytest
from tests.runs.replay import Replay

from napari_dacapo.runs import (
    CheckpointEvent,
    FinishedEvent,
    GoneEvent,
    LossEvent,
    NewBestEvent,
    ProblemEvent,
    RunEvent,
    RunWatcher,
    StalledEvent,
    Store,
    ValidationEvent,
    open_store,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NAME = "dist_thr_shim"
SIGNALS = (
    "loss", "validation", "checkpoint", "new_best", "finished", "stalled", "gone", "problem",
)  # fmt: skip


class Clock:
    def __init__(self) -> None:
        self.now = time.time()

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def replay(stores: Path, tmp_path: Path) -> Replay:
    return Replay(stores / "pypi-0.3.5-thresholds", NAME, tmp_path / "store")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def watch(replay: Replay, clock: Clock) -> Callable[..., RunWatcher]:
    def start(**options: object) -> RunWatcher:
        run = open_store(replay.target).run(NAME)
        return RunWatcher(run, clock=clock, **options)  # type: ignore[arg-type]

    return start


def _kinds(events: list[RunEvent]) -> list[tuple[str, int | None]]:
    return [(event.kind, event.iteration) for event in events]


def test_a_run_is_told_as_it_goes(replay: Replay, watch: Callable[..., RunWatcher]) -> None:
    watcher = watch()
    assert watcher.poll() == []
    replay.train(10)
    (loss,) = watcher.poll()
    assert isinstance(loss, LossEvent)
    assert (loss.iteration, loss.num_iterations) == (10, 120)
    assert loss.loss == replay._stats[9]["loss"]
    replay.train(30)
    replay.checkpoint(30)
    assert _kinds(watcher.poll()) == [("loss", 30), ("checkpoint", 30)]
    replay.write_arrays(30)
    assert watcher.poll() == []
    replay.score(30)
    validation, best = watcher.poll()
    assert isinstance(validation, ValidationEvent)
    assert validation.datasets == ("iso0_val_a", "iso0_val_b")
    assert validation.problem is None
    assert isinstance(best, NewBestEvent)
    assert best.best.value == pytest.approx((0.1951 + 0.1726) / 2, abs=1e-4)
    assert watcher.poll() == []
    replay.validate(60)
    assert _kinds(watcher.poll()) == [
        ("loss", 60), ("checkpoint", 60), ("validation", 60), ("new_best", 60),
    ]  # fmt: skip
    replay.validate(90)
    replay.validate(120)
    assert _kinds(watcher.poll()) == [
        ("loss", 120), ("checkpoint", 90), ("checkpoint", 120), ("validation", 90),
        ("new_best", 90), ("validation", 120), ("finished", 120),
    ]  # fmt: skip
    assert [watcher.poll() for _ in range(5)] == [[]] * 5


def test_history_is_told_or_not(replay: Replay, watch: Callable[..., RunWatcher]) -> None:
    for iteration in (30, 60, 90):
        replay.validate(iteration)
    told = _kinds(watch().poll())
    assert [event for event in told if event[0] == "validation"] == [
        ("validation", 30), ("validation", 60), ("validation", 90),
    ]  # fmt: skip
    quiet = watch(history=False)
    assert quiet.poll() == []
    replay.validate(120)
    # 120 is no better than 90, which was there before.
    assert _kinds(quiet.poll()) == [
        ("loss", 120), ("checkpoint", 120), ("validation", 120), ("finished", 120),
    ]  # fmt: skip


def test_a_finished_run_is_finished_at_once(
    open_real: Callable[..., Store],
) -> None:
    watcher = RunWatcher(open_real("pypi-0.3.5").run("affs_same_iso0"), history=False)
    assert _kinds(watcher.poll()) == [("finished", 60)]


@pytest.mark.parametrize("cut", [0, 1, 20, 500])
def test_torn_scores_are_read_again(
    replay: Replay, watch: Callable[..., RunWatcher], cut: int
) -> None:
    watcher = watch()
    replay.validate(30)
    watcher.poll()
    replay.train(60)
    replay.checkpoint(60)
    replay.write_arrays(60)
    whole = replay.scores_until(60)
    replay.tear_scores(whole[:cut])
    assert _kinds(watcher.poll()) == [("loss", 60), ("checkpoint", 60)]
    assert watcher.poll() == []
    replay.tear_scores(whole)
    assert _kinds(watcher.poll()) == [("validation", 60), ("new_best", 60)]
    assert watcher.poll() == []


def test_scores_that_stay_torn_are_a_problem_once(
    replay: Replay, watch: Callable[..., RunWatcher]
) -> None:
    watcher = watch()
    replay.validate(30)
    watcher.poll()
    replay.tear_scores(replay.scores_until(30)[:50])
    events = [watcher.poll() for _ in range(8)]
    assert [_kinds(found) for found in events if found] == [[("problem", 30)]]
    (problem,) = next(found for found in events if found)
    assert isinstance(problem, ProblemEvent)
    assert str(replay.target / "stats" / "validation_scores" / NAME) in problem.message
    replay.validate(60)
    assert ("validation", 60) in _kinds(watcher.poll())
    replay.tear_scores(b"")
    assert any(watcher.poll() for _ in range(8)), "it came again, and is told of again"


def test_torn_losses_do_not_hold_up_the_rest(
    replay: Replay, watch: Callable[..., RunWatcher]
) -> None:
    watcher = watch()
    replay.validate(30)
    watcher.poll()
    (replay.target / "stats" / "training_stats" / NAME).write_bytes(b"\x80\x04\x95")
    replay.checkpoint(60)
    replay.write_arrays(60)
    replay.score(60)
    assert _kinds(watcher.poll()) == [
        ("checkpoint", 60), ("validation", 60), ("new_best", 60),
    ]  # fmt: skip
    replay.train(60)
    assert _kinds(watcher.poll()) == [("loss", 60)]


def test_half_written_arrays_are_waited_for(
    replay: Replay, watch: Callable[..., RunWatcher]
) -> None:
    watcher = watch()
    replay.train(30)
    replay.checkpoint(30)
    watcher.poll()
    prediction = replay.predict(30, "ds_iso0_val_a")
    assert watcher.poll() == []
    replay.post_process(30, "ds_iso0_val_a")
    replay.post_process(30, "ds_iso0_val_b")
    assert watcher.poll() == []
    other = replay.predict(30, "ds_iso0_val_b")
    metadata = (other / ".zarray").read_bytes()
    (other / ".zarray").write_bytes(metadata[: len(metadata) // 2])
    replay.score(30)
    assert watcher.poll() == []
    (other / ".zarray").write_bytes(metadata)
    assert _kinds(watcher.poll()) == [("validation", 30), ("new_best", 30)]
    assert prediction.exists()


def test_arrays_that_never_come_are_said(replay: Replay, watch: Callable[..., RunWatcher]) -> None:
    watcher = watch()
    replay.train(30)
    replay.score(30)
    events = [event for _ in range(6) for event in watcher.poll()]
    validations = [event for event in events if isinstance(event, ValidationEvent)]
    assert len(validations) == 1
    assert "not all of its predictions" in str(validations[0].problem)
    assert validations[0].datasets == ()
    replay.write_arrays(30)
    assert [watcher.poll() for _ in range(4)] == [[]] * 4, "it was told once"


def test_a_validation_whose_evaluation_never_ends(
    replay: Replay, watch: Callable[..., RunWatcher]
) -> None:
    watcher = watch()
    replay.train(30)
    replay.write_arrays(30)
    assert _kinds(watcher.poll()) == [("loss", 30)]
    assert [watcher.poll() for _ in range(6)] == [[]] * 6
    replay.train(31)
    loss, validation = watcher.poll()
    assert loss.kind == "loss"
    assert isinstance(validation, ValidationEvent)
    assert validation.problem == "No scores are stored of it."
    assert validation.best is None
    replay.score(30)
    assert not any(isinstance(e, ValidationEvent) for _ in range(4) for e in watcher.poll())


def test_half_written_checkpoints_are_waited_for(
    replay: Replay, watch: Callable[..., RunWatcher]
) -> None:
    watcher = watch()
    replay.train(30)
    watcher.poll()
    path = replay.checkpoint(30)
    whole = path.read_bytes()
    path.write_bytes(b"")
    assert watcher.poll() == []
    path.write_bytes(whole[: len(whole) // 2])
    assert watcher.poll() == []
    path.write_bytes(whole)
    assert _kinds(watcher.poll()) == [("checkpoint", 30)]
    assert watcher.poll() == []


def test_a_checkpoint_of_another_kind_is_told_when_it_stays(
    replay: Replay, watch: Callable[..., RunWatcher]
) -> None:
    watcher = watch()
    replay.train(30)
    replay.checkpoint(30).write_bytes(b"a checkpoint from long ago")
    events = [event for _ in range(6) for event in watcher.poll()]
    assert [event for event in events if isinstance(event, CheckpointEvent)] == [
        CheckpointEvent(NAME, 30)
    ]


def test_a_run_stalls_and_goes_on(
    replay: Replay, watch: Callable[..., RunWatcher], clock: Clock
) -> None:
    watcher = watch(stalled_after=100)
    replay.train(30)
    watcher.poll()
    clock.now += 99
    replay.train(40)
    assert _kinds(watcher.poll()) == [("loss", 40)]
    clock.now += 99
    assert watcher.poll() == []
    clock.now += 2
    (stalled,) = watcher.poll()
    assert isinstance(stalled, StalledEvent)
    assert stalled.seconds == pytest.approx(101)
    clock.now += 1000
    assert watcher.poll() == []
    replay.train(50)
    assert _kinds(watcher.poll()) == [("loss", 50)]
    clock.now += 101
    assert _kinds(watcher.poll()) == [("stalled", 50)]


def test_a_run_that_was_not_started_does_not_stall(
    watch: Callable[..., RunWatcher], clock: Clock
) -> None:
    watcher = watch(stalled_after=10)
    assert watcher.poll() == []
    clock.now += 1e6
    assert watcher.poll() == []


def test_a_run_that_was_dead_before_is_stalled(
    open_real: Callable[..., Store], clock: Clock
) -> None:
    clock.now += 3600
    watcher = RunWatcher(open_real("main").run("hot_iso0"), history=False, clock=clock)
    assert _kinds(watcher.poll()) == [("stalled", 10)]


def test_a_run_is_not_finished_before_its_last_validation(
    replay: Replay, watch: Callable[..., RunWatcher], clock: Clock
) -> None:
    watcher = watch(history=False)
    for iteration in (30, 60, 90):
        replay.validate(iteration)
    watcher.poll()
    replay.train(120)
    replay.checkpoint(120)
    assert _kinds(watcher.poll()) == [("loss", 120), ("checkpoint", 120)]
    replay.write_arrays(120)
    assert watcher.poll() == []
    replay.score(120)
    assert _kinds(watcher.poll()) == [("validation", 120), ("finished", 120)]


def test_a_last_validation_that_fails_does_not_hold_up_the_end(
    replay: Replay, watch: Callable[..., RunWatcher], clock: Clock
) -> None:
    watcher = watch()
    replay.train(120)
    assert _kinds(watcher.poll()) == [("loss", 120)]
    clock.now += 31
    assert _kinds(watcher.poll()) == [("finished", 120)]


def test_a_run_that_goes_away_and_comes_back(
    replay: Replay, watch: Callable[..., RunWatcher], tmp_path: Path
) -> None:
    watcher = watch()
    replay.validate(30)
    watcher.poll()
    replay.target.rename(tmp_path / "hidden")
    assert watcher.poll() == [], "it may come back in a moment"
    assert watcher.poll() == [GoneEvent(NAME, 30)]
    assert watcher.poll() == []
    (tmp_path / "hidden").rename(replay.target)
    assert watcher.poll() == []
    replay.train(40)
    assert _kinds(watcher.poll()) == [("loss", 40)]


def test_a_run_that_starts_anew_is_told_anew(
    replay: Replay, watch: Callable[..., RunWatcher]
) -> None:
    watcher = watch()
    for iteration in (30, 60, 90):
        replay.validate(iteration)
    watcher.poll()
    shutil.rmtree(replay.run_folder)
    shutil.rmtree(replay.target / "stats")
    assert watcher.poll() == []
    replay.validate(30)
    assert _kinds(watcher.poll()) == [
        ("loss", 30), ("checkpoint", 30), ("validation", 30), ("new_best", 30),
    ]  # fmt: skip


def test_the_run_is_up_to_date_when_events_arrive(
    replay: Replay, watch: Callable[..., RunWatcher]
) -> None:
    watcher = watch()
    assert watcher.run.validated_iterations == ()
    seen: list[tuple[int, ...]] = []
    watcher.validation.connect(lambda event: seen.append(watcher.run.validated_iterations))
    replay.validate(30)
    watcher.poll()
    assert seen == [(30,)]


def test_each_event_has_its_signal(replay: Replay, watch: Callable[..., RunWatcher]) -> None:
    watcher = watch()
    heard: list[tuple[str, RunEvent]] = []
    for name in SIGNALS:
        getattr(watcher, name).connect(lambda event, name=name: heard.append((name, event)))
    everything: list[RunEvent] = []
    watcher.event.connect(everything.append)
    for iteration in (30, 60, 90, 120):
        replay.validate(iteration)
    events = watcher.poll()
    assert everything == events
    assert [event for _, event in heard] == events
    assert all(name == event.kind for name, event in heard)
    assert {name for name, _ in heard} == {
        "loss", "checkpoint", "validation", "new_best", "finished",
    }  # fmt: skip


def test_a_receiver_that_fails_is_no_ones_loss(
    replay: Replay, watch: Callable[..., RunWatcher], caplog: pytest.LogCaptureFixture
) -> None:
    watcher = watch()

    def fail(event: RunEvent) -> None:
        raise RuntimeError("a receiver's own fault")

    heard: list[RunEvent] = []
    watcher.validation.connect(fail)
    watcher.event.connect(heard.append)
    replay.validate(30)
    assert heard == watcher.poll()
    assert "receiver" in caplog.text


def test_what_nobody_expects_is_a_problem_and_watching_goes_on(
    replay: Replay, watch: Callable[..., RunWatcher], monkeypatch: pytest.MonkeyPatch
) -> None:
    watcher = watch()
    replay.train(30)

    def fail(name: str) -> None:
        raise RuntimeError("nobody expects it")

    with monkeypatch.context() as patch:
        patch.setattr(watcher.run.store.stats_store, "last_training_iteration", fail)
        (problem,) = watcher.poll()
        assert isinstance(problem, ProblemEvent)
        assert "nobody expects it" in problem.message
        assert watcher.poll() == []
    assert _kinds(watcher.poll()) == [("loss", 30)]


def test_events_are_plain_values(replay: Replay, watch: Callable[..., RunWatcher]) -> None:
    replay.validate(30)
    lines = [json.loads(json.dumps(event.as_dict())) for event in watch().poll()]
    assert [(line["event"], line["iteration"]) for line in lines] == [
        ("loss", 30), ("checkpoint", 30), ("validation", 30), ("new_best", 30),
    ]  # fmt: skip
    assert all(line["run"] == NAME for line in lines)
    assert lines[3]["best"]["criterion"] == "f1_score"


def test_the_best_by_choice(replay: Replay, watch: Callable[..., RunWatcher]) -> None:
    for iteration in (30, 60, 90, 120):
        replay.validate(iteration)
    watcher = watch(criterion="voi", dataset="iso0_val_b")
    best = [event for event in watcher.poll() if isinstance(event, NewBestEvent)]
    # Stored: 0.9441 at 30 (threshold_0.0), 0.9433 at 120 (threshold_0.2).
    assert [event.iteration for event in best] == [30, 120]


def test_a_thread_watches_and_stops(replay: Replay) -> None:
    run = open_store(replay.target).run(NAME)
    watcher = RunWatcher(run, interval=0.01)
    finished = threading.Event()
    validations: list[int | None] = []
    threads: set[str] = set()
    watcher.validation.connect(lambda event: validations.append(event.iteration))
    watcher.event.connect(lambda event: threads.add(threading.current_thread().name))
    watcher.finished.connect(lambda event: finished.set())
    with watcher:
        assert watcher.running
        watcher.start()
        for iteration in (30, 60, 90, 120):
            replay.validate(iteration)
        assert finished.wait(60)
    assert not watcher.running
    assert validations == [30, 60, 90, 120]
    assert threads == {f"watch {NAME}"}


def test_stop_ends_a_long_wait(replay: Replay) -> None:
    watcher = RunWatcher(open_store(replay.target).run(NAME), interval=3600)
    looked = threading.Event()
    watcher.loss.connect(lambda event: looked.set())
    replay.train(10)
    watcher.start()
    thread = watcher._thread
    assert thread is not None
    assert looked.wait(60)
    watcher.stop()
    thread.join(60)
    assert not thread.is_alive()
    watcher.stop()


def test_stop_before_start_and_from_a_receiver(replay: Replay) -> None:
    watcher = RunWatcher(open_store(replay.target).run(NAME), interval=0.01)
    watcher.stop()
    assert not watcher.running
    replay.validate(30)
    heard: list[RunEvent] = []
    stopped = threading.Event()

    def stop(event: RunEvent) -> None:
        heard.append(event)
        watcher.stop()
        stopped.set()

    watcher.event.connect(stop)
    watcher.start()
    assert stopped.wait(60)
    assert watcher._thread is not None
    watcher._thread.join(60)
    assert len(heard) == 1, "nothing is emitted after stop"


def test_what_a_stop_cut_off_is_told_later(
    replay: Replay, watch: Callable[..., RunWatcher]
) -> None:
    watcher = watch(interval=0.01)
    replay.validate(30)
    heard: list[RunEvent] = []
    watcher.event.connect(heard.append)
    watcher.loss.connect(lambda event: watcher.stop())
    watcher.start()
    assert watcher._thread is not None
    watcher._thread.join(60)
    assert _kinds(heard) == [("loss", 30)]
    assert _kinds(watcher.poll()) == [("checkpoint", 30), ("validation", 30), ("new_best", 30)]


def test_a_stopped_watcher_can_start_again(replay: Replay) -> None:
    watcher = RunWatcher(open_store(replay.target).run(NAME), interval=0.01)
    heard = threading.Event()
    watcher.loss.connect(lambda event: heard.set())
    with watcher:
        pass
    replay.train(10)
    with watcher:
        assert heard.wait(60)


@pytest.mark.parametrize("interval", [0, -1, float("nan")])
def test_intervals_are_positive(replay: Replay, interval: float) -> None:
    with pytest.raises(ValueError, match="interval"):
        RunWatcher(open_store(replay.target).run(NAME), interval=interval)


@pytest.mark.parametrize("store", ["pypi-0.3.5", "main"])
def test_every_run_can_be_watched(open_real: Callable[..., Store], store: str) -> None:
    opened = open_real(store)
    for name in opened:
        run = opened.run(name)
        events = RunWatcher(run).poll()
        assert not any(isinstance(event, ProblemEvent | GoneEvent) for event in events)
        told = [event.iteration for event in events if isinstance(event, ValidationEvent)]
        assert tuple(told) == run.validated_iterations
        checkpoints = [event.iteration for event in events if isinstance(event, CheckpointEvent)]
        assert tuple(checkpoints) == run.checkpoints
        if run.state == "finished":
            assert any(isinstance(event, FinishedEvent) for event in events)
