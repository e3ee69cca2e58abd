"""What to run a checkpoint on: a dataset, a layer or a path, its voxel size and channels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Qt, Signal
from qtpy.QtWidgets import (
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLineEdit,
    QToolButton,
    QWidget,
)
from superqt.utils import signals_blocked

from napari_dacapo.viewers.live_prediction.request import (
    RawSource,
    parse_channels,
    parse_voxel_size,
)
from napari_dacapo.viewers.plain_text import plain_text
from napari_dacapo.widgets.eliding_combo import ElidingCombo

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from napari_dacapo.viewers.live_prediction.raw import RawFacts

__all__ = ["SourceChooser"]

Entry = tuple[str, Any]
PATH: Entry = ("path", "")


class SourceChooser(QObject):
    """Rows of a form: the source, and what has to be said of it.

    Parameters
    ----------
    form : QFormLayout
        Gets the rows.
    layer_source : callable
        Returns what a layer is as a source; may raise NapariDacapoError.
    parent : QWidget
        The widget that the form belongs to.

    Signals
    -------
    changed
        Another source, voxel size or channels were chosen.
    """

    changed = Signal()

    def __init__(
        self, form: QFormLayout, layer_source: Callable[[Any], RawSource], parent: QWidget
    ) -> None:
        super().__init__(parent)
        self._layer_source = layer_source
        self._has_channels = False
        self.chooser = ElidingCombo(6, parent)
        self.chooser.setToolTip(
            "Raw to predict on: of a dataset, an image layer, or an array on disk"
        )
        self.path = QLineEdit(parent)
        self.path.setPlaceholderText("Zarr, N5 or TIFF, with the array's name")
        self.path.setToolTip("Path of the array, e.g. /data/cells.zarr/raw")
        self.browse = QToolButton(parent)
        self.browse.setText("…")
        self.browse.setToolTip("Choose the folder of the array")
        self.voxel_size = QLineEdit(parent)
        self.channels = QLineEdit(parent)
        self.channels.setPlaceholderText("all")
        self.channels.setToolTip('Which channels the network sees: "0", "0, 2" or "1-3"')
        path_row = QWidget(parent)
        row = QHBoxLayout(path_row)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(4)
        row.addWidget(self.path, 1)
        row.addWidget(self.browse)
        self._form = form
        self._path_row = path_row
        form.addRow("Raw", self.chooser)
        form.addRow("Path", path_row)
        form.addRow("Voxel size", self.voxel_size)
        form.addRow("Channels", self.channels)
        self.chooser.activated.connect(self._on_chosen)
        self.browse.clicked.connect(self._browse)
        self.path.editingFinished.connect(self._on_path)
        self._path_before = ""
        self._show_rows()

    def set_sources(
        self, validation: Iterable[str], training: Iterable[str], layers: Iterable[Any]
    ) -> None:
        """Offer sources; the chosen one stays if it is still there.

        Parameters
        ----------
        validation, training : iterable of str
            Names of datasets.
        layers : iterable of napari.layers.Image
            Layers of the viewer.
        """
        before = self.entry()
        entries: list[tuple[str, Entry]] = [
            *((f"{name}  (validation)", ("validation", name)) for name in validation),
            *((f"{name}  (training)", ("training", name)) for name in training),
            *((f"{layer.name}  (layer)", ("layer", layer)) for layer in layers),
            ("Array on disk…", PATH),
        ]
        with signals_blocked(self.chooser):
            self.chooser.clear()
            for i, (text, entry) in enumerate(entries):
                self.chooser.addItem(text, entry)
                self.chooser.setItemData(i, plain_text(text), Qt.ItemDataRole.ToolTipRole)
                if entry == before:
                    self.chooser.setCurrentIndex(i)
        if self.entry() != before:
            self._forget()
        self._show_rows()

    def choose(self, kind: str, what: Any) -> None:
        """Choose a source that is on offer."""
        for i in range(self.chooser.count()):
            entry = self.chooser.itemData(i)
            if entry == (kind, what):
                self.chooser.setCurrentIndex(i)
                self._on_chosen()
                return

    def entry(self) -> Entry | None:
        """Return kind and name (or layer) of what is chosen."""
        entry: Entry | None = self.chooser.currentData()
        return entry

    def source(self) -> RawSource | None:
        """Return the chosen source; None as long as a path is not given.

        Raises
        ------
        NapariDacapoError
            If a layer cannot be used.
        """
        entry = self.entry()
        if entry is None:
            return None
        kind, what = entry
        if kind == "layer":
            return self._layer_source(what)
        if kind == "path":
            text = self.path.text().strip()
            return RawSource("path", text) if text else None
        return RawSource(kind, what)  # type: ignore[arg-type]

    def wanted_voxel_size(self) -> tuple[float, ...] | None:
        """Return what the user wrote; None if nothing.

        Raises
        ------
        PredictionError
            If it cannot be read.
        """
        return parse_voxel_size(self.voxel_size.text()) if self._asks_size() else None

    def wanted_channels(self) -> tuple[int, ...] | None:
        """Return the chosen channels, None for all.

        Raises
        ------
        PredictionError
            If they cannot be read.
        """
        return parse_channels(self.channels.text()) if self._has_channels else None

    def say(self, facts: RawFacts) -> None:
        """Show what a source says of itself."""
        self._has_channels = facts.n_channels > 1
        wanted = facts.wanted_channels
        if (
            self._has_channels
            and not self.channels.text()
            and wanted not in (None, facts.n_channels)
        ):
            self.channels.setText("0" if wanted == 1 else f"0-{int(wanted or 1) - 1}")
        size = " × ".join(f"{v:g}" for v in facts.voxel_size)
        self.voxel_size.setPlaceholderText(size + ("" if facts.sized else "  (assumed)"))
        self.voxel_size.setToolTip(
            "In nanometres, along z, y, x. "
            + (
                "Empty: as the array says."
                if facts.sized
                else "The array does not say; empty: as in training."
            )
        )
        self._show_rows()

    def _forget(self) -> None:
        self._has_channels = False
        self.voxel_size.clear()
        self.voxel_size.setPlaceholderText("")
        self.channels.clear()

    def _asks_size(self) -> bool:
        entry = self.entry()
        return entry is not None and entry[0] in ("layer", "path")

    def _show_rows(self) -> None:
        entry = self.entry()
        self._form.setRowVisible(self._path_row, entry is not None and entry[0] == "path")
        self._form.setRowVisible(self.voxel_size, self._asks_size())
        self._form.setRowVisible(self.channels, self._has_channels)

    def _on_chosen(self, _index: int = 0) -> None:
        self._forget()
        self._show_rows()
        self.changed.emit()
        if self.entry() == PATH and not self.path.text():
            self.path.setFocus()

    def _on_path(self) -> None:
        # Qt says that editing is finished whenever the focus goes.
        if self.path.text() != self._path_before:
            self._path_before = self.path.text()
            self._forget()
            self._show_rows()
            self.changed.emit()

    def _browse(self) -> None:
        chosen = QFileDialog.getExistingDirectory(
            self.chooser, "Array to predict on", self.path.text(), QFileDialog.Option.ShowDirsOnly
        )
        if chosen:
            self.path.setText(chosen)
            self._on_path()
