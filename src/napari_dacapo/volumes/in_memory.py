"""Volumes whose elements are computed once and held."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_dacapo.volumes.lazy_array import LazyArray
from napari_dacapo.volumes.object_source import ObjectSource

if TYPE_CHECKING:
    from napari_dacapo.volumes.volume import Volume

__all__ = ["in_memory"]


def in_memory(volume: Volume) -> Volume:
    """Return a volume whose elements are computed now, and kept as long as it is.

    What only a cache of computed blocks keeps may be forgotten there, and a
    window would wait until it is computed again.
    """
    name = f"finished-{volume.data.name}"
    source = ObjectSource(np.asarray(volume.data), name)
    return volume.with_(data=LazyArray.from_source(source, name))
