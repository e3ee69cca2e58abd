"""The whole dock on real stores, with real threads and a viewer without a window."""

from __future__ import annotations

import gc
import shutil
import threading
from typing import TYPE_CHECKING, Any

import pytest
from napari.layers import Layer
from napari.settings import get_plugin_settings
from napari.utils.notifications import notification_manager
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog, QMessageBox, QScrollArea, QWidget

from napari_dacapo import add_run, open_store, preferences
from napari_dacapo.reader import read_run
from napari_dacapo.widgets.run_view import KEYS
from napari_dacapo.widgets.runs_widget import RunsWidget

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from napari.components import ViewerModel
    from pytestqt.qtbot import QtBot

KEY = "napari-dacapo"


def idle(dock: RunsWidget) -> bool:
    return dock.session.busy == ""


def names(dock: RunsWidget) -> list[str]:
    """The runs in the table, from the top to the bottom."""
    proxy = dock.table.view.proxy
    return [proxy.index(i, 0).data() for i in range(proxy.rowCount())]


def select(qtbot: QtBot, dock: RunsWidget, name: str) -> None:
    """Go to a run by the arrow keys, one press for each row."""
    view = dock.table.view
    view.setFocus()
    qtbot.keyClick(view, Qt.Key.Key_Home)
    for _ in range(names(dock).index(name)):
        qtbot.keyClick(view, Qt.Key.Key_Down)
    assert dock.session.selection.run == name
    qtbot.waitUntil(lambda: dock.session.facts is not None and dock.session.facts.name == name)


def iterations(viewer: ViewerModel) -> set[int | None]:
    return {layer.metadata[KEY]["iteration"] for layer in viewer.layers}


def show_panel(dock: RunsWidget) -> Any:
    return dock.panels["show"]


def test_without_a_store_the_dock_says_what_a_store_is(dock: RunsWidget) -> None:
    title, text, button = dock.table.empty.texts()
    assert (title, button) == ("No store yet", "Add store…")
    assert "configs" in text
    assert "File → Open Sample" in text
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


@pytest.fixture
def options_file(stores: Path, tmp_path: Path) -> Path:
    """An options file where DaCapo would find it."""
    path = tmp_path / "dacapo.yaml"
    path.write_text(f"type: files\nruns_base_dir: {stores / 'main'}\n", "utf-8")
    return path


def offered(dock: RunsWidget) -> list[str]:
    chooser = dock.stores.chooser
    return [chooser.itemData(i) for i in range(chooser.count())]


def test_the_options_file_goes_before_the_store_of_last_time_and_is_on_offer(
    qtbot: QtBot, make_dock: Callable[[], RunsWidget], demo_store: Path, options_file: Path
) -> None:
    preferences.remember_store(str(demo_store))
    dock = make_dock()
    qtbot.waitUntil(lambda: len(dock.session.store.rows) == 6)
    assert offered(dock) == [str(options_file), str(demo_store)]
    assert dock.stores.chooser.currentData() == str(options_file)
    dock.stores.chooser.setCurrentIndex(1)
    dock.stores.chooser.activated.emit(1)
    qtbot.waitUntil(lambda: len(dock.session.store.rows) == 2)
    assert offered(dock)[0] == str(options_file)


def test_the_store_of_the_preferences_goes_before_the_options_file(
    qtbot: QtBot, make_dock: Callable[[], RunsWidget], demo_store: Path, options_file: Path
) -> None:
    get_plugin_settings("napari-dacapo").stores.default_store = str(demo_store)
    dock = make_dock()
    qtbot.waitUntil(lambda: len(dock.session.store.rows) == 2)
    assert offered(dock) == [str(options_file), str(demo_store)]


