"""The names of ``dacapo.utils.view``, working: lazy, safe, on any array.

A notebook that imports from ``dacapo.utils.view`` runs when that line names
this module instead. Pages are served on the loopback interface only, unless
another address is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import neuroglancer
from neuroglancer.viewer_state import make_layer

from napari_dacapo.errors import NapariDacapoError
from napari_dacapo.runs import BestScore, Run
from napari_dacapo.store import create_array_store, create_stats_store
from napari_dacapo.viewers.neuroglancer.camera import first_camera
from napari_dacapo.viewers.neuroglancer.embedding import DEFAULT_SIZE, iframe
from napari_dacapo.viewers.neuroglancer.layers import layer_for, layer_json
from napari_dacapo.viewers.neuroglancer.local import local_source, local_volume
from napari_dacapo.viewers.neuroglancer.meshes import mesh_source, segment_ids
from napari_dacapo.viewers.neuroglancer.run_viewer import NeuroglancerRunViewer
from napari_dacapo.viewers.neuroglancer.viewer import OwnViewer
from napari_dacapo.volumes.any_array import as_volume

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from napari_dacapo.volumes import Volume

__all__ = [
    "BestScore",
    "NeuroglancerRunViewer",
    "Run",
    "add_scalar_layer",
    "add_seg_layer",
    "create_array_store",
    "create_stats_store",
    "get_viewer",
]

_ENTRY_KEYS = frozenset(
    {"array", "is_seg", "meshes", "voxel_size", "offset", "axis_names", "shader_range"}
)


def get_viewer(
    arrays: Mapping[str, Mapping[str, Any]],
    width: int = DEFAULT_SIZE[0],
    height: int = DEFAULT_SIZE[1],
    headless: bool = True,
    *,
    bind_address: str = "127.0.0.1",
    bind_port: int = 0,
) -> Any:
    """Show arrays in a neuroglancer viewer of their own.

    Parameters
    ----------
    arrays : mapping of str to mapping
        By the name of its layer, for each array: ``"array"`` (numpy, dask,
        zarr, h5py, TensorStore, a Volume, a ``neuroglancer.LocalVolume``, or
        anything with ``data``, ``voxel_size``, ``offset`` or ``roi``), and
        optionally ``"is_seg"``, ``"meshes"``, ``"voxel_size"``, ``"offset"``
        (nm, over the spatial axes), ``"axis_names"`` and ``"shader_range"``
        (lowest and highest value to show). Not changed.
    width, height : int
        Of the frame, in pixels.
    headless : bool
        True returns the viewer, False a frame that shows it in a notebook.
    bind_address : str
        Where to serve; any other address than the loopback is warned of.
    bind_port : int
        Port of the page; 0 takes a free one.

    Returns
    -------
    neuroglancer.Viewer or IPython.display.IFrame
        The page lives as long as the returned object.

    Raises
    ------
    ValueError
        If an entry cannot be shown; the message names it.

    Examples
    --------
    >>> import numpy as np
    >>> viewer = get_viewer({"raw": {"array": np.zeros((8, 8, 8), np.uint8)}})
    >>> viewer.state.layers["raw"].type
    'image'
    """
    entries = {str(name): _entry(str(name), entry) for name, entry in arrays.items()}
    viewer = OwnViewer(bind_address=bind_address, bind_port=bind_port)
    try:
        volumes = [volume for volume, _ in entries.values() if volume is not None]
        if volumes:
            viewer.change(lambda state: {**state, **first_camera(volumes), "showAxisLines": False})
        with viewer.txn() as state:
            for name, (volume, entry) in entries.items():
                _add_entry(state, viewer, name, volume, entry)
    except BaseException:
        viewer.close()
        raise
    return viewer if headless else iframe(viewer, width, height)


def add_seg_layer(
    state: Any,
    name: str,
    data: Any,
    voxel_size: Sequence[float] | float | None,
    meshes: bool = False,
    *,
    offset: Sequence[float] | float | None = None,
    axis_names: Sequence[str] | None = None,
) -> None:
    """Add a segmentation to a viewer's state.

    Parameters
    ----------
    state : neuroglancer.ViewerState
        Within a transaction, or before it is given to a viewer.
    name : str
        Of the layer.
    data : array
        Of whole numbers; see :func:`get_viewer`.
    voxel_size : sequence of float or float or None
        Nanometres over the spatial axes.
    meshes : bool
        Whether to show the surface of every segment. Surfaces are made one
        by one as the page asks for them, those of large arrays from a copy
        at half the resolution.
    offset : sequence of float, optional
        World position of the corner of the first voxel, in nanometres.
    axis_names : sequence of str, optional
        Names of the axes; ``c^`` for channels.

    Raises
    ------
    ValueError
        If it cannot be shown as a segmentation.
    """
    volume = _volume(
        name, data, kind="labels", voxel_size=voxel_size, offset=offset, axis_names=axis_names
    )
    _append(state, name, volume, _local_layer(volume, meshes=meshes))


def add_scalar_layer(
    state: Any,
    name: str,
    data: Any,
    voxel_size: Sequence[float] | float | None,
    *,
    offset: Sequence[float] | float | None = None,
    axis_names: Sequence[str] | None = None,
    shader_range: tuple[float, float] | None = None,
) -> None:
    """Add an image to a viewer's state.

    Parameters
    ----------
    state : neuroglancer.ViewerState
        Within a transaction, or before it is given to a viewer.
    name : str
        Of the layer.
    data : array
        Of numbers; see :func:`get_viewer`.
    voxel_size : sequence of float or float or None
        Nanometres over the spatial axes.
    offset : sequence of float, optional
        World position of the corner of the first voxel, in nanometres.
    axis_names : sequence of str, optional
        Names of the axes; ``c^`` for channels.
    shader_range : tuple of float, optional
        Lowest and highest value to show; by default what the dtype suggests.

    Raises
    ------
    ValueError
        If it cannot be shown as an image.
    """
    volume = _volume(
        name, data, kind="image", voxel_size=voxel_size, offset=offset, axis_names=axis_names
    )
    volume = _ranged(name, volume, shader_range)
    _append(state, name, volume, _local_layer(volume))


def _entry(name: str, entry: Any) -> tuple[Volume | None, Mapping[str, Any]]:
    if not hasattr(entry, "keys") or "array" not in entry:
        raise ValueError(f'{name}: give a dict with an "array", not {type(entry).__name__}.')
    unknown = sorted(set(entry) - _ENTRY_KEYS)
    if unknown:
        known = ", ".join(sorted(_ENTRY_KEYS))
        raise ValueError(f"{name}: there is no option {', '.join(unknown)}; there is: {known}.")
    array = entry["array"]
    if isinstance(array, neuroglancer.LocalVolume):
        return None, entry
    is_seg = entry.get("is_seg")
    volume = _volume(
        name,
        array,
        kind=None if is_seg is None else ("labels" if is_seg else "image"),
        voxel_size=entry.get("voxel_size"),
        offset=entry.get("offset"),
        axis_names=entry.get("axis_names"),
    )
    return _ranged(name, volume, entry.get("shader_range")), entry


def _volume(name: str, data: Any, **said: Any) -> Volume:
    try:
        return as_volume(data, name, **said)
    except NapariDacapoError as error:
        raise ValueError(f"{name}: {error}") from error


def _ranged(name: str, volume: Volume, shader_range: Any) -> Volume:
    if shader_range is None:
        return volume
    try:
        low, high = (float(value) for value in shader_range)
    except (TypeError, ValueError):
        raise ValueError(
            f"{name}: shader_range must be two numbers, not {shader_range!r}."
        ) from None
    if not low < high:
        raise ValueError(f"{name}: shader_range must rise, not go from {low:g} to {high:g}.")
    return volume.with_(value_range=(low, high))


def _add_entry(
    state: Any, viewer: OwnViewer, name: str, volume: Volume | None, entry: Mapping[str, Any]
) -> None:
    meshes = bool(entry.get("meshes", False))
    if volume is None:
        local = entry["array"]
        is_seg = entry.get("is_seg", local.volume_type == "segmentation")
        kind = neuroglancer.SegmentationLayer if is_seg else neuroglancer.ImageLayer
        state.layers.append(name=name, layer=kind(source=local))
        return
    if _is_in_memory(entry["array"]) or (meshes and volume.kind == "labels"):
        layer = _local_layer(volume, meshes=meshes)
    else:
        layer = layer_for(volume, viewer.volumes)
    state.layers.append(name=name, layer=layer)


def _append(state: Any, name: str, volume: Volume, layer: Any) -> None:
    if not state.display_dimensions:
        for key, value in first_camera([volume]).items():
            if key in ("dimensions", "displayDimensions"):
                state._json_data[key] = value
    state.layers.append(name=name, layer=layer)


def _is_in_memory(array: Any) -> bool:
    import numpy as np

    return isinstance(getattr(array, "data", array), np.ndarray | memoryview) and not hasattr(
        array, "dask"
    )


def _local_layer(volume: Volume, *, meshes: bool = False) -> Any:
    """Return a layer whose elements Python hands out; no element is read for it."""
    try:
        described = layer_json(volume, ())
    except NapariDacapoError as error:
        raise ValueError(str(error)) from error
    layer = make_layer(
        {k: v for k, v in described.items() if k not in ("name", "source", "visible")}
    )
    layer.source = [local_source(volume, local_volume(volume))]
    if meshes and volume.kind == "labels":
        layer.source.append(mesh_source(volume))
        layer.segments = segment_ids(volume)
    return layer
