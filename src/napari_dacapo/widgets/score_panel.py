"""The page "Scores": how loss and scores went over the iterations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QCheckBox,
    QHBoxLayout,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)
from superqt.utils import signals_blocked

from napari_dacapo.runs import Run
from napari_dacapo.runs.curves import read_curves
from napari_dacapo.viewers.open_store import explain
from napari_dacapo.viewers.plain_text import plain_text
from napari_dacapo.viewers.selection import nearest
from napari_dacapo.viewers.tasks import Lane
from napari_dacapo.widgets.binding import bind, when_destroyed
from napari_dacapo.widgets.eliding_combo import ElidingCombo
from napari_dacapo.widgets.empty_page import EmptyPage
from napari_dacapo.widgets.labels import text_label
from napari_dacapo.widgets.score_looks import criterion_label, describe, gaps, legend
from napari_dacapo.widgets.scrolled import scrolled
from napari_dacapo.widgets.worker import start_in_thread

if TYPE_CHECKING:
    from qtpy.QtGui import QShowEvent

    from napari_dacapo.runs.curves import RunCurves
    from napari_dacapo.viewers.following import News
    from napari_dacapo.viewers.session import Session
    from napari_dacapo.widgets.score_plots import ScorePlots

__all__ = ["ScorePanel"]

PLOTS_PLACE = 1


class ScorePanel(QWidget):
    """Curves of the selected run; a click on them selects an iteration.

    Nothing is read while the page is hidden.
    """

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._lane = Lane(start_in_thread, lambda: None)
        self._read: RunCurves | None = None
        self._wanted = ""  # run that is being read
        self._stale = True
        self._chosen = ""  # criterion that the user chose
        self.plots: ScorePlots | None = None
        self.criterion = ElidingCombo(8, self)
        self.criterion.setAccessibleName("Criterion")
        self.criterion.setToolTip("Criterion of the scores above the losses; ↑ higher is better")
        self.log = QCheckBox("Log loss", self)
        self.log.setToolTip("Draw the loss on a logarithmic scale")
        self.note = text_label(self)
        self.legend = text_label(self)
        self.legend.setTextFormat(Qt.TextFormat.RichText)
        self.empty = EmptyPage(self)
        self._page = QWidget(self)
        self._stack = QStackedWidget(self)
        self._stack.addWidget(scrolled(self._page, self))
        self._stack.addWidget(self.empty)
        top = QHBoxLayout()
        top.addWidget(self.criterion, 1)
        top.addWidget(self.log)
        self._column = QVBoxLayout(self._page)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(3)
        self._column.addLayout(top)
        self._column.addWidget(self.legend)
        self._column.addWidget(self.note)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 4, 0, 0)
        layout.addWidget(self._stack)
        self.criterion.activated.connect(self._on_criterion)
        self.log.toggled.connect(self._draw)
        bind(
            self,
            (session.facts_changed, self._on_facts),
            (session.selection_changed, self._on_selection),
            (session.following.news, self._on_news),
        )
        when_destroyed(self, self._lane.cancel)
        self._say_empty()

    def showEvent(self, event: QShowEvent) -> None:
        """Read what was not read while the page was hidden."""
        super().showEvent(event)
        self._refresh()

    def _on_facts(self) -> None:
        self._stale = True
        facts = self._session.facts
        if facts is None or self._read is None or self._read.run != facts.name:
            self._lane.cancel()
            self._read = None
            self._say_empty()
        self._refresh()

    def _on_news(self, news: News) -> None:
        facts = self._session.facts
        # Of a run that is gone, what was read stays.
        if facts is not None and facts.name == news.run and news.events and news.row is not None:
            self._stale = True
            self._refresh()

    def _refresh(self) -> None:
        facts = self._session.facts
        if not self._stale or not self.isVisible() or facts is None or facts.run is None:
            return
        if self._lane.busy and self._wanted == facts.name:
            return  # when that is done, it is looked whether there is more
        self._stale, self._wanted = False, facts.name
        # One of its own: that of the session is read by others meanwhile.
        run = Run(facts.run.config, store=facts.run.store)
        self._lane.start(
            "Reading scores…",
            lambda cancelled: iter(map(read_curves, (run,))),
            on_value=self._take,
            on_error=lambda error: self._say_empty(explain(error)),
            on_done=self._refresh,
        )

    def _take(self, curves: RunCurves) -> None:
        is_other = self._read is None or self._read.run != curves.run
        self._read = curves
        if not curves.criteria and not curves.n_losses:
            self._say_empty()
            return
        plots = self._made_plots()
        if is_other:
            plots.reset()
        self._offer_criteria(curves)
        self._stack.setCurrentIndex(0)
        self._draw()

    def _made_plots(self) -> ScorePlots:
        if self.plots is None:
            from napari_dacapo.widgets.score_plots import ScorePlots

            self.plots = ScorePlots(self._page)
            self.plots.clicked.connect(self._on_clicked)
            # Above the words, which may be many.
            self._column.insertWidget(PLOTS_PLACE, self.plots, 1)
        return self.plots

    def _offer_criteria(self, curves: RunCurves) -> None:
        chosen = curves.criterion(self._chosen)
        with signals_blocked(self.criterion):
            self.criterion.clear()
            for i, each in enumerate(curves.criteria):
                self.criterion.addItem(criterion_label(each), each.name)
                tooltip = plain_text(f"{describe(each)}\n{each.doubtful}".strip())
                self.criterion.setItemData(i, tooltip, Qt.ItemDataRole.ToolTipRole)
            if chosen is not None:
                self.criterion.setCurrentIndex(self.criterion.findData(chosen.name))
        self.criterion.setVisible(bool(curves.criteria))

    def _on_criterion(self, index: int) -> None:
        self._chosen = str(self.criterion.itemData(index))
        self._draw()

    def _draw(self, _: Any = None) -> None:
        curves, plots, selection = self._read, self.plots, self._session.selection
        if curves is None or plots is None:
            return
        chosen = curves.criterion(self._chosen)
        dataset = selection.dataset if selection.dataset in curves.scores.datasets else None
        lines = () if chosen is None else curves.of(chosen)
        plots.show_scores(
            lines,
            None if chosen is None else curves.best(chosen),
            name="" if chosen is None else chosen.name,
            dataset=dataset,
            meaningless=chosen is not None and chosen.meaningless,
        )
        plots.show_losses(curves.loss_iterations, curves.losses, log=self.log.isChecked())
        plots.mark(selection.iteration)
        self.log.setEnabled(curves.n_losses > 0)
        self.legend.setText(legend(lines, grey=chosen is not None and chosen.meaningless))
        self.legend.setVisible(bool(lines))
        self._say(curves)

    def _say(self, curves: RunCurves) -> None:
        chosen = curves.criterion(self._chosen)
        if chosen is None:
            said = [f"No scores stored: {curves.why_no_scores}"]
        else:
            best = curves.best(chosen)
            star = f"★ {best.value:.4g} at {best.iteration:,}." if best is not None else ""
            said = [describe(chosen), star, gaps(curves.of(chosen))]
        if not curves.n_losses:
            said.append(f"No losses stored. {' '.join(curves.loss_problems)}")
        self.note.setText(" ".join(text for text in said if text))
        more = [chosen.doubtful] if chosen is not None and chosen.doubtful else []
        problems = (*more, *curves.loss_problems, *curves.scores.problems)
        self.note.setToolTip(plain_text("\n".join(problems)))

    def _say_empty(self, problem: str = "") -> None:
        facts, curves = self._session.facts, self._read
        if facts is None:
            self.empty.say("No run selected", "Its losses and scores appear here.")
        elif facts.run is None:
            self.empty.say(f"{facts.name} cannot be read", facts.problem)
        elif problem:
            self.empty.say("Losses and scores cannot be read", problem)
        elif curves is None:
            self.empty.say("Reading scores…")
        else:
            problems = " ".join(curves.loss_problems) or "It was not trained yet."
            self.empty.say(
                "Nothing to plot",
                f"No losses stored: {problems}\nNo scores stored: {curves.why_no_scores}",
            )
        self._stack.setCurrentIndex(1)

    def _on_selection(self) -> None:
        if self.isVisible():
            self._draw()

    def _on_clicked(self, iteration: float) -> None:
        facts = self._session.facts
        if facts is not None and facts.offer.iterations:
            self._session.select(iteration=nearest(facts.offer.iterations, round(iteration)))
