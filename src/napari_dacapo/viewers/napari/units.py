"""Units of napari's axes in nanometres."""

from __future__ import annotations

from typing import Any

import pint

__all__ = ["nanometres"]


def nanometres(unit: Any) -> float | None:
    """Return how many nanometres a unit is; None for pixels and what else has no length."""
    try:
        return float((1 * unit).to("nm").magnitude)
    except pint.DimensionalityError:
        return None
