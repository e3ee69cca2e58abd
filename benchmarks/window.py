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
    """Wait until what is shown is drawn: once, as it is drawn for a user."""
    from qtpy.QtWidgets import QApplication

    canvas = viewer.window._qt_viewer.canvas._scene_canvas
    drawn: list[Any] = []
    canvas.events.draw.connect(drawn.append)
    canvas.update()  # Qt makes one of several requests
    while not drawn:
        QApplication.processEvents()
    canvas.events.draw.disconnect(drawn.append)


def step_times(viewer: Any, axis: int, steps: Iterable[int]) -> list[float]:
    """Return the seconds that each step of a slider takes, drawing included."""
    times = []
    for step in steps:
        start = time.perf_counter()
        viewer.dims.set_current_step(axis, step)
        draw(viewer)
        times.append(time.perf_counter() - start)
    return times
