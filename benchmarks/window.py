"""A real window, and the time from a change to its last pixel."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["draw", "new_viewer", "step_times"]


def new_viewer() -> Any:
    """Return a napari viewer in a shown window."""
    import napari

    viewer = napari.Viewer()
    viewer.window.resize(1400, 900)
    draw(viewer)
    return viewer


def draw(viewer: Any) -> None:
    """Draw what is shown and wait until it is drawn."""
    from qtpy.QtWidgets import QApplication

    QApplication.processEvents()
    canvas = viewer.window._qt_viewer.canvas._scene_canvas
    canvas.native.repaint()
    QApplication.processEvents()


def step_times(viewer: Any, axis: int, steps: Iterable[int]) -> list[float]:
    """Return the seconds that each step of a slider takes, drawing included."""
    times = []
    for step in steps:
        start = time.perf_counter()
        viewer.dims.set_current_step(axis, step)
        draw(viewer)
        times.append(time.perf_counter() - start)
    return times
