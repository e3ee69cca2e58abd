"""Which way a camera looks: quaternions from and to directions."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "IDENTITY_ORIENTATION",
    "Quaternion",
    "directions_from_orientation",
    "orientation_from_directions",
]

Quaternion = tuple[float, float, float, float]
Vector = tuple[float, float, float]

IDENTITY_ORIENTATION: Quaternion = (0.0, 0.0, 0.0, 1.0)


def orientation_from_directions(forward: Sequence[float], up: Sequence[float]) -> Quaternion:
    """Return the orientation of a camera that looks along ``forward``.

    Parameters
    ----------
    forward : sequence of 3 floats
        Direction into the screen, in world axes ``(x, y, z)``.
    up : sequence of 3 floats
        Direction towards the top of the screen; made orthogonal to
        ``forward``.

    Returns
    -------
    Quaternion
        See :attr:`ViewState.orientation`; ``w`` is never negative.

    Raises
    ------
    ValueError
        If a direction has no length or both are parallel.
    """
    f = _unit(forward)
    along = _dot(up, f)
    d = _unit([along * b - a for a, b in zip(up, f, strict=True)])
    r = _cross(d, f)
    # The columns of the rotation matrix are r, d, f. The largest of the four
    # components is found first, so that nothing is divided by almost zero.
    squares = (
        1 + r[0] - d[1] - f[2],
        1 - r[0] + d[1] - f[2],
        1 - r[0] - d[1] + f[2],
        1 + r[0] + d[1] + f[2],
    )
    mixed = (
        (squares[0], r[1] + d[0], f[0] + r[2], d[2] - f[1]),
        (r[1] + d[0], squares[1], f[1] + d[2], f[0] - r[2]),
        (f[0] + r[2], f[1] + d[2], squares[2], r[1] - d[0]),
        (d[2] - f[1], f[0] - r[2], r[1] - d[0], squares[3]),
    )
    best = max(range(4), key=squares.__getitem__)
    x, y, z, w = mixed[best]
    norm = math.copysign(math.sqrt(x * x + y * y + z * z + w * w), w if w else 1.0)
    return (x / norm, y / norm, z / norm, w / norm)


def directions_from_orientation(orientation: Quaternion) -> tuple[Vector, Vector]:
    """Return ``forward`` and ``up`` of an orientation, in world axes ``(x, y, z)``.

    Raises
    ------
    ValueError
        If the quaternion has no length.
    """
    length = math.hypot(*orientation)
    if not (math.isfinite(length) and length > 0):
        raise ValueError(f"{orientation} is not an orientation")
    x, y, z, w = (value / length for value in orientation)
    forward = (2 * (x * z + w * y), 2 * (y * z - w * x), 1 - 2 * (x * x + y * y))
    up = (-2 * (x * y - w * z), -(1 - 2 * (x * x + z * z)), -2 * (y * z + w * x))
    return forward, up


def _unit(vector: Sequence[float]) -> Vector:
    length = math.hypot(*vector)
    if not (math.isfinite(length) and length > 1e-9):
        raise ValueError(f"{tuple(vector)} gives no direction")
    x, y, z = (value / length for value in vector)
    return (x, y, z)


def _dot(a: Sequence[float], b: Sequence[float]) -> float:
    return sum(p * q for p, q in zip(a, b, strict=True))


def _cross(a: Vector, b: Vector) -> Vector:
    return (a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0])
