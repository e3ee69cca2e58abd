"""A table of path prefixes: what runs name, and where it lies here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QHBoxLayout,
    QHeaderView,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_dacapo.widgets.labels import text_label
from napari_dacapo.widgets.path_maps import problem_of

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["PathMapDialog"]


class PathMapDialog(QDialog):
    """Edit a path map, or, in heirs, another map of prefixes.

    Parameters
    ----------
    mapping : mapping of str to str
        The map as it is.
    suggestion : str
        A prefix that the selected run names and that is not mapped yet.
    parent : QWidget, optional
        The window that it belongs to.
    """

    title = "Path map"
    text = (
        "Runs name absolute paths of the computer that trained them. "
        "Say where such a path begins here; the longest one that fits is taken."
    )
    headers = ("Path in the runs", "Path here")
    folder_column = 1

    def __init__(
        self, mapping: Mapping[str, str], suggestion: str = "", parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.title)
        self.resize(620, 300)
        text = text_label(self)
        text.setText(self.text)
        self.table = QTableWidget(0, 2, self)
        self.table.setHorizontalHeaderLabels(self.headers)
        self.table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        self.table.verticalHeader().hide()
        for key, value in mapping.items():
            self.add(key, value)
        if suggestion or not mapping:
            self.add(suggestion, "")
        self.table.itemChanged.connect(self._check)
        self.add_line = QPushButton("Add", self)
        self.add_line.setToolTip("Add an empty line to fill in")
        self.add_line.clicked.connect(lambda: self.add("", ""))
        self.remove = QPushButton("Remove", self)
        self.remove.setToolTip("Take the selected line away")
        self.remove.clicked.connect(lambda: self.table.removeRow(self.table.currentRow()))
        self.remove.clicked.connect(self._check)
        browse = QPushButton("Browse…", self)
        browse.setToolTip("Choose the folder here of the selected line")
        browse.clicked.connect(self._browse)
        self.problem = text_label(self)
        self.buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel, self
        )
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        row = QHBoxLayout()
        for button in (self.add_line, self.remove, browse):
            row.addWidget(button)
        row.addStretch()
        layout = QVBoxLayout(self)
        layout.addWidget(text)
        layout.addWidget(self.table, 1)
        layout.addLayout(row)
        layout.addWidget(self.problem)
        layout.addWidget(self.buttons)
        self._check()

    def add(self, key: str, value: str) -> None:
        """Add a line and make it the current one."""
        row = self.table.rowCount()
        self.table.insertRow(row)
        self.table.setItem(row, 0, QTableWidgetItem(key))
        self.table.setItem(row, 1, QTableWidgetItem(value))
        self.table.setCurrentCell(row, 1 if key else 0)

    def lines(self) -> list[tuple[str, str]]:
        """Return the lines that are not empty, as they stand."""
        found = []
        for row in range(self.table.rowCount()):
            items = (self.table.item(row, column) for column in range(2))
            key, value = (item.text().strip() if item is not None else "" for item in items)
            if key and value:
                found.append((key, value))
        return found

    def mapping(self) -> dict[str, str]:
        """Return the map."""
        return dict(self.lines())

    def _check(self) -> None:
        problem = problem_of(self.lines())
        self.problem.setText(problem)
        self.buttons.button(QDialogButtonBox.StandardButton.Ok).setEnabled(not problem)

    def _browse(self) -> None:
        row = self.table.currentRow()
        path = QFileDialog.getExistingDirectory(self, "Folder here") if row >= 0 else ""
        if path:
            self.table.setItem(row, self.folder_column, QTableWidgetItem(path))
