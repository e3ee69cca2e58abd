"""The switch "Follow", and how the run stands that is followed."""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from qtpy.QtWidgets import QCheckBox, QHBoxLayout, QVBoxLayout, QWidget
from superqt import QToggleSwitch
from superqt.utils import signals_blocked

from napari_dacapo import preferences
from napari_dacapo.widgets.binding import bind, when_destroyed
from napari_dacapo.widgets.labels import text_label

if TYPE_CHECKING:
    from napari_dacapo.viewers.session import Session

__all__ = ["FollowBar"]

# How many docks show the switch of a session: with the last one, following ends.
_bars: WeakKeyDictionary[Session, int] = WeakKeyDictionary()


class FollowBar(QWidget):
    """Follows the selected run while it trains.

    The switch is that of the selected run: with another one followed it is
    off, and the text below says which one is.
    """

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.switch = QToggleSwitch("Follow", self)
        self.shows_new = QCheckBox("Show new validations", self)
        self.shows_new.setToolTip(
            "Exchange what is on screen when a validation is complete; "
            "camera and contrast stay as they are"
        )
        self.text = text_label(self)
        row = QHBoxLayout()
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.switch)
        row.addStretch()
        row.addWidget(self.shows_new)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(row)
        layout.addWidget(self.text)
        self.switch.toggled.connect(self._on_switch)
        self.shows_new.toggled.connect(self._on_shows_new)
        following = session.following
        bind(
            self,
            (session.facts_changed, self._refresh),
            (following.changed, self._refresh),
        )

        def leave() -> None:
            if not len(following.changed):  # no other dock shows the switch
                following.stop()

        when_destroyed(self, leave)
        self._refresh()

    def _on_switch(self, on: bool) -> None:
        if on:
            self._session.following.start(interval=preferences.follow_interval())
        else:
            self._session.following.stop()
        self._refresh()

    def _on_shows_new(self, on: bool) -> None:
        self._session.following.shows_new = on

    def _refresh(self) -> None:
        facts, following = self._session.facts, self._session.following
        usable = facts is not None and facts.run is not None
        on = usable and facts is not None and facts.name == following.run
        with signals_blocked(self.switch):
            self.switch.setChecked(on)
        self.switch.setEnabled(usable)
        self.switch.setToolTip(
            "Look at the run again and again while it trains: losses, validations and scores "
            "appear as they come"
            if usable
            else "Select a run that can be read"
        )
        with signals_blocked(self.shows_new):
            self.shows_new.setChecked(following.shows_new)
        self.shows_new.setEnabled(bool(following.run))
        self.text.setText(self._say(facts.name if facts is not None else ""))
        self.text.setVisible(bool(self.text.text()))

    def _say(self, selected: str) -> str:
        following = self._session.following
        standing = following.standing
        if not standing.run or (standing.run != selected and not following.run):
            return ""
        mark = "⚠ " if standing.warning else ""
        lines = [standing.progress, f"{mark}{standing.last}" if standing.last else ""]
        if standing.run != selected:
            lines.insert(0, f"Following {standing.run}:")
        return "\n".join(line for line in lines if line)
