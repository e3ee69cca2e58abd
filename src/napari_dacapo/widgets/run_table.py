"""Filter box, run table and what stands in its place when there are no runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, QObject, Qt, Signal
from qtpy.QtGui import QKeyEvent
from qtpy.QtWidgets import (
    QHBoxLayout,
    QLineEdit,
    QSizePolicy,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from napari_dacapo.widgets.empty_page import EmptyPage
from napari_dacapo.widgets.run_view import RunView

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_dacapo.runs import RunRow
    from napari_dacapo.viewers.open_store import StoreState

__all__ = ["RunTable"]


class RunTable(QWidget):
    """Everything about the list of runs.

    Signals
    -------
    add_store_clicked
        The button of an empty state was pressed.
    """

    add_store_clicked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.view = RunView(self)
        self.empty = EmptyPage(self)
        self.empty.clicked.connect(self.add_store_clicked)
        self.filter = QLineEdit(self)
        self.filter.setPlaceholderText("Filter runs")
        self.filter.setClearButtonEnabled(True)
        self.filter.setToolTip(
            "All words must occur in name, task, architecture, state or problem.\n"
            "state:finished looks in the state only; so do name:, task:, architecture:, problem:"
        )
        self.filter.textChanged.connect(self._on_filter)
        self.filter.installEventFilter(self)
        self.columns = QToolButton(self)
        self.columns.setText("Columns")
        self.columns.setToolTip("Choose the columns of the table")
        self.columns.clicked.connect(self._show_columns)
        self._stack = QStackedWidget(self)
        self._stack.addWidget(self.view)
        self._stack.addWidget(self.empty)
        self._stack.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Expanding)
        top = QHBoxLayout()
        top.addWidget(self.filter, 1)
        top.addWidget(self.columns)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(top)
        layout.addWidget(self._stack, 1)
        self._state: StoreState | None = None

    def show_rows(self, rows: Sequence[RunRow], state: StoreState, listing: bool) -> None:
        """Show runs, or why there are none."""
        self._state = state
        self.view.set_rows(rows)
        self._tell(listing)

    def _tell(self, listing: bool = False) -> None:
        state = self._state
        if self.view.proxy.rowCount():
            self._stack.setCurrentWidget(self.view)
        else:
            self._stack.setCurrentWidget(self.empty)
            if self.view.model_.rowCount():
                self.empty.say("No run matches", f"Nothing here matches “{self.filter.text()}”.")
            elif state is None or state.status == "none":
                self.empty.say(
                    "No store yet",
                    "A store is the folder in which DaCapo keeps its runs: "
                    "the one with “configs” and “stats” in it. "
                    "To try it without one: File → Open Sample.",
                    "Add store…",
                )
            elif state.status == "failed":
                self.empty.say("This store cannot be opened", state.problem, "Add store…")
            elif listing:
                self.empty.say("Listing runs…", state.path)
            else:
                self.empty.say(
                    "No runs here",
                    f"{state.path or state.name} is a store, but no run was configured in it.",
                    "Add store…",
                )
        searchable = bool(self.view.model_.rowCount())
        self.filter.setEnabled(searchable)
        self.columns.setEnabled(searchable)

    def _on_filter(self, text: str) -> None:
        self.view.set_filter(text)
        self._tell()

    def _show_columns(self) -> None:
        menu = self.view.column_menu()
        menu.popup(self.columns.mapToGlobal(self.columns.rect().bottomLeft()))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Let arrow keys go from the filter box to the runs."""
        if watched is self.filter and isinstance(event, QKeyEvent):
            if event.type() == QEvent.Type.KeyPress and event.key() == Qt.Key.Key_Down:
                self.view.setFocus()
                if self.view.current() is None:
                    self.view.setCurrentIndex(self.view.proxy.index(0, 0))
                return True
        return bool(super().eventFilter(watched, event))
