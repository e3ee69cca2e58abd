"""Layers on top of each other, or next to each other in napari's grid."""

from __future__ import annotations

import math
from contextlib import contextmanager
from itertools import groupby
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

import numpy as np
from napari.layers import Labels

from napari_dacapo.viewers.napari.colormaps import image_colormap, instance_colormap
from napari_dacapo.viewers.napari.layers import METADATA_KEY, place
from napari_dacapo.viewers.napari.proxies import unwrapped

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from napari.components import ViewerModel
    from napari.components.overlays import ScaleBarOverlay
    from napari.layers import Layer
    from numpy.typing import NDArray

    from napari_dacapo.viewers.base import Arrangement

    Place = tuple[str, str, str]

__all__ = ["STACKED", "arrange_layers", "fit_grid"]

STACKED = "stacked"
"""Key in a layer's metadata of what was set before others, or it, stood in the grid."""

_moved_scale_bars: WeakSet[ScaleBarOverlay] = WeakSet()


def arrange_layers(
    viewer: ViewerModel,
    layers: Sequence[Layer],
    arrangement: Arrangement,
    asked: Collection[Place] = (),
) -> None:
    """Lay layers out.

    Side by side shows one layer of each volume in a grid, opaque and filled,
    since nothing lies below. What lies elsewhere would be out of view, with
    empty boxes: it is hidden. What was set for the stack comes back with it.

    Parameters
    ----------
    viewer : ViewerModel
        Whose grid to use. Layers that are none of this package's keep their
        settings; those that are visible have boxes of their own.
    layers : sequence of Layer
        The layers of this package, in the order in which they are to stand.
    arrangement : {"stacked", "side by side"}
        How to lay them out.
    asked : collection of places
        What was asked for, see :func:`~napari_dacapo.viewers.napari.layers.place`:
        it stands in the grid, with what lies at the same part of the world.
        Default: everything.
    """
    with _same_part_in_view(viewer):
        if arrangement == "stacked":
            viewer.canvas.grid.enabled = False
            for layer in layers:
                _leave_grid(layer)
        else:
            _enter_grid(viewer, layers, asked)
        _make_room_for_names(unwrapped(viewer.canvas.overlays.scale_bar), arrangement)


def fit_grid(viewer: ViewerModel) -> None:
    """Give each visible layer a box of its own, if this package's layers are side by side."""
    all_said = (layer.metadata.get(METADATA_KEY, {}) for layer in viewer.layers)
    if viewer.canvas.grid.enabled and any(STACKED in said for said in all_said):
        with _same_part_in_view(viewer):
            viewer.canvas.grid.shape = _grid_shape(viewer)


@contextmanager
def _same_part_in_view(viewer: ViewerModel) -> Iterator[None]:
    """Zoom so that what was in view still is when the boxes have another size."""
    in_view = min(viewer.canvas.viewbox_size(viewer.layers)) / viewer.scene.camera.zoom
    yield
    viewer.scene.camera.zoom = min(viewer.canvas.viewbox_size(viewer.layers)) / in_view


def _enter_grid(viewer: ViewerModel, layers: Sequence[Layer], asked: Collection[Place]) -> None:
    together = _together(viewer, layers, asked)
    chosen = _one_of_each_volume(layers)
    for layer in layers:
        if place(layer.metadata[METADATA_KEY]) in together:
            _take_part(layer, visible=layer in chosen)
        else:
            _step_aside(layer)
    grid = viewer.canvas.grid
    grid.shape = _grid_shape(viewer)
    grid.stride = 1
    grid.spacing = 0.02
    grid.enabled = True


def _one_of_each_volume(layers: Sequence[Layer]) -> list[Layer]:
    """Return the first channel of each volume that is visible, or else its first."""
    chosen: dict[str, Layer] = {}
    for layer in sorted(layers, key=_is_hidden):
        chosen.setdefault(layer.metadata[METADATA_KEY]["slot"], layer)
    return list(chosen.values())


def _is_hidden(layer: Layer) -> bool:
    stacked = layer.metadata[METADATA_KEY].get(STACKED, {})
    return not stacked.get("visible", layer.visible)


