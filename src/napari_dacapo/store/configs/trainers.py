"""Trainer configs and the augmentations in them."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, PlainValidator

from napari_dacapo.store.configs.base import Family, UnknownConfig, member

__all__ = [
    "AugmentConfig",
    "ElasticAugmentConfig",
    "GammaAugmentConfig",
    "GunpowderTrainerConfig",
    "IntensityAugmentConfig",
    "IntensityScaleShiftAugmentConfig",
    "NoiseAugmentConfig",
    "SimpleAugmentConfig",
    "TrainerConfig",
    "UnknownAugmentConfig",
    "UnknownTrainerConfig",
]


class AugmentConfig(Family):
    """Any augmentation."""

    noun = "augment config"


class UnknownAugmentConfig(UnknownConfig, AugmentConfig):
    """An augmentation that is not understood."""


class SimpleAugmentConfig(AugmentConfig):
    """Mirrors and transposes."""

    augmentation_probability: float = 1.0


class ElasticAugmentConfig(AugmentConfig):
    """Elastic deformation and rotation."""

    control_point_spacing: tuple[int, ...]
    control_point_displacement_sigma: tuple[float, ...]
    rotation_interval: tuple[float, ...]
    subsample: int = 1
    uniform_3d_rotation: bool = False
    augmentation_probability: float = 1.0


class GammaAugmentConfig(AugmentConfig):
    """Gamma correction."""

    gamma_range: tuple[float, ...]


class IntensityAugmentConfig(AugmentConfig):
    """Random scale and shift of intensities."""

    scale: tuple[float, ...]
    shift: tuple[float, ...]
    clip: bool = True
    augmentation_probability: float = 1.0


class IntensityScaleShiftAugmentConfig(AugmentConfig):
    """Fixed scale and shift of intensities."""

    scale: float
    shift: float


class NoiseAugmentConfig(AugmentConfig):  # type: ignore[no-redef]
    """Noise; ``kwargs`` go to scikit-image."""

    kwargs: dict[str, Any] = Field(default_factory=dict)


class TrainerConfig(Family):
    """Any trainer config.

    ``batch_size``, ``learning_rate`` and ``snapshot_interval`` stand here up to
    DaCapo 0.3.5 and in the run config since; `RunConfig` has them as
    ``effective_…`` in any case.
    """

    noun = "trainer config"


class UnknownTrainerConfig(UnknownConfig, TrainerConfig):
    """A trainer config that is not understood."""


class GunpowderTrainerConfig(TrainerConfig):
    """Training by gunpowder."""

    batch_size: int | None = None
    learning_rate: float | None = None
    snapshot_interval: int | None = None
    num_data_fetchers: int = 5
    augments: tuple[Annotated[AugmentConfig, PlainValidator(member(AugmentConfig))], ...] = ()
    min_masked: float | None = 0.15
    clip_raw: bool = False
    gt_min_reject: float | None = None
    sample_strategy: Any = None
