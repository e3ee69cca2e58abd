"""Two plots over iterations, one above the other: scores and losses.

Imports pyqtgraph, so it is itself imported when the plots are first shown.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
import pyqtgraph as pg
from qtpy.QtCore import QPointF, QSize, Qt, Signal
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QSizePolicy, QSplitter, QVBoxLayout, QWidget

from napari_dacapo.widgets.score_looks import GREY, look_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_dacapo.runs.best import BestScoreValue
    from napari_dacapo.runs.curves import Curve
    from napari_dacapo.widgets.score_looks import CurveLook

__all__ = ["ScorePlots"]

AXIS_WIDTH = 58
"""Pixels for the name of an axis beside numbers such as 0.032."""
MARK = "#e8c547"
MIN_HEIGHT = 200


class ScorePlots(QWidget):
    """Draws what it is given; keeps the zoom when the curves go on.

    Signals
    -------
    clicked : float
        The iteration at which the user clicked into a plot.
    """

    clicked = Signal(float)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.scores = _plot(self)
        self.losses = _plot(self, left=_LossAxis("left"))
        self.losses.getPlotItem().setLabel("left", "loss")
        self.losses.setXLink(self.scores)
        self.curves: dict[tuple[str, str], Any] = {}
        self.loss_curve = self.losses.plot(pen=pg.mkPen("#9b7bea", width=1.2), connect="finite")
        self.best = pg.ScatterPlotItem(symbol="star", size=15, brush=MARK, pen=pg.mkPen("#3a3a3a"))
        self.best.setZValue(20)
        self.scores.addItem(self.best)
        self.marks = [_mark(plot) for plot in (self.scores, self.losses)]
        self.setToolTip(
            "Over iterations: a click selects the nearest validated one, "
            "the wheel zooms, a double click shows all"
        )
        self._zoomed = False
        self.splitter = QSplitter(Qt.Orientation.Vertical, self)
        self.splitter.addWidget(self.scores)
        self.splitter.addWidget(self.losses)
        self.splitter.setChildrenCollapsible(False)
        self.splitter.setSizes([300, 200])
        self.scores.setMinimumHeight(110)
        self.losses.setMinimumHeight(80)
        self.setMinimumHeight(MIN_HEIGHT)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.splitter)
        for plot in (self.scores, self.losses):
            plot.getPlotItem().getViewBox().sigRangeChangedManually.connect(self._on_zoomed)
            plot.scene().sigMouseClicked.connect(
                lambda event, plot=plot: self._on_clicked(plot, event)
            )

    def sizeHint(self) -> QSize:
        """Return a modest size: that of pyqtgraph pushes the axis out of sight in a low window."""
        return QSize(300, MIN_HEIGHT)

    def show_scores(
        self,
        curves: Sequence[Curve],
        best: BestScoreValue | None,
        *,
        name: str,
        dataset: str | None,
        meaningless: bool,
    ) -> None:
        """Draw the scores of one criterion.

        Parameters
        ----------
        curves : sequence of Curve
            What to draw; NaN are gaps.
        best : BestScoreValue or None
            Is marked with a star.
        name : str
            Of the criterion.
        dataset : str or None
            The selected one, whose curves are strong.
        meaningless : bool
            Whether the values say nothing: then they are grey.
        """
        everything = curves
        curves = [curve for curve in everything if not np.isnan(curve.values).all()]
        self.scores.setVisible(bool(curves))
        self.scores.getPlotItem().setLabel(
            # pyqtgraph takes it for HTML.
            "left",
            escape(name) if len(name) < 16 else "score",
        )
        wanted = {(curve.dataset, curve.parameters): curve for curve in curves}
        for key in self.curves.keys() - wanted.keys():
            self.scores.removeItem(self.curves.pop(key))
        for key, curve in wanted.items():
            item = self.curves.get(key)
            if item is None:
                item = self.curves[key] = self.scores.plot(connect="finite", symbol="o")
            look = look_of(curve, everything)
            _dress(item, look, strong=dataset in (None, curve.dataset), grey=meaningless)
            item.setData(curve.iterations, curve.values)
        self.best.setData(*(([best.iteration], [best.value]) if best is not None else ([], [])))

    def show_losses(self, iterations: Any, losses: Any, *, log: bool) -> None:
        """Draw the losses; what is not above 0 is a gap on a logarithmic scale."""
        self.losses.setVisible(len(iterations) > 0)
        # One row of numbers is enough for both.
        self.scores.getPlotItem().getAxis("bottom").setStyle(showValues=not len(iterations))
        values = np.where(losses > 0, losses, np.nan) if log else losses
        if self.losses.getPlotItem().ctrl.logYCheck.isChecked() != log:
            self.losses.setLogMode(y=log)
        self.loss_curve.setData(iterations, values)
        self._fit()

    def mark(self, iteration: int | None) -> None:
        """Draw a line at the selected iteration."""
        for line in self.marks:
            line.setVisible(iteration is not None)
            if iteration is not None:
                line.setValue(iteration)

    def reset(self) -> None:
        """Show everything: the curves are of another run now."""
        self._zoomed = False
        self._fit()

    def _fit(self) -> None:
        """Show all iterations in both plots, unless the user looks at some of them."""
        ends = [item.getData()[0] for item in (self.loss_curve, *self.curves.values())]
        ends = [x[[0, -1]] for x in ends if x is not None and len(x)]
        if ends and not self._zoomed:
            self.scores.setXRange(np.min(ends), np.max(ends), padding=0.03)
        for plot in (self.scores, self.losses):
            plot.enableAutoRange(axis="y")

    def _on_zoomed(self, *_: object) -> None:
        self._zoomed = True

    def _on_clicked(self, plot: Any, event: Any) -> None:
        if event.button() != Qt.MouseButton.LeftButton:
            return
        box = plot.getPlotItem().getViewBox()
        where = QPointF(event.scenePos())
        if event.double():
            self.reset()
        elif box.sceneBoundingRect().contains(where):
            self.clicked.emit(float(box.mapSceneToView(where).x()))


class _LossAxis(pg.AxisItem):
    """On a logarithmic scale, marks at even distances: pyqtgraph's own overlap in small plots."""

    def logTickValues(self, low: float, high: float, size: float, ticks: Any) -> Any:
        """Return where marks are."""
        return ticks

    def logTickStrings(self, values: Any, scale: float, spacing: float) -> list[str]:
        """Return what is written at marks."""
        return [f"{10.0**value:.2g}" for value in values]


