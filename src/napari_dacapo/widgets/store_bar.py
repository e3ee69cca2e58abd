"""Which store: recent ones to choose from, others to add."""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QMenu, QToolButton, QWidget
from superqt.utils import signals_blocked

from napari_dacapo.viewers.plain_text import plain_text
from napari_dacapo.widgets.eliding_combo import ElidingCombo

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["StoreBar", "store_label"]


def store_label(path: str) -> str:
    """Return a label that tells stores apart where there is little room.

    >>> store_label("/nrs/demo/dacapo")
    'dacapo  (/nrs/demo)'
    """
    pure = PurePath(path)
    return f"{pure.name}  ({pure.parent})" if pure.name else path


class StoreBar(QWidget):
    """A chooser of stores and a menu of what can be done with them.

    Signals
    -------
    store_chosen : str
        The user wants to see this store.
    reload_clicked, forget_clicked, path_map_clicked, close_runs_clicked
        Entries of the menu.
    """

    store_chosen = Signal(str)
    reload_clicked = Signal()
    forget_clicked = Signal()
    path_map_clicked = Signal()
    close_runs_clicked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.chooser = ElidingCombo(8, self)
        self.chooser.setPlaceholderText("No store")
        self.chooser.setAccessibleName("Store")
        self.chooser.activated.connect(lambda i: self.store_chosen.emit(self.chooser.itemData(i)))
        self.add = self._button("Add…", "Add a store: choose its folder")
        self.add.clicked.connect(self.ask_for_store)
        self.more = self._button("⋯", "Reload, path map, close runs, forget")
        self.more.setStyleSheet("QToolButton::menu-indicator { image: none; }")
        self.more.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        menu = QMenu(self)
        menu.setToolTipsVisible(True)
        self.reload = menu.addAction("Reload", self.reload_clicked.emit)
        self.reload.setToolTip("Read the store again  F5")
        self.options_file = menu.addAction("Open options file…", self.ask_for_options_file)
        self.options_file.setToolTip("Open the store that a dacapo.yaml names")
        self.path_map = menu.addAction("Edit path map…", self.path_map_clicked.emit)
        self.path_map.setToolTip("Say where paths that runs name lie on this computer")
        menu.addSeparator()
        self.close_runs = menu.addAction("Close all runs", self.close_runs_clicked.emit)
        self.close_runs.setToolTip("Take all runs off the screen; layers of your own stay")
        self.forget = menu.addAction("Forget this store", self.forget_clicked.emit)
        self.forget.setToolTip("Take it off the list; nothing is deleted")
        self.more.setMenu(menu)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.chooser, 1)
        layout.addWidget(self.add)
        layout.addWidget(self.more)

    def set_stores(self, recent: Iterable[str], current: str, default: str = "") -> None:
        """Offer stores.

        Parameters
        ----------
        recent : iterable of str
            Those that were open lately.
        current : str
            The one that is open; it is offered even if it is not among the recent.
        default : str
            The one that DaCapo's own options name; it stands first.
        """
        paths = dict.fromkeys(path for path in (default, *recent, current) if path)
        with signals_blocked(self.chooser):
            self.chooser.clear()
            for i, path in enumerate(paths):
                self.chooser.addItem(store_label(path), path)
                tooltip = f"{path}\nNamed by DaCapo's own options" if path == default else path
                self.chooser.setItemData(i, plain_text(tooltip), Qt.ItemDataRole.ToolTipRole)
            self.chooser.setCurrentIndex(self.chooser.findData(current) if current else -1)
        self.chooser.setEnabled(bool(paths))
        self.chooser.setToolTip(plain_text(current) or "Add a store to begin with")
        self.reload.setEnabled(bool(current))
        self.forget.setEnabled(bool(current))

    def ask_for_store(self) -> None:
        """Let the user choose a folder."""
        path = QFileDialog.getExistingDirectory(
            self, "Add a store: the folder with “configs” and “stats”, or one run of it"
        )
        if path:
            self.store_chosen.emit(path)

    def ask_for_options_file(self) -> None:
        """Let the user choose a ``dacapo.yaml``."""
        path, _ = QFileDialog.getOpenFileName(
            self, "Open the store of an options file", filter="DaCapo options (*.yaml *.yml)"
        )
        if path:
            self.store_chosen.emit(path)

    def _button(self, text: str, tooltip: str) -> QToolButton:
        button = QToolButton(self)
        button.setText(text)
        button.setToolTip(tooltip)
        return button
