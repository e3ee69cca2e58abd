"""Which backends there are, and why one of them may not be used."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari_dacapo.viewers.base import Backend
    from napari_dacapo.volumes import Volume

__all__ = ["BackendChoice", "backend_choices"]

NEUROGLANCER = "napari_dacapo.viewers.neuroglancer.backend"


@dataclass(frozen=True, slots=True)
class BackendChoice:
    """A backend that may be made.

    Attributes
    ----------
    name : str
        ``"napari"`` or ``"neuroglancer"``.
    tooltip : str
        What it is good for, or why it cannot be used.
    usable : bool
        Whether `make` can be called.
    prepare : callable
        Called with volumes before they are shown, on any thread: does what
        takes long once, e.g. imports.
    make : callable
        Makes the backend, on the thread that owns the viewer.
    reveal : callable
        Brings a backend before the user's eyes, e.g. opens its page; returns
        what to tell the user if that fails, else an empty text.
    """

    name: str
    tooltip: str
    usable: bool
    prepare: Callable[[Sequence[Volume]], object]
    make: Callable[[], Backend]
    reveal: Callable[[Any], str] = lambda backend: ""


def backend_choices(viewer: Any) -> tuple[BackendChoice, ...]:
    """Return the backends for a napari viewer, the default first."""
    return _napari(viewer), _neuroglancer()


def _napari(viewer: Any) -> BackendChoice:
    def prepare(volumes: Sequence[Volume]) -> None:
        import_module("napari_dacapo.viewers.napari.backend")
        import_module("napari_dacapo.viewers.napari.first_layers").warm_up(volumes)

    def make() -> Backend:
        from napari_dacapo.viewers.napari.backend import NapariBackend

        return NapariBackend(viewer)

    return BackendChoice(
        "napari",
        "Open runs as layers of this napari window",
        usable=True,
        prepare=prepare,
        make=make,
    )


def _neuroglancer() -> BackendChoice:
    def make() -> Backend:
        backend: Backend = import_module(NEUROGLANCER).NeuroglancerBackend()
        return backend

    def reveal(backend: Any) -> str:
        if backend.open():
            return ""
        return f"No web browser could be opened. The page is at {backend.url}"

    usable = find_spec(NEUROGLANCER) is not None and find_spec("neuroglancer") is not None
    return BackendChoice(
        "neuroglancer",
        "Open runs in neuroglancer, in the web browser"
        if usable
        else "This version cannot show runs in neuroglancer: its backend is not installed",
        usable=usable,
        prepare=lambda volumes: import_module(NEUROGLANCER),
        make=make,
        reveal=reveal,
    )
