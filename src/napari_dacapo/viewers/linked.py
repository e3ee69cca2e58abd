"""Links of neuroglancer that come back: what they show, opened in napari."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from napari_dacapo.errors import LinkError
from napari_dacapo.viewers.url_maps import known_url_map

if TYPE_CHECKING:
    from collections.abc import Mapping
    from os import PathLike

    from napari_dacapo.viewers.view_state import ViewState
    from napari_dacapo.volumes import Volume

__all__ = ["open_link", "read_linked", "show_linked"]


def open_link(
    url: str | PathLike[str],
    viewer: Any = None,
    *,
    store: Any = None,
    url_map: Mapping[str, str] | None = None,
) -> Any:
    """Open in napari what a neuroglancer link shows, as it shows it.

    Nothing is fetched from the network, and only arrays that this user's own
    settings lead to are read: those that this process serves, those behind the
    url map, and those of the given store.

    Parameters
    ----------
    url : str or path-like
        A neuroglancer link with a state behind ``#!``, or a JSON file.
    viewer : napari.Viewer or napari.components.ViewerModel, optional
        Where to show it; a new window if omitted.
    store : Store or path-like, optional
        Where the runs are that the link names, if it comes from elsewhere.
    url_map : mapping of str to str, optional
        Local folders and their public addresses. By default that of napari's
        preferences (where napari is loaded) and of the options file.

    Returns
    -------
    napari.Viewer
        The viewer.

    Raises
    ------
    LinkError
        If it is no link, or an array that it shows cannot be found here: says
        which and what to do.
    """
    volumes, view = read_linked(url, store=store, url_map=url_map)
    return show_linked(volumes, view, viewer)


def read_linked(
    url: str | PathLike[str],
    *,
    store: Any = None,
    url_map: Mapping[str, str] | None = None,
) -> tuple[list[Volume], ViewState]:
    """Return what a neuroglancer link shows and how, without showing it.

    Parameters, limits and errors are those of :func:`open_link`; callable on
    any thread.

    Returns
    -------
    volumes : list of Volume
        From the bottom to the top.
    view : ViewState
        Camera and looks.
    """
    from napari_dacapo.viewers.neuroglancer.link_text import read_link, read_state_file
    from napari_dacapo.viewers.neuroglancer.resolving import Resolver, apart
    from napari_dacapo.viewers.neuroglancer.states import view_of_state

    text = str(url).strip()
    state = read_link(text) if "://" in text else read_state_file(text)
    resolver = Resolver(known_url_map() if url_map is None else url_map, _opened(store))
    found = [(layer, resolver.volume(layer)) for layer in state["layers"]]
    shown = apart([(layer, volume) for layer, volume in found if volume is not None])
    if not shown:
        raise LinkError("The link shows no layer that can be opened.")
    try:
        view = view_of_state(state, shown)
    except ValueError as error:
        raise LinkError(f"The link shows no place that can be looked at: {error}.") from error
    view = replace(view, layers=resolver.restored(view.layers, shown))
    return list({volume.identity.slot: volume for _, volume in shown}.values()), view


def show_linked(volumes: list[Volume], view: ViewState, viewer: Any = None) -> Any:
    """Show in napari what :func:`read_linked` has read; returns the viewer.

    Parameters
    ----------
    volumes : list of Volume
        From the bottom to the top.
    view : ViewState
        Camera and looks.
    viewer : napari.Viewer or napari.components.ViewerModel, optional
        Where to show it; a new window if omitted.
    """
    from napari_dacapo.viewers.napari.backend import NapariBackend
    from napari_dacapo.viewers.napari.view_state import set_view

    if viewer is None:
        import napari

        viewer = napari.Viewer()
    NapariBackend(viewer).show(volumes)
    set_view(viewer, view)
    return viewer


def _opened(store: Any) -> Any:
    if store is None or hasattr(store, "run_names"):
        return store
    from napari_dacapo.runs import open_store

    return open_store(store)
