"""The run table as Qt item models: rows are plain frozen dataclasses."""

from __future__ import annotations

from heapq import nlargest
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QAbstractTableModel, QModelIndex, QSortFilterProxyModel, Qt

from napari_dacapo.viewers.plain_text import plain_text
from napari_dacapo.widgets.row_texts import COLUMNS, matches

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qtpy.QtCore import QObject

    from napari_dacapo.runs import RunRow

__all__ = ["ROW_ROLE", "SORT_ROLE", "RunModel", "RunProxy"]

ROW_ROLE = Qt.ItemDataRole.UserRole
SORT_ROLE = Qt.ItemDataRole.UserRole + 1
_ROOT = QModelIndex()


class RunModel(QAbstractTableModel):
    """One row a run, one column a :class:`~napari_dacapo.widgets.row_texts.Column`."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._rows: list[RunRow] = []

    def set_rows(self, rows: Sequence[RunRow]) -> None:
        """Take over rows.

        Rows that are there already stay where they are, so that a table keeps
        its selection while further runs are being listed.
        """
        old, new = self._rows, list(rows)
        if [row.name for row in old] != [row.name for row in new[: len(old)]]:
            self.beginResetModel()
            self._rows = new
            self.endResetModel()
            return
        last_column = len(COLUMNS) - 1
        for i, (before, after) in enumerate(zip(old, new, strict=False)):
            if before != after:
                old[i] = after
                self.dataChanged.emit(self.index(i, 0), self.index(i, last_column))
        if len(new) > len(old):
            self.beginInsertRows(QModelIndex(), len(old), len(new) - 1)
            old.extend(new[len(old) :])
            self.endInsertRows()

    def row(self, name: str) -> int | None:
        """Return where the run of a name stands."""
        return next((i for i, row in enumerate(self._rows) if row.name == name), None)

    def longest_names(self) -> list[str]:
        """Return the names with the most characters, among them the widest one, most likely."""
        return nlargest(10, (row.name for row in self._rows), key=len)

    def rowCount(self, parent: QModelIndex = _ROOT) -> int:
        """Return the number of runs."""
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: QModelIndex = _ROOT) -> int:
        """Return the number of columns."""
        return 0 if parent.isValid() else len(COLUMNS)

    def headerData(
        self,
        section: int,
        orientation: Qt.Orientation,
        role: int = Qt.ItemDataRole.DisplayRole,
    ) -> Any:
        """Return the title of a column."""
        if orientation != Qt.Orientation.Horizontal or not 0 <= section < len(COLUMNS):
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return COLUMNS[section].title
        if role == Qt.ItemDataRole.ToolTipRole:
            return f"{COLUMNS[section].title}: click to sort, right-click to choose columns"
        return None

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return what a cell says, its row or its sort key."""
        if not self.checkIndex(index, QAbstractTableModel.CheckIndexOption.IndexIsValid):
            return None
        row, column = self._rows[index.row()], COLUMNS[index.column()]
        if role == Qt.ItemDataRole.DisplayRole:
            return column.text(row)
        if role == Qt.ItemDataRole.ToolTipRole:
            return plain_text(column.tooltip(row))
        if role == Qt.ItemDataRole.TextAlignmentRole:
            side = Qt.AlignmentFlag.AlignRight if column.numeric else Qt.AlignmentFlag.AlignLeft
            return side | Qt.AlignmentFlag.AlignVCenter
        if role == ROW_ROLE:
            return row
        if role == SORT_ROLE:
            return column.sort(row)
        return None


class RunProxy(QSortFilterProxyModel):
    """Sorts and filters the runs; cells without a value are last in both directions."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._text = ""
        self.setSortRole(SORT_ROLE)
        self.setDynamicSortFilter(True)

    def set_filter(self, text: str) -> None:
        """Show only the runs that match a text."""
        self._text = text
        self.invalidate()

    def lessThan(self, left: QModelIndex, right: QModelIndex) -> bool:
        """Whether one cell comes before another one."""
        a, b = left.data(SORT_ROLE), right.data(SORT_ROLE)
        if a is None or b is None:
            descending = self.sortOrder() == Qt.SortOrder.DescendingOrder
            return (a is None and b is not None) if descending else (b is None and a is not None)
        return bool(a < b)

    def filterAcceptsRow(self, source_row: int, source_parent: QModelIndex) -> bool:
        """Whether a run matches the text."""
        index = self.sourceModel().index(source_row, 0, source_parent)
        return matches(index.data(ROW_ROLE), self._text)
