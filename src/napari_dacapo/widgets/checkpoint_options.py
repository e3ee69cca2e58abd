"""How to run a checkpoint: device, precision, seams, cache."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QCheckBox, QComboBox, QGridLayout, QWidget
from superqt.utils import signals_blocked

from napari_dacapo.viewers.live_prediction.devices import DEVICES

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["OptionsChooser"]


class OptionsChooser(QWidget):
    """Device and three switches.

    Signals
    -------
    changed
        Something else was chosen.
    """

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._auto = ""
        self.device = QComboBox(self)
        self.device.addItems(DEVICES)
        self.device.setAccessibleName("Device")
        self.half = QCheckBox("Half precision", self)
        self.seamless = QCheckBox("No seams", self)
        self.keep = QCheckBox("Keep on disk", self)
        self.keep.setToolTip(
            "Keep finished blocks in your cache folder: what was predicted once is there at once"
        )
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setVerticalSpacing(4)
        grid.addWidget(self.device, 0, 0)
        grid.addWidget(self.half, 0, 1)
        grid.addWidget(self.seamless, 1, 0)
        grid.addWidget(self.keep, 1, 1)
        grid.setColumnStretch(0, 1)
        grid.setColumnStretch(1, 1)
        self.device.activated.connect(self._on_device)
        for box in (self.half, self.seamless, self.keep):
            box.toggled.connect(self.changed)
        self.set_devices({name: "" if name in ("auto", "cpu") else "Looking…" for name in DEVICES})
        self.set_seams(pads=False)

    def set_devices(self, reasons: Mapping[str, str]) -> None:
        """Show which devices can be used.

        Parameters
        ----------
        reasons : mapping of str to str
            Why a device cannot be used, by its name; empty if it can. That of
            "auto" is the device that it stands for.
        """
        self._auto = reasons["auto"]
        texts = [f"auto ({self._auto})" if self._auto else "auto", *DEVICES[1:]]
        model = self.device.model()
        for i, (name, text) in enumerate(zip(DEVICES, texts, strict=True)):
            self.device.setItemText(i, text)
            reason = "" if name == "auto" else reasons[name]
            model.item(i).setEnabled(not reason)
            self.device.setItemData(i, reason or None, Qt.ItemDataRole.ToolTipRole)
        missing = [name for name in DEVICES[1:] if reasons[name]]
        self.device.setToolTip(
            "Where the network runs"
            + (f". Not at hand: {', '.join(missing)}" if missing and self._auto else "")
        )
        self._update_half()

    def set_seams(self, *, pads: bool, attention: bool = False) -> None:
        """Show what leaves seams between blocks: zeros around them, gates of attention."""
        leaves_seams = pads or attention
        self.seamless.setEnabled(leaves_seams)
        self.seamless.setToolTip(
            "Let blocks overlap and blend them there: what attention makes of a block depends on "
            "the whole of it. Slower, and no longer what DaCapo stores"
            if attention
            else "Let blocks overlap, so that the zeros around each leave no seams. Slower, and no "
            "longer what DaCapo stores"
            if pads
            else "This network does not pad: it leaves no seams"
        )
        if not leaves_seams:
            with signals_blocked(self.seamless):
                self.seamless.setChecked(False)

    def chosen_device(self) -> str:
        """Return the name of the chosen device."""
        return DEVICES[self.device.currentIndex()]

    def _on_device(self, _index: int) -> None:
        self._update_half()
        self.changed.emit()

    def _update_half(self) -> None:
        device = self.chosen_device()
        is_gpu = (self._auto if device == "auto" else device) not in ("", "cpu")
        self.half.setEnabled(is_gpu)
        self.half.setToolTip(
            "Faster, needs half the memory, and differs a little"
            if is_gpu
            else "Half precision is for GPUs; the processor has no use for it"
        )
        if not is_gpu:
            with signals_blocked(self.half):
                self.half.setChecked(False)
