"""What is on screen: the chosen backend, what it shows, and what takes whose place."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from psygnal import Signal

from napari_dacapo.viewers.open_store import explain
from napari_dacapo.viewers.showing import portions, stale_slots

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from threading import Event

    from napari_dacapo.runs import Run
    from napari_dacapo.viewers.backends import BackendChoice
    from napari_dacapo.viewers.base import Arrangement, Backend
    from napari_dacapo.viewers.selection import Selection
    from napari_dacapo.viewers.showing import Portion
    from napari_dacapo.viewers.tasks import Lane
    from napari_dacapo.viewers.view_state import ViewState
    from napari_dacapo.volumes import Identity, Volume

    Place = tuple[str, str, str]

__all__ = ["Screen"]


class Screen:
    """The backends of a viewer, each made when it is first needed.

    Parameters
    ----------
    choices : iterable of BackendChoice
        Where runs can be shown, the default first.
    lane : Lane
        Where volumes are made ready.

    Attributes
    ----------
    changed : Signal
        :attr:`notes`, :attr:`keeps_others`, or what is on screen, changed.
    choices : dict of str to BackendChoice
        By name.
    name : str
        The chosen one; empty if there is none.
    notes : tuple of str
        What to say of what is shown, or why it cannot be shown.
    """

    changed = Signal()

    def __init__(self, choices: Iterable[BackendChoice], lane: Lane) -> None:
        self.choices = {choice.name: choice for choice in choices}
        self.name = next(iter(self.choices), "")
        self.notes: tuple[str, ...] = ()
        self._lane = lane
        self._keeps_others = False
        self._made: dict[str, Backend] = {}
        self._left: dict[Place, ViewState] = {}
        self._view_from: ViewState | None = None
        self._arrangement: Arrangement = "stacked"  # that the user asked for
        self._to_arrange = False
        self._to_reveal = False

    @property
    def choice(self) -> BackendChoice:
        """The chosen backend, made or not."""
        return self.choices[self.name]

    @property
    def backend(self) -> Backend:
        """The chosen backend, made if need be."""
        return self.made(self.name)

    @property
    def keeps_others(self) -> bool:
        """Whether other runs and datasets stay on screen when one is opened, to compare them."""
        return self._keeps_others

    @keeps_others.setter
    def keeps_others(self, on: bool) -> None:
        if on != self._keeps_others:
            self._keeps_others = on
            self.changed.emit()

    def made(self, name: str) -> Backend:
        """Return a backend by its name, chosen or not, made if need be."""
        if name not in self._made:
            self._made[name] = self.choices[name].make()
        return self._made[name]

    def existing(self, name: str) -> Backend | None:
        """Return a backend by its name if it was made, chosen or not."""
        return self._made.get(name)

    def use(self, name: str) -> bool:
        """Choose a backend; return whether that changed anything."""
        if name == self.name or name not in self.choices or not self.choices[name].usable:
            return False
        self.name = name
        return True

    def shows(self, selection: Selection) -> bool:
        """Whether the chosen backend shows the run and dataset of a selection."""
        wanted = (selection.run, selection.dataset)
        return any((one.run, one.dataset) == wanted for one in self._shown())

    def shows_run(self, name: str | None) -> bool:
        """Whether the chosen backend shows a run, whichever dataset of it."""
        return any(one.run == name for one in self._shown())

    def say(self, *notes: str) -> None:
        """Say something in place of what was said before."""
        self.notes = notes
        self.changed.emit()

    def show(
        self,
        run: Run,
        selection: Selection,
        arrangement: Arrangement | None,
        *,
        on_problem: Callable[[str], None],
    ) -> None:
        """Show a selection, or exchange what is on screen for it.

        Parameters
        ----------
        run : Run
            The selected run.
        selection : Selection
            What of it.
        arrangement : {"stacked", "side by side"} or None
            How to lay out the volumes if the user asked for them: they take the
            place of other runs then. None if what is on screen only changes.
        on_problem : callable
            Is told why something cannot be shown, or may not be seen.
        """
        choice, looked_at = self.choice, self._looked_at(selection)

        def work(cancelled: Event) -> Iterator[Portion]:
            for portion in portions(run, selection, looked_at):
                choice.prepare(portion.volumes)
                yield portion

        def take(portion: Portion) -> None:
            problem = self._take(portion, selection, arrangement)
            self.say(*portion.notes)
            if portion.pending:
                self._lane.tell(portion.pending)
            if problem:
                on_problem(problem)

        def fail(error: Exception) -> None:
            problem = explain(error)
            self.say(problem)
            on_problem(problem)

        what = selection.run if selection.iteration is None else f"iteration {selection.iteration}"
        self._lane.start(f"Opening {what}…", work, on_value=take, on_error=fail)

    def take_off(self, run: str | None = None) -> None:
        """Take a run off the screen, or all of them; it can be opened again as it was.

        Layers that did not come from this package stay.
        """
        self._lane.cancel()
        backend = self._made.get(self.name)
        if backend is not None:
            self._leave(backend, (v for v in backend.shown() if run in (None, v.identity.run)))
        self.say()

    def make_way(self, volumes: Sequence[Volume], asked: Volume) -> None:
        """Let volumes that came otherwise take the place of other runs and datasets.

        Parameters
        ----------
        volumes : sequence of Volume
            What has been put on screen.
        asked : Volume
            The one of them that the user asked for. As with a run that is
            opened, nothing goes if others are kept.
        """
        backend, new = self.backend, {volume.identity.slot for volume in volumes}
        before = [volume for volume in backend.shown() if volume.identity.slot not in new]
        others = self._others(before, asked.identity, is_new=True, asked=True)
        if others:
            self._leave(backend, others)
            backend.arrange(self._arrangement)
            self.changed.emit()

    def close(self) -> None:
        """Let go of all backends; safe to call twice."""
        while self._made:
            self._made.popitem()[1].close()

    def _shown(self) -> list[Identity]:
        backend = self._made.get(self.name)
        return [] if backend is None else [volume.identity for volume in backend.shown()]

    def _looked_at(self, selection: Selection) -> dict[str, float]:
        """Return where one looks, in nanometres by axis; empty if the selection is not shown."""
        if not self.shows(selection):
            return {}
        view = self.backend.get_view()
        return dict(zip(view.axes, view.position, strict=True))

    def _take(self, portion: Portion, selection: Selection, arrangement: Arrangement | None) -> str:
        """Show a portion, or exchange what it stands for; return what keeps the user from it."""
        backend = self.backend
        if arrangement is not None:
            self._arrangement = arrangement
        if portion.first:
            shown = backend.shown()
            is_new = not self.shows(selection)
            asked = arrangement is not None
            # Who asks for what is on screen already does not see it.
            self._to_reveal = asked and (not shown or not is_new)
            self._view_from = self._view_before(portion, selection, shown) if is_new else None
            backend.remove(stale_slots(shown, portion.identities))
            others = self._others(shown, portion.identities[0], is_new=is_new, asked=asked)
            self._leave(backend, others)
            self._to_arrange = asked or bool(others)
        backend.show(portion.volumes, notes=portion.missing)
        return self._finish(backend) if portion.last else ""

    def _others(
        self, shown: Iterable[Volume], new: Identity, *, is_new: bool, asked: bool
    ) -> list[Volume]:
        """Return whose place is taken: of other datasets, and of other runs if asked."""
        if self._keeps_others:
            return []
        *run, dataset = _place(new)
        found = []
        for volume in shown:
            identity = volume.identity
            is_of_run = [identity.store, identity.run] == run
            # Snapshots and live predictions were asked for one by one.
            is_former = is_of_run and identity.dataset != dataset and not identity.variant_slot
            if (asked and not is_of_run) or (is_new and is_former):
                found.append(volume)
        return found

    def _leave(self, backend: Backend, volumes: Iterable[Volume]) -> None:
        """Take volumes off the screen, and remember how they looked on top of each other."""
        leaving = list(volumes)
        if not leaving:
            return
        backend.arrange("stacked")
        view = backend.get_view()
        for place in {_place(volume.identity) for volume in leaving}:
            slots = {v.identity.slot for v in leaving if _place(v.identity) == place}
            layers = tuple(layer for layer in view.layers if layer.slot in slots)
            self._left[place] = replace(view, layers=layers)
        backend.remove([volume.identity.slot for volume in leaving])

    def _finish(self, backend: Backend) -> str:
        if self._view_from is not None:
            backend.set_view(self._view_from)
            self._view_from = None
        if self._to_arrange:
            backend.arrange(self._arrangement)
        to_reveal, self._to_reveal = self._to_reveal, False
        return self.choice.reveal(backend) if to_reveal else ""

    def _view_before(
        self, portion: Portion, selection: Selection, shown: list[Volume]
    ) -> ViewState | None:
        """Return how another backend shows the same, or how it was when it was left."""
        for name, backend in self._made.items():
            if name != self.name and not shown and _shows(backend, selection):
                return backend.get_view()
        return self._left.get(_place(portion.identities[0]))


def _place(identity: Identity) -> Place:
    return (identity.store, identity.run, identity.dataset)


def _shows(backend: Backend, selection: Selection) -> bool:
    wanted = (selection.run, selection.dataset)
    return any((v.identity.run, v.identity.dataset) == wanted for v in backend.shown())
