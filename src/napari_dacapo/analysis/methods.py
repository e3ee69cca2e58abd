"""The post-processing methods themselves, on numpy arrays, as DaCapo does them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np

from napari_dacapo.errors import AnalysisError, ArrayFormatError, UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "Method",
    "SegmentableTask",
    "argmax",
    "argmax_of",
    "is_watershed",
    "method_for",
    "method_kind",
    "method_values",
    "threshold",
    "watershed",
]

DEFAULT_BIAS = 0.5
MethodKind = Literal["threshold", "argmax", "watershed"]
_METHODS: dict[str, MethodKind] = {
    "distance": "threshold",
    "hot_distance": "threshold",
    "one_hot": "argmax",
    "affinities": "watershed",
}


class SegmentableTask(Protocol):
    """What post-processing needs to know of a task's config."""

    @property
    def kind(self) -> str:
        """Which family of tasks it is."""

    @property
    def name(self) -> str:
        """Name of the task."""


@dataclass(frozen=True, slots=True)
class Method:
    """A way to turn a prediction into a segmentation, with all its parameters.

    Attributes
    ----------
    kind : {"threshold", "argmax", "watershed"}
        Which method.
    label : str
        Name of the parameters.
    threshold : float
        Elements above it are foreground.
    bias : float
        What is taken from the affinities before the watershed.
    offsets : tuple of tuple of int
        Neighborhood of the affinities in voxels.
    first_channel : int
        Channels before it are left out (the one-hot half of a hot-distance
        prediction).
    """

    kind: MethodKind
    label: str
    threshold: float = 0.0
    bias: float = DEFAULT_BIAS
    offsets: tuple[tuple[int, ...], ...] = ()
    first_channel: int = 0


def threshold(prediction: np.ndarray[Any, Any], value: float) -> np.ndarray[Any, Any]:
    """Return where a prediction is above a value.

    Parameters
    ----------
    prediction : numpy.ndarray
        Any shape.
    value : float
        In the units of the prediction.

    Returns
    -------
    numpy.ndarray
        uint8, 1 where ``prediction > value``; same shape.
    """
    above: np.ndarray[Any, Any] = prediction > value
    return above.astype(np.uint8)


