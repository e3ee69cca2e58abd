from __future__ import annotations

import gc
from typing import TYPE_CHECKING
from weakref import ref

from psygnal import Signal
from qtpy.QtWidgets import QWidget

from napari_dacapo.widgets.binding import bind, when_destroyed

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot


class Source:
    changed = Signal(int)


class Listener(QWidget):
    def __init__(self, source: Source) -> None:
        super().__init__()
        self.heard: list[int] = []
        self.itself = self  # a cycle, as lambdas and children make them
        bind(self, (source.changed, self.hear))

    def hear(self, number: int) -> None:
        self.heard.append(number)


def test_a_deleted_widget_hears_nothing(qtbot: QtBot) -> None:
    source = Source()
    listener = Listener(source)
    source.changed.emit(1)
    with qtbot.waitSignal(listener.destroyed):
        listener.deleteLater()
    source.changed.emit(2)
    assert listener.heard == [1]
    assert len(source.changed) == 0


def test_a_widget_that_nobody_holds_is_collected(qtbot: QtBot) -> None:
    source = Source()
    gone = [ref(Listener(source)) for _ in range(20)]
    gc.collect()
    assert [each() for each in gone] == [None] * 20
    source.changed.emit(1)
    assert len(source.changed) == 0


def test_deeds_are_done_once(qtbot: QtBot) -> None:
    done: list[str] = []
    widget = QWidget()
    when_destroyed(widget, lambda: done.append("done"))
    del widget
    gc.collect()
    assert done == ["done"]
