"""Repair of a defect of DaCapo 0.3.5: offsets stored in voxels.

DaCapo 0.3.2 to 0.3.5 write ``offset / voxel_size`` where the world offset
belongs, into the arrays that it makes itself (validation.zarr).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from napari_dacapo.volumes.geometry import intersect
from napari_dacapo.volumes.metadata import read_attributes

if TYPE_CHECKING:
    from napari_dacapo.volumes.geometry import Roi
    from napari_dacapo.volumes.volume import Volume

__all__ = ["repair_offset"]

_NOTE = (
    "DaCapo stored this array's offset in voxels ({stored}), where nanometres belong; "
    "it is shown where it belongs, at {repaired} nm."
)


def repair_offset(volume: Volume, reference: Roi | None = None) -> Volume:
    """Put a volume that DaCapo wrote where it belongs.

    To be used on arrays of ``validation.zarr`` only: an offset of small
    numbers is perfectly right elsewhere.

    Parameters
    ----------
    volume : Volume
        As opened.
    reference : tuple, optional
        The roi ``(offset, size)`` in nanometres where the array is known to
        lie, or near which (that of the dataset's ground truth, say). Decides
        between the offset as stored and the one taken as voxels. Without it,
        the offset is taken as voxels if the array's attributes are written
        the way that 0.3.5 writes them.

    Returns
    -------
    Volume
        The same if there is nothing to repair, or else with its offset (and
        its levels') moved and a note that says so.
    """
    stored = volume.offset
    unit = volume.unit or (1.0,) * len(stored)
    numbers = tuple(o / u for o, u in zip(stored, unit, strict=True))
    repaired = tuple(number * v for number, v in zip(numbers, volume.voxel_size, strict=True))
    if repaired == stored:
        return volume
    if reference is not None and len(reference[0]) == len(stored):
        wrong = _nearer((repaired, volume.roi[1]), (stored, volume.roi[1]), reference)
    else:
        wrong = _written_by_0_3_5(volume)
    if not wrong:
        return volume
    note = _NOTE.format(stored=_text(numbers), repaired=_text(repaired))
    levels = tuple(
        replace(
            level,
            offset=tuple(o - s + r for o, s, r in zip(level.offset, stored, repaired, strict=True)),
        )
        for level in volume.levels
    )
    return volume.with_(offset=repaired, levels=levels).with_notes(note)


def _nearer(candidate: Roi, other: Roi, reference: Roi) -> bool:
    """Tell whether one roi fits a reference better than another: by overlap, then by centre."""
    overlaps = [_volume(intersect(roi, reference)) for roi in (candidate, other)]
    if overlaps[0] != overlaps[1]:
        return overlaps[0] > overlaps[1]
    return _distance(candidate, reference) < _distance(other, reference)


def _volume(roi: Roi | None) -> float:
    product = 0.0 if roi is None else 1.0
    for size in roi[1] if roi is not None else ():
        product *= size
    return product


def _distance(a: Roi, b: Roi) -> float:
    """Squared distance of two rois' centres."""
    centres = [[o + s / 2 for o, s in zip(*roi, strict=True)] for roi in (a, b)]
    return float(sum((p - q) ** 2 for p, q in zip(*centres, strict=True)))


def _written_by_0_3_5(volume: Volume) -> bool:
    """Tell by what the attributes hold: 0.3.0 says resolution, main adds types."""
    if volume.source is None:
        return False
    keys = read_attributes(volume.source.path, volume.source.roots).keys()
    return {"voxel_size", "offset", "axis_names"} <= keys and not keys & {"types", "resolution"}


def _text(offset: tuple[float, ...]) -> str:
    return ", ".join(f"{value:g}" for value in offset)
