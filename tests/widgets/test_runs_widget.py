"""The whole dock on real stores, with real threads and a viewer without a window."""

from __future__ import annotations

import gc
import shutil
import threading
from typing import TYPE_CHECKING, Any

import pytest
from napari.utils.notifications import notification_manager
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog

from napari_dacapo import preferences
from napari_dacapo.widgets.runs_widget import RunsWidget

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from napari.components import ViewerModel
    from pytestqt.qtbot import QtBot
    from qtpy.QtWidgets import QWidget

KEY = "napari-dacapo"


def idle(dock: RunsWidget) -> bool:
    return dock.session.busy == ""


def select(qtbot: QtBot, dock: RunsWidget, name: str) -> None:
    """Go to a run by the arrow keys."""
    view = dock.table.view
    view.setFocus()
    qtbot.keyClick(view, Qt.Key.Key_Home)
    for _ in range(view.proxy.rowCount()):
        row = view.current()
        if row is not None and row.name == name:
            break
        qtbot.keyClick(view, Qt.Key.Key_Down)
    qtbot.waitUntil(lambda: dock.session.facts is not None and dock.session.facts.name == name)


def iterations(viewer: ViewerModel) -> set[int | None]:
    return {layer.metadata[KEY]["iteration"] for layer in viewer.layers}


def show_panel(dock: RunsWidget) -> Any:
    return dock.panels["show"]


def test_without_a_store_the_dock_says_what_a_store_is(dock: RunsWidget) -> None:
    title, text, button = dock.table.empty.texts()
    assert (title, button) == ("No store yet", "Add store…")
    assert "configs" in text
    assert not dock.table.filter.isEnabled()
    assert show_panel(dock).empty.texts()[0] == "No run selected"


def test_a_store_is_added_by_the_button_of_the_empty_state(
    qtbot: QtBot, dock: RunsWidget, demo_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_, **__: str(demo_store))
    dock.table.empty._button.click()
    qtbot.waitUntil(lambda: len(dock.session.store.rows) == 2)
    assert preferences.recent_stores() == (str(demo_store),)
    assert dock.stores.chooser.currentData() == str(demo_store)
    assert dock.table.view.isVisible()


def test_the_store_of_last_time_is_opened_again(
    qtbot: QtBot, make_dock: Callable[[], RunsWidget], demo_store: Path
) -> None:
    preferences.remember_store(str(demo_store))
    dock = make_dock()
    qtbot.waitUntil(lambda: len(dock.session.store.rows) == 2)


def test_a_broken_store_says_why(qtbot: QtBot, dock: RunsWidget, tmp_path: Path) -> None:
    dock.open_store(str(tmp_path / "gone"))
    qtbot.waitUntil(lambda: dock.session.store.state.status == "failed")
    title, text, _ = dock.table.empty.texts()
    assert title == "This store cannot be opened"
    assert "gone" in text
    assert preferences.recent_stores() == ()


def test_an_empty_store_says_so(qtbot: QtBot, dock: RunsWidget, tmp_path: Path) -> None:
    (tmp_path / "configs" / "runs").mkdir(parents=True)
    dock.open_store(str(tmp_path))
    qtbot.waitUntil(lambda: dock.session.store.state.status == "open" and idle(dock))
    assert dock.table.empty.texts()[0] == "No runs here"


def test_arrows_enter_and_brackets_do_the_work(
    qtbot: QtBot, demo_dock: RunsWidget, viewer: ViewerModel, focus: Callable[[QWidget], None]
) -> None:
    select(qtbot, demo_dock, "mito_distance")
    view = demo_dock.table.view
    focus(view)
    qtbot.keyClick(view, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: len(viewer.layers) == 4 and idle(demo_dock))
    assert iterations(viewer) == {None, 1500}
    qtbot.keyClick(view, Qt.Key.Key_BracketLeft)
    qtbot.waitUntil(lambda: iterations(viewer) == {None, 1200})
    qtbot.keyClick(view, Qt.Key.Key_BracketLeft)
    qtbot.keyClick(view, Qt.Key.Key_BracketRight)
    qtbot.waitUntil(lambda: iterations(viewer) == {None, 1200} and idle(demo_dock))
    assert len(viewer.layers) == 4


def test_shift_enter_opens_side_by_side(
    qtbot: QtBot, demo_dock: RunsWidget, viewer: ViewerModel, focus: Callable[[QWidget], None]
) -> None:
    select(qtbot, demo_dock, "mito_distance")
    focus(demo_dock.table.view)
    qtbot.keyClick(demo_dock.table.view, Qt.Key.Key_Return, Qt.KeyboardModifier.ShiftModifier)
    qtbot.waitUntil(lambda: viewer.canvas.grid.enabled)
    assert len(viewer.layers) == 4


