"""Rows of the table, timing, and stores made on the spot."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

__all__ = ["Row", "mib", "ms", "percentile", "repeat", "resident", "timed", "write_run"]


@dataclass(frozen=True)
class Row:
    """One line of the table: what was measured, against what, and what we want."""

    what: str
    value: str
    against: str = ""
    ratio: float | None = None
    limit: str = ""
    good: bool | None = None


def ms(seconds: float) -> str:
    return f"{seconds * 1e3:.1f} ms"


def mib(count: float) -> str:
    return f"{count / 2**20:.0f} MiB"


def timed(function: Callable[[], object]) -> float:
    """Return how many seconds one call takes."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def repeat(function: Callable[[], object], times: int) -> float:
    """Return the median of the seconds that several calls take."""
    return statistics.median(timed(function) for _ in range(times))


def percentile(values: Sequence[float], percent: float) -> float:
    """Return a percentile by the nearest rank, so that it is a value that occurred."""
    ranked = sorted(values)
    return ranked[min(len(ranked) - 1, int(len(ranked) * percent / 100))]


def resident() -> int:
    """Return the bytes of memory that this process has."""
    import psutil

    return int(psutil.Process().memory_info().rss)


def write_run(store: Path, name: str, raw: Path, gt: Path | None = None) -> None:
    """Configure a run, as DaCapo would, whose validation dataset has the given zarr arrays."""

    def array(path: Path) -> dict[str, Any]:
        return {
            "__type__": "ZarrArrayConfig",
            "name": path.name,
            "file_name": str(path.parent),
            "dataset": path.name,
            "snap_to_grid": None,
            "_axes": None,
        }

    dataset = {
        "__type__": "RawGTDatasetConfig",
        "name": "volume",
        "weight": 1,
        "raw_config": array(raw),
        "gt_config": array(gt or raw),
        "mask_config": None,
        "sample_points": None,
    }
    config = {
        "name": name,
        "repetition": 0,
        "num_iterations": 1000,
        "validation_interval": 100,
        "start_config": None,
        "task_config": {
            "__type__": "AffinitiesTaskConfig",
            "name": "affinities",
            "neighborhood": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
        },
        "architecture_config": {
            "__type__": "CNNectomeUNetConfig",
            "name": "unet",
            "input_shape": [24, 24, 24],
            "fmaps_in": 1,
            "fmaps_out": 8,
            "num_fmaps": 6,
            "fmap_inc_factor": 2,
            "downsample_factors": [[2, 2, 2]],
        },
        "trainer_config": {
            "__type__": "GunpowderTrainerConfig",
            "name": "trainer",
            "batch_size": 1,
            "learning_rate": 0.0001,
            "augments": [],
        },
        "datasplit_config": {
            "__type__": "TrainValidateDataSplitConfig",
            "name": "split",
            "train_configs": [dataset],
            "validate_configs": [dataset],
        },
    }
    place = store / "configs" / "runs" / f"{name}.yaml"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(yaml.safe_dump(config), "utf-8")
