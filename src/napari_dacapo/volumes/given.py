"""What a caller says of an array's place, checked: names, lengths, units."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dacapo.volumes.coordinates import fit_names, in_nanometres

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Lengths", "axis_names_of", "factors_of", "lengths_of", "times", "voxel_size_of"]

Lengths = tuple[float, ...]


def axis_names_of(names: Sequence[str], shape: Sequence[int], name: str) -> tuple[str, ...]:
    """Check axis names; ``c`` becomes ``c^``.

    Raises
    ------
    ValueError
        If they do not fit the shape; begins with `name`.
    """
    given = [str(axis) for axis in names]
    well_formed = all(re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*\^?", axis) for axis in given)
    if len(given) != len(shape) or len(set(given)) != len(given) or not well_formed:
        raise ValueError(
            f"{name}: axis_names {tuple(given)} do not fit an array of shape {tuple(shape)}."
        )
    return fit_names(given, len(given))


def voxel_size_of(value: Any, n_spatial: int, name: str) -> Lengths:
    """Check a voxel size, see :func:`lengths_of`; it must be positive as well."""
    sizes = lengths_of(value, n_spatial, name, "voxel_size")
    if any(size <= 0 for size in sizes):
        raise ValueError(f"{name}: voxel_size must be positive, not {sizes}.")
    return sizes


def lengths_of(value: Any, n_spatial: int, name: str, what: str) -> Lengths:
    """Check lengths; one number counts for each spatial axis.

    Raises
    ------
    ValueError
        If they are no finite numbers, or not one for each axis; begins with
        `name` and says `what` they are.
    """
    try:
        is_one = isinstance(value, int | float | np.number)
        lengths = (float(value),) * n_spatial if is_one else tuple(float(v) for v in value)
    except (TypeError, ValueError):
        raise ValueError(f"{name}: {what} must be numbers, not {value!r:.100}.") from None
    if len(lengths) != n_spatial:
        raise ValueError(
            f"{name}: {what} {lengths} has {len(lengths)} values, but there are {n_spatial} "
            "spatial axes."
        )
    if not all(math.isfinite(length) for length in lengths):
        raise ValueError(f"{name}: {what} must be finite, not {lengths}.")
    return lengths


def factors_of(units: Any, n_spatial: int, name: str) -> Lengths:
    """Return how many nanometres each unit is; one text counts for each spatial axis.

    Parameters
    ----------
    units : str, sequence of str, or None
        None means nanometres.

    Raises
    ------
    ValueError
        If a unit is not known, or there is not one for each axis.
    """
    if units is None:
        return (1.0,) * n_spatial
    given = [units] * n_spatial if isinstance(units, str) else units
    is_list = isinstance(given, list | tuple) and all(isinstance(unit, str) for unit in given)
    if not is_list or len(given) != n_spatial:
        raise ValueError(
            f'{name}: units {units!r:.100} must be a text such as "nm", or one for each of the '
            f"{n_spatial} spatial axes."
        )
    factors, problems = in_nanometres(given, n_spatial)
    if problems:
        raise ValueError(
            f'{name}: units {units!r:.100} are not known. There is "nm", "um", "mm", "m" and '
            '"angstrom".'
        )
    return factors or (1.0,) * n_spatial


def times(values: Lengths, factors: Lengths) -> Lengths:
    """Multiply one by one."""
    return tuple(v * f for v, f in zip(values, factors, strict=True))
