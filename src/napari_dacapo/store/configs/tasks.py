"""Task configs: what a network learns to predict."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import PlainValidator

from napari_dacapo.store.configs.base import Family, UnknownConfig, member

__all__ = [
    "AffinitiesTaskConfig",
    "DistanceTaskConfig",
    "DummyTaskConfig",
    "HotDistanceTaskConfig",
    "InnerDistanceTaskConfig",
    "OneHotTaskConfig",
    "PretrainedTaskConfig",
    "TaskConfig",
    "TaskKind",
    "UnknownTaskConfig",
]

TaskKind = Literal["distance", "affinities", "one_hot", "hot_distance", "dummy", "unknown"]


class TaskConfig(Family):
    """Any task config."""

    noun = "task config"
    _kind: ClassVar[TaskKind] = "unknown"

    @property
    def kind(self) -> TaskKind:
        """What the prediction means; inner distances are a ``"distance"``, too."""
        return self._kind

    @property
    def channel_names(self) -> tuple[str, ...]:
        """Names of the channels of the prediction; empty if not known."""
        return ()

    @property
    def gt_channel_names(self) -> tuple[str, ...]:
        """Names of the channels of the gt; empty if it has no channel axis."""
        return ()

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes 0, 1, … of a one-hot task, else empty."""
        return ()


class UnknownTaskConfig(UnknownConfig, TaskConfig):
    """A task config that is not understood."""


class DistanceTaskConfig(TaskConfig):
    """``tanh(signed distance / scale_factor)`` to the boundary, per channel.

    Distances are in nm.
    """

    _kind = "distance"

    channels: tuple[str, ...]
    clip_distance: float
    tol_distance: float
    scale_factor: float = 1
    mask_distances: bool = True
    clipmin: float = 0.05
    clipmax: float = 0.95

    @property
    def channel_names(self) -> tuple[str, ...]:
        """One per class that is learned."""
        return self.channels

    @property
    def gt_channel_names(self) -> tuple[str, ...]:
        """One per class that is learned."""
        return self.channels


class InnerDistanceTaskConfig(TaskConfig):
    """``tanh(distance / scale_factor)`` inside of objects, zero outside."""

    _kind = "distance"

    channels: tuple[str, ...]
    clip_distance: float
    tol_distance: float
    scale_factor: float = 1

    @property
    def channel_names(self) -> tuple[str, ...]:
        """One per class that is learned."""
        return self.channels

    @property
    def gt_channel_names(self) -> tuple[str, ...]:
        """One per class that is learned."""
        return self.channels


class HotDistanceTaskConfig(TaskConfig):
    """For each channel a logit first, then, after all logits, a distance."""

    _kind = "hot_distance"

    channels: tuple[str, ...]
    clip_distance: float
    tol_distance: float
    scale_factor: float = 1
    mask_distances: bool = False
    kernel_size: int | None = None

    @property
    def channel_names(self) -> tuple[str, ...]:
        """All logits, then all distances."""
        return tuple(f"{name} (one-hot)" for name in self.channels) + tuple(
            f"{name} (distance)" for name in self.channels
        )

    @property
    def gt_channel_names(self) -> tuple[str, ...]:
        """One per class that is learned."""
        return self.channels


class AffinitiesTaskConfig(TaskConfig):
    """Whether two voxels, an offset of ``neighborhood`` apart, are one object."""

    _kind = "affinities"

    neighborhood: tuple[tuple[int, ...], ...]
    lsds: bool = False
    num_lsd_voxels: int = 10
    downsample_lsds: int = 1
    lsds_to_affs_weight_ratio: float = 1
    affs_weight_clipmin: float = 0.05
    affs_weight_clipmax: float = 0.95
    lsd_weight_clipmin: float = 0.05
    lsd_weight_clipmax: float = 0.95
    background_as_object: bool = False

    @property
    def channel_names(self) -> tuple[str, ...]:
        """The offsets in voxels, for instance ``"(1, 0, 0)"``."""
        return tuple(map(str, self.neighborhood))


class OneHotTaskConfig(TaskConfig):
    """One logit per class."""

    _kind = "one_hot"

    classes: tuple[str, ...]
    kernel_size: int | None = None

    @property
    def channel_names(self) -> tuple[str, ...]:
        """The classes."""
        return self.classes

    @property
    def class_names(self) -> tuple[str, ...]:
        """The classes."""
        return self.classes


class DummyTaskConfig(TaskConfig):
    """A task of DaCapo's own tests."""

    _kind = "dummy"

    embedding_dims: int
    detection_threshold: float


class PretrainedTaskConfig(TaskConfig):
    """Another task, started from given weights."""

    sub_task_config: Annotated[TaskConfig, PlainValidator(member(TaskConfig))]
    weights: str = ""

    @property
    def kind(self) -> TaskKind:
        """That of the task inside."""
        return self.sub_task_config.kind

    @property
    def channel_names(self) -> tuple[str, ...]:
        """Those of the task inside."""
        return self.sub_task_config.channel_names

    @property
    def gt_channel_names(self) -> tuple[str, ...]:
        """Those of the task inside."""
        return self.sub_task_config.gt_channel_names

    @property
    def class_names(self) -> tuple[str, ...]:
        """Those of the task inside."""
        return self.sub_task_config.class_names
