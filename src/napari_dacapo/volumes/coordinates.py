"""Where an array lies in the world, from the attributes that say so.

Four ways of writing it down are understood: DaCapo's (``voxel_size``,
``offset``, ``axis_names``, ``units``), that of DaCapo 0.3.0 and older tools
(``resolution``, ``axes``), that of N5 tools (``pixelResolution``), and
OME-Zarr's (module :mod:`~napari_dacapo.volumes.ome`). The results are in
nanometres, with the *corner* of the first voxel as offset.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_dacapo.errors import ArrayFormatError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_dacapo.volumes.metadata import ArrayMetadata

__all__ = [
    "Coordinates",
    "checked_size",
    "fit_names",
    "from_attributes",
    "in_nanometres",
    "numbers",
]

_NANOMETRES = {
    "nm": 1.0, "nanometer": 1.0, "nanometre": 1.0, "nanometers": 1.0, "nanometres": 1.0,
    "um": 1e3, "µm": 1e3, "μm": 1e3, "micron": 1e3, "microns": 1e3,
    "micrometer": 1e3, "micrometre": 1e3, "micrometers": 1e3, "micrometres": 1e3,
    "mm": 1e6, "millimeter": 1e6, "millimetre": 1e6,
    "m": 1e9, "meter": 1e9, "metre": 1e9,
    "pm": 1e-3, "picometer": 1e-3, "picometre": 1e-3,
    "angstrom": 0.1, "ångström": 0.1, "å": 0.1, "Å".lower(): 0.1,
}  # fmt: skip
_NO_UNIT = frozenset({"", "none", "pixel", "pixels", "voxel", "voxels", "px"})
_NOT_SPATIAL = {
    "c": "c^", "channel": "c^", "channels": "c^", "t": "t^", "time": "t^",
    "b": "b^", "batch": "b^", "s": "s^", "sample": "s^", "iterations": "iterations^",
}  # fmt: skip
_SMALLEST, _LARGEST = 1e-9, 1e18


@dataclass(frozen=True)
class Coordinates:
    """Axis names, and voxel size and offset (corner) over the spatial axes in nanometres.

    ``unit`` is the length of the unit that they are written in; None if none is named.
    """

    axis_names: tuple[str, ...]
    voxel_size: tuple[float, ...]
    offset: tuple[float, ...]
    notes: tuple[str, ...] = ()
    unit: tuple[float, ...] | None = None


def from_attributes(
    array: ArrayMetadata,
    *,
    voxel_size: Sequence[float] | None = None,
    offset: Sequence[float] | None = None,
    axis_names: Sequence[str] | None = None,
) -> Coordinates:
    """Find out where an array lies from its own attributes.

    Parameters
    ----------
    array : ArrayMetadata
        Its attributes may be incomplete: voxel size 1, offset 0, axes
        ``(c^, z, y, x)`` are the defaults.
    voxel_size, offset, axis_names : sequence, optional
        Known better: win over the attributes; nanometres.

    Raises
    ------
    ArrayFormatError
        If a voxel size is not a positive, finite number or an offset is not finite.
    """
    attributes, ndim, where = array.attributes, len(array.shape), str(array.path)
    names = axis_names or _names(attributes) or [n or "" for n in array.dimension_names]
    stored_size = attributes.get("voxel_size", attributes.get("resolution"))
    stored_offset = attributes.get("offset")
    units = attributes.get("units", attributes.get("dimension_units"))
    if stored_size is None and isinstance(attributes.get("pixelResolution"), dict):
        stored_size = attributes["pixelResolution"].get("dimensions")
        units = attributes["pixelResolution"].get("unit", units)
    if array.format == "n5" and _counts_backwards(attributes, names if axis_names is None else ()):
        names = names if axis_names else names[::-1]
        stored_size, stored_offset, units = map(_reversed, (stored_size, stored_offset, units))

    size = numbers(voxel_size if voxel_size is not None else stored_size, "voxel_size", where)
    corner = numbers(offset if offset is not None else stored_offset, "offset", where)
    if axis_names is None or len(axis_names) != ndim:
        # A single value stands for all axes and does not tell how many there are.
        n_values = len(size or corner or ())
        names = fit_names(names, ndim, n_values if n_values > 1 else 0)
    names = tuple(names)
    n_spatial = sum(not name.endswith("^") for name in names)
    size, corner = _fit(size, n_spatial, 1.0), _fit(corner, n_spatial, 0.0)
    unit, notes = in_nanometres(units, n_spatial)
    factors = unit or (1.0,) * n_spatial
    known_size, known_offset = voxel_size is not None, offset is not None
    return Coordinates(
        axis_names=names,
        voxel_size=checked_size(size if known_size else _times(size, factors), where),
        offset=corner if known_offset else _times(corner, factors),
        notes=() if known_size and known_offset else notes,
        unit=None if known_size or known_offset else unit,
    )


def checked_size(voxel_size: tuple[float, ...], where: str) -> tuple[float, ...]:
    """Return a voxel size in nanometres that a voxel can have.

    Raises
    ------
    ArrayFormatError
        If it is not positive, or absurdly small or large.
    """
    if not all(_SMALLEST <= size <= _LARGEST for size in voxel_size):
        raise ArrayFormatError(f"{where}: the voxel size {voxel_size} makes no sense.", path=where)
    return voxel_size


def fit_names(names: Sequence[str], ndim: int, n_values: int = 0) -> tuple[str, ...]:
    """Make axis names that fit an array.

    DaCapo 0.3.5 drops singleton axes from the data of snapshots but not from
    the names, so leading names go until lengths agree. Names that are missing
    or generic (``d0``, ``d1``, …) become ``z``, ``y``, ``x`` from the last
    axis on.

    Parameters
    ----------
    names : sequence of str
        As stored; may be empty.
    ndim : int
        Number of axes of the array.
    n_values : int
        Number of spatial axes that voxel size or offset speak of; 0 if unknown.
    """
    kept = [_NOT_SPATIAL.get(n.lower().removesuffix("^"), n) for n in list(names)[-ndim:]]
    if all(re.fullmatch(r"d\d+|c\d+\^|dim_\d+|", name) for name in kept):
        kept = _default_names(ndim, n_values)
    others = (
        [f"d{i}^" for i in range(ndim)]
        if "c^" in kept
        else [*(f"d{i}^" for i in range(ndim - 1)), "c^"]
    )
    kept = others[len(kept) :] + kept
    # A stored voxel size knows how many axes are spatial better than a name does.
    extra = sum(not name.endswith("^") for name in kept) - n_values if n_values else 0
    for i, name in enumerate(kept):
        if extra > 0 and not name.endswith("^"):
            kept[i], extra = f"{name}^", extra - 1
    if len(set(kept)) < ndim or all(name.endswith("^") for name in kept):
        return tuple(_default_names(ndim, n_values))
    return tuple(kept)


def _default_names(ndim: int, n_values: int) -> list[str]:
    """Return names for axes of which nothing is known: z, y, x last, channels before them."""
    n_spatial = min(n_values or 3, ndim)
    spatial = [f"s{i}" for i in range(n_spatial - 3)] + ["z", "y", "x"][-n_spatial:]
    n_other = ndim - n_spatial
    return [f"d{i}^" for i in range(n_other - 1)] + ["c^"] * min(1, n_other) + spatial


def in_nanometres(units: Any, n: int) -> tuple[tuple[float, ...] | None, tuple[str, ...]]:
    """Return the factors that turn units into nanometres, and what has to be said of them.

    None if no unit is named, which means nanometres: DaCapo 0.3.5 and main write none.
    """
    if isinstance(units, str):
        units = [units] * n
    if not isinstance(units, list | tuple):
        return None, ()
    factors, notes, named = [], [], False
    for unit in list(units)[-n:]:
        name = re.sub(r"^[\d.\seE+-]+(?=\D)", "", str(unit or "")).strip().lower()
        if name not in _NANOMETRES and name not in _NO_UNIT:
            notes.append(f"Unit {str(unit)!r:.40} is not known and was taken as nanometre.")
        factors.append(_NANOMETRES.get(name, 1.0))
        named = named or name in _NANOMETRES
    said = tuple(dict.fromkeys(notes))
    return ((*[1.0] * (n - len(factors)), *factors) if named else None), said


def numbers(value: Any, name: str, where: str) -> tuple[float, ...] | None:
    """Check a list of finite numbers; None stays None, one number becomes a list."""
    if value is None:
        return None
    values = [value] if isinstance(value, int | float) else value
    try:
        found = tuple(float(v) for v in values)
        if isinstance(values, str | dict) or not all(abs(v) <= _LARGEST for v in found):
            raise ValueError
        if any(isinstance(v, str | bool) or not math.isfinite(v) for v in values):
            raise ValueError
    except (TypeError, ValueError, OverflowError) as error:
        raise ArrayFormatError(
            f"{where}: {name} {value!r:.200} makes no sense.", path=where
        ) from error
    return found


def _names(attributes: dict[str, Any]) -> list[str]:
    for key in ("axis_names", "axes", "_ARRAY_DIMENSIONS"):
        names = attributes.get(key)
        if isinstance(names, list) and names and all(isinstance(n, str) and n for n in names):
            return [str(name)[:40] for name in names]
    return []


def _counts_backwards(attributes: dict[str, Any], names: Sequence[str]) -> bool:
    """Tell whether an N5 array's attributes are in N5's order (x first).

    Names say it; without names, DaCapo's ``voxel_size`` is in C order and
    everything else is in N5's.
    """
    spatial = [name for name in names if name in ("z", "y", "x")]
    if len(spatial) > 1:
        return spatial[0] == "x"
    return "voxel_size" not in attributes


def _reversed(value: Any) -> Any:
    return value[::-1] if isinstance(value, list) else value


def _fit(values: tuple[float, ...] | None, n: int, default: float) -> tuple[float, ...]:
    values = values or ()
    if len(values) == 1:
        return values * n
    return (*[default] * (n - len(values)), *values[max(0, len(values) - n) :])


def _times(values: tuple[float, ...], factors: tuple[float, ...]) -> tuple[float, ...]:
    return tuple(v * f for v, f in zip(values, factors, strict=True))
