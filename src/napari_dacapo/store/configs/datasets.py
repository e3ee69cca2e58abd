"""Dataset configs: raw, gt and mask that belong together."""

from __future__ import annotations

from typing import Annotated

from pydantic import PlainValidator

from napari_dacapo.store.configs.arrays import OptionalSource, Source  # noqa: TC001  (pydantic needs them)
from napari_dacapo.store.configs.base import Family, UnknownConfig, member

__all__ = [
    "DatasetConfig",
    "DummyDatasetConfig",
    "RawGTDatasetConfig",
    "SimpleDataset",
    "UnknownDatasetConfig",
]


class DatasetConfig(Family):
    """Any dataset config."""

    noun = "dataset config"


class UnknownDatasetConfig(UnknownConfig, DatasetConfig):
    """A dataset config that is not understood."""


class RawGTDatasetConfig(DatasetConfig):
    """Raw with gt and, possibly, a mask of where gt is to be trusted."""

    raw_config: Source
    gt_config: OptionalSource = None
    mask_config: OptionalSource = None
    sample_points: tuple[tuple[float, ...], ...] | None = None
    weight: float | None = 1


class DummyDatasetConfig(DatasetConfig):
    """A dataset of DaCapo's own tests."""

    raw_config: Source
    weight: float | None = 1


class SimpleDataset(DatasetConfig):
    """A group with arrays by convention, found by a `SimpleDataSplitConfig`.

    DaCapo scales raw to 0..1 when it is uint8 or uint16.
    """

    path: str
    weight: float | None = 1
    raw_name: str = "raw"
    gt_name: str = "labels"
    mask_name: str = "mask"


Dataset = Annotated[DatasetConfig, PlainValidator(member(DatasetConfig))]
