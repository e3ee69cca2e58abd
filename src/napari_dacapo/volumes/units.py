"""The unit that stored numbers are in, where the files of one array know it and others do not.

DaCapo computes with the numbers that stand in the attributes of its data and
never with their unit, which it drops from what it writes.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_dacapo.volumes.volume import Volume

__all__ = ["in_unit"]


def in_unit(volume: Volume, unit: Sequence[float] | None) -> Volume:
    """Return a volume whose stored numbers are taken in a unit.

    Parameters
    ----------
    volume : Volume
        As opened.
    unit : sequence of float or None
        Nanometres in one of the unit, for each spatial axis. With None, or as
        many as do not fit, the volume is returned as it is.

    Returns
    -------
    Volume
        With its levels. A note says so if its own files name another unit.
    """
    if unit is None or len(unit) != len(volume.voxel_size):
        return volume
    own = volume.unit or (1.0,) * len(unit)
    factors = [wanted / taken for wanted, taken in zip(unit, own, strict=True)]
    if all(factor == 1 for factor in factors):
        return volume.with_(unit=tuple(unit))

    def times(values: Sequence[float]) -> tuple[float, ...]:
        return tuple(value * factor for value, factor in zip(values, factors, strict=True))

    levels = tuple(
        replace(level, voxel_size=times(level.voxel_size), offset=times(level.offset))
        for level in volume.levels
    )
    moved = volume.with_(
        voxel_size=times(volume.voxel_size),
        offset=times(volume.offset),
        unit=tuple(unit),
        levels=levels,
    )
    if volume.unit is None:
        return moved
    return moved.with_notes(
        "Its files name another unit than those of raw. DaCapo, which knows no units, took both "
        "for the same; so does what is shown."
    )