def test_brackets_are_letters_where_one_writes(
    qtbot: QtBot, demo_dock: RunsWidget, focus: Callable[[QWidget], None]
) -> None:
    select(qtbot, demo_dock, "mito_distance")
    focus(demo_dock.table.filter)
    qtbot.keyClicks(demo_dock.table.filter, "[]")
    assert demo_dock.table.filter.text() == "[]"
    assert demo_dock.session.selection.iteration == 1500
    assert demo_dock.table.empty.texts()[0] == "No run matches"
    demo_dock.table.filter.clear()
    assert demo_dock.table.view.isVisible()


def test_the_show_page_offers_what_the_run_has(qtbot: QtBot, demo_dock: RunsWidget) -> None:
    select(qtbot, demo_dock, "mito_distance")
    panel = show_panel(demo_dock)
    datasets = [panel.dataset.itemText(i) for i in range(panel.dataset.count())]
    assert datasets == ["val_west", "val_east", "train  (training)"]
    slider = panel.iteration.slider
    assert (slider.minimum(), slider.maximum(), slider.value()) == (300, 1500, 1500)
    labels = [panel.parameters.itemText(i) for i in range(panel.parameters.count())]
    assert labels == [
        "automatic", "stored: threshold 127", "computed", "computed: threshold 127"
    ]  # fmt: skip


def test_slider_and_choosers_change_the_selection(
    qtbot: QtBot, demo_dock: RunsWidget, viewer: ViewerModel
) -> None:
    select(qtbot, demo_dock, "mito_distance")
    panel, session = show_panel(demo_dock), demo_dock.session
    panel.iteration.slider.setValue(800)
    assert session.selection.iteration == 900
    assert panel.iteration.slider.value() == 900
    panel.dataset.setCurrentIndex(1)
    panel.dataset.activated.emit(1)
    assert session.selection.dataset == "val_east"
    qtbot.waitUntil(lambda: panel.parameters.count() == 4)
    panel.parameters.activated.emit(1)
    assert session.selection.segmentation == "stored"
    panel.open.click()
    qtbot.waitUntil(lambda: len(viewer.layers) == 4 and idle(demo_dock))
    assert "empty" in panel.notes.text()
    panel.dataset.activated.emit(2)
    assert session.selection.iteration is None
    assert not panel.iteration.isEnabled()


def test_the_config_is_a_searchable_tree(qtbot: QtBot, demo_dock: RunsWidget) -> None:
    select(qtbot, demo_dock, "mito_distance")
    details: Any = demo_dock.panels["details"]
    tree = details.tree.tree
    names = {
        tree.topLevelItem(i).text(0): tree.topLevelItem(i) for i in range(tree.topLevelItemCount())
    }
    assert names["name"].text(1) == "mito_distance"
    assert names["task_config"].text(1) == "DistanceTask"
    details.tree.filter.setText("scale_factor")
    hidden = {name for name, item in names.items() if item.isHidden()}
    assert "name" in hidden
    assert "task_config" not in hidden
    select(qtbot, demo_dock, "cell_affinities")
    assert details.tree.filter.text() == "scale_factor"


def test_a_broken_run_shows_its_reason_on_every_page(
    qtbot: QtBot, dock: RunsWidget, stores: Path, tmp_path: Path, focus: Callable[[QWidget], None]
) -> None:
    shutil.copytree(stores / "main" / "configs", tmp_path / "store" / "configs")
    (tmp_path / "store" / "configs" / "runs" / "snapshot.yaml").write_bytes(b"a: [")
    dock.open_store(str(tmp_path / "store"))
    qtbot.waitUntil(lambda: len(dock.session.store.rows) == 6 and idle(dock))
    select(qtbot, dock, "snapshot")
    details: Any = dock.panels["details"]
    for page in (show_panel(dock).empty, details.empty):
        title, text, _ = page.texts()
        assert title.startswith("snapshot cannot be")
        assert "snapshot.yaml" in text
    seen = len(notification_manager.records)
    focus(dock.table.view)
    qtbot.keyClick(dock.table.view, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: len(notification_manager.records) == seen + 1)
    assert "snapshot.yaml" in notification_manager.records[-1].message
    select(qtbot, dock, "dist_aniso")


def test_a_second_dock_finds_what_the_first_has_open(
    qtbot: QtBot, demo_dock: RunsWidget, make_dock: Callable[[], RunsWidget]
) -> None:
    select(qtbot, demo_dock, "mito_distance")
    other = make_dock()
    assert other.session is demo_dock.session
    current = other.table.view.current()
    assert current is not None
    assert current.name == "mito_distance"
    assert show_panel(other).dataset.count() == 3
    select(qtbot, other, "cell_affinities")
    current = demo_dock.table.view.current()
    assert current is not None
    assert current.name == "cell_affinities"


