"""Choosers of names that may be longer than the dock is wide."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QComboBox, QStyle, QStyleOptionComboBox, QWidget

__all__ = ["ElidingCombo"]


class ElidingCombo(QComboBox):
    """Leaves out the middle of a text that does not fit; Qt itself cuts off its end.

    Parameters
    ----------
    n_characters : int
        How many characters there is room for at least.
    parent : QWidget, optional
        The widget that it belongs to.
    """

    def __init__(self, n_characters: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setMinimumContentsLength(n_characters)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)

    def initStyleOption(self, option: QStyleOptionComboBox) -> None:
        """Say what is drawn."""
        super().initStyleOption(option)
        field = self.style().subControlRect(
            QStyle.ComplexControl.CC_ComboBox,
            option,
            QStyle.SubControl.SC_ComboBoxEditField,
            self,
        )
        option.currentText = self.fontMetrics().elidedText(
            option.currentText, Qt.TextElideMode.ElideMiddle, field.width() - 2
        )
