"""The switch "Follow" in the dock, over a real run that is written step by step."""

from __future__ import annotations

import shutil
import threading
from typing import TYPE_CHECKING, Any

import pytest
from napari.utils.notifications import notification_manager
from qtpy.QtWidgets import QWidget
from tests.runs.replay import Replay

from napari_dacapo import preferences
from napari_dacapo.runs import RunWatcher
from napari_dacapo.widgets.courier import Courier
from napari_dacapo.widgets.runs_widget import RunsWidget

if TYPE_CHECKING:
    from pathlib import Path

    from napari.components import ViewerModel
    from pytestqt.qtbot import QtBot

KEY = "napari-dacapo"
NAME = "mito_distance"


@pytest.fixture
def replay(demo_store: Path, tmp_path: Path) -> Replay:
    replay = Replay(demo_store, NAME, tmp_path / "training")
    shutil.copytree(
        demo_store / NAME / "validation.zarr" / "inputs",
        replay.run_folder / "validation.zarr" / "inputs",
    )
    for iteration in (300, 600):
        replay.validate(iteration)
    return replay


@pytest.fixture
def training(qtbot: QtBot, dock: RunsWidget, replay: Replay) -> RunsWidget:
    """A dock with the run selected; its watcher looks when a test says so."""
    dock.session.following.begin = lambda watcher: None
    dock.open_store(str(replay.target), run=NAME)
    qtbot.waitUntil(lambda: dock.session.facts is not None and dock.session.busy == "")
    return dock


def look(dock: RunsWidget) -> None:
    watcher = dock.session.following.watcher
    assert watcher is not None
    watcher.poll()


def cell(dock: RunsWidget, column: str) -> str:
    from napari_dacapo.widgets.run_view import KEYS

    view = dock.table.view
    return str(view.proxy.index(0, KEYS.index(column)).data())


def test_the_switch_waits_for_a_run(dock: RunsWidget) -> None:
    assert not dock.follow.switch.isEnabled()
    assert not dock.follow.text.isVisible()


def test_table_slider_and_layers_go_on_in_place(
    qtbot: QtBot, training: RunsWidget, replay: Replay, viewer: ViewerModel
) -> None:
    training.session.show("stacked")
    qtbot.waitUntil(lambda: len(viewer.layers) == 4 and training.session.busy == "")
    training.follow.switch.click()
    assert training.session.following.run == NAME
    look(training)
    assert training.follow.text.text().startswith("600 of 1,500 iterations")
    assert cell(training, "iterations") == "600 / 1500"
    layers = list(viewer.layers)
    replay.validate(900)
    look(training)
    slider: Any = training.panels["show"].iteration.slider  # type: ignore[attr-defined]
    assert (slider.maximum(), slider.value()) == (900, 900)
    assert cell(training, "iterations") == "900 / 1500"
    qtbot.waitUntil(
        lambda: (
            {each.metadata[KEY]["iteration"] for each in viewer.layers} == {None, 900}
            and training.session.busy == ""
        )
    )
    assert list(viewer.layers) == layers
    current = training.table.view.current()
    assert current is not None
    assert current.name == NAME


def test_one_can_stay_where_one_is(qtbot: QtBot, training: RunsWidget, replay: Replay) -> None:
    assert not training.follow.shows_new.isEnabled()
    training.follow.switch.click()
    look(training)
    training.follow.shows_new.click()
    replay.validate(900)
    look(training)
    slider: Any = training.panels["show"].iteration.slider  # type: ignore[attr-defined]
    assert (slider.maximum(), slider.value()) == (900, 600)


def test_the_end_is_said_and_switches_off(training: RunsWidget, replay: Replay) -> None:
    training.follow.switch.click()
    look(training)
    seen = len(notification_manager.records)
    for iteration in (900, 1200, 1500):
        replay.validate(iteration)
    look(training)
    assert not training.follow.switch.isChecked()
    assert "Finished: all 1,500 iterations are done." in training.follow.text.text()
    messages = [record.message for record in notification_manager.records[seen:]]
    assert messages[-1] == f"{NAME}: Finished: all 1,500 iterations are done."


def test_a_warning_is_marked(training: RunsWidget, replay: Replay) -> None:
    training.follow.switch.click()
    look(training)
    shutil.rmtree(replay.target)
    look(training)
    look(training)
    assert "⚠ It is no longer in the store." in training.follow.text.text()
    assert training.follow.switch.isChecked()
    training.follow.switch.click()
    assert not training.follow.text.isVisible()
    assert training.session.following.run == ""


def test_another_run_that_is_followed_is_named(
    qtbot: QtBot, training: RunsWidget, replay: Replay
) -> None:
    shutil.copy(
        replay.source / "configs" / "runs" / "cell_affinities.yaml",
        replay.target / "configs" / "runs",
    )
    training.follow.switch.click()
    training._reload()
    qtbot.waitUntil(lambda: len(training.session.store.rows) == 2 and training.session.busy == "")
    training.session.select_run("cell_affinities")
    qtbot.waitUntil(lambda: training.session.facts is not None)
    look(training)
    assert not training.follow.switch.isChecked()
    assert training.follow.text.text().startswith(f"Following {NAME}:\n600 of")
    training.follow.switch.click()
    assert training.session.following.run == "cell_affinities"


def test_docks_share_the_switch_and_the_last_one_ends_it(
    qtbot: QtBot, replay: Replay, viewer: ViewerModel
) -> None:
    window = QWidget()
    qtbot.addWidget(window)
    docks = [RunsWidget(viewer, window) for _ in range(2)]
    session = docks[0].session
    session.following.begin = lambda watcher: None
    docks[0].open_store(str(replay.target), run=NAME)
    window.show()
    qtbot.waitUntil(lambda: session.facts is not None and session.busy == "")
    docks[1].follow.switch.click()
    assert docks[0].follow.switch.isChecked()
    for left in (NAME, ""):
        dock = docks.pop()
        with qtbot.waitSignal(dock.destroyed):
            dock.deleteLater()
        assert session.following.run == left


def test_a_thread_does_it_in_real_life(
    qtbot: QtBot, training: RunsWidget, replay: Replay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preferences, "follow_interval", lambda: 0.05)
    training.session.following.begin = RunWatcher.start
    training.follow.switch.click()
    qtbot.waitUntil(lambda: training.follow.text.text().startswith("600 of"))
    replay.train(750)
    qtbot.waitUntil(lambda: cell(training, "iterations") == "750 / 1500")
    watcher: Any = training.session.following.watcher
    training.follow.switch.click()
    qtbot.waitUntil(lambda: not watcher._thread.is_alive())


def test_a_courier_delivers_on_its_own_thread_in_order(qtbot: QtBot) -> None:
    courier, done = Courier(), []

    def send() -> None:
        for i in range(100):
            courier(lambda i=i: done.append((i, threading.current_thread())))  # type: ignore[misc]

    thread = threading.Thread(target=send)
    thread.start()
    thread.join()
    assert done == []
    qtbot.waitUntil(lambda: len(done) == 100)
    assert done == [(i, threading.main_thread()) for i in range(100)]
