"""The part of a run that needs torch: model, optimizer, weights."""

from __future__ import annotations

__all__ = ["ModelAccess"]


class ModelAccess:
    """Gives a run its model and optimizer, built when they are first asked for."""
