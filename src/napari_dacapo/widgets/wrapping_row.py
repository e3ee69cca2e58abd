"""Rows of buttons that become several where the dock is narrow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from superqt.utils import QFlowLayout

if TYPE_CHECKING:
    from qtpy.QtWidgets import QWidget

__all__ = ["wrapping_row"]

SPACING = 6


def wrapping_row(*widgets: QWidget, parent: QWidget | None = None) -> QFlowLayout:
    """Return a layout with widgets side by side, and below each other where they do not fit."""
    row = QFlowLayout(parent)
    row.setContentsMargins(0, 0, 0, 0)
    row.setHorizontalSpacing(SPACING)
    row.setVerticalSpacing(SPACING)
    for widget in widgets:
        row.addWidget(widget)
    return row
