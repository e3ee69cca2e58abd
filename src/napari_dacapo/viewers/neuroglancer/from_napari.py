"""The volumes behind napari's layers, those of the user included.

Layers of this package know their volume. An image or labels layer of the
user's own becomes one, as long as it only scales and shifts its array.
"""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from napari_dacapo.errors import LinkError
from napari_dacapo.volumes import Identity, Level, Volume

if TYPE_CHECKING:
    from collections.abc import Iterable

    from napari.layers import Layer

    from napari_dacapo.viewers.view_state import ViewState

__all__ = ["FOREIGN", "layer_volumes", "with_slots"]

#: Variant of the volumes of layers that are the user's own.
FOREIGN = "napari layer"
_NAMES = ("z", "y", "x")


def layer_volumes(layers: Iterable[Layer]) -> tuple[list[Volume], tuple[str, ...]]:
    """Return the volumes that layers show, and what cannot be shown elsewhere.

    Parameters
    ----------
    layers : iterable of napari.layers.Layer
        From the bottom to the top.

    Returns
    -------
    volumes : list of Volume
        Each once, though napari shows one layer for each of its channels.
    notes : tuple of str
        One sentence for each layer that is left out.
    """
    from napari_dacapo.viewers.napari.backend import layer_volume

    volumes: dict[str, Volume] = {}
    notes: list[str] = []
    for layer in layers:
        volume = layer_volume(layer)
        try:
            volume = volume or _own_volume(layer)
        except LinkError as error:
            notes.append(str(error))
            continue
        volumes.setdefault(volume.identity.slot, volume)
    return list(volumes.values()), tuple(notes)


def with_slots(view: ViewState, volumes: Iterable[Volume]) -> ViewState:
    """Return a view in which states of the user's own layers name the slots made for them."""
    slots = {
        volume.identity.run: volume.identity.slot
        for volume in volumes
        if volume.identity.variant == FOREIGN
    }
    layers = tuple(
        replace(state, slot=slots[state.name]) if not state.slot and state.name in slots else state
        for state in view.layers
    )
    return replace(view, layers=layers)


def _own_volume(layer: Layer) -> Volume:
    from napari.layers import Image, Labels

    from napari_dacapo.viewers.napari.units import nanometres

    if not isinstance(layer, Image | Labels):
        raise LinkError(f"{layer.name} is left out: neuroglancer shows images and labels only.")
    if getattr(layer, "rgb", False):
        raise LinkError(f"{layer.name} is left out: it is an RGB image.")
    if reason := _why_no_grid(layer):
        raise LinkError(f"{layer.name} is left out: it {reason}.")
    arrays = [_dask(data) for data in (layer.data if layer.multiscale else [layer.data])]
    n_spatial = min(3, arrays[0].ndim)
    names = tuple(str(label) for label in layer.axis_labels[-n_spatial:])
    if len(set(names)) < n_spatial or any(not name.isidentifier() for name in names):
        names = _NAMES[-n_spatial:]
    # A pixel counts as a nanometre.
    factors = [nanometres(unit) or 1.0 for unit in layer.units][-n_spatial:]
    scale = [float(s) * f for s, f in zip(layer.scale[-n_spatial:], factors, strict=True)]
    corner = [
        float(t) * f - s / 2
        for t, f, s in zip(layer.translate[-n_spatial:], factors, scale, strict=True)
    ]
    is_labels = isinstance(layer, Labels)
    volume = Volume(
        arrays[0],
        tuple(f"axis{i}^" for i in range(arrays[0].ndim - n_spatial)) + names,
        tuple(scale),
        tuple(corner),
        Identity(layer.name, "", "segmentation" if is_labels else "raw", variant=FOREIGN),
        kind="labels" if is_labels else "image",
        value_range=None if is_labels else tuple(float(v) for v in layer.contrast_limits),  # type: ignore[arg-type]
    )
    return replace(volume, levels=tuple(_level(volume, array) for array in arrays[1:]))


def _level(volume: Volume, array: Any) -> Level:
    """Napari takes a level's scale from its shape, and lets it begin where the finest one does."""
    n_spatial = len(volume.spatial_axes)
    factors = [a / b for a, b in zip(volume.spatial_shape, array.shape[-n_spatial:], strict=True)]
    sizes = tuple(v * f for v, f in zip(volume.voxel_size, factors, strict=True))
    return Level(array, sizes, volume.offset)


def _dask(data: Any) -> Any:
    import dask.array as da

    if isinstance(data, da.Array):
        return data
    # Named anew each time: an array in memory may have been painted on since.
    name = f"napari-layer-{hashlib.sha1(uuid.uuid4().bytes).hexdigest()}"
    return da.from_array(data, name=name)  # type: ignore[no-untyped-call]


def _why_no_grid(layer: Layer) -> str:
    """Return what is in the way of showing a layer as voxels along the axes; empty if nothing."""
    import numpy as np

    first = layer.data[0] if layer.multiscale else layer.data
    if 0 in first.shape:
        return "has no elements"
    matrix = layer._data_to_world.affine_matrix[:-1, :-1]
    if not np.allclose(matrix, np.diag(np.diag(matrix))):
        return "is rotated or sheared"
    return "" if (np.diag(matrix) > 0).all() else "is flipped, for its scale is negative"
