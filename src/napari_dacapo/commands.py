"""What ``napari.yaml`` names.

Qt is imported when a widget or dialog is asked for: the reader and the samples
work without it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_dacapo.reader import get_reader

if TYPE_CHECKING:
    import napari.viewer

    from napari_dacapo.viewers.napari.layers import LayerData
    from napari_dacapo.widgets.link_panel import LinkPanel
    from napari_dacapo.widgets.runs_widget import RunsWidget

__all__ = [
    "RunsWidget",
    "copy_neuroglancer_link",
    "get_reader",
    "open_neuroglancer_link",
    "open_training_run",
    "sample_cell_affinities",
    "sample_mito_distance",
    "save_neuroglancer_state",
    "show_runs",
    "toggle_legend",
]


def __getattr__(name: str) -> Any:
    if name == "RunsWidget":
        from napari_dacapo.widgets.runs_widget import RunsWidget

        return RunsWidget
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def open_training_run(viewer: napari.viewer.Viewer) -> None:
    """Let the user choose a store and a run of it, and open that run.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Where it opens; the dock "Runs" is shown, too.
    """
    from napari_dacapo import preferences
    from napari_dacapo.widgets.open_dialog import OpenDialog, main_window

    dialog = OpenDialog(preferences.recent_stores(), preferences.default_store(), main_window())

    def open_chosen() -> None:
        show_runs(viewer).open_store(dialog.store(), run=dialog.run(), show=True)

    dialog.accepted.connect(open_chosen)
    dialog.open()


def show_runs(viewer: napari.viewer.Viewer) -> RunsWidget:
    """Return the dock "Runs" of a viewer, raised; it is made if there is none.

    The menu and the command line name the dock differently, so an open one is
    found by its type.
    """
    from napari_dacapo.widgets.runs_widget import RunsWidget

    for widget in viewer.window.dock_widgets.values():
        if isinstance(widget, RunsWidget):
            dock = widget.parentWidget()
            if dock is not None:
                dock.show()
                dock.raise_()
            return widget
    made: RunsWidget = viewer.window.add_plugin_dock_widget("napari-dacapo", "Runs")[1]
    return made


def copy_neuroglancer_link(viewer: napari.viewer.Viewer) -> None:
    """Put a live neuroglancer link to what is on screen on the clipboard.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        What is linked to; its dock "Runs" shows that the link is live.
    """
    page = _link_page(viewer)
    page.choose_kind("live")
    page.copy_link()


def save_neuroglancer_state(viewer: napari.viewer.Viewer) -> None:
    """Save what is on screen as a neuroglancer state in a file that the user chooses.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        What is saved; its dock "Runs" says how that went.
    """
    _link_page(viewer).ask_where_to_save()


def open_neuroglancer_link(viewer: napari.viewer.Viewer) -> None:
    """Let the user paste a neuroglancer link to open in napari.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Where it opens; the dock "Runs" has the field to paste into.
    """
    _link_page(viewer).link.setFocus()


def toggle_legend() -> None:
    """Show or hide the words on the canvas that say what is on screen, in all windows."""
    from napari_dacapo import preferences

    preferences.set_legend(not preferences.legend())


def _link_page(viewer: napari.viewer.Viewer) -> LinkPanel:
    dock = show_runs(viewer)
    page: LinkPanel = dock.panels["link"]
    dock.tabs.setCurrentWidget(page)
    return page


def sample_mito_distance() -> list[LayerData]:
    """Return the layers of a distance run on mitochondria."""
    return _sample("mito_distance")


def sample_cell_affinities() -> list[LayerData]:
    """Return the layers of an affinities run on cells."""
    return _sample("cell_affinities")


def _sample(name: str) -> list[LayerData]:
    from napari_dacapo.reader import read_run
    from napari_dacapo.samples import unpack_sample

    return read_run(unpack_sample(name), name)