def argmax(prediction: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return the channel with the highest value at each voxel.

    Parameters
    ----------
    prediction : numpy.ndarray
        Channels first.

    Returns
    -------
    numpy.ndarray
        uint8, without the channel axis; the first of equal channels wins.
    """
    highest: np.ndarray[Any, Any] = np.argmax(prediction, axis=0)
    return highest.astype(np.uint8)


def argmax_of(*channels: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return :func:`argmax` of channels that are separate arrays."""
    return argmax(np.stack(channels))


def watershed(
    affinities: np.ndarray[Any, Any], offsets: Sequence[Sequence[int]], bias: float
) -> np.ndarray[Any, Any]:
    """Return the mutex watershed of affinities.

    Parameters
    ----------
    affinities : numpy.ndarray
        Channels first, one channel per offset, 0 (apart) to 1 (together).
    offsets : sequence of sequence of int
        To which neighbour each channel refers, in voxels.
    bias : float
        Affinities above it join, those below it separate.

    Returns
    -------
    numpy.ndarray
        uint64, without the channel axis; ids are not consecutive, 0 is
        background.

    Raises
    ------
    AnalysisError
        If an affinity is NaN, or mwatershed cannot do it.
    """
    import mwatershed

    shape = affinities.shape[1:]
    # Offsets that lead from every voxel out of the array join and separate nothing.
    inside = [
        i
        for i, offset in enumerate(offsets)
        if all(abs(step) < n for step, n in zip(offset, shape, strict=True))
    ]
    if not inside:
        return np.zeros(shape, np.uint64)
    edges = affinities[inside].astype(np.float64) - bias
    if np.isnan(edges).any():
        raise AnalysisError(
            "The watershed cannot be computed: some affinities are NaN.",
            todo="The training diverged, or not all is predicted: choose another iteration.",
        )
    try:
        segments: np.ndarray[Any, Any] = mwatershed.agglom(
            edges,
            offsets=[tuple(int(n) for n in offsets[i]) for i in inside],
            randomized_strides=True,
        )
    except BaseException as error:
        # What mwatershed did not expect comes as a panic, which is no Exception.
        if isinstance(error, Exception) or type(error).__name__ != "PanicException":
            raise
        raise AnalysisError(f"The watershed failed: {error}.") from None
    return segments


def method_kind(task_config: SegmentableTask) -> MethodKind | None:
    """Return which method belongs to a task, None if there is none."""
    return _METHODS.get(getattr(task_config, "sub_task_config", task_config).kind)


def is_watershed(task_config: SegmentableTask) -> bool:
    """Whether the segmentation of a voxel depends on all others, and takes long."""
    return method_kind(task_config) == "watershed"


def method_for(
    task_config: SegmentableTask,
    parameters: str | None = None,
    *,
    n_channels: int,
    dtype: np.dtype[Any],
) -> Method:
    """Choose the post-processing that belongs to a task.

    Parameters
    ----------
    task_config : task config
        Of any kind.
    parameters : str, optional
        Name of stored parameters, e.g. ``"threshold_0.2"``. The default is
        the natural choice: threshold 0 (127 for the uint8 predictions of
        DaCapo 0.3.0, where 127 stands for 0), bias 0.5.
    n_channels : int
        Number of channels of the prediction.
    dtype : numpy.dtype
        Of the prediction.

    Returns
    -------
    Method
        The method and all its parameters.

    Raises
    ------
    UnsupportedError
        If there is no post-processing for the task or the parameters belong
        to another task.
    ArrayFormatError
        If the prediction does not have the channels that the task needs.
    """
    task_config = getattr(task_config, "sub_task_config", task_config)
    kind = task_config.kind
    if kind in ("distance", "hot_distance"):
        return _threshold_method(kind, parameters, n_channels, dtype)
    if kind == "one_hot":
        method_values(parameters, "argmax")
        return Method(kind="argmax", label=parameters or "argmax")
    if kind == "affinities":
        neighborhood = getattr(task_config, "neighborhood", ())
        offsets = tuple(tuple(int(n) for n in offset) for offset in neighborhood)
        if len(offsets) != n_channels:
            raise ArrayFormatError(
                f"The task {task_config.name!r} has {len(offsets)} offsets, but the prediction "
                f"has {n_channels} channels: they do not belong together."
            )
        bias = float(method_values(parameters, "watershed").get("bias", DEFAULT_BIAS))
        return Method("watershed", parameters or f"bias_{bias}", bias=bias, offsets=offsets)
    raise UnsupportedError(
        f"There is no post-processing for the task {task_config.name!r} (kind {kind})."
    )


def _threshold_method(
    kind: str, parameters: str | None, n_channels: int, dtype: np.dtype[Any]
) -> Method:
    natural = 127.0 if dtype == np.uint8 else 0.0
    value = float(method_values(parameters, "threshold").get("threshold", natural))
    # The second half holds the distances; the first half are logits of another meaning.
    first = n_channels // 2 if kind == "hot_distance" else 0
    label = parameters or f"threshold_{value}"
    return Method("threshold", label, threshold=value, first_channel=first)


def method_values(parameters: str | None, expected: str) -> dict[str, Any]:
    """Return the values in a name of parameters.

    Raises
    ------
    UnsupportedError
        If they are not those of the expected method.
    """
    if parameters is None:
        return {}
    from napari_dacapo.store.parameters import parse_parameters

    if expected == "watershed" and parameters.startswith("bias_"):
        try:
            return {"bias": float(parameters.removeprefix("bias_"))}
        except ValueError:
            raise UnsupportedError(f"{parameters!r} does not name a bias.") from None
    parsed = parse_parameters(parameters)
    if parsed.kind != expected and not (expected == "argmax" and parameters == "argmax"):
        raise UnsupportedError(
            f"The parameters {parameters!r} are not those of a {expected}.",
            todo="Choose parameters that belong to the run's task.",
        )
    return dict(parsed.values)
