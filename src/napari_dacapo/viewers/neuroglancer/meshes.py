"""Surfaces of segments, made when the client asks for them.

neuroglancer makes surfaces in Python from a whole array at once, at the first
that is asked for. So that this takes seconds and not minutes, they are made
from a coarse copy, without simplification, and not at all of huge arrays.
"""

from __future__ import annotations

import logging
import math
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dacapo.viewers.neuroglancer.local import LocalArray, local_source, local_volume
from napari_dacapo.volumes.object_source import elements_in_memory

if TYPE_CHECKING:
    from napari_dacapo.volumes import Volume

__all__ = ["MAX_SEGMENTS", "mesh_source", "segment_ids", "too_large_for_meshes", "why_no_meshes"]

_log = logging.getLogger(__name__)

#: Surfaces are made from a copy with at most about as many voxels.
_MESHED = 256**3
#: Arrays with more voxels than this get no surfaces: all of them would have to be read.
_HUGE = 1024**3
#: Arrays elsewhere are read to find out which segments there are up to this size.
_READ_BYTES = 256 * 2**20
#: More selected segments than this make a state too large to be sent around.
MAX_SEGMENTS = 10_000


def why_no_meshes(volume: Volume) -> str | None:
    """Return why a segmentation can have no surfaces; None if it can."""
    if len(volume.spatial_axes) != 3 or len(_without_channel(volume).axis_names) != 3:
        return (
            "surfaces need three spatial axes and no more than one channel, not "
            f"{volume.axis_names} of {volume.shape}"
        )
    return None


def too_large_for_meshes(volume: Volume) -> str | None:
    """Return why surfaces of a segmentation are not made, though it could have some."""
    if volume.data.size <= _HUGE:
        return None
    shape = "×".join(map(str, volume.shape))
    return f"it is too large for surfaces ({shape} voxels), which need to read all of it"


def mesh_source(volume: Volume) -> Any:
    """Return a data source with the surfaces of a segmentation.

    Nothing is read before the first surface is asked for.

    Parameters
    ----------
    volume : Volume
        A segmentation for which :func:`why_no_meshes` gives no reason. A
        channel axis of length one, as DaCapo writes it, does not matter.

    Returns
    -------
    neuroglancer.LayerDataSource
        To be put beside the layer's volume source.
    """
    import neuroglancer

    volume = _without_channel(volume)
    coarse = _coarse(volume)
    local = local_volume(coarse, meshes=True)
    local.data = _WholeArray(coarse)
    # The generator takes elements for points, and surfaces to be halfway between them.
    centre = tuple(o + v / 2 for o, v in zip(volume.offset, volume.voxel_size, strict=True))
    source = local_source(coarse.with_(offset=centre), local)
    return neuroglancer.LayerDataSource(
        url=source.url,
        transform=source.transform,
        enable_default_subsources=False,
        subsources={"meshes": True},
    )


def segment_ids(volume: Volume) -> list[int]:
    """Return the ids of the segments to show surfaces of, ascending, without 0.

    Looks at the elements of arrays that are in memory (at every second or
    fourth voxel of large ones) and of small ones elsewhere. Nothing is read
    of large arrays elsewhere, and none are chosen if there are too many; both
    with a warning: users select the segments that they want to see.

    Parameters
    ----------
    volume : Volume
        A segmentation.
    """
    if not elements_in_memory(volume) and volume.data.nbytes > _READ_BYTES:
        _warn("The segmentation is too large to be read for the ids of all its segments")
        return []
    elements = np.asarray(_coarse(volume).data)
    # As the client counts: signed ids are taken for unsigned ones of the same size.
    found = np.unique(elements.astype(LocalArray(volume).dtype, copy=False))
    found = found[found != 0]
    if len(found) > MAX_SEGMENTS:
        _warn(f"There are {len(found)} segments, too many to show the surfaces of all")
        return []
    return [int(value) for value in found]


class _WholeArray(LocalArray):
    """A segmentation as neuroglancer's mesh generator reads it, all at once."""

    def transpose(self) -> np.ndarray[Any, Any]:
        try:
            return super().transpose()
        except Exception:
            # An exception here would leave all who wait for a surface waiting for ever.
            _log.exception("Surfaces of %s cannot be made", self._volume.identity.label)
            return np.zeros((1, 1, 1), self.dtype)


def _without_channel(volume: Volume) -> Volume:
    """Return a volume without the axes of length one before its spatial axes."""
    n_other = len(volume.axis_names) - len(volume.spatial_axes)
    if n_other == 0 or any(n != 1 for n in volume.shape[:n_other]):
        return volume
    data = volume.data[(0,) * n_other]
    return volume.with_(data=data, axis_names=volume.spatial_axes, levels=(), source=None)


def _coarse(volume: Volume) -> Volume:
    """Return a copy that has few enough voxels, by leaving out the others."""
    step = max(1, math.ceil((volume.data.size / _MESHED) ** (1 / 3) - 0.01))
    if step == 1:
        return volume
    n_other = len(volume.axis_names) - len(volume.spatial_axes)
    steps = (*[slice(None)] * n_other, *[slice(None, None, step)] * len(volume.spatial_axes))
    sizes = tuple(step * size for size in volume.voxel_size)
    return volume.with_(data=volume.data[steps], voxel_size=sizes, levels=(), source=None)


def _warn(why: str) -> None:
    warnings.warn(f"{why}: select those to be shown on the page.", UserWarning, stacklevel=2)
