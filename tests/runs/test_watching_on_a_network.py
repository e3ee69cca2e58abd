"""Watching a run whose file server is silent now and then: nothing is told twice, or wrong."""

from __future__ import annotations

import random
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from tests.runs.replay import Replay
from tests.runs.stale import StaleFiles

from napari_dacapo.runs import (
    GoneEvent,
    ProblemEvent,
    RunEvent,
    RunWatcher,
    ValidationEvent,
    open_store,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NAME = "dist_thr_shim"
PARTS = (
    "configs/", "stats/training_stats", "stats/validation_scores", "checkpoints",
    "validation.zarr", "validation.zarr/60", "validation.zarr/60/ds_iso0_val_b",
    "validation.zarr/60/ds_iso0_val_b/prediction", "output", ".zarray", "",
)  # fmt: skip


@pytest.fixture
def replay(stores: Path, tmp_path: Path) -> Replay:
    return Replay(stores / "pypi-0.3.5-thresholds", NAME, tmp_path / "store")


@pytest.fixture
def watch(replay: Replay) -> Callable[..., RunWatcher]:
    def start(**options: object) -> RunWatcher:
        return RunWatcher(open_store(replay.target).run(NAME), **options)  # type: ignore[arg-type]

    return start


@pytest.fixture
def stale(monkeypatch: pytest.MonkeyPatch, replay: Replay) -> StaleFiles:
    return StaleFiles(monkeypatch, replay.target)


def kinds(events: list[RunEvent]) -> list[tuple[str, int | None]]:
    return [(event.kind, event.iteration) for event in events]


def touch(replay: Replay) -> None:
    """Change something, so that the watcher does not only look at times."""
    log = replay.run_folder / f"log {len(list(replay.run_folder.iterdir()))}"
    log.touch()


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("looks", [1, 2])
def test_what_cannot_be_read_for_a_moment_is_not_told_again(
    replay: Replay, watch: Callable[..., RunWatcher], stale: StaleFiles, part: str, looks: int
) -> None:
    watcher = watch()
    for iteration in (30, 60):
        replay.validate(iteration)
    # The last one is known by its arrays only: DaCapo could not evaluate it.
    replay.train(91)
    replay.write_arrays(90)
    told = kinds(watcher.poll())
    assert [event for event in told if event[0] == "validation"] == [
        ("validation", 30), ("validation", 60), ("validation", 90),
    ]  # fmt: skip
    touch(replay)
    with stale.when(lambda path: part in path):
        assert [watcher.poll() for _ in range(looks)] == [[]] * looks
    touch(replay)
    assert [watcher.poll() for _ in range(5)] == [[]] * 5


@pytest.mark.parametrize("part", PARTS)
def test_what_is_new_meanwhile_is_told_once_and_right(
    replay: Replay, watch: Callable[..., RunWatcher], stale: StaleFiles, part: str
) -> None:
    watcher = watch()
    replay.validate(30)
    watcher.poll()
    events: list[RunEvent] = []
    replay.validate(60)
    with stale.when(lambda path: part in path):
        events += watcher.poll()
    # The run goes on, so that a validation without scores would count as over.
    replay.train(70)
    with stale.when(lambda path: part in path):
        events += watcher.poll()
    for _ in range(4):
        events += watcher.poll()
    assert Counter(kinds(events)) - Counter([("loss", 60)]) == Counter(
        [("loss", 70), ("checkpoint", 60), ("validation", 60), ("new_best", 60)]
    )
    (validation,) = (event for event in events if isinstance(event, ValidationEvent))
    assert validation.problem is None
    assert validation.datasets == ("iso0_val_a", "iso0_val_b")
    assert validation.best is not None


@pytest.mark.parametrize("part", PARTS)
def test_a_server_that_stays_silent_is_a_problem_and_the_run_is_not_gone(
    replay: Replay, watch: Callable[..., RunWatcher], stale: StaleFiles, part: str
) -> None:
    watcher = watch()
    replay.validate(30)
    replay.validate(60)
    watcher.poll()
    replay.validate(90)
    with stale.when(lambda path: part.replace("60", "90") in path):
        events = [event for _ in range(10) for event in watcher.poll()]
    problems = [event.message for event in events if isinstance(event, ProblemEvent)]
    assert len(set(problems)) == len(problems), "each is said once"
    validations = [event for event in events if isinstance(event, ValidationEvent)]
    said = [*problems, *(event.problem for event in validations if event.problem)]
    assert said
    assert all("tale file handle" in text for text in said)
    assert not any(isinstance(event, GoneEvent) for event in events)
    for _ in range(5):
        events += watcher.poll()
    counts = Counter(kinds(events))
    assert counts[("validation", 90)] == counts[("checkpoint", 90)] == 1
    assert counts[("validation", 60)] == counts[("validation", 30)] == 0


@pytest.mark.parametrize("part", PARTS)
def test_the_end_is_told_once(
    replay: Replay, watch: Callable[..., RunWatcher], stale: StaleFiles, part: str
) -> None:
    watcher = watch()
    for iteration in (30, 60, 90, 120):
        replay.validate(iteration)
    assert kinds(watcher.poll())[-1] == ("finished", 120)
    for _ in range(3):
        touch(replay)
        with stale.when(lambda path: part.replace("60", "120") in path):
            assert watcher.poll() == []
        assert watcher.poll() == []


@pytest.mark.parametrize("part", PARTS)
def test_the_end_comes_last(
    replay: Replay, watch: Callable[..., RunWatcher], stale: StaleFiles, part: str
) -> None:
    for iteration in (30, 60, 90, 120):
        replay.validate(iteration)
    watcher = watch()
    with stale.when(lambda path: part in path):
        events = watcher.poll()
    while ("finished", 120) not in kinds(events):
        events += watcher.poll()
    assert kinds(events)[-1] == ("finished", 120)
    assert {(kind, i) for kind, i in kinds(events) if kind in ("validation", "checkpoint")} == {
        (kind, i) for kind in ("validation", "checkpoint") for i in (30, 60, 90, 120)
    }


@pytest.mark.parametrize("part", PARTS)
def test_what_was_there_at_first_never_passes_for_new(
    replay: Replay, watch: Callable[..., RunWatcher], stale: StaleFiles, part: str
) -> None:
    for iteration in (30, 60):
        replay.validate(iteration)
    watcher = watch(history=False)
    with stale.when(lambda path: part in path):
        assert watcher.poll() == []
    assert [watcher.poll() for _ in range(4)] == [[]] * 4
    replay.validate(90)
    assert ("validation", 90) in kinds(watcher.poll())


def test_silence_is_no_change(
    replay: Replay, watch: Callable[..., RunWatcher], stale: StaleFiles
) -> None:
    now = [replay.target.stat().st_mtime + 1]
    watcher = watch(stalled_after=100, clock=lambda: now[0])
    replay.validate(30)
    watcher.poll()
    now[0] += 99
    with stale.when(lambda path: "stats" in path):
        assert watcher.poll() == []
    assert watcher.poll() == []
    now[0] += 2
    assert kinds(watcher.poll()) == [("stalled", 30)]
    with stale.when(lambda path: "stats" in path):
        assert watcher.poll() == []
    assert [watcher.poll() for _ in range(3)] == [[]] * 3


def test_a_config_may_be_missing_for_a_moment(
    replay: Replay, watch: Callable[..., RunWatcher]
) -> None:
    watcher = watch()
    replay.validate(30)
    watcher.poll()
    config = replay.target / "configs/runs" / f"{NAME}.yaml"
    hidden = config.with_suffix(".new")
    for _ in range(3):
        config.rename(hidden)
        assert watcher.poll() == []
        hidden.rename(config)
        assert watcher.poll() == []
    config.rename(hidden)
    assert [watcher.poll() for _ in range(4)] == [[], [GoneEvent(NAME, 30)], [], []]


@pytest.mark.parametrize("part", ["validation.zarr/60", "checkpoints/iterations/60"])
def test_a_listing_may_lack_something_for_a_moment(
    replay: Replay, watch: Callable[..., RunWatcher], part: str
) -> None:
    """As it may while entries next to it are renamed."""
    watcher = watch()
    for iteration in (30, 60):
        replay.validate(iteration)
    replay.score(30)
    replay.train(61)
    watcher.poll()
    path, hidden = replay.run_folder / part, replay.run_folder / "hidden"
    path.rename(hidden)
    assert [watcher.poll() for _ in range(2)] == [[], []]
    hidden.rename(path)
    assert [watcher.poll() for _ in range(4)] == [[]] * 4
    path.rename(hidden)
    for _ in range(3):
        watcher.poll()
    hidden.rename(path)
    assert [kind for kind, _ in kinds(watcher.poll())] == [
        "validation" if "validation" in part else "checkpoint"
    ]


def test_what_was_found_before_a_failure_is_told_once(
    replay: Replay, watch: Callable[..., RunWatcher], monkeypatch: pytest.MonkeyPatch
) -> None:
    watcher = watch()
    replay.validate(30)
    observer = watcher._observer
    with monkeypatch.context() as patch:

        def fail(*_: object) -> None:
            raise OSError(116, "Stale file handle")

        patch.setattr(observer._validations, "find", fail)
        assert kinds(watcher.poll()) == [("loss", 30), ("checkpoint", 30)]
    assert kinds(watcher.poll()) == [("validation", 30), ("new_best", 30)]


@pytest.mark.parametrize("seed", range(12))
def test_a_bad_network_changes_nothing_of_what_is_told(
    replay: Replay, watch: Callable[..., RunWatcher], stale: StaleFiles, seed: int
) -> None:
    chance = random.Random(seed)
    rate = chance.choice([0.01, 0.1, 0.5])
    watcher = watch()
    events: list[RunEvent] = []

    def look() -> None:
        """Bad for a look or two, which is shorter than what stays bad for good."""
        for _ in range(chance.randrange(3)):
            with stale.when(lambda path: chance.random() < rate):
                events.extend(watcher.poll())
        events.extend(watcher.poll())

    for iteration in (30, 60, 90, 120):
        replay.train(iteration)
        look()
        replay.checkpoint(iteration)
        look()
        for dataset in ("ds_iso0_val_a", "ds_iso0_val_b"):
            replay.predict(iteration, dataset)
            look()
            replay.post_process(iteration, dataset)
            look()
        replay.score(iteration)
        look()
    told = Counter(kinds(events))
    assert not any(isinstance(event, ProblemEvent | GoneEvent) for event in events)
    for iteration in (30, 60, 90, 120):
        assert told[("checkpoint", iteration)] == told[("validation", iteration)] == 1
    assert told[("finished", 120)] == 1
    assert kinds(events)[-1] == ("finished", 120)
    assert all(event.problem is None for event in events if isinstance(event, ValidationEvent))
