"""The page "Checkpoint": run any checkpoint of the selected run where one looks."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtGui import QKeySequence, QShortcut, QShowEvent
from qtpy.QtWidgets import (
    QFormLayout,
    QPushButton,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)
from superqt.utils import qdebounced

from napari_dacapo.errors import NapariDacapoError
from napari_dacapo.viewers.live_prediction import LivePredictions, Request
from napari_dacapo.viewers.plain_text import plain_text
from napari_dacapo.viewers.selection import nearest
from napari_dacapo.widgets.binding import bind, when_destroyed
from napari_dacapo.widgets.checkpoint_layers import RawLayers
from napari_dacapo.widgets.checkpoint_options import OptionsChooser
from napari_dacapo.widgets.checkpoint_source import SourceChooser
from napari_dacapo.widgets.checkpoint_status import StatusView
from napari_dacapo.widgets.empty_page import EmptyPage
from napari_dacapo.widgets.iteration_chooser import IterationChooser
from napari_dacapo.widgets.main_thread import MainThread
from napari_dacapo.widgets.scrolled import scrolled
from napari_dacapo.widgets.worker import start_in_thread
from napari_dacapo.widgets.wrapping_row import wrapping_row

if TYPE_CHECKING:
    from napari_dacapo.viewers.live_prediction import LiveState, Mode
    from napari_dacapo.viewers.live_prediction.raw import RawFacts
    from napari_dacapo.viewers.session import Session

__all__ = ["CheckpointPanel"]

RESTART_MS = 250


class CheckpointPanel(QWidget):
    """Checkpoint, raw and device of a prediction; Predict here, Predict whole, Compare.

    What is chosen while a prediction runs takes effect at once, so that
    stepping through the checkpoints shows how a place was learned.
    """

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._iterations: tuple[int, ...] = ()
        self._facts: RawFacts | None = None
        self._layers = RawLayers(session, self._on_layers, self)
        self._asked: Request | None = None
        self._run_name = ""
        self.live = LivePredictions(session, start=start_in_thread, post=MainThread(self).post)
        self._iteration: int | None = None
        self.iteration = IterationChooser(self)
        self.iteration.slider.setToolTip("Checkpoints, validated or not")
        self.iteration.slider.setAccessibleName("Checkpoint")
        self.options = OptionsChooser(self)
        self.status = StatusView(self)
        self.here = _button(
            "Predict here", "Predict what is on screen, and follow wherever you look  P", self
        )
        self.whole = _button(
            "Predict whole", "Predict all of it, what is on screen first  Shift+P", self
        )
        self.compare = _button("Compare", "", self)
        self.empty = EmptyPage(self)
        self._stack = QStackedWidget(self)
        self._stack.addWidget(self._form())
        self._stack.addWidget(self.empty)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 4, 0, 0)
        layout.addWidget(self._stack)
        self._restart_later = qdebounced(self._restart, timeout=RESTART_MS)
        self._wire()
        self._refresh()

    def _form(self) -> QWidget:
        page = QWidget(self)
        form = QFormLayout()
        form.setContentsMargins(0, 0, 0, 0)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow("Iteration", self.iteration)
        self.source = SourceChooser(form, self._layers.source, page)
        form.addRow("Device", self.options)
        layout = QVBoxLayout(page)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(form)
        layout.addLayout(wrapping_row(self.here, self.whole, self.compare))
        layout.addWidget(self.status)
        layout.addStretch(1)
        return scrolled(page, self)

    def _wire(self) -> None:
        session, live = self._session, self.live
        self.iteration.iteration_chosen.connect(self._on_iteration)
        self.source.changed.connect(self._on_source)
        self.source.voxel_size.editingFinished.connect(self._restart_later)
        self.source.channels.editingFinished.connect(self._restart_later)
        self.options.changed.connect(self._restart_later)
        self.here.clicked.connect(lambda: self.predict("here"))
        self.whole.clicked.connect(lambda: self.predict("whole"))
        self.compare.clicked.connect(lambda: self.predict("compare"))
        self.status.cancelled.connect(live.cancel)
        for keys, deed in (
            ("P", self.here.click), ("Shift+P", self.whole.click), ("Esc", live.cancel),
        ):  # fmt: skip
            shortcut = QShortcut(QKeySequence(keys), self)
            shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            shortcut.activated.connect(deed)
        bind(
            self,
            (session.facts_changed, self._refresh),
            (session.store.rows_changed, self._update_checkpoints),
            (live.changed, self._on_state),
            (live.failed, self._on_failed),
        )
        when_destroyed(self, live.close)

    def _on_failed(self, message: str) -> None:
        # Not `emit` itself: psygnal calls it, to try it, when it is connected.
        self._session.failed.emit(message)

    def showEvent(self, event: QShowEvent) -> None:
        """Look for devices and layers when they are first needed."""
        super().showEvent(event)
        if self._layers.find():
            self._update_sources()
        self._find_devices()
        self._look_into()

    def predict(self, mode: Mode) -> None:
        """Run the chosen checkpoint.

        Parameters
        ----------
        mode : {"here", "whole", "compare"}
            What is on screen, everything, or everything that is stored too.
        """
        try:
            request = self.request()
        except NapariDacapoError as error:
            self.status.say_problem(str(error))
            self._session.failed.emit(str(error))
            return
        # What could not be read before was corrected.
        self.status.say_problem(self._facts.problem if self._facts is not None else "")
        if request is not None:
            self._asked = request
            self.live.predict(request, mode)

    def request(self) -> Request | None:
        """Return what is chosen; None if something is missing.

        Raises
        ------
        NapariDacapoError
            If voxel size or channels cannot be read, or a layer cannot be used.
        """
        source = self.source.source()
        if source is None or self._iteration is None:
            return None
        options = self.options
        return Request(
            self._iteration,
            source,
            self.source.wanted_channels(),
            self.source.wanted_voxel_size(),
            options.chosen_device(),
            options.half.isChecked(),
            options.seamless.isChecked(),
            options.keep.isChecked(),
        )

    # -- the run ---------------------------------------------------------------------------------

    def _refresh(self) -> None:
        facts = self._session.facts
        run = facts.run if facts is not None else None
        if facts is None or run is None:
            self._iterations = ()
            if facts is None:
                self.empty.say("No run selected", "Its checkpoints can be run here.")
            else:
                self.empty.say(f"{facts.name} cannot be used", facts.problem)
            self._stack.setCurrentIndex(1)
            return
        if facts.name != self._run_name:
            self._run_name, self._iteration = facts.name, None
        self.options.set_seams(
            pads=getattr(run.architecture, "padding", "") == "same",
            attention=bool(getattr(run.architecture, "use_attention", False)),
        )
        self._update_checkpoints()
        self._update_sources()
        self._find_devices()
        self._look_into()

    def _update_checkpoints(self) -> None:
        facts, session = self._session.facts, self._session
        if facts is None or facts.run is None:
            return
        row = session.store.row(facts.name)
        iterations = self._iterations = row.checkpoints if row else facts.run.checkpoints
        if not iterations:
            self.empty.say(
                f"{facts.name} has no checkpoints",
                "There is nothing to run until its training has stored one.",
            )
        self._stack.setCurrentIndex(0 if iterations else 1)
        if iterations and self._iteration not in iterations:
            wanted = session.selection.iteration
            self._iteration = iterations[-1] if wanted is None else nearest(iterations, wanted)
        best, why = session.best_iteration()
        self.iteration.set_iterations(iterations, self._iteration, best, why)

    def _update_sources(self) -> None:
        facts = self._session.facts
        if facts is None or facts.run is None:
            return
        split = facts.run.datasplit
        self.source.set_sources(
            [dataset.name for dataset in split.validate],
            [dataset.name for dataset in split.train],
            self._layers.layers(),
        )

    # -- what is chosen --------------------------------------------------------------------------

    def _on_iteration(self, iteration: int) -> None:
        self._iteration = iteration
        self._look_into()
        self._restart_later()

    def _on_source(self) -> None:
        self._look_into()
        self._restart_later()

    def _restart(self) -> None:
        """Let a prediction that runs take over what was chosen anew."""
        state = self.live.state
        if not state.active or state.run != self._run_name:
            return
        with suppress(NapariDacapoError):  # said when it is read again
            if self.request() in (None, self._asked):
                return  # Qt says that editing is finished whenever the focus goes
        can_compare = self._facts is not None and not self._facts.no_comparison
        self.predict("here" if state.mode == "compare" and not can_compare else state.mode)

    def _look_into(self) -> None:
        """Ask what the chosen raw is, beside the window."""
        self._facts = None
        self._update_buttons()
        self.status.say_problem("")
        if self._iteration is None or not self.isVisible():
            return
        try:
            source = self.source.source()
        except NapariDacapoError as error:
            self.status.say_problem(str(error))
            return
        if source is not None:
            self.live.look_into(self._iteration, source, self._take_facts)

    def _take_facts(self, facts: RawFacts) -> None:
        self._facts = facts
        self.source.say(facts)
        self.status.say_problem(facts.problem)
        self._update_buttons()

    def _update_buttons(self) -> None:
        facts = self._facts
        usable = facts is not None and not facts.problem
        self.here.setEnabled(usable)
        self.whole.setEnabled(usable)
        reason = facts.no_comparison if facts is not None else "Looking for a stored prediction…"
        self.compare.setEnabled(facts is not None and not reason)
        self.compare.setToolTip(
            plain_text(reason)
            or "Predict what the validation predicted, and show the difference to it"
        )

    def _on_state(self, state: LiveState) -> None:
        self.status.tell(state)

    # -- what is at hand -------------------------------------------------------------------------

    def _find_devices(self) -> None:
        if self._iterations and self.isVisible():
            self.options.look_for_devices()

    def _on_layers(self) -> None:
        before = self.source.entry()
        self._update_sources()
        if self.source.entry() != before:
            self._look_into()


def _button(text: str, tooltip: str, parent: QWidget) -> QPushButton:
    button = QPushButton(text, parent)
    button.setToolTip(tooltip)
    return button
