from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QStyleOptionViewItem

from napari_dacapo.widgets.row_texts import COLUMNS
from napari_dacapo.widgets.run_view import RunView

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytestqt.qtbot import QtBot
    from qtpy.QtWidgets import QWidget

    from napari_dacapo.runs.row import RunRow

    Rows = tuple[RunRow, ...]


@pytest.fixture
def view(qtbot: QtBot, rows: Rows) -> RunView:
    view = RunView()
    qtbot.addWidget(view)
    view.resize(500, 200)
    view.show()
    view.set_rows(rows)
    return view


def shown(view: RunView) -> list[str]:
    return [c.key for i, c in enumerate(COLUMNS) if not view.isColumnHidden(i)]


def test_arrows_go_through_the_runs(qtbot: QtBot, view: RunView) -> None:
    selected: list[str] = []
    view.run_selected.connect(selected.append)
    for key in (Qt.Key.Key_Home, Qt.Key.Key_Down, Qt.Key.Key_Down, Qt.Key.Key_Up):
        qtbot.keyClick(view, key)
    assert selected[-3:] == ["b_configured", "c_finished", "b_configured"]


@pytest.mark.parametrize(
    ("keys", "name"),
    [
        ((Qt.Key.Key_Down,), "a_broken"),
        ((Qt.Key.Key_Down, Qt.Key.Key_Down), "b_configured"),
        ((Qt.Key.Key_Up,), "a_broken"),
        ((Qt.Key.Key_Home,), "a_broken"),
        ((Qt.Key.Key_End,), "d_failed"),
    ],
)
def test_with_nothing_selected_the_keys_begin_at_the_first_run(
    qtbot: QtBot,
    view: RunView,
    focus: Callable[[QWidget], None],
    keys: tuple[Qt.Key, ...],
    name: str,
) -> None:
    focus(view)  # Qt makes the first row current, but does not select it
    assert view.current() is None
    for key in keys:
        qtbot.keyClick(view, key)
    current = view.current()
    assert current is not None
    assert current.name == name


@pytest.mark.parametrize(
    ("key", "modifier", "side_by_side"),
    [
        (Qt.Key.Key_Return, Qt.KeyboardModifier.NoModifier, False),
        (Qt.Key.Key_Enter, Qt.KeyboardModifier.KeypadModifier, False),
        (Qt.Key.Key_Return, Qt.KeyboardModifier.ShiftModifier, True),
    ],
)
def test_enter_opens_the_current_run(
    qtbot: QtBot,
    view: RunView,
    key: Qt.Key,
    modifier: Qt.KeyboardModifier,
    side_by_side: bool,
    focus: Callable[[QWidget], None],
) -> None:
    view.select("c_finished")
    focus(view)
    with qtbot.waitSignal(view.run_activated) as opened:
        qtbot.keyClick(view, key, modifier)
    assert opened.args == ["c_finished", side_by_side]


def test_a_double_click_opens(qtbot: QtBot, view: RunView) -> None:
    where = view.visualRect(view.proxy.index(1, 0)).center()
    qtbot.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=where)
    with qtbot.waitSignal(view.run_activated) as opened:
        qtbot.mouseDClick(view.viewport(), Qt.MouseButton.LeftButton, pos=where)
    assert opened.args == ["b_configured", False]


def test_nothing_opens_without_a_run(qtbot: QtBot, view: RunView) -> None:
    view.set_rows(())
    opened: list[object] = []
    view.run_activated.connect(lambda *args: opened.append(args))
    qtbot.keyClick(view, Qt.Key.Key_Return)
    assert opened == []


def test_the_current_run_survives_new_rows_sorting_and_filter(view: RunView, rows: Rows) -> None:
    told: list[str] = []
    view.run_selected.connect(told.append)
    view.select("c_finished")
    view.sortByColumn(4, Qt.SortOrder.DescendingOrder)
    view.set_rows(rows[1:])
    view.set_rows(rows)
    view.set_filter("broken")
    assert view.current() is None
    view.set_filter("")
    current = view.current()
    assert current is not None
    assert current.name == "c_finished"
    assert told == []


