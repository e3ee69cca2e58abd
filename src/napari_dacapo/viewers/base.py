"""What every viewer can do with volumes: the protocol of the two backends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from napari_dacapo.viewers.view_state import ViewState
    from napari_dacapo.volumes import Volume

__all__ = ["Arrangement", "Backend"]

Arrangement = Literal["stacked", "side by side"]


@runtime_checkable
class Backend(Protocol):
    """Shows volumes; knows nothing of runs, stores or files.

    All methods are called on the thread that owns the viewer (Qt's main
    thread for napari) and read no array elements themselves.
    """

    name: str

    def show(self, volumes: Sequence[Volume], *, notes: Sequence[str] = ()) -> None:
        """Show volumes, each in its slot.

        A volume whose :attr:`~napari_dacapo.volumes.Identity.slot` is on
        screen already is exchanged in place: camera, contrast, colormap and
        visibility stay as the user set them. Others are added. `notes` are
        said on screen beside those of the volumes, e.g. which are missing.
        """

    def remove(self, slots: Iterable[str]) -> None:
        """Take the volumes of these slots off the screen; unknown slots are ignored."""

    def shown(self) -> list[Volume]:
        """Return the volumes on screen that came from this package, in order."""

    def arrange(self, arrangement: Arrangement) -> None:
        """Lay the volumes on top of each other or next to each other."""

    def get_view(self) -> ViewState:
        """Return camera and appearance, independent of the backend."""

    def set_view(self, view: ViewState) -> None:
        """Take over camera and appearance from this or another backend."""

    def close(self) -> None:
        """Let go of servers, threads and event connections; safe to call twice."""
