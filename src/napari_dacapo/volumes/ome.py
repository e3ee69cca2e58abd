"""OME-Zarr (0.4 and 0.5) and its forerunner in N5: multiscale levels and where they lie.

OME-Zarr puts voxel *centres* at ``translation``; here an offset is the
*corner* of the first voxel, half a voxel before.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_dacapo.errors import ArrayFormatError
from napari_dacapo.volumes.coordinates import (
    Coordinates,
    checked_size,
    fit_names,
    in_nanometres,
    numbers,
)

if TYPE_CHECKING:
    from pathlib import Path

    from napari_dacapo.volumes.metadata import GroupMetadata

__all__ = ["OmeLevel", "multiscale_levels"]

_MAX_LEVELS = 32


@dataclass(frozen=True)
class OmeLevel:
    """One scale of an image: the path below its group, and where it lies."""

    path: str
    coordinates: Coordinates


def multiscale_levels(group: GroupMetadata) -> list[OmeLevel]:
    """Return the levels of a group's first multiscale image, finest first.

    Parameters
    ----------
    group : GroupMetadata
        With ``multiscales`` in its attributes, or in ``ome`` in them.

    Returns
    -------
    list of OmeLevel
        Empty if the group is no multiscale image.

    Raises
    ------
    ArrayFormatError
        If the metadata is there but makes no sense.
    """
    attributes = group.attributes
    ome = attributes.get("ome")
    scales = (ome if isinstance(ome, dict) else attributes).get("multiscales")
    if not isinstance(scales, list) or not scales or not isinstance(scales[0], dict):
        return []
    image = scales[0]
    datasets = image.get("datasets")
    if not isinstance(datasets, list):
        return []
    if len(datasets) > _MAX_LEVELS:
        raise ArrayFormatError(f"{group.path} claims {len(datasets)} levels.", path=group.path)
    names, units = _axes(image.get("axes"))
    levels = []
    for dataset in datasets:
        if not isinstance(dataset, dict) or not isinstance(dataset.get("path"), str):
            raise ArrayFormatError(f"{group.path}: a level has no path.", path=group.path)
        transformations = [
            *_list(dataset.get("coordinateTransformations")),
            *_list(image.get("coordinateTransformations")),
        ]
        here, measures = names, units
        transform = dataset.get("transform")
        if not transformations and isinstance(transform, dict):
            # As N5 writes it, one for each scale with axes and units of its own.
            transformations = [
                {"type": "scale", "scale": transform.get("scale")},
                {"type": "translation", "translation": transform.get("translate")},
            ]
            transformations = [t for t in transformations if None not in t.values()]
            here, measures = _axes(transform.get("axes"))
            said = [str(unit) for unit in _list(transform.get("units"))]
            measures = said if len(said) == len(here) else measures
        if not here:
            n = max((len(_list(t.get("scale"))) for t in transformations), default=3)
            here, measures = fit_names((), n), [""] * n
        coordinates = _coordinates(group.path, here, measures, transformations)
        levels.append(OmeLevel(dataset["path"], coordinates))
    return levels


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) and len(value) < 100 else []


def _axes(axes: Any) -> tuple[tuple[str, ...], list[str]]:
    """Return names and units; axes are objects since 0.4, strings before."""
    names, units = [], []
    for axis in _list(axes):
        entry = axis if isinstance(axis, dict) else {"name": axis}
        name, kind = str(entry.get("name", ""))[:40], entry.get("type")
        names.append(name if kind in (None, "space") or name.endswith("^") else f"{name}^")
        units.append(str(entry.get("unit") or ""))
    return (fit_names(names, len(names)), units) if names else ((), [])


def _coordinates(
    where: Path, names: tuple[str, ...], units: list[str], transformations: list[Any]
) -> Coordinates:
    scale, translation = [1.0] * len(names), [0.0] * len(names)
    for transformation in transformations:
        kind = transformation.get("type") if isinstance(transformation, dict) else None
        if kind not in ("scale", "translation"):
            continue
        values = numbers(transformation.get(kind), kind, str(where)) or ()
        if len(values) != len(names):
            raise ArrayFormatError(f"{where}: {kind} {values} does not fit {names}.", path=where)
        if kind == "scale":
            scale = [s * v for s, v in zip(scale, values, strict=True)]
            translation = [t * v for t, v in zip(translation, values, strict=True)]
        else:
            translation = [t + v for t, v in zip(translation, values, strict=True)]
    spatial = [i for i, name in enumerate(names) if not name.endswith("^")]
    unit, notes = in_nanometres([units[i] for i in spatial], len(spatial))
    pairs = list(zip(spatial, unit or (1.0,) * len(spatial), strict=True))
    return Coordinates(
        axis_names=names,
        voxel_size=checked_size(tuple(scale[i] * f for i, f in pairs), str(where)),
        offset=tuple((translation[i] - scale[i] / 2) * f for i, f in pairs),
        notes=notes,
        unit=unit,
    )
