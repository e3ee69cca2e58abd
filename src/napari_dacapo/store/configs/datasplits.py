"""Datasplit configs: which datasets train and which validate."""

from __future__ import annotations

from napari_dacapo.store.configs.base import Family, UnknownConfig
from napari_dacapo.store.configs.datasets import Dataset  # noqa: TC001  (pydantic needs it)

__all__ = [
    "DataSplitConfig",
    "DummyDataSplitConfig",
    "SimpleDataSplitConfig",
    "TrainValidateDataSplitConfig",
    "UnknownDataSplitConfig",
]


class DataSplitConfig(Family):
    """Any datasplit config."""

    noun = "datasplit config"


class UnknownDataSplitConfig(UnknownConfig, DataSplitConfig):
    """A datasplit config that is not understood."""


class TrainValidateDataSplitConfig(DataSplitConfig):
    """Datasets by name; their order is the order of the stored scores."""

    train_configs: tuple[Dataset, ...]
    validate_configs: tuple[Dataset, ...] = ()


class SimpleDataSplitConfig(DataSplitConfig):
    """Datasets found below ``path`` by the names of groups and arrays."""

    path: str
    train_group_name: str = "train"
    validate_group_name: str = "test"
    raw_name: str = "raw"
    gt_name: str = "labels"
    mask_name: str = "mask"


class DummyDataSplitConfig(DataSplitConfig):
    """A datasplit of DaCapo's own tests."""

    train_config: Dataset
