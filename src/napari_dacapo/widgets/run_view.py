"""The table itself: columns that fit, sorting, selection by name, keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QItemSelectionModel, QModelIndex, QPoint, Qt, Signal
from qtpy.QtGui import QKeyEvent, QKeySequence, QShortcut
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QMenu, QTreeView

from napari_dacapo.widgets.row_texts import COLUMNS, fitting
from napari_dacapo.widgets.run_delegates import (
    IterationsDelegate,
    NameDelegate,
    RoomyDelegate,
    StateDelegate,
)
from napari_dacapo.widgets.run_model import ROW_ROLE, RunModel, RunProxy

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from qtpy.QtGui import QResizeEvent
    from qtpy.QtWidgets import QWidget

    from napari_dacapo.runs import RunRow

__all__ = ["RunView"]

KEYS = [column.key for column in COLUMNS]
PADDING = 10
NAME_CHARS = 32
NAME_SHARE = 0.45
"""Names are legible up to so many characters, or to so much of the table, at the cost of others."""
BEGINNINGS = (
    Qt.Key.Key_Down, Qt.Key.Key_Up, Qt.Key.Key_Home, Qt.Key.Key_PageDown, Qt.Key.Key_PageUp,
)  # fmt: skip
"""Keys that, with no run selected, select the one to begin with."""


class RunView(QTreeView):
    """Runs to sort, filter and choose from.

    Signals
    -------
    run_selected : str
        The user selected another run.
    run_activated : str, bool
        A run was opened by double click or Enter; True: side by side.
    columns_chosen : tuple
        The user chose columns; empty: as many as fit.
    """

    run_selected = Signal(str)
    run_activated = Signal(str, bool)
    columns_chosen = Signal(tuple)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("runs")
        self.setAccessibleName("Runs")
        self.model_ = RunModel(self)
        self.proxy = RunProxy(self)
        self.proxy.setSourceModel(self.model_)
        self.setModel(self.proxy)
        self._chosen: tuple[str, ...] = ()
        self._wanted = ""
        self._telling = True
        self.setRootIsDecorated(False)
        self.setUniformRowHeights(True)
        self.setAllColumnsShowFocus(True)
        self.setAlternatingRowColors(False)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setSortingEnabled(True)
        self.sortByColumn(KEYS.index("name"), Qt.SortOrder.AscendingOrder)
        self.setItemDelegate(RoomyDelegate(self))
        self.setItemDelegateForColumn(KEYS.index("name"), NameDelegate(self))
        self.setItemDelegateForColumn(KEYS.index("state"), StateDelegate(self))
        self.setItemDelegateForColumn(KEYS.index("iterations"), IterationsDelegate(self))
        header = self.header()
        header.setStretchLastSection(False)
        header.setMinimumSectionSize(48)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Fixed)
        header.sectionResized.connect(self._on_resized)
        header.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        header.customContextMenuRequested.connect(self._show_column_menu)
        # Not the current row: Qt makes the first row current when the table gets the focus.
        self.selectionModel().selectionChanged.connect(self._on_selection_changed)
        self.doubleClicked.connect(self._on_double_clicked)
        for keys, side_by_side in (("Return", False), ("Enter", False), ("Shift+Return", True)):
            shortcut = QShortcut(QKeySequence(keys), self)
            shortcut.setContext(Qt.ShortcutContext.WidgetShortcut)
            shortcut.activated.connect(lambda side=side_by_side: self._activate(side))
        self._fit_widths()

    def set_filter(self, text: str) -> None:
        """Show only the runs that match a text; the selected run comes back with its row."""
        self.proxy.set_filter(text)
        self.select(self._wanted)

    def set_rows(self, rows: Sequence[RunRow]) -> None:
        """Show rows and keep the current run."""
        wanted = self._wanted
        self._telling = False  # a reset of the model is no choice of the user
        self.model_.set_rows(rows)
        self._telling = True
        self._fit_columns()
        self.select(wanted)

    def select(self, name: str) -> None:
        """Make a run the current one; it may be listed later."""
        self._wanted = name
        place = self.model_.row(name) if name else None
        if place is None:
            return
        index = self.proxy.mapFromSource(self.model_.index(place, 0))
        if index.isValid() and index not in self.selectionModel().selectedRows():
            self._telling = False
            self._go_to(index)
            self._telling = True
            self.scrollTo(index)

    def current(self) -> RunRow | None:
        """Return the selected run."""
        indexes = self.selectionModel().selectedRows()
        return indexes[0].data(ROW_ROLE) if indexes else None

    def choose_columns(self, keys: Iterable[str]) -> None:
        """Show these columns; none: as many as fit."""
        self._chosen = tuple(key for key in KEYS if key in set(keys))
        self._fit_columns()

    def column_menu(self) -> QMenu:
        """Return a menu to choose columns with."""
        menu = QMenu(self)
        menu.setToolTipsVisible(True)
        fit = menu.addAction("As many as fit")
        fit.setCheckable(True)
        fit.setChecked(not self._chosen)
        fit.triggered.connect(lambda: self._choose(()))
        menu.addSeparator()
        for i, column in enumerate(COLUMNS):
            action = menu.addAction(column.title)
            action.setCheckable(True)
            action.setChecked(not self.isColumnHidden(i))
            action.setEnabled(column.key != "name")
            action.triggered.connect(lambda on, key=column.key: self._toggle(key, on))
        return menu

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Go through the runs; Qt itself would go on from a run that is not selected."""
        if event.key() not in BEGINNINGS or self.selectionModel().hasSelection():
            super().keyPressEvent(event)
            return
        current = self.currentIndex()
        first = current if current.isValid() else self.proxy.index(0, 0)
        if first.isValid():
            self._go_to(first)
            self.scrollTo(first)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Show as many columns as fit."""
        super().resizeEvent(event)
        self._fit_columns()

    def _choose(self, keys: Iterable[str]) -> None:
        self.choose_columns(keys)
        self.columns_chosen.emit(self._chosen)

    def _toggle(self, key: str, on: bool) -> None:
        shown = {k for i, k in enumerate(KEYS) if not self.isColumnHidden(i)}
        self._choose(shown | {key} if on else shown - {key})

    def _needs(self) -> dict[str, int]:
        metrics = self.fontMetrics()
        width = metrics.averageCharWidth()
        needs = {column.key: column.chars * width + PADDING for column in COLUMNS}
        longest = max(map(metrics.horizontalAdvance, self.model_.longest_names()), default=0)
        most = max(NAME_CHARS * width, int(NAME_SHARE * self.viewport().width()))
        return {**needs, "name": max(needs["name"], min(longest + 2 * PADDING, most))}

    def _fit_widths(self) -> None:
        for i, need in enumerate(self._needs().values()):
            if i:
                self.header().resizeSection(i, need)
        self._fit_columns()

    def _fit_columns(self) -> None:
        needs = self._needs()
        shown = fitting(needs, self.viewport().width(), self._chosen)
        for i, key in enumerate(KEYS):
            self.setColumnHidden(i, key not in shown)
        self._fit_name(needs["name"])

    def _fit_name(self, need: int) -> None:
        """Give the names the width that the other columns leave, but at least what they need."""
        others = sum(self.header().sectionSize(i) for i in range(1, len(KEYS)))
        room = self.viewport().width()
        alone = all(self.isColumnHidden(i) for i in range(1, len(KEYS)))
        self.header().resizeSection(0, room if alone else max(need, room - others))

    def _on_resized(self, section: int, _before: int, _after: int) -> None:
        if section:
            self._fit_name(self._needs()["name"])

    def _show_column_menu(self, where: QPoint) -> None:
        self.column_menu().popup(self.header().viewport().mapToGlobal(where))

    def _go_to(self, index: QModelIndex) -> None:
        flags = QItemSelectionModel.SelectionFlag
        self.selectionModel().setCurrentIndex(index, flags.ClearAndSelect | flags.Rows)

    def _on_selection_changed(self) -> None:
        row = self.current() if self._telling else None
        if row is not None and row.name != self._wanted:
            self._wanted = row.name
            self.run_selected.emit(row.name)

    def _on_double_clicked(self, index: QModelIndex) -> None:
        self.run_activated.emit(index.data(ROW_ROLE).name, False)

    def _activate(self, side_by_side: bool) -> None:
        row = self.current()
        if row is not None:
            self.run_activated.emit(row.name, side_by_side)
