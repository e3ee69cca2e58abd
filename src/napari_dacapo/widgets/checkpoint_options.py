"""How to run a checkpoint: device, precision, seams, cache."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QCheckBox, QComboBox, QWidget
from superqt.utils import signals_blocked

from napari_dacapo.viewers.live_prediction.devices import DEVICES, find_devices
from napari_dacapo.viewers.plain_text import plain_text
from napari_dacapo.viewers.tasks import Lane
from napari_dacapo.widgets.binding import when_destroyed
from napari_dacapo.widgets.worker import start_in_thread
from napari_dacapo.widgets.wrapping_row import wrapping_row

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["OptionsChooser"]

DEVICE_WIDTH = 110


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
        self.device.setMinimumContentsLength(4)
        self.device.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self.half = QCheckBox("Half precision", self)
        self.seamless = QCheckBox("No seams", self)
        self.keep = QCheckBox("Keep on disk", self)
        self.keep.setToolTip(
            "Keep finished blocks in your cache folder: what was predicted once is there at once"
        )
        self.device.setMinimumWidth(DEVICE_WIDTH)
        wrapping_row(self.device, self.half, self.seamless, self.keep, parent=self)
        self.device.activated.connect(self._on_device)
        for box in (self.half, self.seamless, self.keep):
            box.toggled.connect(self.changed)
        self.set_devices({name: "" if name in ("auto", "cpu") else "Looking…" for name in DEVICES})
        self.set_seams(pads=False)
        self._devices = Lane(start_in_thread, lambda: None)
        self._knows_devices = False
        when_destroyed(self, self._devices.cancel)

    def look_for_devices(self) -> None:
        """Find out, once and beside the window, which devices can be used."""
        if self._knows_devices:
            return
        self._knows_devices = True
        self._devices.start(
            "Looking for devices…",
            lambda cancelled: iter((find_devices(),)),
            on_value=self.set_devices,
            on_error=lambda error: self.device.setToolTip(plain_text(str(error))),
        )

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
            self.device.setItemData(i, plain_text(reason) or None, Qt.ItemDataRole.ToolTipRole)
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
