"""Masked arrays: elements that have no value, and what stands for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dask.array as da
import numpy as np

if TYPE_CHECKING:
    from napari_dacapo.volumes.volume import Kind

__all__ = ["check_masked", "is_masked", "without_mask"]


def is_masked(array: Any) -> bool:
    """Return whether elements of a numpy array are masked, or may be of a dask array."""
    if isinstance(array, da.Array):
        return isinstance(array._meta, np.ma.MaskedArray)
    return isinstance(array, np.ma.MaskedArray) and bool(np.ma.is_masked(array))


def check_masked(array: Any, dtype: np.dtype[Any], kind: Kind, name: str) -> None:
    """Refuse images of masked integers, which have no value that says "no value".

    Raises
    ------
    ValueError
        Then; begins with `name`.
    """
    if kind == "image" and dtype.kind != "f" and is_masked(array):
        raise ValueError(
            f"{name}: elements of it are masked, and {dtype} has no value to show them as. Give "
            'array.filled(value), or array.astype("f4"), where they are shown as no value.'
        )


def without_mask(part: Any) -> np.ndarray[Any, Any]:
    """Return elements as plain numpy; what is masked becomes NaN, of integers 0 (background)."""
    if isinstance(part, np.ma.MaskedArray):
        filled: np.ndarray[Any, Any] = part.filled(np.nan if part.dtype.kind == "f" else 0)
        return filled
    return np.asarray(part)
