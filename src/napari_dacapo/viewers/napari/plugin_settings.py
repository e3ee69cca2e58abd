"""The page of this package in napari's preferences, and what of it a viewer needs itself."""

from __future__ import annotations

from typing import Any

__all__ = ["settings_of"]

PLUGIN = "napari-dacapo"


def settings_of(heading: str) -> Any:
    """Return napari's settings of one heading, or None where napari does not know the plugin.

    To be called on the main thread only, as all of napari's settings.
    """
    from napari.settings import get_plugin_settings

    try:
        settings = get_plugin_settings(PLUGIN)
    except KeyError:  # the plugin is switched off
        return None
    return getattr(settings, heading, None)
