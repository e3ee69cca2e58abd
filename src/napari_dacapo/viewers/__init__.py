"""One protocol, two viewers: napari and neuroglancer.

Names are imported at the moment of first use: neither viewer is loaded before
it is needed.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_dacapo.viewers.base import Arrangement, Backend
    from napari_dacapo.viewers.links import neuroglancer_link, open_link
    from napari_dacapo.viewers.napari.backend import NapariBackend, add_run

__all__ = ["Arrangement", "Backend", "NapariBackend", "add_run", "neuroglancer_link", "open_link"]

_HOMES = {
    "Arrangement": "base",
    "Backend": "base",
    "NapariBackend": "napari.backend",
    "add_run": "napari.backend",
    "neuroglancer_link": "links",
    "open_link": "links",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
