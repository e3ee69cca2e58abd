"""Whether and how a raw volume can go into a network."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

from napari_dacapo.errors import PredictionError
from napari_dacapo.models.raw_blocks import DaskSource
from napari_dacapo.models.scaling import AS_IT_IS, training_intensities

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_dacapo.models.build import Model
    from napari_dacapo.models.scaling import Range, TrainingIntensities
    from napari_dacapo.store.configs import RunConfig
    from napari_dacapo.volumes import Volume

__all__ = ["at_voxel_size", "check_axes", "in_nm", "intensities_for"]

_TOLERANCE = 1e-3


def check_axes(run_name: str, model: Model, raw: Volume) -> None:
    """Compare axes, channels and dtype with what the network takes.

    Raises
    ------
    PredictionError
        If raw does not suit the network.
    """
    what = raw.identity.label or "The raw volume"
    dims = len(model.input_shape)
    if len(raw.spatial_axes) != dims:
        raise PredictionError(
            f"{what} has {len(raw.spatial_axes)} spatial axes, but the network of run {run_name} "
            f"takes {dims}."
        )
    extra = [name for name in raw.axis_names if name.endswith("^") and name != "c^"]
    if extra:
        raise PredictionError(f"{what} has the axes {', '.join(extra)}; choose one index of each.")
    n_channels = raw.shape[0] if raw.channel_axis is not None else 1
    if n_channels != model.num_in_channels:
        raise PredictionError(
            f"{what} has {n_channels} channel{'s' * (n_channels != 1)}, but the network of run "
            f"{run_name} takes {model.num_in_channels}.",
            todo="Choose channels, or another volume.",
        )
    if raw.dtype.kind not in "buif":
        raise PredictionError(f"{what} has elements of type {raw.dtype}, which are no intensities.")


def at_voxel_size(raw: Volume, wanted: tuple[float, ...] | None) -> tuple[Volume, list[str]]:
    """Return raw at the voxel size that a network was trained at, and what is to be said of it."""
    if wanted is None or len(wanted) != len(raw.voxel_size):
        return raw, ["The voxel size of the training is not known; raw was used as it is."]
    pairs = zip(raw.voxel_size, wanted, strict=True)
    if all(math.isclose(a, b, rel_tol=_TOLERANCE) for a, b in pairs):
        return raw, []
    from napari_dacapo.volumes import LazyArray, resample

    if not isinstance(raw.data, LazyArray):
        raw = raw.with_(data=LazyArray.from_source(DaskSource(raw.data), f"read-{raw.data.name}"))
    note = (
        f"Raw of {in_nm(raw.voxel_size)} was resampled to {in_nm(wanted)}, the voxel size that the "
        "network was trained at."
    )
    return resample(raw, wanted), [note]


def intensities_for(
    config: RunConfig, raw: Volume, asked: Range | Literal["auto"] | None
) -> tuple[tuple[Range, ...], list[str]]:
    """Decide which values of raw the network is to see as 0 and 1.

    Parameters
    ----------
    config : RunConfig
        Says what training did.
    raw : Volume
        As it is, before it is resampled: values between integers are floats.
    asked : (float, float), "auto" or None
        What the user asked for.

    Returns
    -------
    ranges : tuple of (float, float)
        One for each channel or one for all; empty: as they are.
    notes : list of str
        What is to be said of it.
    """
    if asked != "auto":
        if asked is not None and asked[0] == asked[1]:
            raise PredictionError(f"intensities {asked} are the same for 0 and for 1.")
        return (() if asked is None else (asked,)), []
    if raw.identity.run == config.name and config.name:
        return (), []  # of the run's own datasets: exactly what training or validation sees
    found = training_intensities(config.datasplit_config, raw.dtype.name)
    if found is None:
        return (), []
    n_channels = raw.shape[0] if raw.channel_axis is not None else 1
    ranges = found.of_channels(n_channels)
    if ranges is not None and raw.dtype.kind in "ui":
        return ranges, [_scaled_note(ranges)]
    if raw.value_range is not None and 0 <= raw.value_range[0] <= raw.value_range[1] <= 1:
        return (), []
    return (), [_unscaled_note(raw, found)]


def _scaled_note(ranges: tuple[Range, ...]) -> str:
    if len(ranges) == 1:
        low, high = ranges[0]
        return f"Raw was scaled as in training: {low:g} is seen as 0 and {high:g} as 1."
    channels = (
        f"channel {i} as it is" if r == AS_IT_IS else f"channel {i} from {r[0]:g} to {r[1]:g}"
        for i, r in enumerate(ranges)
    )
    return f"Raw was scaled to 0..1 as in training: {', '.join(channels)}."


def _unscaled_note(raw: Volume, found: TrainingIntensities) -> str:
    texts = dict.fromkeys(f"{low:g} to {high:g}" for low, high in found.ranges)
    training = f"scaled {' and '.join(texts)} to 0..1" if texts else "scaled it to 0..1"
    return (
        f"Raw of {raw.dtype} was taken as it is, but training {training}. If raw was not scaled "
        "like that, scale it first, or give intensities."
    )


def in_nm(lengths: Sequence[float]) -> str:
    """Write lengths for people."""
    return " × ".join(f"{length:g}" for length in lengths) + " nm"
