"""Basic indices (ints, slices, Ellipsis) in their full form."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

__all__ = ["Index", "basic_index", "forward"]

Index = tuple["int | slice", ...]


def basic_index(index: Any, shape: tuple[int, ...]) -> Index | None:
    """Bring a basic index into its full form: one int or slice per axis.

    Parameters
    ----------
    index : object
        Whatever stood between the brackets.
    shape : tuple of int
        Of the array that is indexed.

    Returns
    -------
    tuple of int and slice, or None
        Ints are not negative. None if the index is of another kind (arrays,
        lists, None, bools).

    Raises
    ------
    IndexError
        If an int is out of bounds or there are too many entries.
    """
    entries = list(index) if isinstance(index, tuple) else [index]
    if sum(entry is Ellipsis for entry in entries) > 1:
        return None
    for i, entry in enumerate(entries):
        if entry is Ellipsis:
            fill = len(shape) - (len(entries) - 1)
            entries[i : i + 1] = [slice(None)] * max(0, fill)
            break
    if any(not _is_basic(entry) for entry in entries):
        return None
    if len(entries) > len(shape):
        raise IndexError(f"too many indices: {len(entries)} for {len(shape)} axes")
    entries += [slice(None)] * (len(shape) - len(entries))
    return tuple(_within(entry, n) for entry, n in zip(entries, shape, strict=True))


def _is_basic(entry: Any) -> bool:
    if isinstance(entry, slice):
        parts = (entry.start, entry.stop, entry.step)
        return all(part is None or _is_int(part) for part in parts)
    return _is_int(entry)


def _is_int(value: Any) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def _within(entry: Any, n: int) -> int | slice:
    if isinstance(entry, slice):
        parts = (entry.start, entry.stop, entry.step)
        return slice(*(None if part is None else operator.index(part) for part in parts))
    i = operator.index(entry)
    if not -n <= i < n:
        raise IndexError(f"index {i} is out of bounds for an axis of {n}")
    return i % n


def forward(entry: int | range) -> int | slice:
    """Return the same elements, counted upwards (libraries know no negative steps)."""
    if isinstance(entry, int):
        return entry
    if entry.step < 0:
        entry = entry[::-1]
    return slice(entry.start, entry[-1] + 1, entry.step)
