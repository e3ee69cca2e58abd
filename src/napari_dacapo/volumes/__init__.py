"""Arrays in world coordinates.

Names are imported at the moment of first use: a table of runs needs neither
dask nor TensorStore.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from napari_dacapo.volumes.volume import ArraySource, Identity, Kind, Level, Role, Volume

if TYPE_CHECKING:
    from napari_dacapo.volumes.array_configs import volume_from_config
    from napari_dacapo.volumes.chunk_cache import cache_size, set_cache_size
    from napari_dacapo.volumes.emptiness import is_empty
    from napari_dacapo.volumes.geometry import crop, resample, world_slices
    from napari_dacapo.volumes.lazy_array import LazyArray
    from napari_dacapo.volumes.offsets import repair_offset
    from napari_dacapo.volumes.opening import open_volume
    from napari_dacapo.volumes.pyramids import with_pyramid

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
    "is_empty",
    "open_volume",
    "repair_offset",
    "resample",
    "set_cache_size",
    "volume_from_config",
    "with_pyramid",
    "world_slices",
]

_HOMES = {
    "LazyArray": "lazy_array",
    "cache_size": "chunk_cache",
    "crop": "geometry",
    "is_empty": "emptiness",
    "open_volume": "opening",
    "repair_offset": "offsets",
    "resample": "geometry",
    "set_cache_size": "chunk_cache",
    "volume_from_config": "array_configs",
    "with_pyramid": "pyramids",
    "world_slices": "geometry",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
