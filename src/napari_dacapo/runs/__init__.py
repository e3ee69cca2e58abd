"""What a run is: config, progress, datasets, stored arrays, scores.

Names are imported at the moment of first use: a list of runs needs neither
dask nor TensorStore nor xarray.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import lazy_loader

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

__getattr__, __dir__, _ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "best": ["BestScoreValue", "find_best"],
        "best_score": ["BestScore"],
        "criteria": ["Criterion", "criteria_for"],
        "datasets": ["Dataset"],
        "datasplit": ["DataSplit"],
        "events": [
            "CheckpointEvent",
            "FinishedEvent",
            "GoneEvent",
            "LossEvent",
            "NewBestEvent",
            "ProblemEvent",
            "RunEvent",
            "StalledEvent",
            "ValidationEvent",
        ],
        "row": ["RunRow"],
        "run": ["Run"],
        "store": ["Store", "open_store"],
        "training_stats": ["TrainingStats"],
        "validation_scores": ["ValidationScores"],
        "watcher": ["RunWatcher"],
    },
)
