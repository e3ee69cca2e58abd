"""The raw volume of a request: opened, checked, its channels chosen. Off the main thread."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from napari_dacapo.errors import ArrayNotFoundError, NapariDacapoError, PredictionError
from napari_dacapo.volumes import Identity

if TYPE_CHECKING:
    from napari_dacapo.runs import Run
    from napari_dacapo.runs.datasets import Dataset
    from napari_dacapo.viewers.live_prediction.request import RawSource
    from napari_dacapo.volumes import Volume

__all__ = ["RawFacts", "choose_channels", "look_into", "open_raw"]


@dataclass(frozen=True, slots=True)
class RawFacts:
    """What there is to know of a raw source before a prediction.

    Attributes
    ----------
    problem : str
        Why it cannot be used; empty if it can.
    voxel_size : tuple of float
        In nm, as it says or as is assumed.
    sized : bool
        Whether it says so itself.
    n_channels : int
        How many it has; 1 if it has no axis of channels.
    wanted_channels : int or None
        How many the network takes, None if not known.
    no_comparison : str
        Why there is no stored prediction to compare with; empty if there is.
    """

    problem: str = ""
    voxel_size: tuple[float, ...] = ()
    sized: bool = True
    n_channels: int = 1
    wanted_channels: int | None = None
    no_comparison: str = ""


def look_into(run: Run, iteration: int, source: RawSource) -> RawFacts:
    """Read the metadata of a source; problems are told, not raised."""
    compare = why_no_comparison(run, iteration, source)
    try:
        volume, sized = _open(run, source)
    except (NapariDacapoError, OSError, ValueError) as error:
        return RawFacts(str(error), no_comparison=compare)
    axis = volume.channel_axis
    assumed = volume.voxel_size if sized else _assumed(run, volume)
    return RawFacts(
        voxel_size=assumed,
        sized=sized,
        n_channels=1 if axis is None else volume.shape[axis],
        wanted_channels=getattr(run.architecture, "fmaps_in", None),
        no_comparison=compare,
    )


def why_no_comparison(run: Run, iteration: int, source: RawSource) -> str:
    """Return why there is no stored prediction of a source; empty if there is one."""
    if source.kind != "validation":
        return "Predictions are stored of validation datasets only"
    if not run.validations.has_prediction(iteration, source.name):
        return f"No prediction of {source.name} is stored at iteration {iteration}"
    return ""


def open_raw(run: Run, source: RawSource, voxel_size: tuple[float, ...] | None) -> Volume:
    """Open the raw volume of a source.

    Parameters
    ----------
    run : Run
        Whose datasets, and whose voxel size where a source has none.
    source : RawSource
        Which one.
    voxel_size : tuple of float or None
        In nm; wins over what the source says. One number counts for each axis.

    Raises
    ------
    NapariDacapoError
        If it cannot be had; the message says what to do.
    """
    volume, sized = _open(run, source)
    if voxel_size is None and sized:
        return volume
    n_axes = len(volume.voxel_size)
    wanted = voxel_size or _assumed(run, volume)
    wanted = wanted * n_axes if len(wanted) == 1 else wanted
    if len(wanted) != n_axes:
        raise PredictionError(
            f"The voxel size {wanted} has {len(wanted)} values, but {source.name} has {n_axes} "
            "spatial axes."
        )
    if voxel_size is None:
        volume = volume.with_notes(
            "Raw does not say how large its voxels are; "
            f"{' × '.join(f'{v:g}' for v in wanted)} nm was taken, as in training."
        )
    offset = volume.offset
    if source.kind == "layer" and not sized:
        # Counted in voxels, as all of a layer is that does not say how large they are.
        parts = zip(offset, volume.voxel_size, wanted, strict=True)
        offset = tuple(o / v * w for o, v, w in parts)
    return volume.with_(voxel_size=wanted, offset=offset, levels=())


def choose_channels(volume: Volume, channels: tuple[int, ...] | None) -> Volume:
    """Return some channels of a volume, lazily.

    Raises
    ------
    PredictionError
        If there are none of these numbers.
    """
    axis = volume.channel_axis
    if channels is None:
        return volume
    n_channels = 1 if axis is None else volume.shape[axis]
    if not channels or max(channels) >= n_channels:
        raise PredictionError(
            f"{volume.identity.label} has the channels 0 to {n_channels - 1}, not {channels}."
        )
    if axis is None:
        return volume
    first, last = channels[0], channels[-1]
    in_a_row = channels == tuple(range(first, last + 1))
    chosen = slice(first, last + 1) if in_a_row else list(channels)
    names = volume.channel_names
    return volume.with_(
        data=volume.data[(slice(None),) * axis + (chosen,)],
        channel_names=tuple(names[i] for i in channels) if names else (),
        levels=(),
        source=None,
    )


def dataset_of(run: Run, source: RawSource) -> Dataset:
    """Return the dataset that a source names.

    Raises
    ------
    ArrayNotFoundError
        If the run has none of that name.
    """
    split = run.datasplit
    for dataset in split.train if source.kind == "training" else split.validate:
        if dataset.name == source.name:
            return dataset
    raise ArrayNotFoundError(f"Run {run.name} has no {source.kind} dataset {source.name!r}.")


def _open(run: Run, source: RawSource) -> tuple[Volume, bool]:
    """Return the volume, and whether it says how large its voxels are."""
    if source.volume is not None:
        return source.volume, source.sized
    if source.kind == "path":
        return _open_path(source.name)
    return dataset_of(run, source).raw, True


def _open_path(text: str) -> tuple[Volume, bool]:
    from napari_dacapo.volumes import open_volume

    if not text.strip():
        raise ArrayNotFoundError("No path is given.", todo="Choose the folder of a zarr array.")
    path = Path(text.strip()).expanduser()
    # Names of arrays are short and many of a kind ("raw", "s0"); the container tells them apart.
    name = "/".join(path.parts[-2:])
    volume = open_volume(path, identity=Identity("", name, "raw"), kind="image")
    # Nothing that is looked at with these networks has voxels of 1 nm: it is the default.
    return volume, any(v != 1 for v in volume.voxel_size)


def _assumed(run: Run, volume: Volume) -> tuple[float, ...]:
    trained = run.input_voxel_size
    fits = trained is not None and len(trained) == len(volume.voxel_size)
    return trained if fits and trained is not None else volume.voxel_size
