"""Links into neuroglancer that carry what napari shows, and links that come back.

A *live* link points into a server of this process and works as long as it
runs; a *static* one points to arrays at public addresses and works for anybody.
"""

from __future__ import annotations

import sys
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_dacapo.errors import LinkError, NapariDacapoError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from os import PathLike

    from napari_dacapo.viewers.neuroglancer.link_states import Shown
    from napari_dacapo.viewers.view_state import ViewState
    from napari_dacapo.volumes import Volume

__all__ = [
    "Link",
    "live_links_run",
    "look_at",
    "make_link",
    "neuroglancer_link",
    "open_link",
    "read_linked",
    "save_state",
    "stop_live_links",
]

# Looked up and not imported: asking whether links run must not load neuroglancer.
_LIVE = "napari_dacapo.viewers.neuroglancer.live"


@dataclass(frozen=True, slots=True)
class Link:
    """A link and what there is to say of it.

    Attributes
    ----------
    url : str
        To be opened in a browser.
    state : dict
        The whole neuroglancer state, with complete selections.
    live : bool
        Whether it ends with this process (or :func:`stop_live_links`).
    notes : tuple of str
        What the link leaves out, and why.
    """

    url: str
    state: dict[str, Any]
    live: bool
    notes: tuple[str, ...] = ()


def neuroglancer_link(
    viewer_or_layers: Any,
    *,
    prefix: str | None = None,
    live: bool = True,
    url_map: Mapping[str, str] | None = None,
    store: Any = None,
) -> str:
    """Return a neuroglancer link to what a viewer shows, as it shows it.

    Position, zoom, 2-D or 3-D and orientation, contrast limits, gamma,
    colormaps, visibility, opacity, blending and the selected label travel
    along. What is left out is said by a warning.

    Parameters
    ----------
    viewer_or_layers : napari.Viewer, NeuroglancerBackend, layers, Volumes, or Shown
        What to link to: a viewer, or a sequence of napari layers or of
        Volumes, or what :func:`look_at` returned of one of these.
    prefix : str, optional
        Address of a neuroglancer client. By default the one that comes with
        neuroglancer's Python package for a live link, and the public one at
        https://neuroglancer-demo.appspot.com for a static one.
    live : bool
        Whether to serve the arrays from this process. The link then holds a
        secret: whoever has it can read these arrays, on this machine. If
        False, every array must have a public address.
    url_map : mapping of str to str, optional
        Local folders and their public addresses, for static links. By default
        the one in the options file, if there is one.
    store : Store or path-like, optional
        Where the runs are, for static links: raw and gt are mostly made from
        other arrays when they are read, and those can be linked.

    Returns
    -------
    str
        The link.

    Raises
    ------
    LinkError
        If there is nothing to show, or a layer of a static link has no public
        address: says which and what to do.
    UnsupportedError
        If neuroglancer cannot show a type of elements.

    Examples
    --------
    >>> napari_dacapo.neuroglancer_link(viewer)  # doctest: +SKIP
    'http://127.0.0.1:41541/v/…/#!{"dimensions":…
    """
    link = make_link(viewer_or_layers, prefix=prefix, live=live, url_map=url_map, store=store)
    for note in link.notes:
        warnings.warn(note, UserWarning, stacklevel=2)
    return link.url


def look_at(viewer_or_layers: Any) -> Shown:
    """Take down what is to be linked; on the thread that owns the viewer.

    What is returned can be given to :func:`make_link` and :func:`save_state`
    on any other thread.

    Parameters
    ----------
    viewer_or_layers
        As for :func:`neuroglancer_link`.
    """
    from napari_dacapo.viewers.neuroglancer.link_states import Shown, what_is_shown

    if isinstance(viewer_or_layers, Shown):
        return viewer_or_layers
    return what_is_shown(viewer_or_layers)


def make_link(
    viewer_or_layers: Any,
    *,
    prefix: str | None = None,
    live: bool = True,
    url_map: Mapping[str, str] | None = None,
    store: Any = None,
) -> Link:
    """Return a link together with its state and what it leaves out.

    Parameters, meaning and errors are those of :func:`neuroglancer_link`; the
    arrays of a live link are served when this returns.
    """
    from napari_dacapo.viewers.neuroglancer.link_states import live_state, static_state
    from napari_dacapo.viewers.neuroglancer.link_text import DEFAULT_CLIENT, capped, link_to

    shown = look_at(viewer_or_layers)
    differences: tuple[str, ...] = ()
    if not shown.volumes:
        raise LinkError(
            " ".join(("There is nothing to link to.", *shown.notes)),
            todo="Open a run first.",
        )
    if live:
        from napari_dacapo.viewers.neuroglancer import live as live_links

        host = live_links.host()
        client = prefix or host.link_prefix
        if prefix is not None:
            host.volumes.allow_origin(prefix)
        state = live_state(shown, host.volumes)
    else:
        client = prefix or DEFAULT_CLIENT
        known = _known_url_map() if url_map is None else url_map
        state, differences = static_state(shown, known, _opened(store))
    short, notes = capped(state)
    return Link(link_to(short, client), state, live, (*shown.notes, *differences, *notes))


def save_state(
    viewer_or_layers: Any,
    path: str | PathLike[str],
    *,
    live: bool = False,
    url_map: Mapping[str, str] | None = None,
    store: Any = None,
) -> tuple[str, ...]:
    """Save what a viewer shows as a neuroglancer state in a JSON file.

    Parameters
    ----------
    viewer_or_layers, live, url_map, store
        As for :func:`neuroglancer_link`.
    path : path-like
        Is written over.

    Returns
    -------
    tuple of str
        What is left out, and why.

    Raises
    ------
    LinkError
        As for :func:`neuroglancer_link`.
    OSError
        If the file cannot be written.
    """
    from napari_dacapo.viewers.neuroglancer.link_text import state_file_text

    link = make_link(viewer_or_layers, live=live, url_map=url_map, store=store)
    Path(path).write_text(state_file_text(link.state), encoding="utf-8")
    return link.notes


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
        Local folders and their public addresses. By default the one in the
        options file, if there is one.

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
    resolver = Resolver(_known_url_map() if url_map is None else url_map, _opened(store))
    found = [(layer, resolver.volume(layer)) for layer in state["layers"]]
    shown = apart([(layer, volume) for layer, volume in found if volume is not None])
    if not shown:
        raise LinkError("The link shows no layer that can be opened.")
    try:
        view = view_of_state(state, shown)
    except ValueError as error:
        raise LinkError(f"The link shows no place that can be looked at: {error}.") from error
    return list({volume.identity.slot: volume for _, volume in shown}.values()), view


def live_links_run() -> bool:
    """Return whether live links of this process can be opened."""
    live = sys.modules.get(_LIVE)
    return live is not None and live.current() is not None


def stop_live_links() -> None:
    """End all live links of this process."""
    live = sys.modules.get(_LIVE)
    if live is not None:
        live.stop()


def _known_url_map() -> dict[str, str]:
    """Return the url map of the options file, if there is one that can be read."""
    from napari_dacapo.options import load_options

    try:
        return dict(load_options().url_map)
    except (NapariDacapoError, OSError):
        return {}


def _opened(store: Any) -> Any:
    if store is None or hasattr(store, "run_names"):
        return store
    from napari_dacapo.runs import open_store

    return open_store(store)


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
