"""An array, where it lies, and its stored coarser copies."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from napari_dacapo.errors import ArrayFormatError, ArrayNotFoundError, NapariDacapoError
from napari_dacapo.store.paths import Roots
from napari_dacapo.volumes.coordinates import Coordinates, from_attributes
from napari_dacapo.volumes.metadata import ArrayMetadata, GroupMetadata, read_metadata
from napari_dacapo.volumes.ome import multiscale_levels

if TYPE_CHECKING:
    from pathlib import Path

    from napari_dacapo.volumes.ome import OmeLevel

__all__ = ["OME_IGNORED", "FoundLevel", "OmeUse", "find_levels"]

OmeUse = Literal["centre", "corner", "ignored"]

OME_IGNORED = (
    "DaCapo was not told to heed the OME metadata of this array (ome_metadata: false) and took its "
    "voxels for 1 nm in size, from 0 on; so does what is shown."
)

_OWN_PLACE = frozenset({"voxel_size", "resolution", "pixelResolution"})
# As multiscale images name their scales. Each look beside an array takes time on a file server.
_SCALE_NAME = re.compile(r"(s|scale_?|level_?)?\d+")
_SEARCHED_FOLDERS = 200


@dataclass(frozen=True)
class FoundLevel:
    """An array and where it lies."""

    array: ArrayMetadata
    at: Coordinates


def find_levels(
    folder: Path, roots: Roots, siblings: Roots, ome: OmeUse, **known: Any
) -> list[FoundLevel]:
    """Find the array that a path means, and its coarser levels after it.

    Parameters
    ----------
    folder : Path
        Of an array or of a multiscale image.
    roots : Roots
        Where links may lead.
    siblings : Roots
        Where coarser levels beside the array may lie.
    ome : {"centre", "corner", "ignored"}
        What to make of the translations of an OME-Zarr image: the centre of
        the first voxel, as the standard has it; its corner, as DaCapo takes it
        with ``ome_metadata``; or nothing, as without.
    **known
        Better known than by the files, see :func:`from_attributes`; then
        there are no coarser levels.

    Returns
    -------
    list of FoundLevel
        At least one. Coarser levels that cannot be read or do not fit are
        left out.

    Raises
    ------
    ArrayNotFoundError
        If there is no array, or several.
    NapariDacapoError
        As reading the metadata does.
    """
    found = read_metadata(folder, Roots([folder, *roots.folders]))
    if found is None:
        raise ArrayNotFoundError(
            f"{folder} does not exist.",
            todo="If it lies elsewhere on this machine, add the place to the path map.",
            path=folder,
        )
    if isinstance(found, GroupMetadata):
        scales = multiscale_levels(found)
        if not scales:
            raise _no_array(folder)
        array = _read_scale(found, scales[0], roots)
        if any(value is not None for value in known.values()):
            return [FoundLevel(array, from_attributes(array, **known))]
        levels = [FoundLevel(array, scales[0].coordinates)]
        levels += _coarser(array, found, scales[1:], roots)
        return _by_corners(levels) if ome == "corner" else levels
    own = bool(found.attributes.keys() & _OWN_PLACE)
    if any(value is not None for value in known.values()) or (
        own and not _SCALE_NAME.fullmatch(folder.name)
    ):
        return [FoundLevel(found, from_attributes(found, **known))]
    try:
        image = _image_around(found, roots, siblings)
    except (NapariDacapoError, OSError):
        if not own and ome != "ignored":
            raise  # it says where the array lies
        image = []
    if own or ome == "ignored" or not image:
        alone = FoundLevel(found, from_attributes(found))
        if not own and image and alone.at.voxel_size != image[0].at.voxel_size:
            alone = replace(alone, at=replace(alone.at, notes=(*alone.at.notes, OME_IGNORED)))
        return [alone, *_beside(alone, image)]
    return _by_corners(image) if ome == "corner" else image


def _image_around(array: ArrayMetadata, roots: Roots, siblings: Roots) -> list[FoundLevel]:
    """Return an array as a level of the image that it is in, and the coarser ones; or nothing."""
    folder = array.path
    group = read_metadata(folder.parent, Roots([folder.parent, *roots.folders]))
    if not isinstance(group, GroupMetadata):
        return []
    scales = multiscale_levels(group)
    for i, scale in enumerate(scales):
        if os.path.normpath(group.path / scale.path) == os.path.normpath(folder):
            _check_axes(array, scale)
            this = FoundLevel(array, scale.coordinates)
            return [this, *_coarser(array, group, scales[i + 1 :], siblings)]
    return []


def _coarser(
    finest: ArrayMetadata, group: GroupMetadata, scales: list[OmeLevel], roots: Roots
) -> list[FoundLevel]:
    found = []
    for scale in scales:
        with suppress(NapariDacapoError, OSError):
            array = _read_scale(group, scale, roots)
            if array.dtype.newbyteorder("=") == finest.dtype.newbyteorder("="):
                found.append(FoundLevel(array, scale.coordinates))
    return found


def _read_scale(group: GroupMetadata, scale: OmeLevel, roots: Roots) -> ArrayMetadata:
    parts = [part for part in scale.path.split("/") if part]
    array = read_metadata(roots.join(group.path, *parts), roots)
    if not isinstance(array, ArrayMetadata):
        raise ArrayNotFoundError(f"{group.path / scale.path} should be an array.", path=group.path)
    _check_axes(array, scale)
    return array


def _check_axes(array: ArrayMetadata, scale: OmeLevel) -> None:
    if len(array.shape) != len(scale.coordinates.axis_names):
        raise ArrayFormatError(
            f"{array.path} has {len(array.shape)} axes, but its image names "
            f"{scale.coordinates.axis_names}.",
            path=array.path,
        )


def _by_corners(levels: list[FoundLevel]) -> list[FoundLevel]:
    """Put the first level's corner where its translation is, and the others accordingly."""
    translations = [_plus(level.at.offset, level.at.voxel_size, 0.5) for level in levels]
    if all(translation == translations[0] for translation in translations):
        # Who writes corners writes the same for each level.
        return [_moved(level, to) for level, to in zip(levels, translations, strict=True)]
    half = levels[0].at.voxel_size
    return [_moved(level, _plus(level.at.offset, half, 0.5)) for level in levels]


