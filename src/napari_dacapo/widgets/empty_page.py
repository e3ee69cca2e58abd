"""What stands where there is nothing to show: a title, a reason, a way out."""

from __future__ import annotations

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QPushButton, QVBoxLayout, QWidget

from napari_dacapo.widgets.labels import text_label

__all__ = ["EmptyPage"]


class EmptyPage(QWidget):
    """A title, a text that can be copied, and at most one button."""

    clicked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._title = text_label(self)
        self._title.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._title.setStyleSheet("font-size: 13pt;")
        self._text = text_label(self)
        self._text.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._button = QPushButton(self)
        self._button.clicked.connect(self.clicked)
        layout = QVBoxLayout(self)
        layout.addStretch()
        layout.addWidget(self._title)
        layout.addWidget(self._text)
        layout.addWidget(self._button, alignment=Qt.AlignmentFlag.AlignCenter)
        layout.addStretch()

    def say(self, title: str, text: str = "", button: str = "") -> None:
        """Show a title, a reason and, if named, a button."""
        self._title.setText(title)
        self._text.setText(text)
        self._text.setVisible(bool(text))
        self._button.setText(button)
        self._button.setVisible(bool(button))

    def texts(self) -> tuple[str, str, str]:
        """Return what is said: title, text, button."""
        return self._title.text(), self._text.text(), self._button.text()
