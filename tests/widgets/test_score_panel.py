"""The page "Scores" on real stores; nothing is read while it is hidden."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt
from tests.runs.replay import Replay

from napari_dacapo.runs import open_store

if TYPE_CHECKING:
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from napari_dacapo.widgets.runs_widget import RunsWidget

NAME = "dist_thr_shim"


def open_page(qtbot: QtBot, dock: RunsWidget, store: Path, run: str) -> Any:
    page: Any = dock.panels["scores"]
    dock.tabs.setCurrentWidget(page)
    dock.open_store(str(store), run=run)
    qtbot.waitUntil(lambda: dock.session.facts is not None and dock.session.facts.name == run)
    qtbot.waitUntil(lambda: page._read is not None and page._read.run == run)
    return page


@pytest.fixture
def page(qtbot: QtBot, dock: RunsWidget, stores: Path) -> Any:
    return open_page(qtbot, dock, stores / "pypi-0.3.5-thresholds", NAME)


def drawn(page: Any) -> dict[tuple[str, str], list[float]]:
    return {key: item.getData()[1].tolist() for key, item in page.plots.curves.items()}


def test_curves_are_what_is_stored(page: Any, stores: Path) -> None:
    run = open_store(stores / "pypi-0.3.5-thresholds").run(NAME)
    scores = run.validation_scores.to_xarray().sel(criteria="f1_score")
    assert len(page.plots.curves) == scores.sizes["datasets"] * scores.sizes["parameters"]
    for (dataset, parameters), values in drawn(page).items():
        expected = scores.sel(datasets=dataset, parameters=parameters).values
        assert np.array_equal(values, expected, equal_nan=True)
    x, y = page.plots.loss_curve.getData()
    assert x.tolist() == run.training_stats.iterations.tolist()
    assert np.array_equal(y, run.training_stats.losses)
    best = run.row().best_score
    assert best is not None
    (star,) = page.plots.best.points()
    assert (star.pos().x(), star.pos().y()) == pytest.approx((best.iteration, best.value))


def test_a_criterion_says_direction_and_doubts(page: Any) -> None:
    assert page.criterion.currentText() == "f1_score ↑  ⚠"
    assert "⚠ The stored value is the harmonic mean" in page.note.text()
    assert "Gaps: " in page.note.text()
    index = page.criterion.findData("voi")
    page.criterion.setCurrentIndex(index)
    page.criterion.activated.emit(index)
    assert page.note.text().startswith("Lower is better, 0 or more. ★ ")
    assert "⚠" not in page.note.text()


def test_the_loss_can_be_logarithmic(page: Any) -> None:
    _, before = page.plots.loss_curve.getData()
    page.log.click()
    _, after = page.plots.loss_curve.getData()
    assert np.allclose(after, np.log10(before))


def test_the_line_is_where_the_slider_is_and_a_click_moves_both(
    qtbot: QtBot, page: Any, dock: RunsWidget
) -> None:
    assert [line.value() for line in page.plots.marks] == [120, 120]
    dock.session.step(-1)
    assert [line.value() for line in page.plots.marks] == [90, 90]
    plot = page.plots.losses
    box = plot.getPlotItem().getViewBox()
    qtbot.waitUntil(lambda: box.viewRange()[0][1] > 100)
    middle = box.viewRange()[1][0] / 2 + box.viewRange()[1][1] / 2
    where = plot.mapFromScene(box.mapViewToScene(type(box.mapSceneToView(box.pos()))(31.0, middle)))
    qtbot.mouseClick(plot.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(where.x(), where.y()))
    qtbot.waitUntil(lambda: dock.session.selection.iteration == 30)
    slider: Any = dock.panels["show"].iteration.slider  # type: ignore[attr-defined]
    assert slider.value() == 30
    assert page.plots.marks[0].value() == 30


@pytest.mark.parametrize(
    ("run", "said"),
    [
        ("no_validation", "No scores stored: The run has no validation datasets."),
        ("onehot_iso0", "⚠ The stored values are random numbers."),
    ],
)
def test_what_means_nothing_or_is_not_there_is_said(
    qtbot: QtBot, dock: RunsWidget, stores: Path, run: str, said: str
) -> None:
    page = open_page(qtbot, dock, stores / "pypi-0.3.5", run)
    assert page.note.text().startswith(said)
    assert page.plots.losses.isVisible()
    assert not len(page.plots.best.points())


def test_scores_without_a_number_leave_the_room_to_the_losses(
    qtbot: QtBot, dock: RunsWidget, demo_store: Path
) -> None:
    page = open_page(qtbot, dock, demo_store, "mito_distance")
    assert "None of the 10 stored scores is a number" in page.note.text()
    assert not page.plots.scores.isVisible()
    assert page.plots.losses.isVisible()


def test_nothing_to_plot_is_said(qtbot: QtBot, dock: RunsWidget, stores: Path) -> None:
    page = open_page(qtbot, dock, stores / "pypi-0.3.5", "never_trained")
    qtbot.waitUntil(lambda: page.empty.texts()[0] == "Nothing to plot")
    assert "No scores stored: It was not validated yet." in page.empty.texts()[1]
    assert page.plots is None


def test_nothing_is_read_while_the_page_is_hidden(
    qtbot: QtBot, dock: RunsWidget, stores: Path
) -> None:
    page: Any = dock.panels["scores"]
    assert page.empty.texts()[0] == "No run selected"
    dock.open_store(str(stores / "pypi-0.3.5-thresholds"), run=NAME)
    qtbot.waitUntil(lambda: dock.session.facts is not None and dock.session.busy == "")
    assert page._lane.busy == ""
    assert page.plots is None
    dock.tabs.setCurrentWidget(page)
    qtbot.waitUntil(lambda: page.plots is not None)


def test_curves_go_on_when_the_run_is_followed(
    qtbot: QtBot, dock: RunsWidget, stores: Path, tmp_path: Path
) -> None:
    replay = Replay(stores / "pypi-0.3.5-thresholds", NAME, tmp_path / "training")
    replay.validate(30)
    replay.validate(60)
    dock.session.following.begin = lambda watcher: None
    page = open_page(qtbot, dock, replay.target, NAME)
    dock.follow.switch.click()
    watcher: Any = dock.session.following.watcher
    watcher.poll()
    items = dict(page.plots.curves)
    low, high = page.plots.scores.viewRange()[0]
    assert low < 0 < 60 < high
    box = page.plots.scores.getPlotItem().getViewBox()
    box.setXRange(0, 50)
    box.sigRangeChangedManually.emit([True, False])  # as the wheel does
    before = page.plots.scores.viewRange()[0]
    replay.train(75)
    watcher.poll()
    qtbot.waitUntil(lambda: len(page.plots.loss_curve.getData()[0]) == 75)
    replay.validate(90)
    watcher.poll()
    qtbot.waitUntil(lambda: all(len(values) == 3 for values in drawn(page).values()))
    assert page.plots.curves == items
    assert page.plots.scores.viewRange()[0] == before
    page.plots.reset()
    low, high = page.plots.scores.viewRange()[0]
    assert low < 0 < 90 < high
    assert len(page.plots.loss_curve.getData()[0]) == 90
    assert "New best: f1_score" in dock.follow.text.text()
