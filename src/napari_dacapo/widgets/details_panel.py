"""The page "Details": what is wrong with a run, and its whole config."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QStackedWidget, QVBoxLayout, QWidget

from napari_dacapo.widgets.binding import bind
from napari_dacapo.widgets.config_tree import readable
from napari_dacapo.widgets.config_view import ConfigView
from napari_dacapo.widgets.empty_page import EmptyPage
from napari_dacapo.widgets.labels import text_label

if TYPE_CHECKING:
    from napari_dacapo.viewers.session import Session

__all__ = ["DetailsPanel"]


class DetailsPanel(QWidget):
    """A searchable tree of the config, below the problem of the run if it has one."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.problem = text_label(self)
        self.tree = ConfigView(self)
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
            self.tree.set_data(readable(facts.config))
        self._stack.setCurrentIndex(0 if facts is not None and facts.config else 1)
