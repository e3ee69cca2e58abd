"""Image layers as raw volumes to run a network on; nothing is read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np
from napari.layers import Image

from napari_dacapo.errors import UnsupportedError
from napari_dacapo.viewers.live_prediction.request import RawSource
from napari_dacapo.viewers.napari.backend import layer_volume
from napari_dacapo.viewers.napari.units import nanometres
from napari_dacapo.volumes import Identity, Volume
from napari_dacapo.volumes.any_array import as_volume

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer

__all__ = ["layer_source", "raw_layers"]

# Volumes of one layer have one name, so that blocks computed on it are found again.
_known: WeakKeyDictionary[Layer, tuple[tuple[Any, ...], Volume]] = WeakKeyDictionary()


def raw_layers(viewer: ViewerModel) -> list[Image]:
    """Return the image layers that a network may be run on: not what networks made."""
    found = []
    for layer in viewer.layers:
        volume = layer_volume(layer)
        if isinstance(layer, Image) and (volume is None or volume.role == "raw"):
            found.append(layer)
    return found


def layer_source(layer: Image, n_spatial: int) -> RawSource:
    """Return an image layer as a source of raw.

    Parameters
    ----------
    layer : napari.layers.Image
        Its scale and units are the voxel size; without units, its scale is
        taken as nanometres, and a scale of 1 says nothing.
    n_spatial : int
        Spatial axes of the network: one axis more is that of the channels.

    Raises
    ------
    UnsupportedError
        If the layer is turned or sheared, or has axes to choose from.
    """
    volume = layer_volume(layer)
    if volume is not None:
        return RawSource("layer", layer.name, volume)
    _check(layer, n_spatial)
    factors = [nanometres(unit) for unit in layer.units][-n_spatial:]
    scale = np.asarray(layer.scale, float)[-n_spatial:]
    sized = any(factor is not None for factor in factors) or bool(np.any(scale != 1))
    voxel_size = scale * [1.0 if factor is None else factor for factor in factors]
    # napari's translate is the centre of the first voxel, an offset its corner.
    corner = np.asarray(layer.translate, float)[-n_spatial:] / scale - 0.5
    state = (layer.name, id(layer.data), n_spatial, *voxel_size, *corner)
    known = _known.get(layer)
    if known is None or known[0] != state:
        known = state, _volume(layer, n_spatial, voxel_size, corner * voxel_size)
        _known[layer] = known
    return RawSource("layer", layer.name, known[1], sized)


def _volume(layer: Image, n_spatial: int, voxel_size: Any, offset: Any) -> Volume:
    data = layer.data[0] if layer.multiscale else layer.data
    names = ("z", "y", "x")[-n_spatial:]
    if layer.rgb:
        axes = (*names, "c^")
    else:
        axes = ("c^", *names) if data.ndim > n_spatial else names
    volume = as_volume(
        data,
        layer.name,
        kind="image",
        voxel_size=[float(v) for v in voxel_size],
        offset=[float(o) for o in offset],
        axis_names=axes,
        role="raw",
    )
    return volume.with_(levels=(), identity=Identity("", layer.name, "raw"))


def _check(layer: Image, n_spatial: int) -> None:
    n_axes = layer.ndim + bool(layer.rgb)
    if not n_spatial <= n_axes <= n_spatial + 1 or layer.ndim < n_spatial:
        raise UnsupportedError(
            f"Layer {layer.name!r} has {layer.ndim} axes, but the network takes {n_spatial}, and "
            "one of channels before them."
        )
    plain = (
        np.allclose(layer.rotate, np.eye(len(layer.rotate)))
        if np.ndim(layer.rotate) == 2
        else np.allclose(layer.rotate, 0)
    )
    affine = np.asarray(layer.affine.affine_matrix)
    if (
        not plain
        or not np.allclose(layer.shear, 0)
        or not np.allclose(affine, np.eye(len(affine)))
        or np.any(np.asarray(layer.scale) <= 0)
    ):
        raise UnsupportedError(
            f"Layer {layer.name!r} is rotated, sheared or flipped: the network needs the grid "
            "that it was trained on.",
            todo="Resample it first.",
        )
