"""See what a volumetric segmentation network learned, while it is learning.

Names are imported at the moment of first use, so that ``import napari_dacapo``
costs nothing: no torch, neuroglancer, Qt or pymongo.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import lazy_loader

from napari_dacapo._version import __version__ as __version__

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

__getattr__, __dir__, _ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "models": ["create_weights_store", "predict"],
        "options": ["Options", "load_options"],
        "runs": ["Run", "RunWatcher", "Store", "open_store"],
        "store": ["create_array_store", "create_config_store", "create_stats_store"],
        "viewers": ["add_run", "neuroglancer_link", "open_link"],
        "volumes": ["Volume", "open_volume"],
    },
)