def test_what_came_without_a_dock_is_selected(
    qtbot: QtBot,
    viewer: ViewerModel,
    make_dock: Callable[[], RunsWidget],
    demo_store: Path,
    options_file: Path,
) -> None:
    layers = add_run(viewer, open_store(demo_store).run("mito_distance"), iteration=1200)
    dock = make_dock()
    qtbot.waitUntil(lambda: dock.session.facts is not None and dock.session.busy == "")
    selection = dock.session.selection
    assert (selection.run, selection.iteration) == ("mito_distance", 1200)
    assert dock.stores.chooser.currentData() == str(demo_store)
    dock.session.step(1)
    qtbot.waitUntil(lambda: layers[2].metadata["napari-dacapo"]["iteration"] == 1500)
    assert list(viewer.layers) == layers


def test_samples_are_not_remembered(qtbot: QtBot, dock: RunsWidget, user_samples: Path) -> None:
    dock.open_store(str(user_samples))
    qtbot.waitUntil(lambda: len(dock.session.store.rows) == 2)
    assert preferences.recent_stores() == ()
    assert dock.stores.chooser.currentData() == str(user_samples)


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


def test_each_press_of_an_arrow_goes_to_the_next_run(
    qtbot: QtBot, dock: RunsWidget, stores: Path, focus: Callable[[QWidget], None]
) -> None:
    store = stores / "pypi-0.3.5"
    n_runs = len(list((store / "configs" / "runs").glob("*.yaml")))
    dock.open_store(str(store))
    qtbot.waitUntil(lambda: len(names(dock)) == n_runs and idle(dock))
    view = dock.table.view
    focus(view)
    seen = []
    for _ in range(n_runs):
        qtbot.keyClick(view, Qt.Key.Key_Down)
        qtbot.waitUntil(lambda: idle(dock))
        current = view.current()
        seen.append((current and current.name, dock.session.selection.run))
    assert seen == [(name, name) for name in names(dock)]


def test_a_double_click_opens_the_run_below_the_mouse_whichever_is_selected(
    qtbot: QtBot, demo_dock: RunsWidget, viewer: ViewerModel
) -> None:
    select(qtbot, demo_dock, "cell_affinities")
    view = demo_dock.table.view
    where = view.visualRect(view.proxy.index(names(demo_dock).index("mito_distance"), 0)).center()
    left = Qt.MouseButton.LeftButton
    qtbot.mouseClick(view.viewport(), left, pos=where)
    qtbot.mouseDClick(view.viewport(), left, pos=where)
    qtbot.waitUntil(lambda: len(viewer.layers) > 0 and idle(demo_dock))
    assert {layer.metadata[KEY]["run"] for layer in viewer.layers} == {"mito_distance"}


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
    names["trainer_config"].setExpanded(True)
    details.tree.filter.setText("scale_factor")
    hidden = {name for name, item in names.items() if item.isHidden()}
    assert "name" in hidden
    assert "task_config" not in hidden
    assert names["task_config"].isExpanded()
    details.tree.filter.setText("(1, 0")
    assert details.tree.empty.texts()[:2] == (
        "Nothing found", "Nothing in the config holds “(1, 0”."
    )  # fmt: skip
    assert details.tree.empty.isVisibleTo(details)
    details.tree.empty._button.click()
    assert details.tree.filter.text() == ""
    assert tree.isVisibleTo(details)
    expanded = {name for name, item in names.items() if item.isExpanded()}
    assert expanded == {"trainer_config"}
    details.tree.filter.setText("scale_factor")
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
    qtbot: QtBot, viewer: ViewerModel, demo_store: Path, tmp_path: Path
) -> None:
    window = QWidget()
    qtbot.addWidget(window)
    first = RunsWidget(viewer, window)
    window.show()
    first.open_store(str(demo_store))
    qtbot.waitUntil(lambda: len(first.session.store.rows) == 2 and idle(first))
    session = first.session
    signals = (session.store.changed, session.store.rows_changed, session.facts_changed,
               session.selection_changed, session.screen.changed, session.busy_changed,
               session.backend_changed, session.failed)  # fmt: skip
    before = [len(signal) for signal in signals]
    other = RunsWidget(viewer, window)
    other.show()
    assert [len(signal) for signal in signals] != before
    with qtbot.waitSignal(other.destroyed):
        other.deleteLater()
    del other
    gc.collect()
    assert [len(signal) for signal in signals] == before
    select(qtbot, first, "mito_distance")


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


