"""A real run is written anew, step by step, while a session follows it."""

from __future__ import annotations

import shutil
import threading
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import zarr
from napari.components import ViewerModel
from tests.runs.replay import Replay
from tests.runs.stale import StaleFiles

from napari_dacapo.runs import open_store
from napari_dacapo.runs.best import BestScoreValue
from napari_dacapo.runs.events import LossEvent, StalledEvent, ValidationEvent
from napari_dacapo.runs.row import RunRow
from napari_dacapo.viewers.backends import backend_choices
from napari_dacapo.viewers.following_texts import describe, progress
from napari_dacapo.viewers.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from napari_dacapo.viewers.following import Following

KEY = "napari-dacapo"
NAME = "mito_distance"


@pytest.fixture
def replay(demo_store: Path, tmp_path: Path) -> Replay:
    """A store in which the sample run has come as far as its second validation."""
    replay = Replay(demo_store, NAME, tmp_path / "store")
    shutil.copytree(
        demo_store / NAME / "validation.zarr" / "inputs",
        replay.run_folder / "validation.zarr" / "inputs",
        dirs_exist_ok=True,
    )
    for iteration in (300, 600):
        replay.validate(iteration)
    return replay


@pytest.fixture
def viewer() -> ViewerModel:
    return ViewerModel()


@pytest.fixture
def session(viewer: ViewerModel, replay: Replay) -> Iterator[Session]:
    """Has the run selected; its watcher looks when a test says so."""
    session = Session(backend_choices(viewer))
    session.failed.connect(pytest.fail)
    session.following.begin = lambda watcher: None
    session.open_store(str(replay.target))
    session.select_run(NAME)
    yield session
    session.close()


def look(following: Following) -> None:
    assert following.watcher is not None
    following.watcher.poll()


@pytest.fixture
def following(session: Session) -> Following:
    """Follows the run and has looked once."""
    session.following.start()
    look(session.following)
    return session.following


def told(following: Following) -> list[tuple[str, str]]:
    said: list[tuple[str, str]] = []
    following.told.connect(lambda level, text: said.append((level, text)))
    return said


def layer(viewer: ViewerModel, role: str) -> Any:
    return next(each for each in viewer.layers if each.metadata[KEY]["role"] == role)


def test_the_row_goes_on_in_place(session: Session, following: Following, replay: Replay) -> None:
    before = session.store.row(NAME)
    assert before is not None
    assert before.iteration == 600
    changes: list[None] = []
    session.store.rows_changed.connect(lambda: changes.append(None))
    replay.train(750)
    look(following)
    after = session.store.row(NAME)
    assert after is not None
    stored = open_store(replay.source).run(NAME).training_stats
    assert (after.iteration, after.loss) == (750, stored.losses[749])
    assert len(changes) == 1
    assert following.standing.progress.startswith("750 of 1,500 iterations · loss ")
    look(following)
    assert len(changes) == 1


@pytest.mark.parametrize("part", ["validation.zarr", "checkpoints", "stats"])
def test_a_silent_file_server_takes_nothing_from_the_row(
    session: Session,
    following: Following,
    replay: Replay,
    monkeypatch: pytest.MonkeyPatch,
    part: str,
) -> None:
    stale = StaleFiles(monkeypatch, replay.target)
    before, facts = session.store.row(NAME), session.facts
    assert following.watcher is not None
    replay.validate(900)
    # Silent from the moment on in which the watcher has seen the validation.
    with stale.when(lambda path: bool(heard) and part in path):
        heard: list[object] = []
        following.watcher.validation.connect(heard.append)
        look(following)
        assert heard
        assert (session.store.row(NAME), session.facts) == (before, facts)
    look(following)
    after = session.store.row(NAME)
    assert after is not None
    assert after.validated_iterations == after.checkpoints == (300, 600, 900)
    assert session.facts is not None
    assert session.facts.offer.iterations == (300, 600, 900)


def test_the_end_is_taken_over_when_all_of_it_can_be_read(
    session: Session, following: Following, replay: Replay, monkeypatch: pytest.MonkeyPatch
) -> None:
    stale = StaleFiles(monkeypatch, replay.target)
    watcher = following.watcher
    assert watcher is not None
    for iteration in (900, 1200, 1500):
        replay.validate(iteration)
    with stale.when(lambda path: bool(heard) and "validation.zarr" in path):
        heard: list[object] = []
        watcher.finished.connect(heard.append)
        look(following)
        assert heard
    assert following.watcher is watcher
    look(following)
    row = session.store.row(NAME)
    assert row is not None
    assert (row.state, row.validated_iterations[-1]) == ("finished", 1500)
    assert following.watcher is None


