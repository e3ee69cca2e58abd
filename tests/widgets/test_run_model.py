from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from qtpy.QtCore import QModelIndex, Qt

from napari_dacapo.widgets.row_texts import COLUMNS
from napari_dacapo.widgets.run_model import ROW_ROLE, RunModel, RunProxy

if TYPE_CHECKING:
    from pytestqt.modeltest import ModelTester

    from napari_dacapo.runs.row import RunRow

    Rows = tuple[RunRow, ...]

KEYS = [column.key for column in COLUMNS]


def names(proxy: RunProxy) -> list[str]:
    return [proxy.index(i, 0).data() for i in range(proxy.rowCount())]


@pytest.fixture
def model(qapp: object) -> RunModel:
    return RunModel()


@pytest.fixture
def proxy(model: RunModel) -> RunProxy:
    proxy = RunProxy()
    proxy.setSourceModel(model)
    return proxy


def test_the_models_keep_qts_rules(
    qtmodeltester: ModelTester, model: RunModel, proxy: RunProxy, rows: Rows
) -> None:
    qtmodeltester.check(model)
    for some in (rows[:1], rows, (replace(rows[0], state="finished"), *rows[1:]), rows[2:], ()):
        model.set_rows(some)
        qtmodeltester.check(model)
        qtmodeltester.check(proxy)


def test_cells_say_what_the_columns_say(model: RunModel, rows: Rows) -> None:
    model.set_rows(rows)
    assert (model.rowCount(), model.columnCount()) == (4, len(COLUMNS))
    for i, row in enumerate(rows):
        for j, column in enumerate(COLUMNS):
            index = model.index(i, j)
            assert index.data() == column.text(row)
            assert index.data(Qt.ItemDataRole.ToolTipRole) == column.tooltip(row)
            assert index.data(ROW_ROLE) is row
    assert model.data(QModelIndex()) is None
    assert model.headerData(0, Qt.Orientation.Horizontal) == "Name"


def test_rows_that_arrive_later_are_inserted(model: RunModel, rows: Rows) -> None:
    resets: list[None] = []
    inserted: list[tuple[int, int]] = []
    changed: list[int] = []
    model.modelReset.connect(lambda: resets.append(None))
    model.rowsInserted.connect(lambda _, first, last: inserted.append((first, last)))
    model.dataChanged.connect(lambda top, _: changed.append(top.row()))
    model.set_rows(rows[:1])
    model.set_rows(rows)
    model.set_rows((rows[0], replace(rows[1], iteration=1), *rows[2:]))
    assert (resets, inserted, changed) == ([], [(0, 0), (1, 3)], [1])
    model.set_rows(rows[2:])
    assert len(resets) == 1


@pytest.mark.parametrize(
    ("key", "ascending"),
    [
        ("name", ["a_broken", "b_configured", "c_finished", "d_failed"]),
        ("iterations", ["b_configured", "d_failed", "c_finished"]),
        ("last_change", ["c_finished", "d_failed"]),
        ("loss", ["c_finished"]),
        ("best_score", ["c_finished"]),
    ],
)
def test_cells_without_a_value_are_last_in_both_directions(
    model: RunModel, proxy: RunProxy, rows: Rows, key: str, ascending: list[str]
) -> None:
    model.set_rows(rows)
    proxy.sort(KEYS.index(key), Qt.SortOrder.AscendingOrder)
    assert names(proxy)[: len(ascending)] == ascending
    proxy.sort(KEYS.index(key), Qt.SortOrder.DescendingOrder)
    assert names(proxy)[: len(ascending)] == ascending[::-1]


def test_filter(model: RunModel, proxy: RunProxy, rows: Rows) -> None:
    model.set_rows(rows)
    proxy.set_filter("distance unet")
    assert names(proxy) == ["b_configured", "d_failed"]
    proxy.set_filter("truncated")
    assert names(proxy) == ["a_broken"]
    proxy.set_filter("")
    assert len(names(proxy)) == 4
