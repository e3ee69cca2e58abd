"""Pages that are scrolled where the dock is too low for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QScrollArea

if TYPE_CHECKING:
    from qtpy.QtWidgets import QWidget

__all__ = ["scrolled"]


def scrolled(page: QWidget, parent: QWidget) -> QScrollArea:
    """Return an area that is as wide as a page, and scrolls it up and down."""
    area = QScrollArea(parent)
    area.setWidgetResizable(True)
    area.setFrameShape(QScrollArea.Shape.NoFrame)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setWidget(page)
    return area
