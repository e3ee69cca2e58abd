"""What array configs do to each element: small, picklable functions of numpy arrays."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Affine", "AsType", "Greater", "IsIn", "IsNot", "Maximum", "Sum"]


@dataclass(frozen=True)
class Affine:
    """``(x - low) / (high - low)``; integers become float64, floats keep their type."""

    low: float
    high: float

    def __call__(self, elements: NDArray[Any]) -> NDArray[Any]:
        """Apply it."""
        # Python floats, or unsigned integers would wrap around below zero.
        low, high = float(self.low), float(self.high)
        return (elements - low) / (high - low)


@dataclass(frozen=True)
class AsType:
    """A conversion; ``dtype`` as numpy names it."""

    dtype: str

    def __call__(self, elements: NDArray[Any]) -> NDArray[Any]:
        """Apply it."""
        return elements.astype(self.dtype)


@dataclass(frozen=True)
class Greater:
    """1 where an element is greater than ``threshold``, or else 0."""

    threshold: float

    def __call__(self, elements: NDArray[Any]) -> NDArray[Any]:
        """Apply it."""
        return np.asarray(elements > self.threshold, np.uint8)


@dataclass(frozen=True)
class IsIn:
    """1 where an element is one of ``ids``, or else 0."""

    ids: tuple[int, ...]

    def __call__(self, elements: NDArray[Any]) -> NDArray[Any]:
        """Apply it."""
        # numpy compares uint64 with a list of ints as floats, which confuses large ids.
        limits = (0, 1) if elements.dtype == bool else _limits(elements.dtype)
        ids = [i for i in self.ids if limits is None or limits[0] <= i <= limits[1]]
        return np.isin(elements, np.asarray(ids, elements.dtype)).astype(np.uint8)


@dataclass(frozen=True)
class IsNot:
    """1 where an element is not ``background``, or else 0."""

    background: int = 0

    def __call__(self, elements: NDArray[Any]) -> NDArray[Any]:
        """Apply it."""
        return 1 - IsIn((self.background,))(elements)


@dataclass(frozen=True)
class Sum:
    """The sum of several arrays, in the type that numpy sums them in."""

    def __call__(self, *elements: NDArray[Any]) -> NDArray[Any]:
        """Apply it."""
        return np.asarray(np.sum(elements, axis=0))


@dataclass(frozen=True)
class Maximum:
    """The largest of several arrays: a logical or of masks."""

    def __call__(self, *elements: NDArray[Any]) -> NDArray[Any]:
        """Apply it."""
        return reduce(np.maximum, elements)


def _limits(dtype: np.dtype[Any]) -> tuple[int, int] | None:
    if dtype.kind not in "iu":
        return None
    info = np.iinfo(dtype)
    return int(info.min), int(info.max)
