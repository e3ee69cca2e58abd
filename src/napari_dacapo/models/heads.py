"""What a task puts on top of a network: one convolution, and an activation when predicting."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from napari_dacapo.errors import CheckpointError, UnsupportedError

__all__ = ["Head", "head_of"]

_MOST_CHANNELS = 2**16
_LARGEST_KERNEL = 2**10


@dataclass(frozen=True)
class Head:
    """Form of a prediction head.

    Attributes
    ----------
    n_out : int
        Channels of the prediction.
    kernel : int
        Size of the (unpadded) convolution along each axis.
    activation : {"sigmoid"} or None
        Applied to predictions, never during training.
    """

    n_out: int
    kernel: int = 1
    activation: Literal["sigmoid"] | None = None


def head_of(task: Any) -> Head:
    """Return the form of the head that DaCapo gives a task.

    Parameters
    ----------
    task : task config
        One of :mod:`napari_dacapo.store.configs`.

    Raises
    ------
    UnsupportedError
        If the task is of a type that is not known.
    CheckpointError
        If its config makes no sense.
    """
    if problem := getattr(task, "problem", None):
        raise CheckpointError(f"The config of the task does not describe a head: {problem}.")
    head = _head_of(task)
    if not 1 <= head.n_out <= _MOST_CHANNELS or not 1 <= head.kernel <= _LARGEST_KERNEL:
        raise CheckpointError(
            f"The config of the task does not describe a head: {head.n_out} channels, "
            f"kernel size {head.kernel}."
        )
    return head


def _head_of(task: Any) -> Head:
    match task.type_name:
        case "DistanceTaskConfig" | "InnerDistanceTaskConfig":
            return Head(len(task.channels))
        case "HotDistanceTaskConfig":
            # First half one-hot logits, second half distances.
            return Head(2 * len(task.channels), task.kernel_size or 3)
        case "OneHotTaskConfig":
            return Head(len(task.classes), task.kernel_size or 3)
        case "AffinitiesTaskConfig":
            # Local shape descriptors are never predicted, whatever ``lsds`` says.
            return Head(len(task.neighborhood), activation="sigmoid")
        case "PretrainedTaskConfig":
            return head_of(task.sub_task_config)
        case "DummyTaskConfig":
            return Head(task.embedding_dims, 3)
        case name:
            raise UnsupportedError(
                f"The prediction head of task {name} is not known.",
                todo="Update napari-dacapo, or look at the stored predictions.",
            )
