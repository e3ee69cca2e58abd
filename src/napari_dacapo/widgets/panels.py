"""The pages under the run table, in their order.

A page is a widget made from the session alone; it binds to the session's
signals and draws its state. To add a page, add a line to :data:`PANELS`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_dacapo.widgets.checkpoint_panel import CheckpointPanel
from napari_dacapo.widgets.details_panel import DetailsPanel
from napari_dacapo.widgets.link_panel import LinkPanel
from napari_dacapo.widgets.score_panel import ScorePanel
from napari_dacapo.widgets.show_panel import ShowPanel

if TYPE_CHECKING:
    from collections.abc import Callable

    from qtpy.QtWidgets import QWidget

    from napari_dacapo.viewers.session import Session

__all__ = ["PANELS", "Panel"]


@dataclass(frozen=True, slots=True)
class Panel:
    """One page.

    Attributes
    ----------
    key, title, tooltip : str
        Its name in code, on its tab, and what it is for.
    make : callable
        Makes the widget from session and parent.
    """

    key: str
    title: str
    tooltip: str
    make: Callable[[Session, QWidget], QWidget]


PANELS = (
    Panel("show", "Show", "Dataset, iteration and parameters to open", ShowPanel),
    Panel("scores", "Scores", "Loss and scores over the iterations", ScorePanel),
    Panel(
        "checkpoint",
        "Checkpoint",
        "Run any checkpoint where you look, on any raw",
        CheckpointPanel,
    ),
    Panel("link", "Link", "Copy, save and open neuroglancer links", LinkPanel),
    Panel("details", "Details", "The whole config of the run, to search in", DetailsPanel),
)
