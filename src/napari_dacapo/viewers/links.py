"""Links into neuroglancer that carry what napari shows.

A *live* link points into a server of this process and works as long as it
runs; a *static* one points to arrays at public addresses and works for anybody.
"""

from __future__ import annotations

import sys
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_dacapo.errors import LinkError
from napari_dacapo.viewers.url_maps import known_url_map

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from os import PathLike

    from napari_dacapo.viewers.neuroglancer.shown import Shown

__all__ = [
    "Link",
    "live_links_run",
    "look_at",
    "make_link",
    "neuroglancer_link",
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
    without: Collection[str] | str = (),
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
        False, every array must have a public address; in the place of raw and
        gt that are computed when they are read, the arrays are linked that
        they are made of.
    url_map : mapping of str to str, optional
        Local folders and their public addresses, for static links. By default
        that of napari's preferences (where napari is loaded) and of the
        options file.
    without : str or collection of str
        What to leave out: roles (``"segmentation"``), names of layers, or
        ``"private"`` for all layers of a static link that have no public
        address.

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
    link = make_link(viewer_or_layers, prefix=prefix, live=live, url_map=url_map, without=without)
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
    from napari_dacapo.viewers.neuroglancer.shown import Shown, what_is_shown

    if isinstance(viewer_or_layers, Shown):
        return viewer_or_layers
    return what_is_shown(viewer_or_layers)


def make_link(
    viewer_or_layers: Any,
    *,
    prefix: str | None = None,
    live: bool = True,
    url_map: Mapping[str, str] | None = None,
    without: Collection[str] | str = (),
) -> Link:
    """Return a link together with its state and what it leaves out.

    Parameters, meaning and errors are those of :func:`neuroglancer_link`; the
    arrays of a live link are served when this returns.
    """
    from napari_dacapo.viewers.neuroglancer.link_states import live_state, static_state
    from napari_dacapo.viewers.neuroglancer.link_text import DEFAULT_CLIENT, capped, link_to
    from napari_dacapo.viewers.neuroglancer.shown import PRIVATE, leave_out

    without = {without} if isinstance(without, str) else set(without)
    shown = look_at(viewer_or_layers)
    differences: tuple[str, ...] = ()
    if not shown.volumes:
        raise LinkError(
            " ".join(("There is nothing to link to.", *shown.notes)),
            todo="Open a run first.",
        )
    shown = leave_out(shown, without)
    if live:
        from napari_dacapo.viewers.neuroglancer import live as live_links

        host = live_links.host()
        client = prefix or host.link_prefix
        if prefix is not None:
            host.volumes.allow_origin(prefix)
        state = live_state(shown, host.volumes)
    else:
        client = prefix or DEFAULT_CLIENT
        known = known_url_map() if url_map is None else url_map
        state, differences = static_state(shown, known, skip_private=PRIVATE in without)
    short, notes = capped(state)
    return Link(link_to(short, client), state, live, (*shown.notes, *differences, *notes))


def save_state(
    viewer_or_layers: Any,
    path: str | PathLike[str],
    *,
    live: bool = False,
    url_map: Mapping[str, str] | None = None,
    without: Collection[str] | str = (),
) -> tuple[str, ...]:
    """Save what a viewer shows as a neuroglancer state in a JSON file.

    Parameters
    ----------
    viewer_or_layers, live, url_map, without
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

    link = make_link(viewer_or_layers, live=live, url_map=url_map, without=without)
    Path(path).write_text(state_file_text(link.state), encoding="utf-8")
    return link.notes


def live_links_run() -> bool:
    """Return whether live links of this process can be opened."""
    live = sys.modules.get(_LIVE)
    return live is not None and live.current() is not None


def stop_live_links() -> None:
    """End all live links of this process."""
    live = sys.modules.get(_LIVE)
    if live is not None:
        live.stop()
