"""What is being done right now, and a button to stop it."""

from __future__ import annotations

from qtpy.QtCore import Qt, QTimer, Signal
from qtpy.QtWidgets import QHBoxLayout, QProgressBar, QPushButton, QWidget
from superqt import QElidingLabel

from napari_dacapo.viewers.plain_text import plain_text

__all__ = ["ActivityStrip"]

DELAY_MS = 200
"""Work that is done sooner is not announced: it would only flicker."""


class ActivityStrip(QWidget):
    """A text, a moving bar and Cancel; invisible while nothing is done.

    Signals
    -------
    cancelled
        The user pressed Cancel.
    """

    cancelled = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.label = QElidingLabel(parent=self)
        self.label.setTextFormat(Qt.TextFormat.PlainText)
        self.label.setElideMode(Qt.TextElideMode.ElideMiddle)
        self._bar = QProgressBar(self)
        self._bar.setRange(0, 0)
        self._bar.setTextVisible(False)
        self._bar.setFixedSize(56, 8)
        self.cancel = QPushButton("Cancel", self)
        self.cancel.setToolTip("Stop what is being done; what has arrived stays")
        self.cancel.clicked.connect(self.cancelled)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._bar)
        layout.addWidget(self.label, 1)
        layout.addWidget(self.cancel)
        policy = self.sizePolicy()
        policy.setRetainSizeWhenHidden(True)  # the dock must not jump at each step
        self.setSizePolicy(policy)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(DELAY_MS)
        self._timer.timeout.connect(self.show)
        self.hide()

    def tell(self, text: str) -> None:
        """Announce what is being done; nothing, if the text is empty."""
        if not text:
            self._timer.stop()
            self.hide()
            return
        self.label.setText(text)
        self.label.setToolTip(plain_text(text))
        if not self.isVisible() and not self._timer.isActive():
            self._timer.start()