def test_the_path_map_of_the_preferences_and_of_the_opening_are_edited_as_one(
    qtbot: QtBot, dock: RunsWidget, stores: Path
) -> None:
    def opened() -> dict[str, str]:
        qtbot.waitUntil(lambda: dock.session.store.state.status == "open" and idle(dock))
        assert dock.session.store.opened is not None
        return dock.session.store.opened.options.path_map

    preferences.set_path_map({"/groups": "/mnt/groups"})
    dock.session.open_store(str(stores / "main"), path_map={"/nrs/demo": "/given"})
    assert opened() == {"/groups": "/mnt/groups", "/nrs/demo": "/given"}
    dock.stores.reload.trigger()
    assert opened() == {"/groups": "/mnt/groups", "/nrs/demo": "/given"}
    dialog = dock.edit_path_map()
    assert dialog.mapping() == {"/groups": "/mnt/groups", "/nrs/demo": "/given"}
    dialog.table.removeRow(1)
    dialog.accept()
    assert opened() == {"/groups": "/mnt/groups"}


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


def test_columns_that_are_chosen_in_the_preferences_are_shown_at_once(
    qtbot: QtBot, demo_dock: RunsWidget, make_dock: Callable[[], RunsWidget]
) -> None:
    other = make_dock()
    get_plugin_settings("napari-dacapo").display.columns = "name,loss,task"
    for view in (demo_dock.table.view, other.table.view):
        shown = [KEYS[i] for i in range(len(KEYS)) if not view.isColumnHidden(i)]
        assert shown == ["name", "task", "loss"]
    with qtbot.waitSignal(other.destroyed):
        other.deleteLater()
    get_plugin_settings("napari-dacapo").display.columns = "name"
    assert demo_dock.table.view.isColumnHidden(KEYS.index("loss"))


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


def question(dock: RunsWidget) -> QMessageBox:
    (box,) = dock.findChildren(QMessageBox)
    return box


def test_a_store_is_forgotten_when_that_is_confirmed(qtbot: QtBot, demo_dock: RunsWidget) -> None:
    (path,) = preferences.recent_stores()
    demo_dock.stores.forget.trigger()
    assert path in question(demo_dock).text()
    with qtbot.waitSignal(question(demo_dock).destroyed):
        question(demo_dock).reject()
    assert preferences.recent_stores() == (path,)
    assert len(demo_dock.session.store.rows) == 2
    demo_dock.stores.forget.trigger()
    question(demo_dock).accept()
    assert preferences.recent_stores() == ()
    assert demo_dock.table.empty.texts()[0] == "No store yet"


def test_close_takes_the_run_off_the_screen(
    qtbot: QtBot, demo_dock: RunsWidget, viewer: ViewerModel
) -> None:
    select(qtbot, demo_dock, "mito_distance")
    panel = show_panel(demo_dock)
    assert not panel.close_run.isEnabled()
    assert panel.notes.text().startswith("Not on screen. Open shows it")
    panel.open.click()
    qtbot.waitUntil(lambda: len(viewer.layers) == 4 and idle(demo_dock))
    assert "Not on screen" not in panel.notes.text()
    panel.close_run.click()
    assert len(viewer.layers) == 0
    assert not panel.close_run.isEnabled()
    assert panel.notes.text().startswith("Not on screen.")