def _beside(finest: FoundLevel, image: list[FoundLevel]) -> list[FoundLevel]:
    """Place the coarser levels of an image relative to an array that has a place of its own."""
    own, found = finest.at, []
    for level in image[1:]:
        with suppress(ArrayFormatError):
            at = _place_beside(own, level, image[0].at)
            if at is not None and _covers(finest, FoundLevel(level.array, at)):
                found.append(FoundLevel(level.array, at))
    return found


def _place_beside(own: Coordinates, level: FoundLevel, here: Coordinates) -> Coordinates | None:
    """Return where a coarser level lies, by its own attributes or those of the image."""
    if level.array.attributes.keys() & _OWN_PLACE:
        at = from_attributes(level.array)
        if len(at.offset) != len(own.offset):
            return None
        return at if "offset" in level.array.attributes else replace(at, offset=own.offset)
    if not len(own.voxel_size) == len(here.voxel_size) == len(level.at.voxel_size):
        return None
    scales = [o / h for o, h in zip(own.voxel_size, here.voxel_size, strict=True)]
    shift = [
        (there - h) * s for there, h, s in zip(level.at.offset, here.offset, scales, strict=True)
    ]
    size = tuple(v * s for v, s in zip(level.at.voxel_size, scales, strict=True))
    return replace(own, voxel_size=size, offset=_plus(own.offset, shift), notes=())


def _covers(finest: FoundLevel, level: FoundLevel) -> bool:
    """Tell whether a coarser level fills the box of the finest, to about a voxel of its own."""
    names = finest.at.axis_names
    if level.at.axis_names != names or len(level.array.shape) != len(names):
        return False
    spatial = [i for i, name in enumerate(names) if not name.endswith("^")]
    for place, axis in enumerate(spatial):
        fine, coarse = finest.at.voxel_size[place], level.at.voxel_size[place]
        begin = level.at.offset[place] - finest.at.offset[place]
        end = begin + level.array.shape[axis] * coarse - finest.array.shape[axis] * fine
        if coarse < fine * (1 - 1e-6) or max(abs(begin), abs(end)) > coarse * (1 + 1e-6):
            return False
    return level.at.voxel_size != finest.at.voxel_size


def _moved(level: FoundLevel, offset: tuple[float, ...]) -> FoundLevel:
    return replace(level, at=replace(level.at, offset=offset))


def _plus(a: tuple[float, ...], b: Any, times: float = 1.0) -> tuple[float, ...]:
    return tuple(x + y * times for x, y in zip(a, b, strict=True))


def _no_array(folder: Path) -> ArrayNotFoundError:
    names = ", ".join(_arrays_below(folder))
    return ArrayNotFoundError(
        f"{folder} is no array." if not names else f"{folder} is no array but holds some.",
        todo=f"Name one of: {names}." if names else "",
        path=folder,
    )


def _arrays_below(folder: Path) -> list[str]:
    """Return the names of some arrays in a folder, for a message."""
    found: list[str] = []
    queue = [folder]
    for _ in range(_SEARCHED_FOLDERS):
        if not queue:
            break
        place = queue.pop(0)
        if any((place / name).is_file() for name in (".zarray", "zarr.json", "attributes.json")):
            if place != folder:
                found.append(str(place.relative_to(folder)))
                continue
        try:
            with os.scandir(place) as entries:
                queue += sorted(place / e.name for e in entries if e.is_dir(follow_symlinks=False))
        except OSError:
            continue
    return found[:12]
