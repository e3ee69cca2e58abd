"""What napari hands to plugins in place of its own objects."""

from __future__ import annotations

from typing import TypeVar

__all__ = ["unwrapped"]

T = TypeVar("T")


def unwrapped(thing: T) -> T:
    """Return the object behind a proxy: napari makes a new proxy each time that it is asked."""
    behind: T = getattr(thing, "__wrapped__", thing)
    return behind
