"""Networks: rebuilt from their configs, filled from checkpoints, run where one looks.

The one part of the package that needs torch, which is imported at the moment
of first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

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

_HOMES = {
    "LivePrediction": "live",
    "LocalWeightsStore": "weights_store",
    "Model": "build",
    "Weights": "checkpoints",
    "build_model": "build",
    "create_weights_store": "weights_store",
    "load_checkpoint": "checkpoints",
    "predict": "prediction",
    "predict_to_zarr": "bulk",
    "set_block_cache_size": "block_cache",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