def test_a_server_that_stays_silent_does_not_hold_up_the_rest(
    session: Session, following: Following, replay: Replay, monkeypatch: pytest.MonkeyPatch
) -> None:
    stale = StaleFiles(monkeypatch, replay.target)
    with stale.when(lambda path: "checkpoints" in path):
        replay.train(750)
        for _ in range(6):
            look(following)
    row = session.store.row(NAME)
    assert row is not None
    assert row.iteration == 750
    assert "Stale file handle" in str(row.problem)


def test_a_new_validation_is_offered_and_shown_in_place(
    session: Session, following: Following, replay: Replay, viewer: ViewerModel
) -> None:
    session.show("stacked")
    prediction = layer(viewer, "prediction")
    assert prediction.metadata[KEY]["iteration"] == 600
    prediction.contrast_limits = (30, 90)
    prediction.opacity = 0.25
    viewer.scene.camera.zoom = 0.125
    viewer.scene.camera.center = (0.0, 111.0, 222.0)
    here = list(viewer.layers)

    replay.validate(900)
    look(following)

    assert session.facts is not None
    assert session.facts.offer.iterations == (300, 600, 900)
    assert session.selection.iteration == 900
    assert list(viewer.layers) == here
    assert prediction.metadata[KEY]["iteration"] == 900
    path = replay.run_folder / "validation.zarr" / "900" / "ds_val_west" / "prediction"
    expected = np.asarray(zarr.open_array(path, mode="r")[...])
    assert np.array_equal(np.squeeze(np.asarray(prediction.data)), np.squeeze(expected))
    assert tuple(prediction.contrast_limits) == (30, 90)
    assert prediction.opacity == 0.25
    assert viewer.scene.camera.zoom == 0.125
    assert tuple(viewer.scene.camera.center[-2:]) == (111.0, 222.0)


def test_validations_are_only_offered_if_the_user_wants_to_stay(
    session: Session, following: Following, replay: Replay, viewer: ViewerModel
) -> None:
    session.show("stacked")
    following.shows_new = False
    replay.validate(900)
    look(following)
    assert session.facts is not None
    assert session.facts.offer.iterations == (300, 600, 900)
    assert session.selection.iteration == 600
    assert layer(viewer, "prediction").metadata[KEY]["iteration"] == 600


def test_nothing_is_opened_that_was_not_open(
    session: Session, following: Following, replay: Replay, viewer: ViewerModel
) -> None:
    replay.validate(900)
    look(following)
    assert len(viewer.layers) == 0
    assert session.selection.iteration == 600
    assert session.facts is not None
    assert 900 in session.facts.offer.iterations


def test_the_first_validation_joins_what_is_open(
    demo_store: Path, tmp_path: Path, viewer: ViewerModel
) -> None:
    replay = Replay(demo_store, NAME, tmp_path / "new")
    shutil.copytree(
        demo_store / NAME / "validation.zarr" / "inputs",
        replay.run_folder / "validation.zarr" / "inputs",
    )
    replay.train(10)
    session = Session(backend_choices(viewer))
    session.following.begin = lambda watcher: None
    session.open_store(str(replay.target))
    session.select_run(NAME)
    session.show("stacked")
    assert session.selection.iteration is None
    opened = {each.metadata[KEY]["role"] for each in viewer.layers}
    session.following.start()
    look(session.following)
    replay.validate(300)
    look(session.following)
    assert session.selection.iteration == 300
    assert {each.metadata[KEY]["role"] for each in viewer.layers} == {
        *opened, "prediction", "segmentation"
    }  # fmt: skip
    session.close()


