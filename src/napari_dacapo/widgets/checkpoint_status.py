"""How far a prediction is: a bar, words, Cancel, and what has to be known of it."""

from __future__ import annotations

from qtpy.QtCore import Qt, QTimer, Signal
from qtpy.QtWidgets import QHBoxLayout, QProgressBar, QPushButton, QVBoxLayout, QWidget

from napari_dacapo.viewers.live_prediction.state import LiveState, in_words
from napari_dacapo.widgets.binding import when_destroyed
from napari_dacapo.widgets.checkpoint_activity import Activity
from napari_dacapo.widgets.labels import text_label

__all__ = ["StatusView"]

INTERVAL_MS = 300
"""How often the activity dock is told; work that is done sooner is not announced there."""


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
        self.bar.setFixedHeight(6)
        self.cancel = QPushButton("Cancel", self)
        self.cancel.setToolTip("Compute no more; what is on screen stays  Esc")
        self.cancel.clicked.connect(self.cancelled)
        self.text, self.notes = text_label(self), text_label(self)
        row = QHBoxLayout()
        row.addWidget(self.text, 1)
        row.addWidget(self.cancel, 0, Qt.AlignmentFlag.AlignTop)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.bar)
        layout.addLayout(row)
        layout.addWidget(self.notes)
        for widget in (self.bar, self.cancel):
            policy = widget.sizePolicy()
            policy.setRetainSizeWhenHidden(True)  # buttons must not jump as blocks finish
            widget.setSizePolicy(policy)
        activity = self._activity = Activity(self.cancelled.emit)
        # napari's bars let Qt handle events, which nobody expects amid a change of state.
        self._timer = QTimer(self)
        self._timer.setInterval(INTERVAL_MS)
        self._timer.timeout.connect(self._announce)
        when_destroyed(self, activity.end)
        self.tell(LiveState())

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
        elif not self._timer.isActive():
            self._timer.start()

    def say_problem(self, problem: str) -> None:
        """Say why what is chosen cannot be predicted; nothing, if the text is empty."""
        self._problem = problem
        self._write()

    def _write(self) -> None:
        state = self._state
        words = in_words(state) if state is not None else ""
        failed = state is not None and state.phase == "failed"
        self.text.setText(f"⚠ {words}" if failed else words)
        notes = state.notes if state is not None and not failed else ()
        lines = [*([self._problem] if self._problem else []), *notes]
        self.notes.setText("\n".join(f"⚠ {line}" for line in lines))
        self.notes.setVisible(bool(lines))

    def _announce(self) -> None:
        state = self._state
        if state is not None:
            text = f"Predicting {state.run} · {state.iteration}"
            self._activity.tell(text, state.done, state.total)
