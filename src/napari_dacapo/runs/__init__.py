"""What a run is: config, progress, datasets, stored arrays, scores.

Names are imported at the moment of first use: a list of runs needs neither
dask nor TensorStore nor xarray.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_dacapo.runs.best import BestScoreValue, find_best
    from napari_dacapo.runs.best_score import BestScore
    from napari_dacapo.runs.criteria import Criterion, criteria_for
    from napari_dacapo.runs.datasets import Dataset
    from napari_dacapo.runs.datasplit import DataSplit
    from napari_dacapo.runs.events import (
        CheckpointEvent,
        FinishedEvent,
        GoneEvent,
        LossEvent,
        NewBestEvent,
        ProblemEvent,
        RunEvent,
        StalledEvent,
        ValidationEvent,
    )
    from napari_dacapo.runs.row import RunRow
    from napari_dacapo.runs.run import Run
    from napari_dacapo.runs.store import Store, open_store
    from napari_dacapo.runs.training_stats import TrainingStats
    from napari_dacapo.runs.validation_scores import ValidationScores
    from napari_dacapo.runs.watcher import RunWatcher

__all__ = [
    "BestScore",
    "BestScoreValue",
    "CheckpointEvent",
    "Criterion",
    "DataSplit",
    "Dataset",
    "FinishedEvent",
    "GoneEvent",
    "LossEvent",
    "NewBestEvent",
    "ProblemEvent",
    "Run",
    "RunEvent",
    "RunRow",
    "RunWatcher",
    "StalledEvent",
    "Store",
    "TrainingStats",
    "ValidationEvent",
    "ValidationScores",
    "criteria_for",
    "find_best",
    "open_store",
]

_HOMES = {
    "BestScore": "best_score",
    "BestScoreValue": "best",
    "CheckpointEvent": "events",
    "Criterion": "criteria",
    "DataSplit": "datasplit",
    "Dataset": "datasets",
    "FinishedEvent": "events",
    "GoneEvent": "events",
    "LossEvent": "events",
    "NewBestEvent": "events",
    "ProblemEvent": "events",
    "Run": "run",
    "RunEvent": "events",
    "RunRow": "row",
    "RunWatcher": "watcher",
    "StalledEvent": "events",
    "Store": "store",
    "TrainingStats": "training_stats",
    "ValidationEvent": "events",
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
