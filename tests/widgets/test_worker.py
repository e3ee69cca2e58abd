"""Work in a thread of its own: what comes of it, and what it leaves alone."""

from __future__ import annotations

import subprocess
import sys
import threading
import warnings
from typing import TYPE_CHECKING

from napari_dacapo.errors import BrokenFileError
from napari_dacapo.widgets.worker import start_in_thread

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytestqt.qtbot import QtBot

AT_EXIT = """
import threading
from qtpy.QtCore import QCoreApplication, QTimer
from napari_dacapo.widgets.worker import start_in_thread

app = QCoreApplication([])
entered = threading.Event()

def work():
    entered.set()
    threading.Event().wait()
    yield

nothing = lambda *_: None
start_in_thread(work, on_value=nothing, on_error=nothing, on_done=nothing)
assert entered.wait(60)
QTimer.singleShot(0, app.quit)
app.exec()
"""


def test_answers_come_in_order_on_the_main_thread(qtbot: QtBot) -> None:
    told: list[tuple[object, bool]] = []

    def tell(what: object) -> None:
        told.append((what, threading.current_thread() is threading.main_thread()))

    def work() -> Iterator[object]:
        yield threading.current_thread() is threading.main_thread()
        yield 2
        raise BrokenFileError("Torn.")

    start_in_thread(
        work,
        on_value=tell,
        on_error=lambda error: tell(str(error)),
        on_done=lambda: tell("done"),
    )
    qtbot.waitUntil(lambda: len(told) == 4)
    assert told == [(False, True), (2, True), ("Torn.", True), ("done", True)]


def test_warnings_that_are_not_to_be_heard_are_not_heard_meanwhile(qtbot: QtBot) -> None:
    entered, go_on, done = threading.Event(), threading.Event(), threading.Event()

    def work() -> Iterator[None]:
        entered.set()
        assert go_on.wait(60)
        yield

    before = list(warnings.filters)
    start_in_thread(work, on_value=lambda _: None, on_error=lambda _: None, on_done=done.set)
    assert entered.wait(60)
    meanwhile = list(warnings.filters)
    go_on.set()
    qtbot.waitUntil(done.is_set)
    assert meanwhile == before


def test_a_window_can_be_closed_while_work_is_being_done() -> None:
    process = subprocess.run(
        [sys.executable, "-c", AT_EXIT], capture_output=True, text=True, timeout=120, check=False
    )
    assert (process.returncode, process.stderr) == (0, "")
