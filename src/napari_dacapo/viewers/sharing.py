"""Links to what is on screen, step by step on the thread that each step belongs to.

What a viewer shows is taken down on its own thread; servers, files and the
import of neuroglancer are left to a lane.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from psygnal import Signal

from napari_dacapo.errors import LinkError
from napari_dacapo.viewers.linked import read_linked
from napari_dacapo.viewers.links import (
    Link,
    live_links_run,
    look_at,
    make_link,
    save_state,
    stop_live_links,
)
from napari_dacapo.viewers.open_store import explain
from napari_dacapo.viewers.tasks import Lane, run_here

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping
    from threading import Event

    from napari_dacapo.viewers.session import Session
    from napari_dacapo.viewers.tasks import Starter
    from napari_dacapo.viewers.view_state import ViewState
    from napari_dacapo.volumes import Volume

__all__ = ["Sharing"]


class Sharing:
    """Makes, saves, opens and ends links of a session.

    Parameters
    ----------
    session : Session
        What is linked to, and where links are opened.
    start : Starter, optional
        Runs slow work; at once and on this thread if omitted.

    Attributes
    ----------
    changed : Signal
        :attr:`busy`, :attr:`message` or :attr:`live` changed.
    made : Signal
        A link was made; carries it.
    message : str
        What to say of the last thing that was done.
    refused : bool
        Whether it is why that thing could not be done.
    """

    changed = Signal()
    made = Signal(Link)

    def __init__(self, session: Session, *, start: Starter = run_here) -> None:
        self._session = session
        self._lane = Lane(start, self.changed.emit)
        self.message = ""
        self.refused = False

    @property
    def busy(self) -> str:
        """What is being done right now; empty if nothing is."""
        return self._lane.busy

    @property
    def live(self) -> bool:
        """Whether live links of this process can be opened."""
        return live_links_run()

    def copy(
        self, *, live: bool, url_map: Mapping[str, str], without: Collection[str] = ()
    ) -> None:
        """Make a link; :attr:`made` carries it.

        Parameters
        ----------
        live : bool
            Whether it shall point into this process.
        url_map : mapping of str to str
            Local folders and their public addresses, for links that do not;
            those of the store are known besides.
        without : collection of str
            What to leave out, see
            :func:`~napari_dacapo.viewers.links.neuroglancer_link`.
        """
        given: dict[str, Any] = {"url_map": self._known(url_map), "without": without}

        def take(link: Link) -> None:
            self.made.emit(link)
            kind = "Live link" if link.live else "Link"
            self._say(" ".join((f"{kind} copied: {self._count(link)}.", *link.notes)))

        self._link("Making the link…", lambda shown: make_link(shown, live=live, **given), take)

    def save(
        self, path: str, *, live: bool, url_map: Mapping[str, str], without: Collection[str] = ()
    ) -> None:
        """Save what is on screen as a neuroglancer state in a JSON file.

        Parameters
        ----------
        path : str
            Is written over.
        live, url_map, without
            As for :meth:`copy`.
        """
        given: dict[str, Any] = {"url_map": self._known(url_map), "without": without}

        def take(notes: tuple[str, ...]) -> None:
            self._say(" ".join((f"Saved as {Path(path).name}.", *notes)))

        self._link("Saving…", lambda shown: save_state(shown, path, live=live, **given), take)

    def open(self, text: str, *, url_map: Mapping[str, str]) -> None:
        """Open in napari what a link, or a file with a state, shows.

        Parameters
        ----------
        text : str
            The link, or the path of a JSON file.
        url_map : mapping of str to str
            As for :meth:`copy`.
        """
        store, known = self._session.store.opened, self._known(url_map)

        def work(cancelled: Event) -> Iterator[tuple[list[Volume], ViewState]]:
            import_module("napari_dacapo.viewers.napari.backend")
            yield read_linked(text, store=store, url_map=known)

        def take(found: tuple[list[Volume], ViewState]) -> None:
            volumes, view = found
            self._session.use_backend("napari")
            backend = self._session.screen.made("napari")
            backend.show(volumes)
            backend.set_view(view)
            self._say(f"Opened {_layers(len(volumes))}.")

        self._start("Opening the link…", work, take)

    def stop(self) -> None:
        """End all live links of this process."""

        def work(cancelled: Event) -> Iterator[None]:
            stop_live_links()
            yield

        self._start("Ending live links…", work, lambda _: self._say("Live links have ended."))

    def close(self) -> None:
        """Let go of what is being done."""
        self._lane.cancel()

    def _known(self, url_map: Mapping[str, str]) -> dict[str, str]:
        store = self._session.store.opened
        known = dict(store.options.url_map) if store is not None else {}
        return known | dict(url_map)

    def _link(self, text: str, deed: Callable[[Any], Any], take: Callable[[Any], None]) -> None:
        def prepare(cancelled: Event) -> Iterator[None]:
            import_module("napari_dacapo.viewers.neuroglancer.link_states")
            yield

        def go_on(_: None) -> None:
            shown = look_at(self._source())
            self._start(text, lambda cancelled: _once(deed, shown), take)

        self._start(text, prepare, go_on)

    def _start(self, text: str, work: Any, take: Callable[[Any], None]) -> None:
        self._lane.start(text, work, on_value=take, on_error=self._fail)

    def _source(self) -> Any:
        """Return what shows something: the chosen backend, or else napari's viewer."""
        screen = self._session.screen
        chosen = screen.existing(screen.name)
        if screen.name != "napari" and chosen is not None and chosen.shown():
            return chosen
        napari: Any = screen.made("napari")
        return napari.viewer

    def _fail(self, error: Exception) -> None:
        text = explain(error)
        if isinstance(error, LinkError) and error.todo:
            # What to do comes first: reasons may be as many as there are layers.
            text = f"Not possible as it is. {error.todo}\n{error.message}"
        self._say(text, refused=True)

    def _say(self, text: str, *, refused: bool = False) -> None:
        self.message, self.refused = text, refused
        self.changed.emit()

    @staticmethod
    def _count(link: Link) -> str:
        return _layers(len(link.state["layers"]))


def _once(deed: Callable[[Any], Any], shown: Any) -> Iterator[Any]:
    yield deed(shown)


def _layers(count: int) -> str:
    return f"{count} layer{'s' if count != 1 else ''}"
