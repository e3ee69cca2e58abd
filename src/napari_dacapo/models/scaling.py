"""How a run's network wants its raw data: the range that training scaled to 0..1."""

from __future__ import annotations

from typing import Any

__all__ = ["training_intensities"]

# DaCapo's SimpleDataset scales by dtype.
_SIMPLE = {"uint8": (0.0, 255.0), "uint16": (0.0, 65535.0)}


def training_intensities(datasplit: Any, dtype: str = "") -> tuple[float, float] | None:
    """Return the raw values that a run's network sees as 0 and as 1.

    Parameters
    ----------
    datasplit : datasplit config
        The run's.
    dtype : str
        Name of the raw data's dtype, by which simple datasets are scaled.

    Returns
    -------
    tuple of float or None
        From the first training dataset; None if raw is used as it is.
    """
    if datasplit.type_name == "SimpleDataSplitConfig":
        return _SIMPLE.get(dtype)
    datasets = [
        *getattr(datasplit, "train_configs", ()),
        *getattr(datasplit, "validate_configs", ()),
    ]
    for dataset in datasets:
        if dataset.type_name == "SimpleDataset":
            return _SIMPLE.get(dtype)
        config = getattr(dataset, "raw_config", None)
        while config is not None:
            if config.type_name == "IntensitiesArrayConfig" and config.max != config.min:
                return float(config.min), float(config.max)
            config = getattr(config, "source_array_config", None)
        return None
    return None
