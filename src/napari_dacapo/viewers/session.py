"""The controller behind the dock: which store, which run, what is on screen.

A session knows neither Qt nor napari. It holds the state that all docks of a
viewer share, starts slow work in lanes (:mod:`napari_dacapo.viewers.tasks`),
and announces by signals what changed; widgets read the state and draw it.
All methods and signals belong to the thread that owns the viewer.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from psygnal import Signal

from napari_dacapo.errors import NapariDacapoError, OptionsError, StoreNotFoundError
from napari_dacapo.options import locate_store
from napari_dacapo.viewers.facts import RunFacts, gather, with_outputs
from napari_dacapo.viewers.selection import Selection, resolve, step
from napari_dacapo.viewers.showing import Portion, portions, stale_slots
from napari_dacapo.viewers.tasks import Lane, run_here

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from threading import Event

    from napari_dacapo.runs import RunRow, Store
    from napari_dacapo.viewers.backends import BackendChoice
    from napari_dacapo.viewers.base import Arrangement, Backend
    from napari_dacapo.viewers.tasks import Starter

__all__ = ["Session", "StoreState"]

ROWS_AT_ONCE = 25


@dataclass(frozen=True, slots=True)
class StoreState:
    """How the store is, beside its rows.

    Attributes
    ----------
    path : str
        What the user asked for; empty for the store of DaCapo's own options.
    name : str
        What to call it.
    status : {"none", "opening", "open", "failed"}
        Whether it can be used.
    problem : str
        Why it failed.
    """

    path: str = ""
    name: str = ""
    status: Literal["none", "opening", "open", "failed"] = "none"
    problem: str = ""


class Session:
    """State and deeds of one viewer's docks.

    Parameters
    ----------
    backends : sequence of BackendChoice
        Where runs can be shown, the default first; none if runs are only listed.
    start : Starter, optional
        Runs slow work; at once and on this thread if omitted.

    Attributes
    ----------
    store_changed, rows_changed, facts_changed, selection_changed : Signal
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

    store_changed = Signal(StoreState)
    rows_changed = Signal()
    facts_changed = Signal()
    selection_changed = Signal(Selection)
    shown_changed = Signal()
    busy_changed = Signal(str)
    backend_changed = Signal(str)
    failed = Signal(str)

    def __init__(self, backends: Sequence[BackendChoice], *, start: Starter = run_here) -> None:
        self.backends = {choice.name: choice for choice in backends}
        self.backend_name = next(iter(self.backends), "")
        self.store: Store | None = None
        self.store_state = StoreState()
        self.rows: tuple[RunRow, ...] = ()
        self.facts: RunFacts | None = None
        self.selection = Selection()
        self.notes: tuple[str, ...] = ()
        self._made: dict[str, Backend] = {}
        self._waiting: Arrangement | None = None
        self._lanes = {
            name: Lane(start, self._announce_busy) for name in ("store", "run", "outputs", "show")
        }

    # -- store ---------------------------------------------------------------------------------

    def open_store(
        self,
        path: str = "",
        *,
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
        path_map : mapping, optional
            Where paths that runs name lie on this computer.
        select : str, optional
            Run to select once it is listed.
        show : bool
            Whether to show that run, too.
        quiet : bool
            Whether it is no failure if there is no store.
        """
        self.close_store()
        self._set_store(StoreState(path, path or "store", "opening"))

        def work(cancelled: Event) -> Iterator[Any]:
            from napari_dacapo.runs import open_store

            store = open_store(path or None, path_map=dict(path_map) if path_map else None)
            yield (store, *_place(path, store))
            rows: list[RunRow] = []
            for row in store.rows(cancelled=cancelled):
                rows.append(row)
                if len(rows) % ROWS_AT_ONCE == 1:
                    yield list(rows)
            yield rows

        def take(answer: Any) -> None:
            if isinstance(answer, list):
                self._set_rows(tuple(answer))
                return
            self.store, found_path, found_run = answer
            self._set_store(StoreState(found_path, self.store.name, "open"))
            self.select_run(select or found_run)
            if show:
                self.show("stacked")

        def fail(error: Exception) -> None:
            if quiet and isinstance(error, StoreNotFoundError | OptionsError):
                self._set_store(StoreState())
            else:
                self._set_store(StoreState(path, path or "store", "failed", explain(error)))

        self._lanes["store"].start(
            "Listing runs…", work, on_value=take, on_error=fail, on_done=self.rows_changed.emit
        )

    def close_store(self) -> None:
        """Let go of the store; what is on screen stays there."""
        self._lanes["store"].cancel()
        self._forget_run()
        self.store = None
        self.selection = Selection()
        self.rows = ()
        self._set_store(StoreState())

    def reload(self, *, path_map: Mapping[str, str] | None = None) -> None:
        """Read the store again and keep the selection."""
        wanted = self.selection
        self.open_store(self.store_state.path, path_map=path_map, select=wanted.run)
        self.selection = wanted

    @property
    def listing(self) -> bool:
        """Whether runs are still being listed."""
        return bool(self._lanes["store"].busy)

    # -- selection -----------------------------------------------------------------------------

    def select_run(self, name: str | None) -> None:
        """Select a run and gather what it has to show."""
        if self.facts is not None and self.facts.name == name:
            return
        before, offer = self.selection, self.facts.offer if self.facts is not None else None
        self._forget_run()
        if name is None or self.store is None:
            return
        if before.run != name:
            # A training dataset was chosen for want of others; runs are compared at their ends.
            by_want = offer is not None and before.dataset in offer.training
            dataset = None if by_want else before.dataset
            before = replace(before, run=name, dataset=dataset, iteration=None)
        store, wanted = self.store, before
        self.selection = wanted

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
        if self.on_screen():
            self.show()

    def step(self, by: int) -> None:
        """Go to a validated iteration before or after the selected one."""
        if self.facts is not None and self.selection.iteration is not None:
            iterations = self.facts.offer.iterations
            self.select(iteration=step(iterations, self.selection.iteration, by))

    def best_iteration(self) -> tuple[int | None, str]:
        """Return the iteration with the best stored score of the selected run, and why."""
        best = next((row.best_score for row in self.rows if row.name == self.selection.run), None)
        if best is None:
            return None, ""
        return best.iteration, f"{best.criterion} = {best.value:.4g}. {best.doubtful}".strip()

    # -- showing -------------------------------------------------------------------------------

    def use_backend(self, name: str) -> None:
        """Choose where runs are shown from now on."""
        if name != self.backend_name and self.backends[name].usable:
            self.backend_name = name
            self.backend_changed.emit(name)

    def backend(self) -> Backend:
        """Return the chosen backend; it is made when it is first needed."""
        if self.backend_name not in self._made:
            self._made[self.backend_name] = self.backends[self.backend_name].make()
        return self._made[self.backend_name]

    def on_screen(self) -> bool:
        """Whether the selected run and dataset are shown by the chosen backend."""
        if self.backend_name not in self._made:
            return False
        wanted = (self.selection.run, self.selection.dataset)
        shown = self._made[self.backend_name].shown()
        return any((v.identity.run, v.identity.dataset) == wanted for v in shown)

    def show(self, arrangement: Arrangement | None = None) -> None:
        """Show what is selected, or exchange it in place.

        Parameters
        ----------
        arrangement : {"stacked", "side by side"}, optional
            How to lay the volumes out; as it is if omitted.
        """
        if self._lanes["run"].busy:
            self._waiting = arrangement or "stacked"
            return
        if self.facts is None:
            return
        if self.facts.run is None:
            self.failed.emit(self.facts.problem)
            return
        run, selection, choice = self.facts.run, self.selection, self.backends[self.backend_name]

        def work(cancelled: Event) -> Iterator[Portion]:
            choice.prepare()
            yield from portions(run, selection)

        def take(portion: Portion) -> None:
            backend = self.backend()
            if portion.first:
                backend.remove(stale_slots(backend.shown(), portion.identities))
            backend.show(portion.volumes)
            if portion.last and arrangement is not None:
                backend.arrange(arrangement)
            self.notes = portion.notes
            self.shown_changed.emit()
            if portion.pending:
                self._lanes["show"].tell(portion.pending)

        what = selection.run if selection.iteration is None else f"iteration {selection.iteration}"
        self._lanes["show"].start(f"Opening {what}…", work, on_value=take, on_error=self._fail)

    # -- life ----------------------------------------------------------------------------------

    @property
    def busy(self) -> str:
        """What is being done right now; empty if nothing is."""
        return next((lane.busy for lane in reversed(self._lanes.values()) if lane.busy), "")

    def cancel(self) -> None:
        """Stop all slow work; what has arrived stays."""
        self._waiting = None
        opening = self.store is None and self.listing
        for lane in self._lanes.values():
            lane.cancel()
        if opening:
            self._set_store(replace(self.store_state, status="failed", problem="Cancelled."))
        self.rows_changed.emit()

    def close(self) -> None:
        """Stop all work and let go of the backends; safe to call twice."""
        for lane in self._lanes.values():
            lane.cancel()
        while self._made:
            self._made.popitem()[1].close()

    # -- inside --------------------------------------------------------------------------------

    def _take_facts(self, facts: RunFacts) -> None:
        self.facts = facts
        self.selection = resolve(self.selection, facts.offer)
        self._lanes["run"].cancel()
        self.facts_changed.emit()
        self.selection_changed.emit(self.selection)
        if self._waiting is not None:
            arrangement, self._waiting = self._waiting, None
            self.show(arrangement)

    def _list_outputs(self, wanted: Selection) -> None:
        facts, found = self.facts, self.selection
        self._lanes["outputs"].cancel()  # its answer would bring back what was selected then
        if facts is None or facts.offer.knows_outputs(found.dataset, found.iteration):
            return

        def take(known: RunFacts) -> None:
            self.facts = known
            before, self.selection = self.selection, resolve(wanted, known.offer)
            self.selection_changed.emit(self.selection)
            if self.selection != before and self.on_screen():
                self.show()

        self._lanes["outputs"].start(
            "Listing outputs…",
            lambda cancelled: iter((with_outputs(facts, found.dataset, found.iteration),)),
            on_value=take,
            on_error=self._fail,
        )

    def _forget_run(self) -> None:
        self._waiting = None
        for name in ("run", "outputs", "show"):
            self._lanes[name].cancel()
        if self.facts is not None:
            self.facts = None
            self.facts_changed.emit()

    def _set_rows(self, rows: tuple[RunRow, ...]) -> None:
        self.rows = rows
        self.rows_changed.emit()

    def _set_store(self, state: StoreState) -> None:
        self.store_state = state
        self.store_changed.emit(state)

    def _fail(self, error: Exception) -> None:
        self.failed.emit(explain(error))

    def _announce_busy(self) -> None:
        self.busy_changed.emit(self.busy)


def _place(path: str, store: Store) -> tuple[str, str | None]:
    """Return the path by which a store can be opened again, and the run that the path names."""
    if store.options.type != "files" or Path(path).is_file():
        return path, None
    return store.label, locate_store(path).run_name if path else None


def explain(error: Exception) -> str:
    """Return what to tell the user of an error, in one line."""
    if isinstance(error, NapariDacapoError):
        return str(error)
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename or 'A file'} cannot be read: {error.strerror}."
    return f"{type(error).__name__}: {error}"
