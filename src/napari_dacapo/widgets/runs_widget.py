"""The dock "Runs": store, run table, pages of the selected run.

This widget only wires its parts to the session of its viewer. What is slow
runs in the session's lanes; the parts draw what the session announces.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QSize, Qt
from qtpy.QtGui import QKeySequence, QShortcut, QShowEvent
from qtpy.QtWidgets import QMessageBox, QSplitter, QTabWidget, QVBoxLayout, QWidget

from napari_dacapo import preferences
from napari_dacapo.samples import is_sample_store
from napari_dacapo.viewers.napari.backend import shown_in
from napari_dacapo.viewers.plain_text import plain_text
from napari_dacapo.viewers.selection import selection_of
from napari_dacapo.widgets.activity_strip import ActivityStrip
from napari_dacapo.widgets.binding import bind
from napari_dacapo.widgets.config_tree import data_paths
from napari_dacapo.widgets.follow_bar import FollowBar
from napari_dacapo.widgets.panels import PANELS
from napari_dacapo.widgets.path_map_dialog import PathMapDialog
from napari_dacapo.widgets.path_maps import suggest_prefix
from napari_dacapo.widgets.run_table import RunTable
from napari_dacapo.widgets.sessions import keep_with_window, session_of
from napari_dacapo.widgets.store_bar import StoreBar

if TYPE_CHECKING:
    import napari.viewer

    from napari_dacapo.viewers.open_store import StoreState

__all__ = ["RunsWidget"]


class RunsWidget(QWidget):
    """Training runs to choose from and to open.

    Parameters
    ----------
    napari_viewer : napari.viewer.Viewer
        Where runs open; docks of the same viewer share what they show.
    parent : QWidget, optional
        The widget that it belongs to.
    """

    def __init__(self, napari_viewer: napari.viewer.Viewer, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("napari-dacapo runs")
        self._viewer = napari_viewer
        self.session = session = session_of(napari_viewer)
        self.stores = StoreBar(self)
        self.table = RunTable(self)
        self.tabs = QTabWidget(self)
        self.tabs.setDocumentMode(True)
        self.tabs.tabBar().setDrawBase(False)
        self.panels = {panel.key: panel.make(session, self.tabs) for panel in PANELS}
        for panel in PANELS:
            index = self.tabs.addTab(self.panels[panel.key], panel.title)
            self.tabs.setTabToolTip(index, panel.tooltip)
        self.follow = FollowBar(session, self)
        self.activity = ActivityStrip(self)
        splitter = QSplitter(Qt.Orientation.Vertical, self)
        splitter.addWidget(self.table)
        splitter.addWidget(self.tabs)
        splitter.setChildrenCollapsible(False)
        splitter.setStretchFactor(0, 1)
        splitter.setStretchFactor(1, 1)
        splitter.setSizes([400, 400])
        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 6, 6, 6)
        layout.addWidget(self.stores)
        layout.addWidget(splitter, 1)
        layout.addWidget(self.follow)
        layout.addWidget(self.activity)
        self._wire_parts()
        bind(
            self,
            (session.store.changed, self._on_store),
            (session.store.rows_changed, self._show_rows),
            (session.busy_changed, self.activity.tell),
            (session.facts_changed, self._on_facts),
            (session.backend_changed, self._keep_backend),
            (preferences.changes.columns, self._use_columns),
        )
        preferences.changes.follow()
        self._add_shortcuts()
        self._begin()

    def sizeHint(self) -> QSize:
        """Return a size in which all of it is legible."""
        return QSize(430, 760)

    def minimumSizeHint(self) -> QSize:
        """Return the size below which nothing can be read."""
        return QSize(280, 420)

    def showEvent(self, event: QShowEvent) -> None:
        """Keep what is shared as long as the window, once there is one."""
        super().showEvent(event)
        keep_with_window(self.session, self)

    def open_store(self, path: str, *, run: str | None = None, show: bool = False) -> None:
        """Open a store, and select or show a run of it.

        Parameters
        ----------
        path : str
            A store or run folder, a ``validation.zarr`` or an options file.
        run : str, optional
            Run to select.
        show : bool
            Whether to show that run.
        """
        self.session.open_store(path, select=run, show=show)

    def edit_path_map(self) -> PathMapDialog:
        """Let the user edit where paths that runs name lie on this computer."""
        mapping = {**preferences.usable_path_map(), **self.session.store.path_map}
        facts = self.session.facts
        paths = data_paths(facts.config) if facts is not None else ()
        dialog = PathMapDialog(mapping, suggest_prefix(paths, mapping), self)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)

        def keep() -> None:
            preferences.set_path_map(dialog.mapping())
            self.session.reload(path_map={})

        dialog.accepted.connect(keep)
        dialog.open()
        return dialog

    def _wire_parts(self) -> None:
        session, view = self.session, self.table.view
        self.stores.store_chosen.connect(self.open_store)
        self.stores.reload_clicked.connect(self._reload)
        self.stores.forget_clicked.connect(self._forget_store)
        self.stores.path_map_clicked.connect(self.edit_path_map)
        self.stores.close_runs_clicked.connect(session.close_all_runs)
        self.table.add_store_clicked.connect(self.stores.ask_for_store)
        view.run_selected.connect(session.select_run)
        view.run_activated.connect(self._on_activated)
        self._use_columns()
        view.columns_chosen.connect(preferences.set_columns)
        self.activity.cancelled.connect(session.cancel)

    def _add_shortcuts(self) -> None:
        for keys, deed in (
            ("[", lambda: self.session.step(-1)),
            ("]", lambda: self.session.step(1)),
            ("F5", self._reload),
            ("Ctrl+F", self.table.filter.setFocus),
        ):
            shortcut = QShortcut(QKeySequence(keys), self)
            shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            shortcut.activated.connect(deed)

    def _begin(self) -> None:
        """Show what another dock has open, or else the store to open first."""
        session = self.session
        shown = selection_of(volume.identity for volume in shown_in(self._viewer))
        if session.store.state.status == "none" and shown is not None:
            # It came without a dock: dropped on the window, or added by a script.
            store, selection = shown
            session.open_store(store, select=selection)
        elif session.store.state.status == "none":
            session.use_backend(preferences.backend())
            recent = preferences.recent_stores()
            last = recent[0] if recent else ""
            session.open_store(preferences.default_store(), otherwise=last, quiet=True)
        self._on_store(session.store.state)
        self._show_rows()
        self._on_facts()
        self.activity.tell(session.busy)

    def _on_store(self, state: StoreState) -> None:
        if state.status == "open" and not is_sample_store(state.path):
            preferences.remember_store(state.path)
        self.stores.set_stores(preferences.recent_stores(), state.path, self.session.store.default)
        self._show_rows()

    def _show_rows(self) -> None:
        session = self.session
        self.table.show_rows(session.store.rows, session.store.state, session.store.listing)

    def _on_facts(self) -> None:
        facts = self.session.facts
        self.table.view.select(
            facts.name if facts is not None else self.session.selection.run or ""
        )

    def _on_activated(self, name: str, side_by_side: bool) -> None:
        self.session.select_run(name)
        self.session.show("side by side" if side_by_side else "stacked")

    def _use_columns(self) -> None:
        self.table.view.choose_columns(preferences.columns())

    def _keep_backend(self, name: str) -> None:
        preferences.set_backend(name)

    def _reload(self) -> None:
        self.session.reload()

    def _forget_store(self) -> None:
        path = self.session.store.state.path
        question = QMessageBox(
            QMessageBox.Icon.Question,
            "Forget this store?",
            plain_text(f"{path}\nis taken off the list of stores. No file is touched."),
            QMessageBox.StandardButton.Yes | QMessageBox.StandardButton.Cancel,
            self,
        )
        question.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)

        def forget() -> None:
            preferences.forget_store(path)
            if self.session.store.state.path == path:
                self.session.close_store()

        question.accepted.connect(forget)
        question.open()
