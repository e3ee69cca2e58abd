"""What a live prediction needs of a viewer, beyond showing volumes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from napari_dacapo.viewers.base import Backend
    from napari_dacapo.viewers.live_prediction.boxes import Box
    from napari_dacapo.volumes import Volume

__all__ = ["LiveView", "live_view"]


class LiveView(Protocol):
    """A viewer that can be asked where one looks, and told that blocks are finished.

    Attributes
    ----------
    follows : bool
        Whether it says where one looks; one that does not reads what it
        shows from the prediction itself, as it needs it.
    """

    follows: bool

    def box(self, axes: Sequence[str]) -> Box:
        """Return what is on screen, over these spatial axes."""

    def show(self, volumes: Sequence[Volume]) -> None:
        """Show volumes; the view stays where it is if it shows something of them."""

    def update(self, volumes: Sequence[Volume]) -> None:
        """Exchange what is on screen; add nothing that was taken off it."""

    def shows(self, slots: Collection[str]) -> bool:
        """Whether any of the slots is on screen."""

    def watch(self, moved: Callable[[], None], removed: Callable[[], None]) -> None:
        """Call back when one looks elsewhere, and when something is taken off the screen."""

    def unwatch(self) -> None:
        """Call back no more; safe to call twice."""


def live_view(backend: Backend) -> LiveView:
    """Return the live view of a backend."""
    if backend.name == "napari":
        from napari_dacapo.viewers.napari.live_view import NapariLiveView

        return NapariLiveView(backend)  # type: ignore[arg-type]
    return _ReadingView(backend)


class _ReadingView:
    """A viewer that reads what it shows by itself, on threads of its own."""

    follows = False

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def box(self, axes: Sequence[str]) -> Box:
        raise NotImplementedError("it does not follow")

    def show(self, volumes: Sequence[Volume]) -> None:
        self._backend.show(volumes)

    def update(self, volumes: Sequence[Volume]) -> None:
        """Do nothing: it reads what is finished when it needs it."""

    def shows(self, slots: Collection[str]) -> bool:
        return any(volume.identity.slot in slots for volume in self._backend.shown())

    def watch(self, moved: Callable[[], None], removed: Callable[[], None]) -> None:
        """Do nothing: its page says neither."""

    def unwatch(self) -> None:
        """Do nothing."""
