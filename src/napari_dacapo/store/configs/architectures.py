"""Architecture configs: the network without its head."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from napari_dacapo.store.configs.base import Family, UnknownConfig

__all__ = [
    "ArchitectureConfig",
    "CNNectomeUNetConfig",
    "DummyArchitectureConfig",
    "ModelZooConfig",
    "UnknownArchitectureConfig",
    "WrappedArchitectureConfig",
]


# No network has more, and none could be built of it.
Count = Annotated[int, Field(ge=1, le=2**20)]
Shape = Annotated[tuple[Count, ...], Field(max_length=8)]
Shapes = Annotated[tuple[Shape, ...], Field(max_length=24)]


class ArchitectureConfig(Family):
    """Any architecture config."""

    noun = "architecture config"


class UnknownArchitectureConfig(UnknownConfig, ArchitectureConfig):
    """An architecture config that is not understood."""


class CNNectomeUNetConfig(ArchitectureConfig):
    """A U-Net.

    Shapes and factors are in voxels, one number per spatial axis.
    ``kernel_size_down`` and ``kernel_size_up`` are, per level, the kernel
    sizes of its convolutions; None means two of size 3.
    """

    input_shape: Shape
    fmaps_out: Count
    fmaps_in: Count
    num_fmaps: Count
    fmap_inc_factor: Count
    downsample_factors: Shapes
    kernel_size_down: Annotated[tuple[Shapes, ...], Field(max_length=25)] | None = None
    kernel_size_up: Annotated[tuple[Shapes, ...], Field(max_length=25)] | None = None
    eval_shape_increase: tuple[Annotated[int, Field(ge=-(2**20), le=2**20)], ...] | None = None
    upsample_factors: Shapes | None = None
    constant_upsample: bool = True
    padding: Literal["valid", "same"] = "valid"
    use_attention: bool = False
    batch_norm: bool = False


class DummyArchitectureConfig(ArchitectureConfig):
    """A single convolution, for DaCapo's own tests."""

    num_in_channels: Count
    num_out_channels: Count


class WrappedArchitectureConfig(ArchitectureConfig):
    """A network made elsewhere; what it is does not stand in the store."""

    module: Any = None
    fmaps_in: int | None = None
    fmaps_out: int | None = None
    input_shape: tuple[int, ...] | None = None
    scale: tuple[float, ...] | None = None
    trainable_parameters: Any = None


class ModelZooConfig(ArchitectureConfig):
    """A network of the BioImage model zoo."""

    model_id: str
    trainable_layers: Any = None
