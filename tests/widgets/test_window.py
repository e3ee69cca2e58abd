"""The dock in a real napari window: found by the manifest, shared, closed with the window."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from napari.utils.notifications import NotificationSeverity, notification_manager
from qtpy.QtCore import QObject
from qtpy.QtWidgets import QApplication, QScrollArea

import napari_dacapo
from napari_dacapo import commands, preferences
from napari_dacapo.widgets.open_dialog import OpenDialog
from napari_dacapo.widgets.runs_widget import RunsWidget

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytestqt.qtbot import QtBot
    from qtpy.QtWidgets import QWidget

pytestmark = [
    pytest.mark.window,
    pytest.mark.skipif(
        os.environ.get("QT_QPA_PLATFORM") == "offscreen", reason="Qt offscreen has no OpenGL"
    ),
]
KEY = "napari-dacapo"


@pytest.fixture
def window_viewer(
    make_napari_viewer_proxy: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Any:
    monkeypatch.chdir(tmp_path)
    return make_napari_viewer_proxy(show=True)


def dock_of(qtbot: QtBot, viewer: Any) -> RunsWidget:
    dock = commands.show_runs(viewer)
    qtbot.waitUntil(lambda: dock.session.busy == "")
    return dock


def test_the_manifest_leads_to_a_dock_that_opens_runs(
    qtbot: QtBot, window_viewer: Any, demo_store: Path
) -> None:
    _, dock = window_viewer.window.add_plugin_dock_widget("napari-dacapo")
    assert isinstance(dock, RunsWidget)
    assert commands.show_runs(window_viewer) is dock
    dock.open_store(str(demo_store), run="mito_distance", show=True)

    def shown() -> set[int | None]:
        return {layer.metadata[KEY]["iteration"] for layer in window_viewer.layers}

    qtbot.waitUntil(lambda: len(window_viewer.layers) == 4)
    assert shown() == {None, 1500}
    page: Any = dock.panels["show"]
    page.iteration.before.click()
    qtbot.waitUntil(lambda: shown() == {None, 1200})
    picture = np.asarray(window_viewer.screenshot(canvas_only=True, flash=False))
    assert len(np.unique(picture[..., :3].reshape(-1, 3), axis=0)) > 100


def test_a_dock_under_another_name_is_found_and_shares(
    qtbot: QtBot, window_viewer: Any, demo_store: Path
) -> None:
    by_hand = RunsWidget(window_viewer)
    window_viewer.window.add_dock_widget(by_hand, name="mine")
    assert commands.show_runs(window_viewer) is by_hand
    by_hand.open_store(str(demo_store))
    qtbot.waitUntil(lambda: len(by_hand.session.store.rows) == 2)
    _, other = window_viewer.window.add_plugin_dock_widget("napari-dacapo", "Runs")
    assert other.session is by_hand.session
    assert other.table.view.proxy.rowCount() == 2


def test_closing_the_dock_keeps_the_session_and_closing_the_window_ends_it(
    qtbot: QtBot, window_viewer: Any, demo_store: Path
) -> None:
    dock = dock_of(qtbot, window_viewer)
    dock.open_store(str(demo_store))
    qtbot.waitUntil(lambda: len(dock.session.store.rows) == 2 and dock.session.busy == "")
    session = dock.session
    (keeper,) = dock.window().findChildren(QObject, "napari-dacapo session")
    window_viewer.window.remove_dock_widget(dock)
    again = dock_of(qtbot, window_viewer)
    assert again.session is session
    assert again.table.view.proxy.rowCount() == 2
    assert session.screen.backend.name == "napari"
    with qtbot.waitSignal(keeper.destroyed):
        keeper.deleteLater()
    assert session.screen._made == {}


def test_a_dock_that_floats_is_no_window_to_end_with(
    qtbot: QtBot, window_viewer: Any, demo_store: Path
) -> None:
    dock = dock_of(qtbot, window_viewer)
    dock.open_store(str(demo_store))
    qtbot.waitUntil(lambda: len(dock.session.store.rows) == 2 and dock.session.busy == "")
    session, frame = dock.session, dock.parentWidget()
    frame.setFloating(True)
    dock.hide()
    dock.show()
    assert frame.findChildren(QObject, "napari-dacapo session") == []
    window_viewer.window.remove_dock_widget(dock)
    assert session.companions != []
    assert dock_of(qtbot, window_viewer).session is session


def open_scored_run(qtbot: QtBot, dock: RunsWidget, stores: Path) -> None:
    dock.open_store(str(stores / "pypi-0.3.5-thresholds"), run="dist_thr_shim")
    qtbot.waitUntil(lambda: dock.session.facts is not None and dock.session.busy == "")


def test_no_page_is_cut_off_in_the_narrowest_dock(
    qtbot: QtBot, window_viewer: Any, stores: Path, cut_off: Callable[[QWidget], list[QWidget]]
) -> None:
    dock = dock_of(qtbot, window_viewer)
    open_scored_run(qtbot, dock, stores)
    dock.parentWidget().setFloating(True)
    narrowest = dock.minimumSizeHint().width()
    dock.parentWidget().resize(narrowest, 720)
    qtbot.waitUntil(lambda: dock.width() == narrowest)
    for page in dock.panels.values():
        dock.tabs.setCurrentWidget(page)
        qtbot.waitUntil(lambda: dock.session.busy == "")
        qtbot.waitUntil(lambda page=page: cut_off(page) == [])
    qtbot.waitUntil(lambda: dock.panels["scores"]._read is not None)


@pytest.mark.parametrize("size", [(1600, 1000), (1280, 720)])
def test_the_iterations_below_the_curves_are_in_sight(
    qtbot: QtBot, window_viewer: Any, stores: Path, size: tuple[int, int]
) -> None:
    window_viewer.window.resize(*size)
    dock = dock_of(qtbot, window_viewer)
    open_scored_run(qtbot, dock, stores)
    page: Any = dock.panels["scores"]
    dock.tabs.setCurrentWidget(page)
    qtbot.waitUntil(lambda: page.plots is not None and page.plots.losses.isVisible())
    (area,) = page.findChildren(QScrollArea)

    def in_sight() -> bool:
        losses = page.plots.losses
        bottom = losses.mapTo(area.viewport(), losses.rect().bottomLeft()).y()
        return bool(0 < bottom <= area.viewport().height())

    qtbot.waitUntil(in_sight)


def test_open_training_run_asks_for_a_run_and_shows_it_with_the_dock(
    qtbot: QtBot, window_viewer: Any, demo_store: Path
) -> None:
    preferences.remember_store(str(demo_store))
    commands.open_training_run(window_viewer)
    (dialog,) = [w for w in QApplication.topLevelWidgets() if isinstance(w, OpenDialog)]
    qtbot.waitUntil(lambda: len(dialog.session.store.rows) == 2 and dialog.session.busy == "")
    dialog.table.view.select("cell_affinities")
    dialog.accept()
    qtbot.waitUntil(lambda: len(window_viewer.layers) == 9)
    dock = dock_of(qtbot, window_viewer)
    assert dock.isVisible()
    assert dock.session.selection.run == "cell_affinities"


def on_screen(viewer: Any) -> dict[str, Any]:
    legend = viewer.canvas.overlays["napari_dacapo"]
    return {
        "layers": [
            (
                layer.name, layer.visible, layer.opacity, str(layer.blending),
                getattr(layer, "contour", None), str(layer.colormap),
            )
            for layer in viewer.layers
        ],
        "plane": tuple(viewer.dims.point),
        "center": tuple(viewer.scene.camera.center),
        # The canvas is a little lower once there is a slider below it.
        "zoom": pytest.approx(viewer.scene.camera.zoom, rel=0.15),
        "scale bar": viewer.canvas.overlays.scale_bar.visible,
        "legend": (legend.visible, legend.text),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("way", "run"),
    [
        ("reader", "mito_distance"),
        pytest.param("sample", "cell_affinities", marks=pytest.mark.long),
    ],
)
def test_every_way_into_napari_shows_the_same(
    window_viewer: Any, user_samples: Path, way: str, run: str
) -> None:
    if way == "reader":
        window_viewer.open(str(user_samples / run), plugin="napari-dacapo")
    else:
        window_viewer.open_sample("napari-dacapo", run)
    found = on_screen(window_viewer)
    window_viewer.layers.clear()
    window_viewer.canvas.overlays.scale_bar.visible = False
    napari_dacapo.add_run(window_viewer, napari_dacapo.open_store(user_samples).run(run))
    assert found == on_screen(window_viewer)
    assert found["scale bar"]
    assert "iteration" in found["legend"][1]


def test_a_dropped_run_with_nothing_to_show_is_a_warning(window_viewer: Any, stores: Path) -> None:
    notification_manager.records.clear()
    folder = stores / "pypi-0.3.5" / "dist_aniso"
    assert window_viewer.open(str(folder), plugin="napari-dacapo") == []
    (record,) = notification_manager.records
    assert record.severity == NotificationSeverity.WARNING
    assert "dist_aniso has nothing to show" in record.message
