"""The controller behind the dock: which store, which run, what is on screen.

A session knows neither Qt nor napari. It holds the state that all docks of a
viewer share, starts slow work in lanes (:mod:`napari_dacapo.viewers.tasks`),
and announces by signals what changed; widgets read the state and draw it.
All methods and signals belong to the thread that owns the viewer.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Protocol

from psygnal import Signal

from napari_dacapo.viewers.following import Following
from napari_dacapo.viewers.open_store import OpenStore, explain
from napari_dacapo.viewers.run_choice import RunChoice
from napari_dacapo.viewers.screen import Screen
from napari_dacapo.viewers.selection import Selection
from napari_dacapo.viewers.tasks import Lane, call_here, run_here

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from napari_dacapo.viewers.backends import BackendChoice
    from napari_dacapo.viewers.base import Arrangement
    from napari_dacapo.viewers.facts import RunFacts
    from napari_dacapo.viewers.listing import Opened
    from napari_dacapo.viewers.tasks import HandOver, Starter
    from napari_dacapo.volumes import Volume

__all__ = ["Companion", "Session"]


class Companion(Protocol):
    """Something that belongs to a session."""

    def close(self) -> None:
        """Let go of all that it holds."""


class Session(RunChoice):
    """State and deeds of one viewer's docks.

    Parameters
    ----------
    backends : sequence of BackendChoice
        Where runs can be shown, the default first; none if runs are only listed.
    start : Starter, optional
        Runs slow work; at once and on this thread if omitted.
    hand_over : HandOver, optional
        Calls something on the thread that owns the viewer; at once if omitted.
    path_map : callable, optional
        Returns the user's path map, which goes for all stores; an empty one if omitted.

    Attributes
    ----------
    store : OpenStore
        The store and its runs.
    screen : Screen
        The backends and what they show.
    following : Following
        The run that is followed while it trains, if any.
    companions : list
        What lives as long as the session, and is closed with it.
    busy_changed : Signal
        :attr:`busy` changed.
    backend_changed : Signal
        Another backend was chosen.
    failed : Signal
        Something that the user asked for failed; carries what to tell him.
    """

    busy_changed = Signal(str)
    backend_changed = Signal(str)
    failed = Signal(str)

    def __init__(
        self,
        backends: Sequence[BackendChoice],
        *,
        start: Starter = run_here,
        hand_over: HandOver = call_here,
        path_map: Callable[[], Mapping[str, str]] = dict,
    ) -> None:
        self._preferred_map = path_map
        self._when_read: Callable[[], None] | None = None
        self._lanes = {
            name: Lane(start, self._announce_busy) for name in ("store", "run", "outputs", "show")
        }
        lanes = self._lanes
        super().__init__(OpenStore(lanes["store"]), lanes["run"], lanes["outputs"], self._fail)
        self.screen = Screen(backends, lanes["show"])
        self.following = Following(self, hand_over)
        self.companions: list[Companion] = []

    # -- store ---------------------------------------------------------------------------------

    def open_store(
        self,
        path: str = "",
        *,
        otherwise: str = "",
        path_map: Mapping[str, str] | None = None,
        select: str | Selection | None = None,
        show: bool = False,
        quiet: bool = False,
    ) -> None:
        """Open a store and list its runs.

        Parameters
        ----------
        path : str
            A store or run folder, a ``validation.zarr`` or an options file;
            empty for the store that DaCapo's own options name.
        otherwise : str
            What to open if `path` is empty and no options name a store.
        path_map : mapping, optional
            Where paths that runs name lie on this computer; goes over the user's own.
        select : str or Selection, optional
            Run to select once it is listed, or what of it.
        show : bool
            Whether to show that run, too.
        quiet : bool
            Whether it is no failure if no store is named anywhere.
        """
        then = partial(self.show, "stacked") if show else None
        wanted = select if isinstance(select, Selection) else Selection(run=select)
        self._open(path, path_map or {}, wanted, then, otherwise=otherwise, quiet=quiet)

    def close_store(self) -> None:
        """Let go of the store; what is on screen stays there."""
        self.following.stop()
        self._close_store()

    def _close_store(self) -> None:
        self.selection = Selection()
        self._leave_run()
        self.store.close()

    def reload(self, *, path_map: Mapping[str, str] | None = None) -> None:
        """Read the store again, and what is on screen of the selected run; keep the selection.

        Parameters
        ----------
        path_map : mapping, optional
            Takes the place of the one that the store was opened with.
        """
        then = self.show if self.screen.shows(self.selection) else None
        given = self.store.path_map if path_map is None else path_map
        self._open(self.store.state.path, given, self.selection, then)

    # -- showing -------------------------------------------------------------------------------

    def use_backend(self, name: str) -> None:
        """Choose where runs are shown from now on."""
        if self.screen.use(name):
            self.backend_changed.emit(name)

    def show(self, arrangement: Arrangement | None = None) -> None:
        """Show what is selected, or exchange it in place.

        Parameters
        ----------
        arrangement : {"stacked", "side by side"}, optional
            How to lay the volumes out; as it is if omitted.
        """
        if self._lanes["run"].busy:
            self._when_read = partial(self.show, arrangement)
            return
        if self.facts is None:
            return
        if self.facts.run is None:
            self.failed.emit(self.facts.problem)
            return
        self.screen.show(self.facts.run, self.selection, arrangement, on_problem=self._tell_problem)

    def show_beside(self, volume: Volume) -> None:
        """Show the validation that a volume is of, in place of another one of its dataset.

        Nothing is done if the dataset is not on screen.
        """
        identity, selected = volume.identity, self.selection
        is_of_it = (identity.run, identity.dataset) == (selected.run, selected.dataset)
        if is_of_it and self.screen.shows(selected):
            self.select(iteration=identity.iteration)

    def close_run(self) -> None:
        """Take the selected run off the screen."""
        self._when_read = None
        self.screen.take_off(self.selection.run)

    def close_all_runs(self) -> None:
        """Take all runs off the screen, whichever is selected."""
        self._when_read = None
        self.screen.take_off()

    # -- life ----------------------------------------------------------------------------------

    @property
    def busy(self) -> str:
        """What is being done right now; empty if nothing is."""
        return next((lane.busy for lane in reversed(self._lanes.values()) if lane.busy), "")

    def cancel(self) -> None:
        """Stop all slow work; what has arrived stays."""
        self._when_read = None
        for lane in self._lanes.values():
            if lane is not self._lanes["store"]:
                lane.cancel()
        self.store.cancel()

    def close(self) -> None:
        """Stop all work and let go of the backends; safe to call twice."""
        self.following.stop()
        # Nobody is told: widgets that listen may be half gone when their window is closed.
        with self.busy_changed.blocked():
            for lane in self._lanes.values():
                lane.cancel()
        while self.companions:
            self.companions.pop().close()
        self.screen.close()

    # -- inside --------------------------------------------------------------------------------

    def _open(
        self,
        path: str,
        path_map: Mapping[str, str],
        wanted: Selection,
        then: Callable[[], None] | None,
        *,
        otherwise: str = "",
        quiet: bool = False,
    ) -> None:
        def take(opened: Opened) -> None:
            self.following.go_on_in(opened.store)
            self.select_run(wanted.run or opened.run)
            if then is not None:
                then()

        if path != self.store.state.path:
            self.following.stop()
        self._close_store()
        self.selection = wanted
        self.store.open(
            path,
            path_map=path_map,
            preferred=self._preferred_map(),
            otherwise=otherwise,
            quiet=quiet,
            on_opened=take,
        )

    def _take_facts(self, facts: RunFacts) -> None:
        super()._take_facts(facts)
        deed, self._when_read = self._when_read, None
        if deed is not None:
            deed()

    def _leave_run(self) -> None:
        self._when_read = None
        self._lanes["show"].cancel()
        self.screen.say()
        super()._leave_run()

    def _show_change(self) -> None:
        if self.screen.shows_run(self.selection.run):
            self.show()
        else:
            self.screen.say()

    def _tell_problem(self, problem: str) -> None:
        self.failed.emit(problem)

    def _fail(self, error: Exception) -> None:
        self._tell_problem(explain(error))

    def _announce_busy(self) -> None:
        self.busy_changed.emit(self.busy)
