"""See what a volumetric segmentation network learned, while it is learning.

Names are imported at the moment of first use, so that ``import napari_dacapo``
costs nothing: no torch, neuroglancer, Qt or pymongo.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from napari_dacapo._version import __version__

if TYPE_CHECKING:
    from napari_dacapo.models import create_weights_store, predict
    from napari_dacapo.options import Options, load_options
    from napari_dacapo.runs import Run, RunWatcher, Store, open_store
    from napari_dacapo.store import create_array_store, create_config_store, create_stats_store
    from napari_dacapo.viewers import add_run, neuroglancer_link, open_link
    from napari_dacapo.volumes import Volume, open_volume

__all__ = [
    "Options",
    "Run",
    "RunWatcher",
    "Store",
    "Volume",
    "__version__",
    "add_run",
    "create_array_store",
    "create_config_store",
    "create_stats_store",
    "create_weights_store",
    "load_options",
    "neuroglancer_link",
    "open_link",
    "open_store",
    "open_volume",
    "predict",
]

_HOMES = {
    "Options": "options",
    "Run": "runs",
    "RunWatcher": "runs",
    "Store": "runs",
    "Volume": "volumes",
    "add_run": "viewers",
    "create_array_store": "store",
    "create_config_store": "store",
    "create_stats_store": "store",
    "create_weights_store": "models",
    "load_options": "options",
    "neuroglancer_link": "viewers",
    "open_link": "viewers",
    "open_store": "runs",
    "open_volume": "volumes",
    "predict": "models",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