def _plot(parent: QWidget, **axes: Any) -> Any:
    plot = pg.PlotWidget(parent, background=None, axisItems=axes)
    plot.setFrameShape(pg.PlotWidget.Shape.NoFrame)
    item = plot.getPlotItem()
    item.setMenuEnabled(False)
    item.hideButtons()
    item.setMouseEnabled(x=True, y=False)
    item.showGrid(x=True, y=True, alpha=0.15)
    for side in ("left", "bottom"):
        axis = item.getAxis(side)
        axis.setPen(GREY)
        axis.setTextPen(GREY)
        axis.enableAutoSIPrefix(False)
    item.getAxis("left").setWidth(AXIS_WIDTH)
    return plot


def _mark(plot: Any) -> Any:
    line = pg.InfiniteLine(angle=90, pen=pg.mkPen(MARK, width=1.5, style=Qt.PenStyle.DashLine))
    line.setZValue(10)
    plot.addItem(line, ignoreBounds=True)
    return line


def _dress(item: Any, look: CurveLook, *, strong: bool, grey: bool) -> None:
    color = QColor(GREY if grey else look.color)
    color.setAlpha(255 if strong else 110)
    style = getattr(Qt.PenStyle, look.line)
    item.setPen(pg.mkPen(color, width=2.0 if strong else 1.2, style=style))
    item.setSymbolBrush(color)
    item.setSymbolPen(None)
    item.setSymbolSize(7 if strong else 5)
