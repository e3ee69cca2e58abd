"""A slider that stops at validated iterations only."""

from __future__ import annotations

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QHBoxLayout, QToolButton, QWidget
from superqt import QLabeledSlider
from superqt.utils import signals_blocked

from napari_dacapo.viewers.plain_text import plain_text
from napari_dacapo.viewers.selection import nearest, step

__all__ = ["IterationChooser", "stop"]


def stop(iterations: tuple[int, ...], current: int | None, moved_to: int) -> int:
    """Return where a slider comes to rest.

    One step of the slider is one validated iteration, however far apart they
    are; a longer way ends at the nearest one.

    >>> stop((300, 600, 900), 300, 301), stop((300, 600, 900), 300, 800)
    (600, 900)
    """
    if current is not None and abs(moved_to - current) == 1:
        there = step(iterations, current, moved_to - current)
        assert there is not None
        return there
    return nearest(iterations, moved_to)


class IterationChooser(QWidget):
    """Buttons, a slider in units of iterations and a star for the best one.

    Signals
    -------
    iteration_chosen : int
        The user chose a validated iteration.
    """

    iteration_chosen = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._iterations: tuple[int, ...] = ()
        self._current: int | None = None
        self._best: int | None = None
        self._why = ""
        self.before = self._button("◀", "Iteration before  [")
        self.after = self._button("▶", "Iteration after  ]")
        self.best = self._button("★", "")
        self.slider = QLabeledSlider(Qt.Orientation.Horizontal, self)
        self.slider.setToolTip("Validated iterations; keys [ and ] step through them")
        self.slider.setAccessibleName("Validated iteration")
        self.slider.valueChanged.connect(self._on_moved)
        self.before.clicked.connect(lambda: self._choose(step(self._iterations, self._current, -1)))
        self.after.clicked.connect(lambda: self._choose(step(self._iterations, self._current, 1)))
        self.best.clicked.connect(lambda: self._choose(self._best))
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.before)
        layout.addWidget(self.slider, 1)
        layout.addWidget(self.after)
        layout.addWidget(self.best)
        self.set_iterations((), None)

    def set_iterations(
        self,
        iterations: tuple[int, ...],
        current: int | None,
        best: int | None = None,
        why: str = "",
    ) -> None:
        """Show which iterations there are.

        Parameters
        ----------
        iterations : tuple of int
            Validated iterations, ascending.
        current : int or None
            The chosen one; None if there is nothing to choose.
        best : int or None
            The iteration with the best score, if any.
        why : str
            What it is the best by, or why there is none.
        """
        self._iterations, self._current = iterations, current
        self._best, self._why = (best if best in iterations else None), why
        usable = bool(iterations) and current is not None
        with signals_blocked(self.slider):
            self.slider.setRange(*((iterations[0], iterations[-1]) if iterations else (0, 0)))
            self.slider.setValue(current if current is not None else 0)
            self.slider.setPageStep(max(2, (self.slider.maximum() - self.slider.minimum()) // 5))
        # No iteration is not iteration 0.
        mode = QLabeledSlider.EdgeLabelMode
        self.slider.setEdgeLabelMode(mode.LabelIsValue if usable else mode.NoLabel)
        if usable:
            # The mode alone leaves the label hidden if the slider is on a page that is not shown.
            self.slider.setEdgeLabelPosition(QLabeledSlider.LabelPosition.LabelsRight)
        self.setEnabled(usable)
        self.setToolTip("" if usable else "Nothing was validated")
        self.before.setEnabled(usable and current != iterations[0])
        self.after.setEnabled(usable and current != iterations[-1])
        self.best.setEnabled(usable and self._best is not None and current != self._best)
        self.best.setToolTip(plain_text(self._best_tooltip(best)))

    def _button(self, text: str, tooltip: str) -> QToolButton:
        button = QToolButton(self)
        button.setText(text)
        button.setToolTip(tooltip)
        button.setAutoRaise(True)
        return button

    def _best_tooltip(self, best: int | None) -> str:
        if best is None:
            return self._why or "No scores"
        if self._best is None:
            return f"The best stored score is at {best}, which cannot be chosen here"
        return f"Best stored score at {best}: {self._why}"

    def _on_moved(self, value: int) -> None:
        if self._iterations:
            self._choose(stop(self._iterations, self._current, value))

    def _choose(self, iteration: int | None) -> None:
        if iteration is None:
            return
        with signals_blocked(self.slider):
            self.slider.setValue(iteration)
        if iteration != self._current:
            self.set_iterations(self._iterations, iteration, self._best, self._why)
            self.iteration_chosen.emit(iteration)
