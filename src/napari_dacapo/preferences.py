"""What the user set once, kept by napari's own preferences.

The keys are declared under ``configurations`` in ``napari.yaml``; napari makes
a page of them, checks the values and saves them. Lists and maps are one string
there, because napari knows no other types. Call these functions on the main
thread only: napari's settings are not made for several.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = [
    "backend",
    "columns",
    "default_store",
    "follow_interval",
    "forget_store",
    "legend",
    "path_map",
    "recent_stores",
    "remember_store",
    "set_backend",
    "set_columns",
    "set_legend",
    "set_path_map",
    "set_url_map",
    "url_map",
    "use_cache_size",
]

PLUGIN = "napari-dacapo"
MAX_RECENT = 12


def default_store() -> str:
    """Return the store to open first; empty if the user named none."""
    return str(_get("stores", "default_store", "")).strip()


def recent_stores() -> tuple[str, ...]:
    """Return the stores that were open lately, latest first."""
    lines = str(_get("stores", "recent_stores", "")).splitlines()
    return tuple(dict.fromkeys(line.strip() for line in lines if line.strip()))


def remember_store(path: str) -> None:
    """Put a store in front of the recent ones."""
    _set_recent((path, *recent_stores()))


def forget_store(path: str) -> None:
    """Take a store off the recent ones."""
    _set_recent(other for other in recent_stores() if other != path)


def path_map() -> dict[str, str]:
    """Return where paths that runs name lie on this computer.

    Raises
    ------
    OptionsError
        If the text in the preferences is no map.
    """
    return _get_map("path_map")


def usable_path_map() -> dict[str, str]:
    """Return the path map; if its text is no map, tell the user and return an empty one."""
    from napari.utils.notifications import show_warning

    from napari_dacapo.errors import OptionsError

    try:
        return path_map()
    except OptionsError as error:
        show_warning(f"The path map in the preferences cannot be used: {error}")
        return {}


def set_path_map(mapping: Mapping[str, str]) -> None:
    """Keep a path map."""
    _set("stores", "path_map", ";".join(f"{key}={value}" for key, value in mapping.items()))


def url_map() -> dict[str, str]:
    """Return the public addresses of local folders.

    Raises
    ------
    OptionsError
        If the text in the preferences is no map.
    """
    return _get_map("url_map")


def set_url_map(mapping: Mapping[str, str]) -> None:
    """Keep the public addresses of local folders."""
    _set("stores", "url_map", ";".join(f"{key}={value}" for key, value in mapping.items()))


def backend() -> str:
    """Return the name of the backend in which runs open."""
    return str(_get("display", "backend", "napari"))


def set_backend(name: str) -> None:
    """Keep the backend in which runs open."""
    _set("display", "backend", name)


def columns() -> tuple[str, ...]:
    """Return the columns that the user chose for the run table; empty: as many as fit."""
    return tuple(key for key in str(_get("display", "columns", "")).split(",") if key)


def set_columns(keys: Iterable[str]) -> None:
    """Keep the choice of columns; none: as many as fit."""
    _set("display", "columns", ",".join(keys))


def legend() -> bool:
    """Return whether words on the canvas say what is on screen."""
    return bool(_get("display", "legend", True))


def set_legend(wanted: bool) -> None:
    """Show or hide the words on the canvas, in all windows."""
    _set("display", "legend", wanted)


def follow_interval() -> float:
    """Return the seconds between two looks at a followed run."""
    return float(_get("display", "follow_interval", 2.0))


def use_cache_size() -> None:
    """Give the chunk cache the size that the user set; 0 leaves the default."""
    megabytes = int(_get("display", "cache_size_mb", 0))
    if megabytes > 0:
        from napari_dacapo.volumes import set_cache_size

        set_cache_size(megabytes * 10**6)


def _set_recent(paths: Iterable[str]) -> None:
    kept = list(dict.fromkeys(paths))[:MAX_RECENT]
    _set("stores", "recent_stores", "\n".join(kept))


def _get_map(key: str) -> dict[str, str]:
    from napari_dacapo.options import parse_map

    return parse_map(str(_get("stores", key, "")))


def _get(category: str, key: str, default: Any) -> Any:
    return getattr(_category(category), key, default)


def _set(category: str, key: str, value: Any) -> None:
    settings = _category(category)
    if settings is not None and hasattr(settings, key):
        setattr(settings, key, value)


def _category(category: str) -> Any:
    """Return napari's settings of one heading; None where napari does not know the plugin."""
    from napari.settings import get_plugin_settings

    try:
        settings = get_plugin_settings(PLUGIN)
    except KeyError:  # the plugin is switched off, or napari has not looked for plugins
        return None
    return getattr(settings, category, None)
