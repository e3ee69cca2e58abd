"""Where the public addresses of local folders are known from."""

from __future__ import annotations

import sys
import threading

from napari_dacapo.errors import NapariDacapoError

__all__ = ["known_url_map"]


def known_url_map() -> dict[str, str]:
    """Return the url map of the options file and, where napari is loaded, of its preferences.

    Those of the preferences go over those of the file. They are left out on
    other threads than the main one, which napari's settings are not made for.

    Raises
    ------
    OptionsError
        If the text in the preferences is no map.
    """
    from napari_dacapo.options import load_options

    try:
        known = dict(load_options().url_map)
    except (NapariDacapoError, OSError):
        known = {}
    if "napari" in sys.modules and threading.current_thread() is threading.main_thread():
        from napari_dacapo import preferences

        known |= preferences.url_map()
    return known
