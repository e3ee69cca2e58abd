"""Architecture configs: the network without its head."""

from __future__ import annotations

from typing import Any, Literal

from napari_dacapo.store.configs.base import Family, UnknownConfig

__all__ = [
    "ArchitectureConfig",
    "CNNectomeUNetConfig",
    "DummyArchitectureConfig",
    "ModelZooConfig",
    "UnknownArchitectureConfig",
    "WrappedArchitectureConfig",
]


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

    input_shape: tuple[int, ...]
    fmaps_out: int
    fmaps_in: int
    num_fmaps: int
    fmap_inc_factor: int
    downsample_factors: tuple[tuple[int, ...], ...]
    kernel_size_down: tuple[tuple[tuple[int, ...], ...], ...] | None = None
    kernel_size_up: tuple[tuple[tuple[int, ...], ...], ...] | None = None
    eval_shape_increase: tuple[int, ...] | None = None
    upsample_factors: tuple[tuple[int, ...], ...] | None = None
    constant_upsample: bool = True
    padding: Literal["valid", "same"] = "valid"
    use_attention: bool = False
    batch_norm: bool = False


class DummyArchitectureConfig(ArchitectureConfig):
    """A single convolution, for DaCapo's own tests."""

    num_in_channels: int
    num_out_channels: int


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
