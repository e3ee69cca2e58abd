"""What the user set once, kept by napari's own preferences.

The keys are declared under ``configurations`` in ``napari.yaml``; napari makes
a page of them, checks the values and saves them. Lists and maps are one string
there, because napari knows no other types. Call these functions on the main
thread only: napari's settings are not made for several.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psygnal import Signal

from napari_dacapo.viewers.napari.plugin_settings import settings_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = [
    "backend",
    "changes",
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
]

MAX_RECENT = 12
SEPARATOR = ";"


class Changes:
    """Tells what the user changes while windows are open.

    Attributes
    ----------
    columns : Signal
        Other columns were chosen for the run table.
    """

    columns = Signal()

    def __init__(self) -> None:
        self._settings: Any = None

    def follow(self) -> None:
        """Listen to napari's settings, which are made anew when plugins are switched on or off."""
        settings = settings_of("display")
        if settings is not None and settings is not self._settings:
            self._settings = settings
            settings.events.columns.connect(self._on_columns)

    def _on_columns(self, event: Any) -> None:
        self.columns.emit()


changes = Changes()


def default_store() -> str:
    """Return the store to open first; empty if the user named none."""
    return str(_get("stores", "default_store", "")).strip()


def recent_stores() -> tuple[str, ...]:
    """Return the stores that were open lately, latest first."""
    paths = str(_get("stores", "recent_stores", "")).split(SEPARATOR)
    return tuple(dict.fromkeys(path.strip() for path in paths if path.strip()))


def remember_store(path: str) -> None:
    """Put a store in front of the recent ones, unless its path cannot be one of a list."""
    if SEPARATOR in path:
        return
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
    from napari_dacapo.errors import OptionsError
    from napari_dacapo.viewers.napari.notifications import show_warning

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
    keys = (key.strip() for key in str(_get("display", "columns", "")).split(","))
    return tuple(key for key in keys if key)


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


def _set_recent(paths: Iterable[str]) -> None:
    kept = list(dict.fromkeys(paths))[:MAX_RECENT]
    _set("stores", "recent_stores", f"{SEPARATOR} ".join(kept))


def _get_map(key: str) -> dict[str, str]:
    from napari_dacapo.options import parse_map

    return parse_map(str(_get("stores", key, "")))


def _get(category: str, key: str, default: Any) -> Any:
    return getattr(settings_of(category), key, default)


def _set(category: str, key: str, value: Any) -> None:
    settings = settings_of(category)
    if settings is not None and hasattr(settings, key):
        setattr(settings, key, value)
