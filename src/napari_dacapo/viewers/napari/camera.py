"""Moving camera and plane to layers that have just come."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_dacapo.viewers.napari.layers import METADATA_KEY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.components import ViewerModel
    from napari.layers import Layer

__all__ = ["look_at"]

_MARGIN = 0.05


def look_at(viewer: ViewerModel, layers: Sequence[Layer]) -> None:
    """Bring new layers into view, and the plane in their middle.

    gt often covers a small part of a large raw volume: then the view is of
    that part, or else nothing but raw would be in it.

    Parameters
    ----------
    viewer : ViewerModel
        Whose camera to move.
    layers : sequence of Layer
        Layers of this package, of one run and dataset; not empty. They may
        have fewer axes than the viewer.
    """
    inner = [layer for layer in layers if layer.metadata[METADATA_KEY]["role"] != "raw"]
    inner = inner or list(layers)
    n_axes = len(inner[0].metadata[METADATA_KEY]["voxel_size"])
    n_extra = viewer.dims.ndim - n_axes
    # The centre of a voxel: between two, layers round to different planes.
    shape = inner[0].extent.data[1] + 1
    middle = inner[0].data_to_world(shape // 2)[-n_axes:]
    for axis, value in enumerate(middle):
        viewer.dims.set_point(n_extra + axis, value)
    part = viewer.layers.get_extent(inner).world[:, -n_axes:]
    whole = viewer.layers.get_extent(layers).world[:, -n_axes:]
    is_large_part = all((whole[1] - whole[0]) <= 2 * (part[1] - part[0]))
    _fit(viewer, layers if is_large_part else inner)


def _fit(viewer: ViewerModel, layers: Sequence[Layer]) -> None:
    """Fit layers into the canvas.

    As `ViewerModel.reset_view`, which fails on layers with fewer axes than
    the viewer: planes in a viewer that holds volumes, too.
    """
    extent = viewer.layers.get_extent(layers)
    world = extent.world + np.outer((-0.5, 0.5), extent.step)
    missing = viewer.dims.range[: viewer.dims.ndim - world.shape[1]]
    around = np.array([(axis.start, axis.stop) for axis in missing], float).reshape(-1, 2).T
    shown = np.concatenate([around, world], axis=1)[:, list(viewer.dims.displayed)]
    size = np.where(np.isclose(shown[1], shown[0]), 1, shown[1] - shown[0])
    camera = viewer.scene.camera
    camera.angles = (0, 0, 0)
    camera.center = tuple(shown.mean(axis=0))
    camera.zoom = (1 - _MARGIN) * min(viewer.canvas.viewbox_size(viewer.layers) / size[-2:])
