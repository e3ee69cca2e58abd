"""Make the pictures of README.md and docs/guide.md: real windows with the sample runs.

    make screenshots

Settings and recent stores of whoever runs this are neither shown nor changed.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_dacapo.viewers.session import Session

IMAGES = Path(__file__).parents[1] / "docs" / "images"


def picture(
    name: str, run_name: str, change: Callable[[Any, Session], None], **wanted: Any
) -> None:
    """Open a sample run in a window of its own, change something, save a picture."""
    import napari_dacapo
    from napari_dacapo.cli import window
    from napari_dacapo.samples import unpack_sample

    run = napari_dacapo.open_store(unpack_sample(run_name)).run(run_name)
    viewer = window.new_window()
    try:
        session = window.open_in_dock(viewer, run, **wanted)
        window.wait_until_shown(session)
        change(viewer, session)
        window.wait_until_shown(session)
        settle(viewer)
        path = IMAGES / f"{name}.png"
        window.save_picture(viewer, path)
        print(f"{path} ({path.stat().st_size // 1024} kB)")
    finally:
        viewer.close()


def as_it_opens(viewer: Any, session: Session) -> None:
    pass


def side_by_side(viewer: Any, session: Session) -> None:
    session.show("side by side")


def details(viewer: Any, session: Session) -> None:
    turn_to(viewer, "details")


def checkpoint(viewer: Any, session: Session) -> None:
    page = turn_to(viewer, "checkpoint")
    handle_events_until(page.whole.isEnabled)
    page.whole.click()
    handle_events_until(lambda: page.live.state.phase in ("done", "failed"))


def scores(viewer: Any, session: Session) -> None:
    page = turn_to(viewer, "scores")
    handle_events_until(lambda: page.plots is not None)


def turn_to(viewer: Any, name: str) -> Any:
    from napari_dacapo.commands import show_runs

    dock = show_runs(viewer)
    dock.tabs.setCurrentWidget(dock.panels[name])
    return dock.panels[name]


def handle_events_until(is_so: Callable[[], object]) -> None:
    from qtpy.QtWidgets import QApplication

    while not is_so():
        QApplication.processEvents()


def settle(viewer: Any) -> None:
    """Handle events until the window looks the same several times in a row."""
    from qtpy.QtWidgets import QApplication

    window = viewer.window._qt_window
    before, times = None, 0
    while times < 20:
        QApplication.processEvents()
        now = window.grab().toImage()
        times = times + 1 if now == before else 0
        before = now


def main() -> None:
    IMAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as home:
        os.environ["NAPARI_CONFIG"] = f"{home}/settings.yaml"
        os.environ["XDG_CONFIG_HOME"] = f"{home}/.config"
        picture("mito_distance", "mito_distance", as_it_opens)
        picture("side_by_side", "mito_distance", side_by_side, iteration=900)
        picture("cell_affinities", "cell_affinities", as_it_opens)
        picture("checkpoint", "mito_distance", checkpoint)
        picture("scores", "cell_affinities", scores)
        picture("details", "mito_distance", details)


if __name__ == "__main__":
    main()