def test_an_iteration_that_was_validated_anew_is_shown_anew(
    session: Session, following: Following, replay: Replay, viewer: ViewerModel
) -> None:
    replay.validate(900)
    look(following)
    session.select(iteration=900)
    session.show("stacked")
    # Training was started again from 600.
    shutil.rmtree(replay.run_folder / "validation.zarr" / "900")
    replay.score(600)
    replay.train(600)
    look(following)
    replay.validate(900)
    for path in (replay.run_folder / "validation.zarr" / "900").glob("*/prediction"):
        zarr.open_array(path, mode="r+")[...] = 7
    look(following)
    assert np.unique(np.asarray(layer(viewer, "prediction").data)).tolist() == [7]


def test_a_training_dataset_stays_on_screen(
    session: Session, following: Following, replay: Replay
) -> None:
    session.select(dataset="train")
    replay.validate(900)
    look(following)
    assert (session.selection.dataset, session.selection.iteration) == ("train", None)


def test_the_best_is_said_when_it_is_beaten(
    stores: Path, tmp_path: Path, viewer: ViewerModel
) -> None:
    name = "dist_thr_shim"
    replay = Replay(stores / "pypi-0.3.5-thresholds", name, tmp_path / "scored")
    scores = open_store(replay.source).run(name).validation_scores.to_xarray()
    means = scores.sel(criteria="f1_score").mean("datasets", skipna=False)
    by_iteration = means.max("parameters").to_series().to_dict()
    replay.validate(30)
    session = Session(backend_choices(viewer))
    session.following.begin = lambda watcher: None
    session.open_store(str(replay.target))
    session.select_run(name)
    session.following.start()
    look(session.following)
    said = told(session.following)
    best, expected = by_iteration[30], []
    for iteration in (60, 90):
        replay.validate(iteration)
        look(session.following)
        if not by_iteration[iteration] <= best:
            best = by_iteration[iteration]
            expected.append(("info", f"f1_score {best:.4g} ?", f"at iteration {iteration}."))
    assert expected
    assert len(said) == len(expected)
    for (level, text), (wanted, score, where) in zip(said, expected, strict=True):
        assert level == wanted
        assert text.startswith(f"{name}: New best: {score}")
        assert text.endswith(where)
    assert session.best_iteration()[0] == int(expected[-1][2].split()[-1].rstrip("."))
    session.close()


def test_the_end_of_training_ends_following(
    session: Session, following: Following, replay: Replay, viewer: ViewerModel
) -> None:
    session.show("stacked")
    said = told(following)
    for iteration in (900, 1200, 1500):
        replay.validate(iteration)
    look(following)
    assert following.run == ""
    assert following.watcher is None
    assert following.standing.last == "Finished: all 1,500 iterations are done."
    assert said[-1] == ("info", f"{NAME}: Finished: all 1,500 iterations are done.")
    assert layer(viewer, "prediction").metadata[KEY]["iteration"] == 1500
    row = session.store.row(NAME)
    assert row is not None
    assert row.state == "finished"


def test_a_run_that_is_deleted_is_said_to_be_gone_and_may_come_back(
    session: Session, following: Following, replay: Replay, tmp_path: Path
) -> None:
    said = told(following)
    config = replay.target / "configs" / "runs" / f"{NAME}.yaml"
    shutil.move(replay.target, tmp_path / "away")
    look(following)
    assert said == [], "it may come back in a moment"
    look(following)
    assert said == [("warning", f"{NAME}: It is no longer in the store.")]
    assert following.standing.warning
    assert following.run == NAME
    shutil.move(tmp_path / "away", replay.target)
    assert config.exists()
    replay.train(700)
    look(following)
    assert not following.standing.warning
    assert following.standing.progress.startswith("700 of")


