"""Layers on top of each other, or next to each other in napari's grid."""

from __future__ import annotations

import math
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from napari.layers import Labels

from napari_dacapo.viewers.napari.colormaps import image_colormap, instance_colormap
from napari_dacapo.viewers.napari.layers import METADATA_KEY, place

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from napari.components import ViewerModel
    from napari.layers import Layer

    from napari_dacapo.viewers.base import Arrangement

__all__ = ["STACKED", "arrange_layers"]

STACKED = "stacked"
"""Key in a layer's metadata of what was set before it stood in the grid."""


def arrange_layers(viewer: ViewerModel, layers: Sequence[Layer], arrangement: Arrangement) -> None:
    """Lay layers out.

    Side by side shows one layer of each volume in a grid of one row, opaque
    and filled, since nothing lies below. What was set for the stack comes back
    with it.

    Parameters
    ----------
    viewer : ViewerModel
        Whose grid to use.
    layers : sequence of Layer
        The layers of this package, in the order in which they are to stand.
    arrangement : {"stacked", "side by side"}
        How to lay them out.
    """
    with _same_part_in_view(viewer):
        _arrange(viewer, layers, arrangement)


@contextmanager
def _same_part_in_view(viewer: ViewerModel) -> Iterator[None]:
    """Zoom so that what was in view still is when the boxes have another size."""
    before = min(viewer.canvas.viewbox_size(viewer.layers))
    yield
    after = min(viewer.canvas.viewbox_size(viewer.layers))
    viewer.scene.camera.zoom *= after / before


def _arrange(viewer: ViewerModel, layers: Sequence[Layer], arrangement: Arrangement) -> None:
    grid = viewer.canvas.grid
    if arrangement == "stacked":
        for layer in layers:
            for name, value in layer.metadata[METADATA_KEY].pop(STACKED, {}).items():
                setattr(layer, name, value)
            layer.name_overlay.visible = False
        grid.enabled = False
        return
    slots: dict[tuple[str, str, str], set[str]] = {}
    for layer in layers:
        said = layer.metadata[METADATA_KEY]
        row = slots.setdefault(place(said), set())
        _enter_grid(layer, is_first=said["slot"] not in row)
        row.add(said["slot"])
    grid.shape = _grid_shape(viewer.canvas.size, [len(row) for row in slots.values()])
    grid.stride = 1
    grid.spacing = 0.02
    grid.enabled = True


def _grid_shape(canvas: tuple[int, int], rows: Sequence[int]) -> tuple[int, int]:
    """Return rows and columns of the grid for so many boxes a dataset.

    Several datasets get a row each, as long as that puts the same roles below
    each other; one dataset is wrapped where that makes the boxes larger.
    """
    if len(rows) > 1 and len(set(rows)) == 1:
        return len(rows), rows[0]
    n_boxes = max(sum(rows), 1)
    height, width = canvas
    shapes = [(math.ceil(n_boxes / columns), columns) for columns in range(n_boxes, 0, -1)]
    return max(shapes, key=lambda shape: min(height / shape[0], width / shape[1]))


def _enter_grid(layer: Layer, *, is_first: bool) -> None:
    said = layer.metadata[METADATA_KEY]
    wanted: dict[str, Any] = {"visible": is_first, "opacity": 1.0}
    if isinstance(layer, Labels):
        wanted["contour"] = 0
        if said["line_color"] is not None:
            wanted["colormap"] = instance_colormap()
    elif layer.blending == "multiplicative":
        # There is nothing to multiply with, and black on white would glare.
        wanted["colormap"] = image_colormap("gray")
    if STACKED in said:
        return
    layer.name_overlay.position = "bottom_left"
    layer.name_overlay.font_size = 9
    layer.name_overlay.visible = True
    said[STACKED] = {name: getattr(layer, name) for name in wanted}
    for name, value in wanted.items():
        setattr(layer, name, value)
