"""How long the window stands still while its first run opens: ours, and layers added by hand."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.common import Row, ms
from benchmarks.window import new_viewer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

RUN = "mito_distance"
ROUNDS = 3
TICK = 2
"""Milliseconds after which an idle window would answer."""


def longest_standstill(act: Callable[[], object], done: Callable[[], bool]) -> float:
    """Return the seconds between two answers of the window that lie furthest apart."""
    from qtpy.QtCore import QTimer
    from qtpy.QtWidgets import QApplication

    gaps: list[float] = []
    last = time.perf_counter()

    def answer() -> None:
        nonlocal last
        now = time.perf_counter()
        gaps.append(now - last)
        last = now

    timer = QTimer()
    timer.setInterval(TICK)
    timer.timeout.connect(answer)
    timer.start()
    act()
    while not done():
        QApplication.processEvents()
        time.sleep(TICK / 1e3)
    answer()
    timer.stop()
    return max(gaps)


def in_the_dock(store: str) -> float:
    """Open a run as a user does."""
    from qtpy.QtWidgets import QApplication

    from napari_dacapo import commands

    viewer = new_viewer()
    dock: Any = commands.show_runs(viewer)
    while dock.session.busy:
        QApplication.processEvents()

    def is_open() -> bool:
        return len(viewer.layers) == 4 and not dock.session.busy

    seconds = longest_standstill(lambda: dock.open_store(store, run=RUN, show=True), is_open)
    viewer.close()
    return seconds


def by_hand(store: str) -> float:
    """Add the same layers in one go, from memory."""
    from napari.layers import Layer

    import napari_dacapo
    from napari_dacapo.viewers.napari.layers import run_layer_data

    viewer = new_viewer()
    layers = run_layer_data(napari_dacapo.open_store(store).run(RUN))
    loaded = [(np.asarray(data), settings, kind) for data, settings, kind in layers]

    def add() -> None:
        for layer in loaded:
            viewer.add_layer(Layer.create(*layer))

    seconds = longest_standstill(add, lambda: True)
    viewer.close()
    return seconds


def in_a_process(way: str, store: Path) -> float:
    """Measure from the beginning: what napari does once for its first layers is part of it."""
    code = f"from benchmarks.standstill import *; print({way}({str(store)!r}))"
    done = subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.PIPE)
    return float(done.stdout.split()[-1])


def measure() -> Iterable[Row]:
    from napari_dacapo.samples import unpack_store

    with tempfile.TemporaryDirectory() as name:
        store = unpack_store(cache=Path(name))
        ways: dict[str, list[float]] = {"in_the_dock": [], "by_hand": []}
        for _ in range(ROUNDS):
            for way, seconds in ways.items():
                seconds.append(in_a_process(way, store))
    ours, theirs = min(ways["in_the_dock"]), min(ways["by_hand"])
    yield Row(
        "longest standstill of the window, first run",
        ms(ours),
        f"layers added by hand: {ms(theirs)}",
        ours / theirs,
        "<= 0.6",
        ours / theirs <= 0.6,
    )
