"""Which store, which database, which path map.

DaCapo's options file is found as DaCapo finds it; environment and arguments go
over it. An options file may also hold our ``path_map`` and ``url_map``, which
DaCapo ignores.
"""

from __future__ import annotations

from napari_dacapo.options.loading import default_store, find_options_file, load_options
from napari_dacapo.options.location import StoreLocation, locate_store
from napari_dacapo.options.maps import parse_map
from napari_dacapo.options.model import Options

__all__ = [
    "Options",
    "StoreLocation",
    "default_store",
    "find_options_file",
    "load_options",
    "locate_store",
    "parse_map",
]
