"""Which run is selected, what there is to know of it, and what of it is to be shown."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from psygnal import Signal

from napari_dacapo.viewers.facts import RunFacts, gather, with_outputs
from napari_dacapo.viewers.selection import Selection, resolve, step

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from threading import Event

    from napari_dacapo.viewers.open_store import OpenStore
    from napari_dacapo.viewers.tasks import Lane

__all__ = ["RunChoice"]


class RunChoice:
    """One selected run at a time, read in lanes.

    Parameters
    ----------
    store : OpenStore
        Where runs are.
    reading, listing : Lane
        Where a run is read, and where its outputs are listed.
    on_error : callable
        Is told what failed.

    Attributes
    ----------
    facts : RunFacts or None
        The selected run, once it has been read.
    selection : Selection
        What is to be shown of it.
    facts_changed, selection_changed : Signal
        The state of that name changed.
    """

    facts_changed = Signal()
    selection_changed = Signal(Selection)

    def __init__(
        self,
        store: OpenStore,
        reading: Lane,
        listing: Lane,
        on_error: Callable[[Exception], None],
    ) -> None:
        self.store = store
        self.facts: RunFacts | None = None
        self.selection = Selection()
        self._reading = reading
        self._listing = listing
        self._on_error = on_error

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
        self._leave_run()
        store = self.store.opened
        if name is None or store is None:
            return

        def work(cancelled: Event) -> Iterator[RunFacts]:
            facts = gather(store, name)
            found = resolve(wanted, facts.offer)
            yield with_outputs(facts, found.dataset, found.iteration)

        self._reading.start(
            f"Reading {name}…", work, on_value=self._take_facts, on_error=self._on_error
        )

    def select(self, **changes: Any) -> None:
        """Change parts of the selection; if the run is on screen, that follows.

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
        self._show_change()

    def renew(self, facts: RunFacts) -> None:
        """Take over what is new of the selected run; what is on screen stays."""
        if self.facts is None or self.facts.name != facts.name:
            return
        self._listing.cancel()  # its answer would bring back what was known then
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
        """Return the iteration with the best stored score of the selected run, and why.

        If there is none: None, and why not.
        """
        row = self.store.row(self.selection.run)
        if row is None:
            return None, ""
        best = row.best_score
        if best is None:
            return None, row.why_no_best
        return best.iteration, f"{best.criterion} = {best.value:.4g}. {best.doubtful}".strip()

    def _take_facts(self, facts: RunFacts) -> None:
        self.facts = facts
        self.selection = resolve(self.selection, facts.offer)
        self._reading.cancel()
        self.facts_changed.emit()
        self.selection_changed.emit(self.selection)

    def _list_outputs(self, wanted: Selection) -> None:
        facts, found = self.facts, self.selection
        self._listing.cancel()  # its answer would bring back what was selected then
        if facts is None or facts.offer.knows_outputs(found.dataset, found.iteration):
            return

        def take(known: RunFacts) -> None:
            self.facts = known
            before, self.selection = self.selection, resolve(wanted, known.offer)
            self.selection_changed.emit(self.selection)
            if self.selection != before:
                self._show_change()

        self._listing.start(
            "Listing outputs…",
            lambda cancelled: iter((with_outputs(facts, found.dataset, found.iteration),)),
            on_value=take,
            on_error=self._on_error,
        )

    def _leave_run(self) -> None:
        self._reading.cancel()
        self._listing.cancel()
        if self.facts is not None:
            self.facts = None
            self.facts_changed.emit()

    def _show_change(self) -> None:
        """Let the screen follow a change of the selection."""
        raise NotImplementedError
