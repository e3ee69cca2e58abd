"""Cells that are drawn: the state with its colour, the iterations as a bar."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QPointF, QRectF, QSize, Qt
from qtpy.QtGui import QColor, QPainter, QPalette
from qtpy.QtWidgets import QApplication, QStyle, QStyledItemDelegate, QStyleOptionViewItem

from napari_dacapo.widgets.run_model import ROW_ROLE
from napari_dacapo.widgets.states import state_look

if TYPE_CHECKING:
    from qtpy.QtCore import QModelIndex
    from qtpy.QtWidgets import QWidget

    from napari_dacapo.runs import RunRow

__all__ = ["IterationsDelegate", "NameDelegate", "RoomyDelegate", "StateDelegate"]

DOT = 4.0
MARGIN = 4.0
ROOM = 8
"""Height of a row beyond that of its text, in pixels."""


class RoomyDelegate(QStyledItemDelegate):
    """Text as ever, in rows that are not cramped."""

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex) -> QSize:
        """Return the room that a cell needs."""
        size: QSize = super().sizeHint(option, index)
        return QSize(size.width(), option.fontMetrics.height() + ROOM)


class NameDelegate(RoomyDelegate):
    """Names cut in the middle: those of DaCapo differ at their ends."""

    def initStyleOption(self, option: QStyleOptionViewItem, index: QModelIndex) -> None:
        """Say how a cell is drawn."""
        super().initStyleOption(option, index)
        option.textElideMode = Qt.TextElideMode.ElideMiddle


class _RowDelegate(RoomyDelegate):
    """Draws the background as ever and leaves the contents to its heirs."""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex) -> None:
        """Draw a cell."""
        row: RunRow = index.data(ROW_ROLE)
        opt = QStyleOptionViewItem(option)
        self.initStyleOption(opt, index)
        text, opt.text = opt.text, ""
        widget: QWidget | None = opt.widget
        style = widget.style() if widget is not None else QApplication.style()
        style.drawControl(QStyle.ControlElement.CE_ItemViewItem, opt, painter, widget)
        selected = bool(opt.state & QStyle.StateFlag.State_Selected)
        role = QPalette.ColorRole.HighlightedText if selected else QPalette.ColorRole.Text
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self.draw(painter, QRectF(opt.rect), row, text, opt.palette.color(role))
        painter.restore()

    def draw(self, painter: QPainter, rect: QRectF, row: RunRow, text: str, color: QColor) -> None:
        """Draw the contents of a cell."""
        raise NotImplementedError


class StateDelegate(_RowDelegate):
    """A dot in the colour of the state, and its name."""

    def draw(self, painter: QPainter, rect: QRectF, row: RunRow, text: str, color: QColor) -> None:
        """Draw dot and name."""
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(state_look(row.state).color))
        middle = QPointF(rect.left() + MARGIN + DOT, rect.center().y())
        painter.drawEllipse(middle, DOT, DOT)
        painter.setPen(color)
        room = rect.adjusted(2 * (MARGIN + DOT) + 1, 0, -2, 0)
        elided = painter.fontMetrics().elidedText(
            text, Qt.TextElideMode.ElideRight, int(room.width())
        )
        painter.drawText(room, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, elided)


class IterationsDelegate(_RowDelegate):
    """A bar of the iterations done, ticks where the run was validated, and the numbers."""

    def draw(self, painter: QPainter, rect: QRectF, row: RunRow, text: str, color: QColor) -> None:
        """Draw bar, ticks and numbers."""
        bar = rect.adjusted(MARGIN, 3, -MARGIN, -3)
        total = row.num_iterations
        if total and row.state != "broken":
            faint, full = QColor(color), QColor(state_look(row.state).color)
            faint.setAlpha(28)
            full.setAlpha(120)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(faint)
            painter.drawRoundedRect(bar, 3, 3)
            done = QRectF(bar)
            done.setWidth(bar.width() * min(1.0, row.iteration / total))
            painter.setBrush(full)
            painter.drawRoundedRect(done, 3, 3)
            ticks = QColor(color)
            ticks.setAlpha(90)
            painter.setPen(ticks)
            for iteration in _apart(row.validated_iterations, total, bar.width()):
                x = bar.left() + bar.width() * min(1.0, iteration / total)
                painter.drawLine(QPointF(x, bar.bottom() - 3), QPointF(x, bar.bottom()))
        painter.setPen(color)
        painter.drawText(bar, Qt.AlignmentFlag.AlignCenter, text)


def _apart(iterations: tuple[int, ...], total: int, width: float) -> tuple[int, ...]:
    """Return the iterations to mark; none where ticks would run into each other."""
    inner = tuple(iteration for iteration in iterations if iteration < total)
    return inner if len(inner) * 4 < width else ()
