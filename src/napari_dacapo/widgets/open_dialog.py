"""The dialog "Open training run…": a folder, then one of its runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication, QDialog, QDialogButtonBox, QMainWindow, QVBoxLayout

from napari_dacapo import preferences
from napari_dacapo.viewers.session import Session
from napari_dacapo.widgets.activity_strip import ActivityStrip
from napari_dacapo.widgets.binding import bind
from napari_dacapo.widgets.run_table import RunTable
from napari_dacapo.widgets.store_bar import StoreBar
from napari_dacapo.widgets.worker import start_in_thread

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qtpy.QtWidgets import QWidget

    from napari_dacapo.viewers.open_store import StoreState

__all__ = ["OpenDialog", "main_window"]


def main_window() -> QWidget | None:
    """Return the window that the user works in; a dialog takes its look from it."""
    windows = [w for w in QApplication.topLevelWidgets() if isinstance(w, QMainWindow)]
    visible = [window for window in windows if window.isVisible()]
    return QApplication.activeWindow() or next(iter(visible), None)


class OpenDialog(QDialog):
    """Choose a store and a run of it.

    Parameters
    ----------
    recent : sequence of str
        Stores to offer.
    first : str
        The one to begin with; if empty, that of DaCapo's own options, or the first recent one.
    parent : QWidget, optional
        The window that it belongs to.
    """

    def __init__(
        self, recent: Sequence[str], first: str = "", parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Open training run")
        self.resize(760, 460)
        self._recent = tuple(recent)
        # A session of its own: looking around here leaves the dock alone.
        self.session = Session((), start=start_in_thread, path_map=preferences.usable_path_map)
        self.stores = StoreBar(self)
        self.stores.more.hide()
        self.table = RunTable(self)
        self.activity = ActivityStrip(self)
        self.buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Open | QDialogButtonBox.StandardButton.Cancel, self
        )
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.addWidget(self.stores)
        layout.addWidget(self.table, 1)
        layout.addWidget(self.activity)
        layout.addWidget(self.buttons)
        self.stores.store_chosen.connect(self.look_at)
        self.table.add_store_clicked.connect(self.stores.ask_for_store)
        self.table.view.run_activated.connect(lambda _name, _side: self.accept())
        self.table.view.selectionModel().selectionChanged.connect(self._update_button)
        self.activity.cancelled.connect(self.session.cancel)
        self.finished.connect(self.session.close)
        bind(
            self,
            (self.session.store.changed, self._on_store),
            (self.session.store.rows_changed, self._on_rows),
            (self.session.busy_changed, self.activity.tell),
        )
        self._on_store(self.session.store.state)
        self._on_rows()
        last = self._recent[0] if self._recent else ""
        self.session.open_store(first, otherwise=last, quiet=True)

    def look_at(self, path: str) -> None:
        """List the runs of a store; of a run folder, select its run."""
        self.session.open_store(path)

    def store(self) -> str:
        """Return the chosen store."""
        return self.session.store.state.path

    def run(self) -> str | None:
        """Return the chosen run."""
        row = self.table.view.current()
        return row.name if row is not None else None

    def _on_store(self, state: StoreState) -> None:
        self.stores.set_stores(self._recent, state.path, self.session.store.default)
        self._on_rows()

    def _on_rows(self) -> None:
        session = self.session
        self.table.show_rows(session.store.rows, session.store.state, session.store.listing)
        if session.selection.run is not None:
            self.table.view.select(session.selection.run)
        self._update_button()

    def _update_button(self) -> None:
        row = self.table.view.current()
        button = self.buttons.button(QDialogButtonBox.StandardButton.Open)
        button.setEnabled(row is not None and row.state != "broken")
