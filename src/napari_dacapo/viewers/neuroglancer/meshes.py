"""Surfaces of segments, made when the client asks for them."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dacapo.viewers.neuroglancer.local import local_source, local_volume

if TYPE_CHECKING:
    from napari_dacapo.volumes import Volume

__all__ = ["MAX_SEGMENTS", "mesh_source", "segment_ids"]

#: From this many voxels on, surfaces are made from a copy at half the resolution.
_LARGE = 256**3
#: No more voxels than this are looked at for ids, or turned into surfaces.
_HUGE = 1024**3
#: More selected segments than this make a state too large to be sent around.
MAX_SEGMENTS = 10_000


def mesh_source(volume: Volume) -> Any:
    """Return a data source with the surfaces of a segmentation.

    Surfaces are made by neuroglancer in Python, all at the first that is
    asked for, without simplification (which takes minutes).

    Parameters
    ----------
    volume : Volume
        The segmentation.

    Returns
    -------
    neuroglancer.LayerDataSource
        To be put beside the layer's volume source.
    """
    import neuroglancer

    coarse = _coarse(volume)
    source = local_source(coarse, local_volume(coarse, meshes=True))
    return neuroglancer.LayerDataSource(
        url=source.url,
        transform=source.transform,
        enable_default_subsources=False,
        subsources={"mesh": True},
    )


def segment_ids(volume: Volume) -> list[int]:
    """Return the ids of the segments to show surfaces of, ascending, without 0.

    Reads the segmentation block by block. Of one that is too large, or has
    too many segments, none are chosen, with a warning: they are shown when
    the user selects them.
    """
    coarse = _coarse(volume)
    if coarse.data.size > _HUGE:
        warnings.warn(
            f"The segmentation of shape {volume.shape} is too large to show the surfaces of all "
            "segments: select those to be shown.",
            UserWarning,
            stacklevel=3,
        )
        return []
    found: set[int] = set()
    data: Any = coarse.data  # dask has no types
    for block in data.to_delayed().ravel():
        found.update(int(value) for value in np.unique(np.asarray(block.compute())))
        if len(found) > MAX_SEGMENTS + 1:
            warnings.warn(
                f"There are more than {MAX_SEGMENTS} segments: select those whose surfaces are "
                "to be shown.",
                UserWarning,
                stacklevel=3,
            )
            return []
    found.discard(0)
    return sorted(found)


def _coarse(volume: Volume) -> Volume:
    if volume.data.size <= _LARGE:
        return volume
    n_other = len(volume.axis_names) - len(volume.spatial_axes)
    every_second = (*[slice(None)] * n_other, *[slice(None, None, 2)] * len(volume.spatial_axes))
    sizes = tuple(2 * size for size in volume.voxel_size)
    return volume.with_(data=volume.data[every_second], voxel_size=sizes, levels=(), source=None)
