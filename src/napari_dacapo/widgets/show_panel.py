"""The page "Show": what of a run to show, and where."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QCheckBox,
    QFormLayout,
    QPushButton,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)
from superqt.utils import signals_blocked

from napari_dacapo.viewers.plain_text import plain_text
from napari_dacapo.viewers.selection import segmentation_choices
from napari_dacapo.widgets.backend_switch import BackendSwitch
from napari_dacapo.widgets.binding import bind
from napari_dacapo.widgets.eliding_combo import ElidingCombo
from napari_dacapo.widgets.empty_page import EmptyPage
from napari_dacapo.widgets.iteration_chooser import IterationChooser
from napari_dacapo.widgets.labels import text_label
from napari_dacapo.widgets.scrolled import scrolled
from napari_dacapo.widgets.wrapping_row import wrapping_row

if TYPE_CHECKING:
    from napari_dacapo.viewers.selection import SegmentationChoice
    from napari_dacapo.viewers.session import Session

__all__ = ["ShowPanel"]


class ShowPanel(QWidget):
    """Dataset, iteration and parameters of the selected run; Open and Side by side."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._choices: tuple[SegmentationChoice, ...] = ()
        self.dataset = _combo("Validation datasets, then training datasets", self)
        self.iteration = IterationChooser(self)
        self.parameters = _combo("Segmentation: stored or computed, at which parameters", self)
        self.backends = BackendSwitch(session.screen.choices.values(), self)
        self.open = QPushButton("Open", self)
        self.open.setToolTip(
            "Show raw, gt, prediction and segmentation on top of each other  Enter"
        )
        self.side_by_side = QPushButton("Open side by side", self)
        self.side_by_side.setToolTip(
            "Show raw, gt, prediction and segmentation next to each other  Shift+Enter"
        )
        self.close_run = QPushButton("Close", self)
        self.close_run.setToolTip("Take the run off the screen; opened again, it looks as it does")
        self.keep = QCheckBox("Keep others on screen", self)
        self.keep.setToolTip(
            "To compare: other runs and datasets stay when one is opened. "
            "Without it, the one that is opened takes their place"
        )
        self.notes = text_label(self)
        self.empty = EmptyPage(self)
        self._stack = QStackedWidget(self)
        self._stack.addWidget(self._form())
        self._stack.addWidget(self.empty)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 4, 0, 0)
        layout.addWidget(self._stack)
        self.dataset.activated.connect(lambda i: session.select(dataset=self.dataset.itemData(i)))
        self.iteration.iteration_chosen.connect(lambda n: session.select(iteration=n))
        self.parameters.activated.connect(self._on_parameters)
        self.backends.backend_chosen.connect(session.use_backend)
        self.open.clicked.connect(lambda: session.show("stacked"))
        self.side_by_side.clicked.connect(lambda: session.show("side by side"))
        self.close_run.clicked.connect(session.close_run)
        self.keep.toggled.connect(self._on_keep)
        bind(
            self,
            (session.facts_changed, self._refresh),
            (session.selection_changed, self._on_selection),
            (session.screen.changed, self._on_screen),
            (session.backend_changed, self.backends.set_backend),
        )
        self.backends.set_backend(session.screen.name)
        self._refresh()

    def _form(self) -> QWidget:
        page = QWidget(self)
        form = QFormLayout()
        form.setContentsMargins(0, 0, 0, 0)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow("Dataset", self.dataset)
        form.addRow("Iteration", self.iteration)
        form.addRow("Parameters", self.parameters)
        form.addRow("Open in", self.backends)
        layout = QVBoxLayout(page)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(form)
        layout.addLayout(wrapping_row(self.open, self.side_by_side, self.close_run))
        layout.addWidget(self.keep)
        layout.addWidget(self.notes)
        layout.addStretch(1)
        return scrolled(page, self)

    def _refresh(self) -> None:
        facts = self._session.facts
        if facts is None:
            self.empty.say("No run selected", "Choose one above; Enter opens it.")
        elif facts.run is None:
            self.empty.say(f"{facts.name} cannot be opened", facts.problem)
        self._stack.setCurrentIndex(0 if facts is not None and facts.run is not None else 1)
        if facts is not None:
            with signals_blocked(self.dataset):
                self.dataset.clear()
                for name in facts.offer.datasets:
                    kind = "  (training)" if name in facts.offer.training else ""
                    self.dataset.addItem(f"{name}{kind}", name)
            self._on_selection()
        self._on_screen()

    def _on_selection(self) -> None:
        facts, selection = self._session.facts, self._session.selection
        if facts is None:
            return
        with signals_blocked(self.dataset):
            self.dataset.setCurrentIndex(self.dataset.findData(selection.dataset))
        self.dataset.setEnabled(self.dataset.count() > 1)
        best, why = self._session.best_iteration()
        self.iteration.set_iterations(facts.offer.iterations, selection.iteration, best, why)
        self._choices = segmentation_choices(selection, facts.offer)
        with signals_blocked(self.parameters):
            self.parameters.clear()
            for i, choice in enumerate(self._choices):
                self.parameters.addItem(choice.label)
                self.parameters.setItemData(
                    i, plain_text(choice.tooltip), Qt.ItemDataRole.ToolTipRole
                )
                if choice.matches(selection):
                    self.parameters.setCurrentIndex(i)
        self.parameters.setEnabled(len(self._choices) > 1)

    def _on_parameters(self, index: int) -> None:
        choice = self._choices[index]
        self._session.select(parameters=choice.parameters, segmentation=choice.segmentation)

    def _on_keep(self, on: bool) -> None:
        self._session.screen.keeps_others = on

    def _on_screen(self) -> None:
        facts, screen = self._session.facts, self._session.screen
        on_screen = facts is not None and screen.shows_run(facts.name)
        self.close_run.setEnabled(on_screen)
        with signals_blocked(self.keep):
            self.keep.setChecked(screen.keeps_others)
        problem = [facts.problem] if facts is not None and facts.problem else []
        lines = [f"⚠ {note}" for note in (*problem, *screen.notes)]
        if not on_screen and not screen.notes:
            lines.append("Not on screen. Open shows it; from then on, it follows what you choose.")
        self.notes.setText("\n".join(lines))


def _combo(tooltip: str, parent: QWidget) -> ElidingCombo:
    combo = ElidingCombo(6, parent)
    combo.setToolTip(tooltip)
    return combo
