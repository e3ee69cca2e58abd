"""One protocol, two viewers: napari and neuroglancer.

Names are imported at the moment of first use: neither viewer is loaded before
it is needed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from napari_dacapo.viewers.base import Arrangement, Backend
    from napari_dacapo.viewers.linked import open_link
    from napari_dacapo.viewers.links import neuroglancer_link
    from napari_dacapo.viewers.napari.backend import NapariBackend, add_run

__all__ = ["Arrangement", "Backend", "NapariBackend", "add_run", "neuroglancer_link", "open_link"]

__getattr__, __dir__, _ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "base": ["Arrangement", "Backend"],
        "linked": ["open_link"],
        "links": ["neuroglancer_link"],
        "napari.backend": ["NapariBackend", "add_run"],
    },
)
