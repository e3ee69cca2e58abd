"""Layers of arrays that users hand over, of whatever library they are."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import neuroglancer
import numpy as np
from neuroglancer.viewer_state import make_layer

from napari_dacapo.errors import NapariDacapoError
from napari_dacapo.viewers.neuroglancer.camera import first_camera
from napari_dacapo.viewers.neuroglancer.layers import layer_json, layer_sources
from napari_dacapo.viewers.neuroglancer.local import local_source, local_volume
from napari_dacapo.viewers.neuroglancer.local_layers import (
    check_local,
    lies_in_the_world,
    local_as_volume,
)
from napari_dacapo.viewers.neuroglancer.meshes import (
    mesh_source,
    segment_ids,
    too_large_for_meshes,
    why_no_meshes,
)
from napari_dacapo.volumes.any_array import as_volume
from napari_dacapo.volumes.object_source import elements_in_memory
from napari_dacapo.volumes.sampling import sampled_range

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_dacapo.viewers.neuroglancer.server import VolumeServer
    from napari_dacapo.volumes import Volume

__all__ = ["ArrayLayer", "add_layer", "array_layer", "array_layers", "look_at"]

_KEYS = frozenset(
    {"array", "is_seg", "meshes", "voxel_size", "offset", "units", "axis_names", "shader_range"}
)
_SERVED_EDGE = 1024


@dataclass(frozen=True, slots=True)
class ArrayLayer:
    """An array that was handed over, checked.

    Attributes
    ----------
    name : str
        Of the layer.
    volume : Volume
        What is shown.
    local : neuroglancer.LocalVolume or None
        What is shown if it was one already.
    has_place : bool
        Whether it is known where it lies.
    is_seg : bool
        Whether it is a segmentation.
    meshes : bool
        Whether the surfaces of its segments are shown.
    """

    name: str
    volume: Volume
    local: Any = None
    has_place: bool = True
    is_seg: bool = False
    meshes: bool = False


def array_layers(arrays: Any, **others: Any) -> list[ArrayLayer]:
    """Check the entries of :func:`napari_dacapo.view.get_viewer`.

    Parameters
    ----------
    arrays : mapping of str to mapping
        The entries.
    **others
        What holds for entries that do not say otherwise, by the same names.

    Raises
    ------
    ValueError
        If one cannot be shown; the message names it.
    """
    if not isinstance(arrays, Mapping):
        raise ValueError(
            f'arrays: give a dict such as {{"raw": {{"array": …}}}}, not {type(arrays).__name__}.'
        )
    names = [str(name) for name in arrays]
    if twice := [name for name in dict.fromkeys(names) if names.count(name) > 1]:
        raise ValueError(f"{twice[0]}: two entries have this name; layers need names of their own.")
    given = {key: value for key, value in others.items() if value is not None}
    return [_of_entry(str(name), entry, given) for name, entry in arrays.items()]


def array_layer(
    name: str,
    array: Any,
    *,
    is_seg: bool | None = None,
    meshes: bool = False,
    voxel_size: Any = None,
    offset: Any = None,
    units: Any = None,
    axis_names: Any = None,
    shader_range: Any = None,
) -> ArrayLayer:
    """Check an array; of an image whose range is not known, a sample is read.

    Raises
    ------
    ValueError
        If it cannot be shown; the message names it.
    """
    said = {
        "voxel_size": voxel_size, "offset": offset, "units": units, "axis_names": axis_names,
    }  # fmt: skip
    local = array if isinstance(array, neuroglancer.LocalVolume) else None
    try:
        if local is not None:
            check_local(name, local, is_seg=is_seg, **said)
            volume = local_as_volume(name, local)
        else:
            kind: Any = None if is_seg is None else "labels" if is_seg else "image"
            volume = as_volume(array, name, kind=kind, **said)
        # Whether the client can show it at all.
        layer_json(volume, ())
    except NapariDacapoError as error:
        raise ValueError(f"{name}: {error}") from error
    has_place = local is None or lies_in_the_world(local)
    labels = volume.kind == "labels"
    if meshes and not labels:
        raise ValueError(f'{name}: only segmentations have meshes; set "is_seg" to True.')
    if meshes and not has_place:
        raise ValueError(f"{name}: surfaces need a LocalVolume whose dimensions have lengths.")
    if meshes and (why := why_no_meshes(volume)) is not None:
        raise ValueError(f"{name}: {why}.")
    if meshes and (why := too_large_for_meshes(volume)) is not None:
        warnings.warn(f"{name}: {why}.", UserWarning, stacklevel=4)
        meshes = False
    return ArrayLayer(name, _ranged(name, volume, shader_range), local, has_place, labels, meshes)


def add_layer(state: Any, layer: ArrayLayer, server: VolumeServer | None = None) -> None:
    """Put a layer into a viewer's state, in place of one of the same name.

    Parameters
    ----------
    state : neuroglancer.ViewerState
        Within a transaction, or before it is given to a viewer.
    layer : ArrayLayer
        What to show.
    server : VolumeServer, optional
        From it the client reads arrays that are not in memory; without one,
        they go through LocalVolume as well.
    """
    volume = layer.volume
    served = layer.local is None and server is not None and _is_for_server(volume)
    sources = layer_sources(volume, server) if served and server is not None else ()
    described = layer_json(volume, sources)
    made = make_layer({k: v for k, v in described.items() if k not in ("name", "visible")})
    if layer.local is not None:
        source = neuroglancer.LayerDataSource(url=layer.local)
        made.source = [_without_meshes(source) if layer.meshes else source]
    elif not served:
        made.source = [_without_meshes(local_source(volume, local_volume(volume)))]
    if layer.meshes:
        made.source.append(mesh_source(volume))
        made.segments = segment_ids(volume)
    state.layers[layer.name] = made


def _without_meshes(source: Any) -> Any:
    """Return a source from which the client asks for no surfaces.

    LocalVolume would make them at full resolution, with a simplification that
    takes minutes; they have a source of their own.
    """
    source.subsources = {"meshes": False}
    return source


def look_at(state: Any, layers: Sequence[ArrayLayer]) -> None:
    """Let a state look at the middle of its layers, if it does not look anywhere yet."""
    volumes = [layer.volume for layer in layers if layer.has_place]
    if not volumes or state.display_dimensions:
        return
    camera = first_camera(volumes)
    state.dimensions = neuroglancer.CoordinateSpace(camera["dimensions"])
    state.display_dimensions = camera["displayDimensions"]
    state.position = camera["position"]
    state.cross_section_scale = camera["crossSectionScale"]
    state.projection_scale = camera["projectionScale"]
    state.layout = camera["layout"]


def _of_entry(name: str, entry: Any, others: Mapping[str, Any]) -> ArrayLayer:
    if not isinstance(entry, Mapping) or "array" not in entry:
        raise ValueError(f'{name}: give a dict with an "array", not {type(entry).__name__}.')
    if unknown := sorted(str(key) for key in set(entry) - _KEYS):
        warnings.warn(
            f"{name}: {', '.join(unknown)} is ignored; there is: {', '.join(sorted(_KEYS))}.",
            UserWarning,
            stacklevel=5,
        )
    own = {key: value for key, value in entry.items() if key in _KEYS and key != "array"}
    given = {**others, **{key: value for key, value in own.items() if value is not None}}
    given["meshes"] = bool(given.get("meshes", False))
    is_seg = given.get("is_seg")
    return array_layer(
        name, entry["array"], **{**given, "is_seg": None if is_seg is None else bool(is_seg)}
    )


def _ranged(name: str, volume: Volume, shader_range: Any) -> Volume:
    if shader_range is None:
        found, why = sampled_range(volume)
        if why:
            warnings.warn(f"{name}: {why}", UserWarning, stacklevel=5)
        return volume if found is None else volume.with_(value_range=found)
    try:
        low, high = (float(value) for value in shader_range)
    except (TypeError, ValueError):
        raise ValueError(
            f"{name}: shader_range must be two numbers, not {shader_range!r:.100}."
        ) from None
    if not low < high or not np.isfinite([low, high]).all():
        raise ValueError(f"{name}: shader_range must rise, not go from {low:g} to {high:g}.")
    return volume.with_(value_range=(low, high))


def _is_for_server(volume: Volume) -> bool:
    """Whether the client had better read a volume from our server than through LocalVolume.

    Large computed arrays have no coarser copies: LocalVolume makes what is
    seen of them, in place of the client fetching all of a plane.
    """
    if elements_in_memory(volume):
        return False
    has_levels = volume.source is not None or bool(volume.levels)
    return has_levels or max(volume.spatial_shape) <= _SERVED_EDGE
