"""The controller behind the dock: which store, which run, what is on screen.

A session knows neither Qt nor napari. It holds the state that all docks of a
viewer share, starts slow work in lanes (:mod:`napari_dacapo.viewers.tasks`),
and announces by signals what changed; widgets read the state and draw it.
All methods and signals belong to the thread that owns the viewer.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from psygnal import Signal

from napari_dacapo.viewers.facts import RunFacts, gather, with_outputs
from napari_dacapo.viewers.following import Following
from napari_dacapo.viewers.open_store import OpenStore, explain
from napari_dacapo.viewers.screen import Screen
from napari_dacapo.viewers.selection import Selection, resolve, step
from napari_dacapo.viewers.showing import Portion, portions
from napari_dacapo.viewers.tasks import Lane, call_here, run_here

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from threading import Event

    from napari_dacapo.viewers.backends import BackendChoice
    from napari_dacapo.viewers.base import Arrangement
    from napari_dacapo.viewers.listing import Opened
    from napari_dacapo.viewers.tasks import HandOver, Starter

__all__ = ["Session"]


class Session:
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
    facts : RunFacts or None
        The selected run, once it has been read.
    selection : Selection
        What is to be shown of it.
    notes : tuple of str
        What to say of what is shown.
    facts_changed, selection_changed : Signal
        The state of that name changed.
    shown_changed : Signal
        :attr:`notes`, or what is on screen, changed.
    busy_changed : Signal
        :attr:`busy` changed.
    backend_changed : Signal
        Another backend was chosen.
    failed : Signal
        Something that the user asked for failed; carries what to tell him.
    """

    facts_changed = Signal()
    selection_changed = Signal(Selection)
    shown_changed = Signal()
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
        self.screen = Screen(backends)
        self.facts: RunFacts | None = None
        self.selection = Selection()
        self.notes: tuple[str, ...] = ()
        self._when_read: Callable[[], None] | None = None
        self._lanes = {
            name: Lane(start, self._announce_busy) for name in ("store", "run", "outputs", "show")
        }
        self.store = OpenStore(self._lanes["store"])
        self.following = Following(self, hand_over)

    # -- store ---------------------------------------------------------------------------------

    def open_store(
        self,
        path: str = "",
        *,
        otherwise: str = "",
        path_map: Mapping[str, str] | None = None,
        select: str | None = None,
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
        select : str, optional
            Run to select once it is listed.
        show : bool
            Whether to show that run, too.
        quiet : bool
            Whether it is no failure if no store is named anywhere.
        """
        then = partial(self.show, "stacked") if show else None
        self._open(
            path, path_map or {}, Selection(run=select), then, otherwise=otherwise, quiet=quiet
        )

    def close_store(self) -> None:
        """Let go of the store; what is on screen stays there."""
        self.following.stop()
        self._close_store()

    def _close_store(self) -> None:
        self.selection = Selection()
        self._forget_run()
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

    # -- selection -----------------------------------------------------------------------------

    def select_run(self, name: str | None) -> None:
        """Select a run and gather what it has to show."""
        if self.facts is not None and self.facts.name == name:
            return
        wanted, offer = self.selection, self.facts.offer if self.facts is not None else None
        if wanted.run != name:
            # A training dataset was chosen for want of others; runs are compared at their ends.
            by_want = offer is not None and wanted.dataset in offer.training
            dataset = None if by_want else wanted.dataset
            wanted = replace(wanted, run=name, dataset=dataset, iteration=None)
        self.selection = wanted  # before anybody hears that the run before was left
        self._forget_run()
        store = self.store.opened
        if name is None or store is None:
            return

        def work(cancelled: Event) -> Iterator[RunFacts]:
            facts = gather(store, name)
            found = resolve(wanted, facts.offer)
            yield with_outputs(facts, found.dataset, found.iteration)

        self._lanes["run"].start(
            f"Reading {name}…", work, on_value=self._take_facts, on_error=self._fail
        )

    def select(self, **changes: Any) -> None:
        """Change parts of the selection; what is on screen follows.

        Parameters
        ----------
        **changes
            ``dataset``, ``iteration``, ``parameters``, ``segmentation``.
        """
        if self.facts is None:
            return
        wanted = replace(self.selection, **changes)
        found = resolve(wanted, self.facts.offer)
        if found == self.selection:
            return
        self.selection = found
        self.selection_changed.emit(found)
        self._list_outputs(wanted)
        if self.screen.shows(self.selection):
            self.show()

    def renew(self, facts: RunFacts) -> None:
        """Take over what is new of the selected run; what is on screen stays."""
        if self.facts is None or self.facts.name != facts.name:
            return
        self._lanes["outputs"].cancel()  # its answer would bring back what was known then
        wanted, self.facts = self.selection, facts.knowing(self.facts.offer.outputs)
        self.selection = resolve(wanted, self.facts.offer)
        self.selection_changed.emit(self.selection)
        self._list_outputs(wanted)

    def step(self, by: int) -> None:
        """Go to a validated iteration before or after the selected one."""
        if self.facts is not None and self.selection.iteration is not None:
            iterations = self.facts.offer.iterations
            self.select(iteration=step(iterations, self.selection.iteration, by))

    def best_iteration(self) -> tuple[int | None, str]:
        """Return the iteration with the best stored score of the selected run, and why."""
        row = self.store.row(self.selection.run)
        best = row.best_score if row is not None else None
        if best is None:
            return None, ""
        return best.iteration, f"{best.criterion} = {best.value:.4g}. {best.doubtful}".strip()

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
        run, selection, choice = self.facts.run, self.selection, self.screen.choice
        place = self.screen.place(selection)

        def work(cancelled: Event) -> Iterator[Portion]:
            choice.prepare()
            yield from portions(run, selection, place)

        def take(portion: Portion) -> None:
            problem = self.screen.take(portion, selection, arrangement)
            self.notes = portion.notes
            self.shown_changed.emit()
            if portion.pending:
                self._lanes["show"].tell(portion.pending)
            if problem:
                self.failed.emit(problem)

        what = selection.run if selection.iteration is None else f"iteration {selection.iteration}"
        self._lanes["show"].start(f"Opening {what}…", work, on_value=take, on_error=self._fail)

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
        self.facts = facts
        self.selection = resolve(self.selection, facts.offer)
        self._lanes["run"].cancel()
        self.facts_changed.emit()
        self.selection_changed.emit(self.selection)
        deed, self._when_read = self._when_read, None
        if deed is not None:
            deed()

    def _list_outputs(self, wanted: Selection) -> None:
        facts, found = self.facts, self.selection
        self._lanes["outputs"].cancel()  # its answer would bring back what was selected then
        if facts is None or facts.offer.knows_outputs(found.dataset, found.iteration):
            return

        def take(known: RunFacts) -> None:
            self.facts = known
            before, self.selection = self.selection, resolve(wanted, known.offer)
            self.selection_changed.emit(self.selection)
            if self.selection != before and self.screen.shows(self.selection):
                self.show()

        self._lanes["outputs"].start(
            "Listing outputs…",
            lambda cancelled: iter((with_outputs(facts, found.dataset, found.iteration),)),
            on_value=take,
            on_error=self._fail,
        )

    def _forget_run(self) -> None:
        self._when_read = None
        for name in ("run", "outputs", "show"):
            self._lanes[name].cancel()
        if self.facts is not None:
            self.facts, self.notes = None, ()
            self.facts_changed.emit()

    def _fail(self, error: Exception) -> None:
        self.failed.emit(explain(error))

    def _announce_busy(self) -> None:
        self.busy_changed.emit(self.busy)
