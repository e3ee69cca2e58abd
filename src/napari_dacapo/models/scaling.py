"""How a run's network wants its raw data: the range that training scaled to 0..1."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

__all__ = ["AS_IT_IS", "Range", "TrainingIntensities", "training_intensities"]

Range = tuple[float, float]

AS_IT_IS: Range = (0.0, 1.0)
"""The range of what is not scaled."""

# DaCapo's SimpleDataset scales by dtype.
_SIMPLE = {"uint8": (0.0, 255.0), "uint16": (0.0, 65535.0)}

# What these make are masks and constants, whatever lies below.
_FRESH = (
    "BinarizeArrayConfig", "MissingAnnotationsMaskConfig", "OnesArrayConfig", "ConstantArrayConfig",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class TrainingIntensities:
    """The values of raw that training showed the network as 0 and as 1.

    Attributes
    ----------
    ranges : tuple of (float, float)
        One for each channel that training had, or one for all; empty if
        scaled arrays were merged so that raw has no range of its own.
    """

    ranges: tuple[Range, ...]

    def of_channels(self, n_channels: int) -> tuple[Range, ...] | None:
        """Return one range for all of this many channels, or one for each; None if none fits."""
        if self.ranges and len(set(self.ranges)) == 1:
            return self.ranges[:1]
        return self.ranges if len(self.ranges) == n_channels else None


def training_intensities(datasplit: Any, dtype: str = "") -> TrainingIntensities | None:
    """Return the raw values that a run's network sees as 0 and as 1.

    Parameters
    ----------
    datasplit : datasplit config
        The run's.
    dtype : str
        Name of the raw data's dtype, by which simple datasets are scaled.

    Returns
    -------
    TrainingIntensities or None
        From the first training dataset; None if raw is used as it is.
    """
    if datasplit.type_name == "SimpleDataSplitConfig":
        return _simple(dtype)
    datasets = [
        *getattr(datasplit, "train_configs", ()),
        *getattr(datasplit, "validate_configs", ()),
    ]
    for dataset in datasets:
        if dataset.type_name == "SimpleDataset":
            return _simple(dtype)
        ranges = _ranges(getattr(dataset, "raw_config", None))
        is_scaled = ranges is None or any(found != AS_IT_IS for found in ranges)
        return TrainingIntensities(ranges or ()) if is_scaled else None
    return None


def _simple(dtype: str) -> TrainingIntensities | None:
    return TrainingIntensities((_SIMPLE[dtype],)) if dtype in _SIMPLE else None


def _ranges(config: Any) -> tuple[Range, ...] | None:
    """Return the ranges of an array's channels, one if all have the same; None if unclear."""
    kind = getattr(config, "type_name", "")
    if kind in _FRESH:
        return (AS_IT_IS,)
    if kind == "ConcatArrayConfig":
        named = config.source_array_configs
        members = (named.get(name, config.default_config) for name in config.channels or named)
        return _one_after_the_other([_ranges(member) for member in members])
    merged = getattr(config, "source_array_configs", None)
    if merged is not None:
        is_scaled = any(_ranges(member) != (AS_IT_IS,) for member in merged)
        return None if is_scaled else (AS_IT_IS,)
    below = getattr(config, "source_array_config", None)
    ranges = (AS_IT_IS,) if below is None else _ranges(below)
    if ranges is None or kind != "IntensitiesArrayConfig":
        return ranges
    low, high = float(config.min), float(config.max)
    if not math.isfinite(low) or not math.isfinite(high) or low == high:
        return ranges
    return tuple((a + low * (b - a), a + high * (b - a)) for a, b in ranges)


def _one_after_the_other(parts: list[tuple[Range, ...] | None]) -> tuple[Range, ...] | None:
    """Return the ranges of arrays that become one channel each."""
    singles = [part[0] for part in parts if part is not None and len(part) == 1]
    return tuple(singles) if singles and len(singles) == len(parts) else None
