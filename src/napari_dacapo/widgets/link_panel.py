"""The page "Link": what is on screen as a neuroglancer link, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QApplication,
    QButtonGroup,
    QCheckBox,
    QFileDialog,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from napari_dacapo import preferences
from napari_dacapo.errors import OptionsError
from napari_dacapo.viewers.napari.notifications import show_info
from napari_dacapo.viewers.sharing import Sharing
from napari_dacapo.widgets.binding import bind, when_destroyed
from napari_dacapo.widgets.labels import text_label
from napari_dacapo.widgets.link_addresses import AddressesDialog
from napari_dacapo.widgets.worker import start_in_thread

if TYPE_CHECKING:
    from collections.abc import Mapping

    from qtpy.QtGui import QShowEvent

    from napari_dacapo.viewers.links import Link
    from napari_dacapo.viewers.session import Session

__all__ = ["LinkPanel"]

KINDS = {
    "live": (
        "Live",
        "Works in browsers on this computer as long as napari runs. "
        "Whoever has the link can read these arrays.",
    ),
    "static": (
        "Static",
        "Works for anyone. All arrays need public addresses: https, s3 or gs (the url map).",
    ),
}


class LinkPanel(QWidget):
    """Copy link, Save state…, Open link; live ones can be ended."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.sharing = Sharing(session, start=start_in_thread)
        self.kinds = {key: QPushButton(title, self) for key, (title, _) in KINDS.items()}
        self.explanation = text_label(self)
        self.addresses = QPushButton("Addresses…", self)
        self.addresses.setToolTip("Say under which addresses local folders can be reached")
        self.leave_out = QCheckBox("Leave out layers without an address", self)
        self.leave_out.setToolTip(
            "Link what can be linked, and say what is left out: segmentations that are computed "
            "here, layers of your own, files in no folder of the url map"
        )
        self.copy = QPushButton("Copy neuroglancer link", self)
        self.copy.setToolTip("Put a link to what is on screen, as it is shown, on the clipboard")
        self.save = QPushButton("Save state…", self)
        self.save.setToolTip(
            "Save what is on screen as a neuroglancer state (JSON), with all selected labels"
        )
        self.served = QLabel("● Live links can be opened", self)
        self.stop = QPushButton("Stop", self)
        self.stop.setToolTip("End all live links; what was copied no longer works")
        self.message = text_label(self)
        self.link = QLineEdit(self)
        self.link.setPlaceholderText("Paste a neuroglancer link")
        self.link.setClearButtonEnabled(True)
        self.link.setToolTip("A link with a state in it, or the path of a state saved as JSON")
        self.open = QPushButton("Open in napari", self)
        self.open.setToolTip("Show what the link shows, as layers with the same view  Enter")
        self._lay_out()
        self._wire()
        self.choose_kind("live")

    def showEvent(self, event: QShowEvent) -> None:
        """Look whether links are live: scripts and other docks make and end them, too."""
        super().showEvent(event)
        self._refresh()

    @property
    def kind(self) -> str:
        """Which kind of link is made: ``"live"`` or ``"static"``."""
        return next(key for key, button in self.kinds.items() if button.isChecked())

    @property
    def without(self) -> tuple[str, ...]:
        """What is left out of links."""
        return ("private",) if self.kind == "static" and self.leave_out.isChecked() else ()

    def choose_kind(self, kind: str) -> None:
        """Choose which kind of link is made."""
        self.kinds[kind].setChecked(True)
        self._on_kind()

    def copy_link(self) -> None:
        """Make a link and put it on the clipboard."""
        url_map = self._url_map()
        if url_map is not None:
            self.sharing.copy(live=self.kind == "live", url_map=url_map, without=self.without)

    def ask_where_to_save(self) -> None:
        """Save the state in a file that the user chooses."""
        url_map = self._url_map()
        if url_map is None:
            return
        path, _ = QFileDialog.getSaveFileName(
            self, "Save neuroglancer state", "neuroglancer.json", "neuroglancer state (*.json)"
        )
        if path:
            self.sharing.save(path, live=self.kind == "live", url_map=url_map, without=self.without)

    def open_link(self) -> None:
        """Open what is written in the field."""
        text, url_map = self.link.text().strip(), self._url_map()
        if text and url_map is not None:
            self.sharing.open(text, url_map=url_map)

    def edit_addresses(self) -> AddressesDialog:
        """Let the user edit the public addresses of local folders."""
        store = self._session.store.opened
        known = self._url_map() or {}
        suggestion = store.label if store is not None and store.label not in known else ""
        dialog = AddressesDialog(known, suggestion, self)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.accepted.connect(lambda: preferences.set_url_map(dialog.mapping()))
        dialog.open()
        return dialog

    def _lay_out(self) -> None:
        group = QButtonGroup(self)
        kinds = QHBoxLayout()
        kinds.setSpacing(0)
        for key, button in self.kinds.items():
            button.setCheckable(True)
            button.setToolTip(KINDS[key][1])
            group.addButton(button)
            kinds.addWidget(button, 1)
        what = QHBoxLayout()
        what.addWidget(self.explanation, 1)
        what.addWidget(self.addresses, 0, Qt.AlignmentFlag.AlignTop)
        deeds = QHBoxLayout()
        deeds.addWidget(self.copy, 3)
        deeds.addWidget(self.save, 2)
        live = QHBoxLayout()
        self.served.setStyleSheet("color: #2fa84f;")
        live.addWidget(self.served, 1)
        live.addWidget(self.stop)
        line = QFrame(self)
        line.setFrameShape(QFrame.Shape.HLine)
        back = QHBoxLayout()
        back.addWidget(self.link, 1)
        back.addWidget(self.open)
        inner = QWidget(self)
        column = QVBoxLayout(inner)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(kinds)
        column.addLayout(what)
        column.addWidget(self.leave_out)
        column.addLayout(deeds)
        column.addWidget(self.message)
        column.addLayout(live)
        column.addWidget(line)
        column.addLayout(back)
        column.addStretch()
        area = QScrollArea(self)
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setWidget(inner)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 4, 0, 0)
        layout.addWidget(area)

    def _wire(self) -> None:
        for button in self.kinds.values():
            button.clicked.connect(self._on_kind)
        self.copy.clicked.connect(self.copy_link)
        self.save.clicked.connect(self.ask_where_to_save)
        self.addresses.clicked.connect(self.edit_addresses)
        self.stop.clicked.connect(lambda: self.sharing.stop())
        self.open.clicked.connect(self.open_link)
        self.link.returnPressed.connect(self.open_link)
        self.link.textChanged.connect(self._refresh)
        bind(self, (self.sharing.changed, self._refresh), (self.sharing.made, self._on_made))
        when_destroyed(self, self.sharing.close)

    def _on_kind(self) -> None:
        self.explanation.setText(KINDS[self.kind][1])
        self.addresses.setVisible(self.kind == "static")
        self.leave_out.setVisible(self.kind == "static")

    def _on_made(self, link: Link) -> None:
        clipboard = QApplication.clipboard()
        if clipboard is not None:
            clipboard.setText(link.url)
        show_info("The neuroglancer link is on the clipboard.")

    def _refresh(self) -> None:
        sharing = self.sharing
        for button in (self.copy, self.save, self.stop):
            button.setEnabled(not sharing.busy)
        self.open.setEnabled(not sharing.busy and bool(self.link.text().strip()))
        self.served.setVisible(sharing.live)
        self.stop.setVisible(sharing.live)
        mark = "⚠ " if sharing.refused else ""
        text = sharing.busy or (f"{mark}{sharing.message}" if sharing.message else "")
        self.message.setText(text)
        self.message.setVisible(bool(text))

    def _url_map(self) -> Mapping[str, str] | None:
        """Return the public addresses; None, with the reason said, if they make no sense."""
        try:
            return preferences.url_map()
        except OptionsError as error:
            self.message.setText(f"⚠ The addresses in the preferences cannot be used: {error}")
            self.message.show()
            return None