def test_layers_that_the_user_deletes_are_not_on_screen(
    qtbot: QtBot, demo_dock: RunsWidget, viewer: ViewerModel
) -> None:
    select(qtbot, demo_dock, "mito_distance")
    panel = show_panel(demo_dock)
    panel.open.click()
    qtbot.waitUntil(lambda: len(viewer.layers) == 4 and idle(demo_dock))
    viewer.layers.clear()
    assert not panel.close_run.isEnabled()


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_run_that_the_reader_opened_is_on_screen(
    qtbot: QtBot,
    viewer: ViewerModel,
    make_dock: Callable[[], RunsWidget],
    demo_store: Path,
    when: str,
) -> None:
    dock = make_dock() if when == "after" else None
    for data, keywords, kind in read_run(demo_store, "mito_distance"):
        viewer.add_layer(Layer.create(data, keywords, kind))
    dock = dock or make_dock()
    dock.open_store(str(demo_store), run="mito_distance")
    qtbot.waitUntil(lambda: dock.session.facts is not None and idle(dock))
    panel = show_panel(dock)
    assert panel.close_run.isEnabled()
    dock.session.step(-1)
    qtbot.waitUntil(lambda: iterations(viewer) == {None, 1200} and idle(dock))
    panel.close_run.click()
    assert len(viewer.layers) == 0


def test_others_are_kept_for_all_docks(
    qtbot: QtBot,
    demo_dock: RunsWidget,
    make_dock: Callable[[], RunsWidget],
    viewer: ViewerModel,
) -> None:
    other = make_dock()
    show_panel(demo_dock).keep.click()
    assert show_panel(other).keep.isChecked()
    for run in ("mito_distance", "cell_affinities"):
        select(qtbot, demo_dock, run)
        show_panel(demo_dock).open.click()
        qtbot.waitUntil(lambda: idle(demo_dock))
    runs = {layer.metadata[KEY]["run"] for layer in viewer.layers}
    assert runs == {"mito_distance", "cell_affinities"}
    demo_dock.stores.close_runs.trigger()
    assert len(viewer.layers) == 0


def test_with_two_docks_a_failure_is_told_once_and_stays_to_be_read(
    qtbot: QtBot, dock: RunsWidget, make_dock: Callable[[], RunsWidget], stores: Path
) -> None:
    other = make_dock()
    dock.open_store(str(stores / "main"), run="never_trained")
    qtbot.waitUntil(lambda: dock.session.facts is not None and idle(dock))
    seen = len(notification_manager.records)
    show_panel(dock).open.click()
    qtbot.waitUntil(lambda: dock.session.screen.notes != () and idle(dock))
    (record,) = list(notification_manager.records)[seen:]
    for each in (dock, other):
        assert record.message in show_panel(each).notes.text()


@pytest.mark.parametrize("width", [280, 350, 600])
def test_nothing_asks_for_more_width_than_a_narrow_dock_has(
    qtbot: QtBot, demo_dock: RunsWidget, width: int, cut_off: Callable[[QWidget], list[QWidget]]
) -> None:
    select(qtbot, demo_dock, "mito_distance")
    demo_dock.resize(width, 700)
    assert demo_dock.width() == width
    for panel in demo_dock.panels.values():
        demo_dock.tabs.setCurrentWidget(panel)
        qtbot.waitUntil(lambda: idle(demo_dock))
        assert demo_dock.layout().minimumSize().width() <= width
        assert cut_off(panel) == []


def test_in_a_low_dock_the_show_page_is_scrolled_and_not_squeezed(
    qtbot: QtBot, demo_dock: RunsWidget
) -> None:
    select(qtbot, demo_dock, "mito_distance")
    panel = show_panel(demo_dock)
    panel.open.click()
    qtbot.waitUntil(lambda: panel.close_run.isEnabled() and idle(demo_dock))
    demo_dock.resize(280, demo_dock.minimumSizeHint().height())
    parts = (panel.dataset, panel.iteration, panel.parameters, panel.backends, panel.open)
    qtbot.waitUntil(lambda: all(part.height() >= part.minimumSizeHint().height() for part in parts))
    assert panel.notes.height() >= panel.notes.heightForWidth(panel.notes.width())
    (area,) = panel.findChildren(QScrollArea)
    area.ensureWidgetVisible(panel.notes)
    assert not panel.notes.visibleRegion().isEmpty()
