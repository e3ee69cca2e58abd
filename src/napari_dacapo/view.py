"""The names of ``dacapo.utils.view``, working: lazy, safe, on any array.

A notebook that imports from ``dacapo.utils.view`` runs when that line names
this module instead. Pages are served on the loopback interface only, unless
another address is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_dacapo.runs import BestScore, Run
from napari_dacapo.store import create_array_store, create_stats_store
from napari_dacapo.viewers.neuroglancer.array_layers import (
    add_layer,
    array_layer,
    array_layers,
    look_at,
)
from napari_dacapo.viewers.neuroglancer.embedding import DEFAULT_SIZE, iframe
from napari_dacapo.viewers.neuroglancer.run_viewer import NeuroglancerRunViewer
from napari_dacapo.viewers.neuroglancer.viewer import OwnViewer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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


def get_viewer(
    arrays: Mapping[str, Mapping[str, Any]],
    width: int = DEFAULT_SIZE[0],
    height: int = DEFAULT_SIZE[1],
    headless: bool = True,
    *,
    voxel_size: Sequence[float] | float | None = None,
    offset: Sequence[float] | float | None = None,
    units: Sequence[str] | str | None = None,
    axis_names: Sequence[str] | None = None,
    shader_range: tuple[float, float] | None = None,
    bind_address: str = "127.0.0.1",
    bind_port: int = 0,
) -> Any:
    """Show arrays in a neuroglancer viewer of their own.

    Parameters
    ----------
    arrays : mapping of str to mapping
        By the name of its layer, for each array:

        - ``"array"``: numpy, dask, zarr, h5py, TensorStore, a Volume, a
          ``neuroglancer.LocalVolume``, or anything with ``data``,
          ``voxel_size``, ``offset`` or ``roi`` and ``axis_names``.
        - ``"is_seg"``: True for a segmentation, which needs integers.
        - ``"meshes"``: True for the surfaces of all its segments, see
          :func:`add_seg_layer`.
        - ``"voxel_size"``, ``"offset"``: over the spatial axes; by default
          what the array says, or else 1 and 0. The offset is the corner of
          the first voxel.
        - ``"units"``: of these two, one text or one for each spatial axis,
          e.g. ``"um"``; nanometres by default.
        - ``"axis_names"``: of all axes, those that are not spatial end in
          ``^``; by default z, y, x are last and ``c^`` is before them.
        - ``"shader_range"``: lowest and highest value to show; by default
          what the array says, the range of a byte, or what is found in a few
          blocks of it (which are read at once, 32 MB at most).

        Nothing of it is changed. A LocalVolume has its own place: what is
        said of it must be the same. Segmentations with channels have a slider
        for them in their layer; masked elements are clear, of segmentations
        background.
    width, height : int
        Of the frame, in pixels.
    headless : bool
        True returns the viewer, False a frame that shows it in a notebook.
    voxel_size, offset, units, axis_names, shader_range : optional
        Of arrays that do not say otherwise in their own entry.
    bind_address : str
        Where to serve; any other address than the loopback is warned of.
    bind_port : int
        Port of the page; 0 takes a free one.

    Returns
    -------
    neuroglancer.Viewer or IPython.display.IFrame
        The page lives as long as the returned object; ``viewer.close()``, or
        ``frame.viewer.close()``, ends it before.

    Raises
    ------
    ValueError
        If an entry cannot be shown; the message names it and says why.

    Examples
    --------
    >>> import numpy as np
    >>> viewer = get_viewer({"raw": {"array": np.zeros((8, 8, 8), np.uint8)}})
    >>> viewer.state.layers["raw"].type
    'image'
    >>> viewer.close()
    """
    layers = array_layers(
        arrays, voxel_size=voxel_size, offset=offset, units=units, axis_names=axis_names,
        shader_range=shader_range,
    )  # fmt: skip
    viewer = OwnViewer(bind_address=bind_address, bind_port=bind_port)
    try:
        with viewer.txn() as state:
            look_at(state, layers)
            state.show_axis_lines = False
            for layer in layers:
                add_layer(state, layer, viewer.volumes)
        return viewer if headless else iframe(viewer, width, height)
    except BaseException:  # Ctrl-C, too, must leave nothing behind
        viewer.close()
        raise


def add_seg_layer(
    state: Any,
    name: str,
    data: Any,
    voxel_size: Sequence[float] | float | None,
    meshes: bool = False,
    *,
    offset: Sequence[float] | float | None = None,
    units: Sequence[str] | str | None = None,
    axis_names: Sequence[str] | None = None,
) -> None:
    """Add a segmentation to a viewer's state, in place of a layer of the same name.

    Parameters
    ----------
    state : neuroglancer.ViewerState
        Within a transaction, or before it is given to a viewer.
    name : str
        Of the layer.
    data : array
        Of whole numbers; see :func:`get_viewer`.
    voxel_size : sequence of float or float or None
        Over the spatial axes; None for what the array says, or else 1.
    meshes : bool
        Whether to show the surfaces of all segments. They are made when the
        page asks for them, those of arrays above 256³ voxels from every
        second voxel or fewer, which may miss the smallest segments. Large
        arrays that are not in memory are not read to find out the ids of
        segments, and above 1024³ voxels there are no surfaces; a warning
        says so.
    offset : sequence of float, optional
        World position of the corner of the first voxel.
    units : str or sequence of str, optional
        Of voxel size and offset, e.g. ``"um"``; nanometres by default.
    axis_names : sequence of str, optional
        Names of the axes; ``c^`` for channels.

    Raises
    ------
    ValueError
        If it cannot be shown as a segmentation.

    Examples
    --------
    >>> import neuroglancer
    >>> import numpy as np
    >>> state = neuroglancer.ViewerState()
    >>> add_seg_layer(state, "seg", np.ones((8, 8, 8), np.uint32), [40, 4, 4])
    """
    layer = array_layer(
        name, data, is_seg=True, meshes=meshes, voxel_size=voxel_size, offset=offset, units=units,
        axis_names=axis_names,
    )  # fmt: skip
    look_at(state, [layer])
    add_layer(state, layer)


def add_scalar_layer(
    state: Any,
    name: str,
    data: Any,
    voxel_size: Sequence[float] | float | None,
    *,
    offset: Sequence[float] | float | None = None,
    units: Sequence[str] | str | None = None,
    axis_names: Sequence[str] | None = None,
    shader_range: tuple[float, float] | None = None,
) -> None:
    """Add an image to a viewer's state, in place of a layer of the same name.

    Parameters
    ----------
    state : neuroglancer.ViewerState
        Within a transaction, or before it is given to a viewer.
    name : str
        Of the layer.
    data : array
        Of numbers; see :func:`get_viewer`.
    voxel_size : sequence of float or float or None
        Over the spatial axes; None for what the array says, or else 1.
    offset : sequence of float, optional
        World position of the corner of the first voxel.
    units : str or sequence of str, optional
        Of voxel size and offset, e.g. ``"um"``; nanometres by default.
    axis_names : sequence of str, optional
        Names of the axes; ``c^`` for channels.
    shader_range : tuple of float, optional
        Lowest and highest value to show; see :func:`get_viewer`.

    Raises
    ------
    ValueError
        If it cannot be shown as an image.

    Examples
    --------
    >>> import neuroglancer
    >>> import numpy as np
    >>> state = neuroglancer.ViewerState()
    >>> add_scalar_layer(state, "raw", np.random.rand(8, 8, 8), [40, 4, 4])
    """
    layer = array_layer(
        name, data, is_seg=False, voxel_size=voxel_size, offset=offset, units=units,
        axis_names=axis_names, shader_range=shader_range,
    )  # fmt: skip
    look_at(state, [layer])
    add_layer(state, layer)
