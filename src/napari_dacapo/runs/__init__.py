"""What a run is: config, progress, datasets, stored arrays, scores.

Names are imported at the moment of first use: a list of runs needs neither
dask nor TensorStore nor xarray.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_dacapo.runs.best import BestScore, BestScoreValue, find_best
    from napari_dacapo.runs.criteria import Criterion, criteria_for
    from napari_dacapo.runs.datasets import Dataset
    from napari_dacapo.runs.datasplit import DataSplit
    from napari_dacapo.runs.row import RunRow
    from napari_dacapo.runs.run import Run
    from napari_dacapo.runs.store import Store, open_store
    from napari_dacapo.runs.training_stats import TrainingStats
    from napari_dacapo.runs.validation_scores import ValidationScores

__all__ = [
    "BestScore",
    "BestScoreValue",
    "Criterion",
    "DataSplit",
    "Dataset",
    "Run",
    "RunRow",
    "Store",
    "TrainingStats",
    "ValidationScores",
    "criteria_for",
    "find_best",
    "open_store",
]

_HOMES = {
    "BestScore": "best",
    "BestScoreValue": "best",
    "Criterion": "criteria",
    "DataSplit": "datasplit",
    "Dataset": "datasets",
    "Run": "run",
    "RunRow": "row",
    "Store": "store",
    "TrainingStats": "training_stats",
    "ValidationScores": "validation_scores",
    "criteria_for": "criteria",
    "find_best": "best",
    "open_store": "store",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
