"""Networks: rebuilt from their configs, filled from checkpoints, run where one looks.

The one part of the package that needs torch, which is imported at the moment
of first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from napari_dacapo.models.block_cache import set_block_cache_size
    from napari_dacapo.models.build import Model, build_model
    from napari_dacapo.models.bulk import predict_to_zarr
    from napari_dacapo.models.checkpoints import Weights, load_checkpoint
    from napari_dacapo.models.live import LivePrediction
    from napari_dacapo.models.prediction import predict
    from napari_dacapo.models.weights_store import LocalWeightsStore, create_weights_store

__all__ = [
    "LivePrediction",
    "LocalWeightsStore",
    "Model",
    "Weights",
    "build_model",
    "create_weights_store",
    "load_checkpoint",
    "predict",
    "predict_to_zarr",
    "set_block_cache_size",
]

__getattr__, __dir__, _ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "block_cache": ["set_block_cache_size"],
        "build": ["Model", "build_model"],
        "bulk": ["predict_to_zarr"],
        "checkpoints": ["Weights", "load_checkpoint"],
        "live": ["LivePrediction"],
        "prediction": ["predict"],
        "weights_store": ["LocalWeightsStore", "create_weights_store"],
    },
)
