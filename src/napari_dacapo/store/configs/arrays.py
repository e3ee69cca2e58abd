"""Array configs: where voxels come from and what is done to them."""

from __future__ import annotations

from typing import Annotated

from pydantic import PlainValidator

from napari_dacapo.store.configs.base import Family, UnknownConfig, member, optional_member

__all__ = [
    "ArrayConfig",
    "BinarizeArrayConfig",
    "ConcatArrayConfig",
    "ConstantArrayConfig",
    "CropArrayConfig",
    "DVIDArrayConfig",
    "DummyArrayConfig",
    "IntensitiesArrayConfig",
    "LogicalOrArrayConfig",
    "MergeInstancesArrayConfig",
    "MissingAnnotationsMaskConfig",
    "OnesArrayConfig",
    "ResampledArrayConfig",
    "SumArrayConfig",
    "TiffArrayConfig",
    "UnknownArrayConfig",
    "ZarrArrayConfig",
]


class ArrayConfig(Family):
    """Any array config."""

    noun = "array config"


class UnknownArrayConfig(UnknownConfig, ArrayConfig):
    """An array config that is not understood."""


Source = Annotated[ArrayConfig, PlainValidator(member(ArrayConfig))]
OptionalSource = Annotated[ArrayConfig | None, PlainValidator(optional_member(ArrayConfig))]
Groupings = tuple[tuple[str, tuple[int, ...]], ...]


class ZarrArrayConfig(ArrayConfig):
    """An array on disk: ``file_name`` (zarr or N5 container) and ``dataset`` in it.

    DaCapo ignores ``snap_to_grid`` and ``axes``. With ``ome_metadata`` (main)
    the last part of ``dataset`` is the name of a scale.
    """

    file_name: str
    dataset: str
    snap_to_grid: tuple[int, ...] | None = None
    axes: tuple[str, ...] | None = None
    mode: str = "a"
    ome_metadata: bool = False


class IntensitiesArrayConfig(ArrayConfig):
    """``(x - min) / (max - min)``, not clipped."""

    source_array_config: Source
    min: float
    max: float


class BinarizeArrayConfig(ArrayConfig):
    """One channel per grouping ``(name, ids)``; no ids: all that is not background."""

    source_array_config: Source
    groupings: Groupings
    background: int = 0


class ConcatArrayConfig(ArrayConfig):
    """Arrays stacked along a new channel axis, in the order of ``channels``."""

    channels: tuple[str, ...]
    source_array_configs: dict[str, Source]
    default_config: OptionalSource = None


class CropArrayConfig(ArrayConfig):
    """A part of an array; ``roi`` is (offset, shape) in the unit of the data, nm as a rule."""

    source_array_config: Source
    roi: tuple[tuple[int, ...], tuple[int, ...]]


class ResampledArrayConfig(ArrayConfig):
    """An array at another voxel size: ``upsample`` and ``downsample`` factors per axis."""

    source_array_config: Source
    upsample: tuple[int, ...] | None = None
    downsample: tuple[int, ...] | None = None
    interp_order: bool | int = 0


class OnesArrayConfig(ArrayConfig):
    """Ones in the shape of an array."""

    source_array_config: Source


class ConstantArrayConfig(ArrayConfig):
    """One value in the shape of an array."""

    source_array_config: Source
    constant: float = 1


class LogicalOrArrayConfig(ArrayConfig):
    """The maximum over the channels of an array."""

    source_array_config: Source


class MergeInstancesArrayConfig(ArrayConfig):
    """The sum of arrays (DaCapo merges by adding)."""

    source_array_configs: tuple[Source, ...]


class SumArrayConfig(ArrayConfig):
    """The sum of arrays."""

    source_array_configs: tuple[Source, ...]


class MissingAnnotationsMaskConfig(ArrayConfig):
    """A mask of where CellMap's ``labels`` attribute says that labels were made."""

    source_array_config: Source
    groupings: Groupings


class TiffArrayConfig(ArrayConfig):
    """A TIFF file with the geometry given here."""

    file_name: str
    offset: tuple[float, ...]
    voxel_size: tuple[float, ...]
    axis_names: tuple[str, ...]
    units: tuple[str, ...] = ()


class DVIDArrayConfig(ArrayConfig):
    """An array in DVID, which DaCapo itself cannot read."""

    source: tuple[str, ...]


class DummyArrayConfig(ArrayConfig):
    """Zeros of 100x50x50 voxels, for DaCapo's own tests."""
