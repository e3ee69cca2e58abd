from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest
from napari.components import ViewerModel
from qtpy.QtWidgets import QScrollArea

from napari_dacapo.runs.best import BestScoreValue
from napari_dacapo.runs.row import RunRow
from napari_dacapo.widgets.runs_widget import RunsWidget

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytestqt.qtbot import QtBot
    from qtpy.QtWidgets import QWidget


@pytest.fixture
def rows() -> tuple[RunRow, ...]:
    """A run in each condition, in the order of their names."""
    best = BestScoreValue("f1_score", 0.75, 40, "val", "threshold_0.0")
    return (
        RunRow("a_broken", problem="configs/runs/a_broken.yaml is truncated"),
        RunRow("b_configured", "DistanceTask", "CNNectomeUNet", "configured", 0, 60),
        RunRow(
            "c_finished",
            "AffinitiesTask",
            "CNNectomeUNet",
            "finished",
            60,
            60,
            0.25,
            (20, 40, 60),
            (20, 40, 60),
            best,
            1.7e9,
        ),
        RunRow(
            "d_failed",
            "DistanceTask",
            "CNNectomeUNet",
            "failed validations",
            30,
            60,
            float("nan"),
            (20,),
            (20,),
            None,
            1.6e9,
            "No scores were stored.",
        ),
    )


@pytest.fixture(autouse=True)
def _preferences(own_preferences: None) -> None:
    """Widgets read and write preferences."""


@pytest.fixture
def qtbot(qtbot: QtBot) -> QtBot:
    """Patient on busy computers; nothing waits longer than it must."""
    qtbot.waitUntil = partial(qtbot.waitUntil, timeout=60_000)
    return qtbot


@pytest.fixture
def focus(qtbot: QtBot) -> Callable[[QWidget], None]:
    """Gives a widget the focus, also where no window manager does it."""

    def give(widget: QWidget) -> None:
        widget.window().activateWindow()
        widget.setFocus()
        qtbot.waitUntil(widget.hasFocus)

    return give


@pytest.fixture
def cut_off() -> Callable[[QWidget], list[QWidget]]:
    """Finds contents of a page that are wider than it, without a bar to scroll them."""

    def find(page: QWidget) -> list[QWidget]:
        areas = [area for area in page.findChildren(QScrollArea) if area.isVisible()]
        return [
            area.widget()
            for area in areas
            if area.widget().minimumSizeHint().width() > area.viewport().width()
        ]

    return find


@pytest.fixture
def viewer() -> ViewerModel:
    """A viewer without a window."""
    return ViewerModel()


@pytest.fixture
def make_dock(
    qtbot: QtBot, viewer: ViewerModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[], RunsWidget]:
    """Makes docks of one viewer, on a computer without a store of its own."""
    monkeypatch.chdir(tmp_path)

    def make() -> RunsWidget:
        dock = RunsWidget(viewer)
        qtbot.addWidget(dock)
        dock.resize(430, 800)
        dock.show()
        qtbot.waitUntil(lambda: dock.session.busy == "")
        return dock

    return make


@pytest.fixture
def dock(make_dock: Callable[[], RunsWidget]) -> RunsWidget:
    """A dock without a store."""
    return make_dock()


@pytest.fixture
def demo_dock(qtbot: QtBot, dock: RunsWidget, demo_store: Path) -> RunsWidget:
    """A dock that lists the sample runs."""
    dock.open_store(str(demo_store))
    qtbot.waitUntil(lambda: len(dock.session.store.rows) == 2 and dock.session.busy == "")
    return dock
