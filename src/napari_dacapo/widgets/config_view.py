"""A config as a tree of rows, with a field to search in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QHeaderView,
    QLineEdit,
    QStackedWidget,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_dacapo.viewers.plain_text import plain_text
from napari_dacapo.widgets.config_tree import find, summary
from napari_dacapo.widgets.empty_page import EmptyPage
from napari_dacapo.widgets.run_delegates import RoomyDelegate

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    Place = tuple[str, ...]

__all__ = ["ConfigView"]


class ConfigView(QWidget):
    """Keys and values; a search shows the entries that match and opens what they are in."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._data: Mapping[str, Any] = {}
        self._opened: set[Place] = set()  # by the user, before a search opened more
        self.filter = QLineEdit(self)
        self.filter.setPlaceholderText("Search the config")
        self.filter.setToolTip("A text that is looked for in keys and values, as it stands")
        self.filter.setClearButtonEnabled(True)
        self.tree = QTreeWidget(self)
        self.tree.setHeaderLabels(("Config", "Value"))
        self.tree.setItemDelegate(RoomyDelegate(self.tree))
        self.tree.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.tree.setIndentation(12)
        header = self.tree.header()
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Interactive)
        header.setStretchLastSection(True)
        header.resizeSection(0, 190)
        self.empty = EmptyPage(self)
        self.empty.clicked.connect(self.filter.clear)
        self._stack = QStackedWidget(self)
        self._stack.addWidget(self.tree)
        self._stack.addWidget(self.empty)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.filter)
        layout.addWidget(self._stack, 1)
        self._before = ""
        self.filter.textChanged.connect(self._search)

    def set_data(self, data: Mapping[str, Any]) -> None:
        """Show another tree, as :func:`~config_tree.readable` returns it; the search stays."""
        self._data = data
        self._opened = set()
        self._before = ""
        self.tree.clear()
        self.tree.addTopLevelItems([_item(key, value) for key, value in data.items()])
        self._search(self.filter.text())

    def _search(self, text: str) -> None:
        items = list(self._items())
        if text and not self._before:
            self._opened = {place for place, item in items if item.isExpanded()}
        self._before = text
        found = find(self._data, text)
        opened = found.opened if text else self._opened
        for place, item in items:
            item.setHidden(place not in found.shown)
            item.setExpanded(place in opened)
        if text and not found.shown:
            self.empty.say("Nothing found", f"Nothing in the config holds “{text}”.", "Clear")
        self._stack.setCurrentWidget(self.empty if text and not found.shown else self.tree)

    def _items(self) -> Iterator[tuple[Place, QTreeWidgetItem]]:
        """Yield all rows and their places, which are read off the rows themselves."""
        todo: list[tuple[Place, QTreeWidgetItem]] = [
            ((), self.tree.topLevelItem(i)) for i in range(self.tree.topLevelItemCount())
        ]
        while todo:
            above, item = todo.pop()
            place = (*above, item.text(0))
            yield place, item
            todo += [(place, item.child(i)) for i in range(item.childCount())]


def _item(key: str, value: Any) -> QTreeWidgetItem:
    is_branch = not isinstance(value, str)
    item = QTreeWidgetItem([key, summary(value) if is_branch else value])
    item.setToolTip(1, plain_text(item.text(1)))
    if is_branch:
        item.addChildren([_item(name, child) for name, child in value.items()])
    return item
