"""How far a prediction is: a bar, words, Cancel, and what has to be known of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, QTimer, Signal
from qtpy.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

from napari_dacapo.viewers.live_prediction.state import in_words
from napari_dacapo.widgets.checkpoint_activity import Activity

if TYPE_CHECKING:
    from napari_dacapo.viewers.live_prediction.state import LiveState

__all__ = ["StatusView"]

DELAY_MS = 300
"""Work that is done sooner is not announced in the activity dock."""


class StatusView(QWidget):
    """The state of a live prediction, here and in napari's activity dock.

    Signals
    -------
    cancelled
        The user pressed Cancel, here or there.
    """

    cancelled = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._state: LiveState | None = None
        self._problem = ""
        self.bar = QProgressBar(self)
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(8)
        self.cancel = QPushButton("Cancel", self)
        self.cancel.setToolTip("Compute no more; what is on screen stays  Esc")
        self.cancel.clicked.connect(self.cancelled)
        self.text = QLabel(self)
        self.text.setWordWrap(True)
        self.text.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
        self.text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        row = QHBoxLayout()
        row.addWidget(self.bar, 1)
        row.addWidget(self.cancel)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(row)
        layout.addWidget(self.text)
        for widget in (self.bar, self.cancel):
            policy = widget.sizePolicy()
            policy.setRetainSizeWhenHidden(True)  # buttons must not jump as blocks finish
            widget.setSizePolicy(policy)
        activity = self._activity = Activity(self.cancelled.emit)
        # Making a bar lets Qt handle events, which nobody expects amid a change of state.
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(DELAY_MS)
        self._timer.timeout.connect(self._announce)
        self.destroyed.connect(lambda: activity.end())

    def tell(self, state: LiveState) -> None:
        """Show a state."""
        self._state = state
        busy = state.phase in ("loading", "working")
        self.bar.setVisible(busy)
        self.cancel.setVisible(state.active)
        self.bar.setRange(0, state.total if state.phase == "working" else 0)
        self.bar.setValue(state.done)
        self._write()
        if not busy:
            self._timer.stop()
            self._activity.end()
        elif self._activity.shown:
            self._announce()
        elif not self._timer.isActive():
            self._timer.start()

    def say_problem(self, problem: str) -> None:
        """Say why what is chosen cannot be predicted; nothing, if the text is empty."""
        self._problem = problem
        self._write()

    def _write(self) -> None:
        state = self._state
        lines = [f"⚠ {self._problem}"] if self._problem else []
        if state is not None:
            words = in_words(state)
            mark = "⚠ " if state.phase == "failed" else ""
            lines += [f"{mark}{words}"] if words else []
            lines += [f"⚠ {note}" for note in state.notes if state.phase != "failed"]
        self.text.setText("\n".join(lines))

    def _announce(self) -> None:
        state = self._state
        if state is not None:
            text = f"Predicting {state.run} · {state.iteration}"
            self._activity.tell(text, state.done, state.total)
