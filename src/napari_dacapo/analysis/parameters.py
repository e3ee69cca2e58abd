"""Parameters as users name them: by their name, or by the number that matters."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from napari_dacapo.analysis.methods import DEFAULT_BIAS, method_values
from napari_dacapo.errors import UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["match_parameters"]


def match_parameters(method: str | None, given: str, stored: Sequence[str]) -> str | None:
    """Return the name of the parameters that a user means.

    Parameters
    ----------
    method : {"threshold", "argmax", "watershed"} or None
        What belongs to the task, see :func:`method_kind`.
    given : str
        A name, or a threshold or bias as a number.
    stored : sequence of str
        Names of stored outputs; they come first.

    Returns
    -------
    str or None
        A stored name, or one to compute with; None if it is neither.

    Examples
    --------
    >>> match_parameters("threshold", "0.2", ["threshold_-0.2", "threshold_0.2"])
    'threshold_0.2'
    >>> match_parameters("watershed", "0.6", [])
    'bias_0.6'
    """
    if given in stored:
        return given
    meaning = _meaning(method, given)
    if meaning is None:
        return None
    for name in stored:
        if _meaning(method, name) == meaning:
            return name
    number = _as_number(given)
    if number is None:
        return given
    return f"{'bias' if method == 'watershed' else 'threshold'}_{number}"


def _meaning(method: str | None, text: str) -> tuple[float, ...] | None:
    """Return the numbers that decide on a segmentation, None if the text names no parameters."""
    if method is None:
        return None
    number = _as_number(text)
    if number is not None:
        return None if method == "argmax" else (number,)
    try:
        values = method_values(text, method)
    except UnsupportedError:
        return None
    if method == "argmax":
        return ()
    value = values.get("threshold") if method == "threshold" else values.get("bias", DEFAULT_BIAS)
    return (value,) if isinstance(value, int | float) and math.isfinite(value) else None


def _as_number(text: str) -> float | None:
    for kind in (int, float):
        try:
            number = kind(text)
        except (ValueError, OverflowError):
            continue
        return number if math.isfinite(number) else None
    return None
