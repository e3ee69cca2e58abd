"""What tests ask of a session and of the layers that it shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_dacapo.viewers.tasks import run_here

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from napari.components import ViewerModel

    from napari_dacapo.viewers.session import Session

KEY = "napari-dacapo"


class Later:
    """A starter that works when it is told to, as a thread does in its own time."""

    def __init__(self) -> None:
        self.pending: list[tuple[Callable[[], Iterator[Any]], dict[str, Any]]] = []

    def __call__(self, work: Callable[[], Iterator[Any]], **callbacks: Any) -> None:
        self.pending.append((work, callbacks))

    def run(self, place: int = 0) -> None:
        work, callbacks = self.pending.pop(place)
        run_here(work, **callbacks)

    def run_all(self) -> None:
        while self.pending:
            self.run()


def roles(viewer: ViewerModel) -> list[tuple[str, int | None]]:
    said = [layer.metadata[KEY] for layer in viewer.layers]
    return [(each["role"], each["iteration"]) for each in said]


def layer(viewer: ViewerModel, role: str) -> Any:
    ours = (each for each in viewer.layers if KEY in each.metadata)
    return next(each for each in ours if each.metadata[KEY]["role"] == role)


def open_run(session: Session, store: Path, run: str) -> None:
    """Open a run; where its volumes lie matters to none of these tests."""
    session.open_store(str(store))
    session.select_run(run)


def places(viewer: ViewerModel) -> set[tuple[str, str]]:
    said = [each.metadata[KEY] for each in viewer.layers if KEY in each.metadata]
    return {(each["run"], each["dataset"]) for each in said}
