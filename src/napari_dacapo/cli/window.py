"""A napari window with the dock "Runs" and one run in it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

from napari_dacapo.errors import NapariDacapoError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from napari_dacapo.runs import Run
    from napari_dacapo.viewers.session import Session
    from napari_dacapo.viewers.view_state import ViewState
    from napari_dacapo.volumes import Volume

__all__ = [
    "new_window",
    "open_in_dock",
    "quiet_console",
    "save_picture",
    "show_link",
    "show_run",
    "show_volumes",
    "wait_until_shown",
]

PATIENCE = 120_000
"""Milliseconds that a picture waits for what is computed."""


def show_run(
    run: Run,
    *,
    dataset: str | None = None,
    iteration: int | None = None,
    parameters: str | None = None,
    segmentation: Literal["stored", "computed"] | None = None,
    screenshot: Path | None = None,
) -> None:
    """Open a window with a run, and stay until it is closed or photographed.

    Parameters
    ----------
    run : Run
        What to show.
    dataset, iteration, parameters, segmentation : optional
        As in :func:`napari_dacapo.add_run`.
    screenshot : Path, optional
        Where to save a picture of the window; the window is closed then.

    Raises
    ------
    NapariDacapoError
        With `screenshot`: if the run could not be shown.
    """
    import napari

    viewer = new_window()
    wanted = {
        "dataset": dataset,
        "iteration": iteration,
        "parameters": parameters,
        "segmentation": segmentation,
    }
    session = open_in_dock(viewer, run, **wanted)
    if screenshot is None:
        napari.run()
        return
    try:
        with quiet_console():
            wait_until_shown(session)
        save_picture(viewer, screenshot)
    finally:
        viewer.close()


def show_link(volumes: list[Volume], view: ViewState, *, screenshot: Path | None = None) -> None:
    """Open a window with what a link shows, and stay until it is closed or photographed.

    Parameters
    ----------
    volumes, view
        As :func:`napari_dacapo.viewers.linked.read_linked` gives them.
    screenshot : Path, optional
        Where to save a picture of the window; the window is closed then.
    """
    import napari
    from qtpy.QtWidgets import QApplication

    from napari_dacapo.viewers.linked import show_linked

    viewer = new_window()
    try:
        show_linked(volumes, view, viewer)
        if screenshot is None:
            napari.run()
            return
        QApplication.processEvents()
        save_picture(viewer, screenshot)
    finally:
        if screenshot is not None:
            viewer.close()


def show_volumes(volumes: list[Volume], *, screenshot: Path | None = None) -> None:
    """Open a window with volumes, and stay until it is closed or photographed.

    Parameters
    ----------
    volumes : list of Volume
        From the bottom to the top.
    screenshot : Path, optional
        Where to save a picture of the window; the window is closed then.
    """
    import napari
    from qtpy.QtWidgets import QApplication

    from napari_dacapo.viewers.napari.backend import NapariBackend

    viewer = new_window()
    NapariBackend(viewer).show(volumes)
    if screenshot is None:
        napari.run()
        return
    try:
        QApplication.processEvents()
        save_picture(viewer, screenshot)
    finally:
        viewer.close()


def new_window() -> Any:
    """Return a viewer in a window of a size that shows canvas and dock."""
    import napari

    viewer = napari.Viewer(title="napari-dacapo")
    viewer.window.resize(1600, 1000)
    return viewer


def open_in_dock(viewer: Any, run: Run, **wanted: Any) -> Session:
    """Open a run through the dock "Runs", which goes on showing its store.

    Returns
    -------
    Session
        The dock's state; the run is on its way when this returns.
    """
    from napari_dacapo.commands import show_runs

    session: Session = show_runs(viewer).session
    options = run.store.options
    chosen = {key: value for key, value in wanted.items() if value is not None}

    def show() -> None:
        if session.facts is None or session.facts.name != run.name:
            return
        session.facts_changed.disconnect(show)
        if chosen:
            session.select(**chosen)
        session.show("stacked")

    session.facts_changed.connect(show)
    session.open_store(
        str(options.source or options.runs_base_dir), path_map=options.path_map, select=run.name
    )
    return session


def wait_until_shown(session: Session) -> None:
    """Handle the window's events until everything has been read, computed and shown.

    Raises
    ------
    NapariDacapoError
        If that failed, with the reason; or if it takes too long.
    """
    from qtpy.QtCore import QElapsedTimer
    from qtpy.QtWidgets import QApplication

    failures: list[str] = []
    session.failed.connect(failures.append)
    clock = QElapsedTimer()
    clock.start()
    try:
        while not failures:
            QApplication.processEvents()
            if session.store.state.status == "failed":
                failures.append(session.store.state.problem)
            elif not session.busy and session.screen.shows(session.selection):
                break
            elif clock.elapsed() > PATIENCE:
                failures.append("The run did not appear in time.")
    finally:
        session.failed.disconnect(failures.append)
    if failures:
        raise NapariDacapoError(failures[0])
    QApplication.processEvents()


@contextmanager
def quiet_console() -> Iterator[None]:
    """Keep napari from printing its notifications: the command says itself what goes wrong."""
    from napari.utils.notifications import notification_manager, show_console_notification

    console = notification_manager.notification_ready
    is_printed = show_console_notification in console.callbacks
    console.disconnect(show_console_notification)
    try:
        yield
    finally:
        if is_printed:
            console.connect(show_console_notification)


def save_picture(viewer: Any, path: Path) -> None:
    """Save a picture of the whole window.

    Raises
    ------
    NapariDacapoError
        If the file cannot be written.
    """
    from imageio.v3 import imwrite

    picture = viewer.screenshot(canvas_only=False, flash=False)
    try:
        path.write_bytes(imwrite("<bytes>", picture, extension=".png"))
    except OSError as error:
        raise NapariDacapoError(f"{path} cannot be written: {error.strerror or error}.") from error