def _together(viewer: ViewerModel, layers: Sequence[Layer], asked: Collection[Place]) -> set[Place]:
    """Return the places that are looked at together: those asked for, and what lies there."""
    by_place: dict[Place, list[Layer]] = {}
    for layer in layers:
        by_place.setdefault(place(layer.metadata[METADATA_KEY]), []).append(layer)
    boxes = {where: _box(viewer, stack) for where, stack in by_place.items()}
    wanted = [where for where in boxes if where in asked]
    if not wanted:
        return set(boxes)
    return {
        where for where, box in boxes.items() if any(_meet(box, boxes[other]) for other in wanted)
    }


def _box(viewer: ViewerModel, layers: Sequence[Layer]) -> NDArray[Any]:
    """Return first and last corner of a dataset; raw reaches further than what is looked at."""
    inner = [layer for layer in layers if layer.metadata[METADATA_KEY]["role"] != "raw"]
    world = viewer.layers.get_extent(inner or layers).world
    n_axes = len(layers[0].metadata[METADATA_KEY]["voxel_size"])
    corners: NDArray[Any] = world[:, -n_axes:]
    return corners


def _meet(one: NDArray[Any], other: NDArray[Any]) -> bool:
    """Whether two boxes have half of the smaller one in common, along each axis."""
    if one.shape != other.shape:
        return False
    common = np.minimum(one[1], other[1]) - np.maximum(one[0], other[0])
    return bool(np.all(2 * common >= np.minimum(one[1] - one[0], other[1] - other[0])))


def _grid_shape(viewer: ViewerModel) -> tuple[int, int]:
    """Return rows and columns of the grid for the visible layers, one in each box.

    Several datasets get a row each, as long as that puts the same roles below
    each other; else all is wrapped where that makes the boxes larger.
    """
    visible = [layer for layer in viewer.layers if layer.visible]
    rows = [len(list(row)) for _, row in groupby(visible, _place_or_none)]
    is_ours = all(_place_or_none(layer) is not None for layer in visible)
    if is_ours and len(rows) > 1 and len(set(rows)) == 1:
        return len(rows), rows[0]
    n_boxes = max(len(visible), 1)
    height, width = viewer.canvas.size
    shapes = [(math.ceil(n_boxes / columns), columns) for columns in range(n_boxes, 0, -1)]
    return max(shapes, key=lambda shape: min(height / shape[0], width / shape[1]))


def _place_or_none(layer: Layer) -> Place | None:
    said: Mapping[str, Any] | None = layer.metadata.get(METADATA_KEY)
    return None if said is None else place(dict(said))


def _take_part(layer: Layer, *, visible: bool) -> None:
    said = layer.metadata[METADATA_KEY]
    if "opacity" in said.get(STACKED, {}):
        return  # already, and the user may have set something since
    _leave_grid(layer)
    wanted: dict[str, Any] = {"visible": visible, "opacity": 1.0}
    if isinstance(layer, Labels):
        wanted["contour"] = 0
        if said["line_color"] is not None:
            wanted["colormap"] = instance_colormap()
    elif layer.blending == "multiplicative":
        # There is nothing to multiply with, and black on white would glare.
        wanted["colormap"] = image_colormap("gray")
    # Of a name that is too long for its box, the end can be read: the role.
    layer.name_overlay.position = "bottom_right"
    layer.name_overlay.font_size = 9
    layer.name_overlay.visible = True
    _set(layer, wanted)


def _step_aside(layer: Layer) -> None:
    said = layer.metadata[METADATA_KEY]
    if set(said.get(STACKED, {})) == {"visible"}:
        return
    _leave_grid(layer)
    _set(layer, {"visible": False})


def _set(layer: Layer, wanted: Mapping[str, Any]) -> None:
    layer.metadata[METADATA_KEY][STACKED] = {name: getattr(layer, name) for name in wanted}
    for name, value in wanted.items():
        setattr(layer, name, value)


def _leave_grid(layer: Layer) -> None:
    for name, value in layer.metadata[METADATA_KEY].pop(STACKED, {}).items():
        setattr(layer, name, value)
    layer.name_overlay.visible = False


def _make_room_for_names(scale_bar: ScaleBarOverlay, arrangement: Arrangement) -> None:
    """Keep the scale bar off the names in the boxes, unless the user has put it elsewhere."""
    if arrangement == "side by side" and scale_bar.position == "bottom_right":
        scale_bar.position = "top_right"
        _moved_scale_bars.add(scale_bar)
    elif arrangement == "stacked" and scale_bar in _moved_scale_bars:
        _moved_scale_bars.discard(scale_bar)
        if scale_bar.position == "top_right":
            scale_bar.position = "bottom_right"
