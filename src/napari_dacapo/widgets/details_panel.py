"""The page "Details": what is wrong with a run, and its whole config."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QHeaderView,
    QStackedWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)
from superqt import QSearchableTreeWidget

from napari_dacapo.viewers.plain_text import plain_text
from napari_dacapo.widgets.binding import bind
from napari_dacapo.widgets.config_tree import readable, summary
from napari_dacapo.widgets.empty_page import EmptyPage
from napari_dacapo.widgets.labels import text_label
from napari_dacapo.widgets.run_delegates import RoomyDelegate

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_dacapo.viewers.session import Session

__all__ = ["DetailsPanel"]


class DetailsPanel(QWidget):
    """A searchable tree of the config, below the problem of the run if it has one."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.problem = text_label(self)
        self.tree = QSearchableTreeWidget(self)
        self.tree.layout().setContentsMargins(0, 0, 0, 0)
        self.tree.filter.setPlaceholderText("Search the config")
        self.tree.filter.setToolTip("Words or a regular expression, looked for in keys and values")
        self.tree.tree.setHeaderLabels(("Config", "Value"))
        self.tree.tree.setItemDelegate(RoomyDelegate(self.tree.tree))
        self.tree.tree.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        header = self.tree.tree.header()
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Interactive)
        header.setStretchLastSection(True)
        header.resizeSection(0, 190)
        self.tree.tree.setIndentation(12)
        self.empty = EmptyPage(self)
        full = QWidget(self)
        inner = QVBoxLayout(full)
        inner.setContentsMargins(0, 0, 0, 0)
        inner.addWidget(self.problem)
        inner.addWidget(self.tree, 1)
        self._stack = QStackedWidget(self)
        self._stack.addWidget(full)
        self._stack.addWidget(self.empty)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 4, 0, 0)
        layout.addWidget(self._stack)
        bind(self, (session.facts_changed, self._refresh))
        self._refresh()

    def _refresh(self) -> None:
        facts = self._session.facts
        if facts is None:
            self.empty.say("No run selected", "Its config and notes appear here.")
        elif not facts.config:
            self.empty.say(f"{facts.name} cannot be read", facts.problem)
        else:
            self.problem.setText(f"⚠ {facts.problem}")
            self.problem.setVisible(bool(facts.problem))
            self._fill(readable(facts.config))
        self._stack.setCurrentIndex(0 if facts is not None and facts.config else 1)

    def _fill(self, data: Mapping[str, Any]) -> None:
        searched = self.tree.filter.text()
        self.tree.setData(data)
        for i, branch in enumerate(data.values()):
            _label(self.tree.tree.topLevelItem(i), branch)
        self.tree.filter.setText(searched)


def _label(item: QTreeWidgetItem, branch: Any) -> None:
    """Say what a branch is, where superqt names its Python type."""
    item.setToolTip(1, plain_text(item.text(1)))
    if isinstance(branch, dict):
        item.setText(1, summary(branch))
        for i, child in enumerate(branch.values()):
            _label(item.child(i), child)