def test_torn_scores_are_a_problem_only_when_they_stay_torn(
    session: Session, following: Following, replay: Replay
) -> None:
    said = told(following)
    whole = replay.scores_until(600)
    replay.tear_scores(whole[: len(whole) // 2])
    look(following)
    look(following)
    assert said == []
    look(following)
    assert [level for level, _ in said] == ["warning"]
    assert following.standing.warning
    replay.validate(900)
    look(following)
    assert not following.standing.warning


def test_another_run_can_be_looked_at_meanwhile(
    session: Session, following: Following, replay: Replay, viewer: ViewerModel
) -> None:
    shutil.copy(
        replay.source / "configs" / "runs" / "cell_affinities.yaml",
        replay.target / "configs" / "runs",
    )
    session.reload()
    session.select_run("cell_affinities")
    assert following.run == NAME
    look(following)
    replay.validate(900)
    look(following)
    assert session.selection.run == "cell_affinities"
    row = session.store.row(NAME)
    assert row is not None
    assert row.validated_iterations == (300, 600, 900)
    following.start()
    assert following.run == "cell_affinities"


def test_another_store_ends_following(
    session: Session, following: Following, demo_store: Path
) -> None:
    session.open_store(str(demo_store))
    assert following.run == ""


def test_the_same_store_read_again_does_not(
    session: Session, following: Following, replay: Replay
) -> None:
    before = following.watcher
    session.reload()
    assert following.run == NAME
    assert following.watcher is not before
    look(following)
    replay.train(800)
    look(following)
    row = session.store.row(NAME)
    assert row is not None
    assert row.iteration == 800


@pytest.mark.parametrize("end", ["stop", "close_store", "close"])
def test_what_comes_too_late_is_dropped(viewer: ViewerModel, replay: Replay, end: str) -> None:
    waiting: list[Callable[[], None]] = []
    session = Session(backend_choices(viewer), hand_over=waiting.append)
    session.following.begin = lambda watcher: None
    session.open_store(str(replay.target))
    session.select_run(NAME)
    session.following.start()
    watcher = session.following.watcher
    assert watcher is not None
    watcher.poll()
    rows = session.store.rows
    assert len(waiting) == 1
    getattr(session.following if end == "stop" else session, end)()
    waiting.pop()()
    watcher.poll()
    assert waiting == []
    assert session.store.rows == (() if end == "close_store" else rows)
    assert session.following.standing.run == ""
    session.close()


def test_a_real_thread_ends_with_the_session(viewer: ViewerModel, replay: Replay) -> None:
    arrived = threading.Event()
    session = Session(backend_choices(viewer), hand_over=lambda deed: arrived.set())
    session.open_store(str(replay.target))
    session.select_run(NAME)
    session.following.start(interval=3600)
    (thread,) = (t for t in threading.enumerate() if t.name == f"watch {NAME}")
    assert arrived.wait(60)
    session.close()
    thread.join(60)
    assert not thread.is_alive()


def test_nothing_can_be_followed_where_nothing_is_selected(viewer: ViewerModel) -> None:
    session = Session(backend_choices(viewer))
    session.following.start()
    session.following.stop()
    assert session.following.run == ""


def test_a_page_of_neuroglancer_follows_too(
    session: Session, following: Following, replay: Replay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webbrowser.open", lambda *_: True)
    session.use_backend("neuroglancer")
    session.show("stacked")
    backend: Any = session.screen.backend
    iterations = {v.identity.iteration for v in backend.shown()}
    assert iterations == {None, 600}
    before = backend.viewer.raw_state
    backend.viewer.change(lambda state: {**state, "crossSectionScale": 0.5})
    replay.validate(900)
    look(following)
    assert {v.identity.iteration for v in backend.shown()} == {None, 900}
    after = backend.viewer.raw_state
    assert after["crossSectionScale"] == 0.5
    assert len(after["layers"]) == len(before["layers"])
    shaders = [
        [each.get("shaderControls") for each in state["layers"]] for state in (before, after)
    ]
    assert shaders[0] == shaders[1]


def test_texts() -> None:
    best = BestScoreValue("f1_score", 0.123456, 1200, "val", "threshold_127", doubtful="no f1")
    row = RunRow(NAME, iteration=1250, num_iterations=1500, loss=float("nan"), best_score=best)
    assert progress(row) == (
        "1,250 of 1,500 iterations · loss is NaN · best f1_score 0.1235 ? at 1,200"
    )
    assert describe(LossEvent(NAME, 3, 0.5, 10)) == ""
    assert describe(ValidationEvent(NAME, 1200, ("val",), None, "No scores are stored of it.")) == (
        "Validated at iteration 1,200. No scores are stored of it."
    )
    assert describe(ValidationEvent(NAME, 1200, ("val",), best)) == (
        "Validated at iteration 1,200: f1_score 0.1235 ? (val, threshold 127)."
    )
    for seconds, said in (
        (40.0, "40 seconds"), (60.0, "1 minute"), (719.0, "11 minutes"), (7300.0, "2 hours"),
        (200_000.0, "2 days"),
    ):  # fmt: skip
        assert f"for {said};" in describe(StalledEvent(NAME, 3, seconds))
