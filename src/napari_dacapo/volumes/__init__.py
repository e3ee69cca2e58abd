"""Arrays in world coordinates.

Names are imported at the moment of first use: a table of runs needs neither
dask nor TensorStore.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import lazy_loader

from napari_dacapo.volumes.volume import ArraySource, Identity, Kind, Level, Role, Volume

if TYPE_CHECKING:
    from napari_dacapo.volumes.array_configs import volume_from_config
    from napari_dacapo.volumes.chunk_cache import cache_size, set_cache_size
    from napari_dacapo.volumes.emptiness import is_empty, stored_share
    from napari_dacapo.volumes.geometry import crop, resample, world_slices
    from napari_dacapo.volumes.lazy_array import LazyArray
    from napari_dacapo.volumes.offsets import repair_offset
    from napari_dacapo.volumes.opening import open_volume
    from napari_dacapo.volumes.pyramids import with_pyramid
    from napari_dacapo.volumes.units import in_unit

__all__ = [
    "ArraySource",
    "Identity",
    "Kind",
    "LazyArray",
    "Level",
    "Role",
    "Volume",
    "cache_size",
    "crop",
    "in_unit",
    "is_empty",
    "open_volume",
    "repair_offset",
    "resample",
    "set_cache_size",
    "stored_share",
    "volume_from_config",
    "with_pyramid",
    "world_slices",
]

__getattr__, __dir__, _ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "array_configs": ["volume_from_config"],
        "chunk_cache": ["cache_size", "set_cache_size"],
        "emptiness": ["is_empty", "stored_share"],
        "geometry": ["crop", "resample", "world_slices"],
        "lazy_array": ["LazyArray"],
        "offsets": ["repair_offset"],
        "opening": ["open_volume"],
        "pyramids": ["with_pyramid"],
        "units": ["in_unit"],
    },
)