def test_a_dock_that_is_gone_hears_nothing(
    qtbot: QtBot, demo_dock: RunsWidget, make_dock: Callable[[], RunsWidget]
) -> None:
    session = demo_dock.session
    signals = (session.store.changed, session.store.rows_changed, session.facts_changed,
               session.selection_changed, session.shown_changed, session.busy_changed,
               session.backend_changed, session.failed)  # fmt: skip
    before = [len(signal) for signal in signals]
    other = make_dock()
    assert [len(signal) for signal in signals] != before
    with qtbot.waitSignal(other.destroyed):
        other.deleteLater()
    del other
    gc.collect()
    assert [len(signal) for signal in signals] == before
    select(qtbot, demo_dock, "mito_distance")


def test_docks_of_different_viewers_share_nothing(qtbot: QtBot, demo_dock: RunsWidget) -> None:
    from napari.components import ViewerModel

    viewer = ViewerModel()
    other = RunsWidget(viewer)
    qtbot.addWidget(other)
    assert other.session is not demo_dock.session
    qtbot.waitUntil(lambda: idle(other))


def test_the_path_map_is_edited_kept_and_used(
    qtbot: QtBot, dock: RunsWidget, stores: Path, viewer: ViewerModel
) -> None:
    dock.open_store(str(stores / "main"))
    qtbot.waitUntil(lambda: len(dock.session.store.rows) == 6 and idle(dock))
    select(qtbot, dock, "never_trained")
    dialog = dock.edit_path_map()
    assert dialog.table.item(0, 0).text() == "/nrs/demo/dacapo-data"
    dialog.table.item(0, 1).setText(str(stores / "data"))
    dialog.accept()
    assert preferences.path_map() == {"/nrs/demo/dacapo-data": str(stores / "data")}
    qtbot.waitUntil(lambda: dock.session.facts is not None and idle(dock))
    show_panel(dock).open.click()
    qtbot.waitUntil(lambda: len(viewer.layers) == 2 and idle(dock))
    assert {layer.metadata[KEY]["role"] for layer in viewer.layers} == {"raw", "gt"}


def test_slow_work_is_announced_and_can_be_cancelled(
    qtbot: QtBot, demo_dock: RunsWidget, viewer: ViewerModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    from napari_dacapo.viewers import showing

    go_on, entered = threading.Event(), threading.Event()
    finish = showing.finish

    def slow(volume: Any, place: Any) -> Any:
        entered.set()
        assert go_on.wait(30)
        return finish(volume, place)

    monkeypatch.setattr(showing, "finish", slow)
    select(qtbot, demo_dock, "mito_distance")
    show_panel(demo_dock).open.click()
    qtbot.waitUntil(lambda: entered.is_set() and len(viewer.layers) == 3)
    qtbot.waitUntil(demo_dock.activity.isVisible)
    assert demo_dock.activity.label.text() == "Computing the segmentation of iteration 1500…"
    demo_dock.activity.cancel.click()
    assert not demo_dock.activity.isVisible()
    go_on.set()
    demo_dock.session.show("stacked")
    qtbot.waitUntil(lambda: len(viewer.layers) == 4 and idle(demo_dock))


def test_the_choice_of_columns_is_kept(
    qtbot: QtBot, demo_dock: RunsWidget, make_dock: Callable[[], RunsWidget]
) -> None:
    demo_dock.table.view._choose(("name", "loss"))
    assert preferences.columns() == ("name", "loss")
    view = make_dock().table.view
    shown = [i for i in range(view.model().columnCount()) if not view.isColumnHidden(i)]
    assert len(shown) == 2


def test_backends_are_switched_in_all_docks(
    demo_dock: RunsWidget, make_dock: Callable[[], RunsWidget]
) -> None:
    other = make_dock()
    switch = show_panel(demo_dock).backends
    assert switch.buttons["napari"].isChecked()
    if not switch.buttons["neuroglancer"].isEnabled():
        pytest.skip("its backend is not there")
    switch.buttons["neuroglancer"].click()
    assert show_panel(other).backends.buttons["neuroglancer"].isChecked()
    assert preferences.backend() == "neuroglancer"


def test_a_store_can_be_forgotten(qtbot: QtBot, demo_dock: RunsWidget) -> None:
    demo_dock.stores.forget.trigger()
    assert preferences.recent_stores() == ()
    assert demo_dock.table.empty.texts()[0] == "No store yet"


@pytest.mark.parametrize("width", [280, 350, 600])
def test_nothing_asks_for_more_width_than_a_narrow_dock_has(
    qtbot: QtBot, demo_dock: RunsWidget, width: int
) -> None:
    select(qtbot, demo_dock, "mito_distance")
    demo_dock.resize(width, 700)
    assert demo_dock.width() == width
    for panel in demo_dock.panels.values():
        demo_dock.tabs.setCurrentWidget(panel)
        assert demo_dock.layout().minimumSize().width() <= width
