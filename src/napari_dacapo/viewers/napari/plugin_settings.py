"""The page of this package in napari's preferences, and what of it a viewer needs itself."""

from __future__ import annotations

from typing import Any

__all__ = ["settings_of", "use_cache_size"]

PLUGIN = "napari-dacapo"
_followed: Any = None


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


def use_cache_size() -> None:
    """Give the chunk cache the size that the user set, and any other one that he sets later.

    What a script sets with :func:`napari_dacapo.volumes.set_cache_size` stays
    until the user changes the preference.
    """
    global _followed
    display = settings_of("display")
    if display is None or display is _followed:
        return
    _followed = display
    display.events.cache_size_mb.connect(_on_cache_size)
    if display.cache_size_mb:
        _set_cache_size(display.cache_size_mb)


def _on_cache_size(event: Any) -> None:
    _set_cache_size(event.value)


def _set_cache_size(megabytes: int) -> None:
    from napari_dacapo.volumes import set_cache_size

    set_cache_size(megabytes * 10**6 if megabytes else None)
