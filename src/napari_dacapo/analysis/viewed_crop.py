"""Segmentations of as much as can be post-processed as a whole, around where one looks."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from napari_dacapo.analysis.methods import is_watershed
from napari_dacapo.analysis.postprocess import MAX_WATERSHED_VOXELS, segment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_dacapo.analysis.methods import SegmentableTask
    from napari_dacapo.volumes import Volume

__all__ = ["segment_around", "viewed_crop"]

# What a watershed does in a quarter of a minute.
CROP_VOXELS = 160**3
_STEPS = 64


def segment_around(
    prediction: Volume,
    task_config: SegmentableTask,
    parameters: str | None = None,
    place: Mapping[str, float] | None = None,
) -> Volume:
    """Post-process a prediction, or, if a watershed of all of it would take too long, a part.

    Parameters
    ----------
    prediction, task_config, parameters
        As :func:`segment` takes them.
    place : mapping of str to float, optional
        Where one looks, in nanometres by axis: around it lies the part that is
        taken of a prediction of more than :data:`MAX_WATERSHED_VOXELS` voxels.

    Returns
    -------
    Volume
        As :func:`segment` gives it; a note says so if it is a part.
    """
    too_large = prod(prediction.spatial_shape) > MAX_WATERSHED_VOXELS
    if not too_large or not is_watershed(task_config):
        return segment(prediction, task_config, parameters)
    roi = viewed_crop(prediction, place or {}, CROP_VOXELS)
    part = segment(prediction, task_config, parameters, roi=roi)
    voxels = " × ".join(map(str, part.spatial_shape))
    return part.with_(revision=f"{prediction.revision}-{roi}").with_notes(
        f"The watershed was computed over {voxels} voxels around where you looked: all of the "
        "volume would take too long. Look elsewhere and open it again to have it there."
    )


def viewed_crop(
    volume: Volume, place: Mapping[str, float], n_voxels: int
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return the box around where one looks that has about as many voxels as allowed.

    Its sides are as equal in nanometres as the volume allows.

    Parameters
    ----------
    volume : Volume
        Of which a part is wanted.
    place : mapping of str to float
        Where one looks, in nanometres by axis; the middle where it says nothing.
    n_voxels : int
        How many voxels the box may have.

    Returns
    -------
    (offset, size)
        In nanometres over the spatial axes, on the grid of the voxels.
    """
    shape, voxel_size = volume.spatial_shape, volume.voxel_size

    def sides(length: float) -> tuple[int, ...]:
        return tuple(
            max(1, min(n, int(length / v))) for n, v in zip(shape, voxel_size, strict=True)
        )

    low, high = 0.0, max(volume.roi[1])
    if prod(sides(high)) > n_voxels:
        for _ in range(_STEPS):
            middle = (low + high) / 2
            low, high = (middle, high) if prod(sides(middle)) <= n_voxels else (low, middle)
        size = sides(low)
    else:
        size = shape
    first = []
    for axis, n, side, v, corner in zip(
        volume.spatial_axes, shape, size, voxel_size, volume.offset, strict=True
    ):
        centre = place.get(axis)
        index = n // 2 if centre is None else int((centre - corner) // v)
        first.append(min(max(index - side // 2, 0), n - side))
    offset = tuple(o + i * v for o, i, v in zip(volume.offset, first, voxel_size, strict=True))
    return offset, tuple(n * v for n, v in zip(size, voxel_size, strict=True))