def test_a_run_that_is_listed_later_can_be_chosen_before(view: RunView, rows: Rows) -> None:
    view.set_rows(())
    view.select("d_failed")
    view.set_rows(rows[:2])
    view.set_rows(rows)
    current = view.current()
    assert current is not None
    assert current.name == "d_failed"


def test_columns_fit_the_width(qtbot: QtBot, view: RunView) -> None:
    everything = [column.key for column in COLUMNS]
    seen = []
    for width in (1400, 700, 350, 120):
        view.resize(width, 200)
        seen.append(shown(view))
    assert seen[0] == everything
    assert len(seen[0]) > len(seen[1]) > len(seen[2]) > len(seen[3]) == 1
    assert {"name", "state", "iterations"} <= set(seen[2])


def named(rows: Rows, *names: str) -> Rows:
    return tuple(replace(row, name=name) for row, name in zip(rows, names, strict=False))


def test_long_names_are_legible_and_other_columns_give_way(view: RunView, rows: Rows) -> None:
    long = "dist_same_iso0_resumed_2"
    before = shown(view)
    view.set_rows(named(rows, long, "b", "c"))
    assert view.columnWidth(0) >= view.fontMetrics().horizontalAdvance(long)
    assert view.columnWidth(0) > max(view.columnWidth(i) for i in range(1, len(COLUMNS)))
    assert len(shown(view)) < len(before)
    assert {"name", "state"} <= set(shown(view))


def test_endless_names_leave_room_and_show_their_ends(view: RunView, rows: Rows) -> None:
    view.set_rows(named(rows, "x" * 300 + "_left", "x" * 300 + "_right", "c"))
    assert {"name", "state"} <= set(shown(view))
    option = QStyleOptionViewItem()
    index = view.proxy.index(0, 0)
    view.itemDelegateForIndex(index).initStyleOption(option, index)
    assert option.textElideMode == Qt.TextElideMode.ElideMiddle


@pytest.mark.parametrize("loss", [-1.2345e8, 1.2345e-12, 0.000123456, 12345.678])
def test_losses_of_any_size_are_legible(view: RunView, rows: Rows, loss: float) -> None:
    view.resize(1400, 200)
    view.set_rows([replace(rows[2], loss=loss)])
    place = [column.key for column in COLUMNS].index("loss")
    needed = view.sizeHintForIndex(view.proxy.index(0, place)).width()
    assert needed <= view.columnWidth(place)


def test_columns_that_were_chosen_do_not_squeeze_the_names(view: RunView, rows: Rows) -> None:
    long = "dist_same_iso0_resumed_2"
    view.choose_columns([column.key for column in COLUMNS])
    view.set_rows(named(rows, long))
    assert view.columnWidth(0) >= view.fontMetrics().horizontalAdvance(long)
    view.resize(2000, 200)
    assert sum(view.columnWidth(i) for i in range(len(COLUMNS))) == view.viewport().width()


def test_columns_can_be_chosen_and_given_back(view: RunView) -> None:
    chosen: list[tuple[str, ...]] = []
    view.columns_chosen.connect(chosen.append)
    actions = {action.text(): action for action in view.column_menu().actions()}
    actions["Architecture"].trigger()
    assert "architecture" in shown(view)
    assert chosen[-1] == tuple(shown(view))
    view.resize(200, 200)
    assert "architecture" in shown(view)
    fit = next(a for a in view.column_menu().actions() if a.text() == "As many as fit")
    assert not fit.isChecked()
    fit.trigger()
    assert chosen[-1] == ()
    assert "architecture" not in shown(view)
    assert not actions["Name"].isEnabled()


def test_all_cells_can_be_drawn(view: RunView, rows: Rows) -> None:
    view.choose_columns([column.key for column in COLUMNS])
    view.resize(1200, 200)
    image = view.viewport().grab().toImage()
    finished = view.visualRect(view.proxy.index(2, 4))
    configured = view.visualRect(view.proxy.index(1, 4))
    spot = finished.left() + finished.width() // 4, finished.top() + 5
    other = configured.left() + configured.width() // 4, configured.top() + 5
    assert image.pixelColor(*spot) != image.pixelColor(*other)
