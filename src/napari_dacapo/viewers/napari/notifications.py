"""napari's notifications, for texts that hold names from a store."""

from __future__ import annotations

from napari.utils import notifications

from napari_dacapo.viewers.plain_text import plain_text

__all__ = ["show_error", "show_info", "show_warning"]


def show_error(text: str) -> None:
    """Tell the user that something failed."""
    notifications.show_error(plain_text(text))


def show_info(text: str) -> None:
    """Tell the user something."""
    notifications.show_info(plain_text(text))


def show_warning(text: str) -> None:
    """Tell the user that something is not as it should be."""
    notifications.show_warning(plain_text(text))
