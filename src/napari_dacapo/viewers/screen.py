"""What is on screen: the chosen backend, what it shows, and how one follows another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_dacapo.viewers.showing import stale_slots

if TYPE_CHECKING:
    from collections.abc import Iterable

    from napari_dacapo.viewers.backends import BackendChoice
    from napari_dacapo.viewers.base import Arrangement, Backend
    from napari_dacapo.viewers.selection import Selection
    from napari_dacapo.viewers.showing import Portion
    from napari_dacapo.viewers.view_state import ViewState

__all__ = ["Screen"]


class Screen:
    """The backends of a viewer, each made when it is first needed.

    Parameters
    ----------
    choices : iterable of BackendChoice
        Where runs can be shown, the default first.

    Attributes
    ----------
    choices : dict of str to BackendChoice
        By name.
    name : str
        The chosen one; empty if there is none.
    """

    def __init__(self, choices: Iterable[BackendChoice]) -> None:
        self.choices = {choice.name: choice for choice in choices}
        self.name = next(iter(self.choices), "")
        self._made: dict[str, Backend] = {}
        self._view_from: ViewState | None = None
        self._to_reveal = False

    @property
    def choice(self) -> BackendChoice:
        """The chosen backend, made or not."""
        return self.choices[self.name]

    @property
    def backend(self) -> Backend:
        """The chosen backend, made if need be."""
        return self.made(self.name)

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
        backend = self._made.get(self.name)
        return backend is not None and _shows(backend, selection)

    def place(self, selection: Selection) -> dict[str, float]:
        """Return where one looks, in nanometres by axis; empty if the selection is not shown."""
        if not self.shows(selection):
            return {}
        view = self.backend.get_view()
        return dict(zip(view.axes, view.position, strict=True))

    def take(self, portion: Portion, selection: Selection, arrangement: Arrangement | None) -> str:
        """Show a portion of a selection, or exchange what it stands for.

        Parameters
        ----------
        portion : Portion
            What is ready.
        selection : Selection
            What it belongs to.
        arrangement : {"stacked", "side by side"} or None
            How to lay out the volumes if the user asked for them; None if
            what is on screen only changes.

        Returns
        -------
        str
            What to tell the user if he may not see it; empty if all is well.
        """
        backend = self.backend
        if portion.first:
            shown = backend.shown()
            # Who asks for what is on screen already does not see it.
            asked = arrangement is not None
            self._to_reveal = asked and (not shown or _shows(backend, selection))
            self._view_from = None if shown else self._other_view(selection)
            backend.remove(stale_slots(shown, portion.identities))
        backend.show(portion.volumes, notes=portion.missing)
        return self._finish(backend, arrangement) if portion.last else ""

    def close(self) -> None:
        """Let go of all backends; safe to call twice."""
        while self._made:
            self._made.popitem()[1].close()

    def _finish(self, backend: Backend, arrangement: Arrangement | None) -> str:
        if arrangement is not None:
            backend.arrange(arrangement)
        if self._view_from is not None:
            backend.set_view(self._view_from)
            self._view_from = None
        to_reveal, self._to_reveal = self._to_reveal, False
        return self.choice.reveal(backend) if to_reveal else ""

    def _other_view(self, selection: Selection) -> ViewState | None:
        """Return the view of another backend that shows the same run and dataset."""
        for name, backend in self._made.items():
            if name != self.name and _shows(backend, selection):
                return backend.get_view()
        return None


def _shows(backend: Backend, selection: Selection) -> bool:
    wanted = (selection.run, selection.dataset)
    return any((v.identity.run, v.identity.dataset) == wanted for v in backend.shown())
