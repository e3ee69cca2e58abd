"""Where runs open: one button for each backend."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QButtonGroup, QHBoxLayout, QPushButton, QWidget

if TYPE_CHECKING:
    from collections.abc import Iterable

    from napari_dacapo.viewers.backends import BackendChoice

__all__ = ["BackendSwitch"]


class BackendSwitch(QWidget):
    """Exclusive buttons; a backend that cannot be used is disabled and says why.

    Signals
    -------
    backend_chosen : str
        The user chose a backend.
    """

    backend_chosen = Signal(str)

    def __init__(self, choices: Iterable[BackendChoice], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._group = QButtonGroup(self)
        self._group.setExclusive(True)
        self.buttons: dict[str, QPushButton] = {}
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        for choice in choices:
            button = QPushButton(choice.name, self)
            button.setCheckable(True)
            button.setEnabled(choice.usable)
            button.setToolTip(choice.tooltip)
            button.clicked.connect(lambda _=False, name=choice.name: self.backend_chosen.emit(name))
            self._group.addButton(button)
            self.buttons[choice.name] = button
            layout.addWidget(button, 1)

    def set_backend(self, name: str) -> None:
        """Show which backend is chosen."""
        self.buttons[name].setChecked(True)
