"""A checkpoint and a raw volume into a prediction that computes where one looks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Protocol

from napari_dacapo.errors import PredictionError
from napari_dacapo.models.checkpoints import load_checkpoint
from napari_dacapo.models.layout import roi_notes, seam_notes, tiling_for
from napari_dacapo.models.network import NetworkSpec, choose_device, empty_model
from napari_dacapo.models.raw_blocks import RawBlocks
from napari_dacapo.models.raw_input import at_voxel_size, check_axes, intensities_for
from napari_dacapo.models.source import PredictionSource
from napari_dacapo.volumes import Identity, Volume
from napari_dacapo.volumes.object_source import is_held

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from napari_dacapo.models.build import Model
    from napari_dacapo.models.checkpoints import Weights
    from napari_dacapo.models.layout import Roi
    from napari_dacapo.models.tiling import Tiling
    from napari_dacapo.store.configs import RunConfig

__all__ = ["PredictableRun", "predict", "source_of"]

_VALUE_RANGES = {"distance": (-1.0, 1.0), "affinities": (0.0, 1.0)}


class PredictableRun(Protocol):
    """What :func:`predict` needs of a run."""

    @property
    def name(self) -> str:
        """Name of the run."""

    @property
    def config(self) -> RunConfig:
        """All that the run was told."""

    @property
    def input_voxel_size(self) -> tuple[float, ...] | None:
        """Voxel size in nm that the network was trained at, None if not known."""

    def checkpoint_path(self, iteration: int) -> Path:
        """Return the file of a checkpoint; CheckpointError if there is none."""


def predict(
    run: PredictableRun,
    iteration: int,
    raw: Volume,
    *,
    roi: Roi | None = None,
    device: str = "auto",
    half: bool = False,
    overlap: int | Literal["auto"] = 0,
    cache: Literal["memory", "disk"] = "memory",
    intensities: tuple[float, float] | Literal["auto"] | None = "auto",
    input_shape: Sequence[int] | None = None,
    remote: bool = False,
) -> Volume:
    """Return the prediction of a checkpoint on a raw volume, computed where it is looked at.

    The checkpoint is loaded now, so that what is wrong with it is said now;
    raw is read and the network is run when elements of the result are.

    Parameters
    ----------
    run : Run
        The run.
    iteration : int
        Which of its checkpoints.
    raw : Volume
        What to run it on; the axis ``c^`` may be left out for one channel. If
        its voxel size is not the one that the network was trained at, it is
        resampled, also lazily.
    roi : (offset, size), optional
        What to predict, in nm; grown to whole voxels of raw, and cut where it
        is further than a block from raw. Tiles begin at its begin. Default:
        raw as far as there is context around it. Where context lies outside
        of raw, the network sees zeros.
    device : {"auto", "cpu", "cuda", "cuda:N", "mps"}
        Where to run.
    half : bool
        Run in half precision; on GPUs only.
    overlap : int or "auto"
        Voxels by which tiles reach into each other on each side, to be cut
        off again. Networks that pad with zeros (``padding="same"``) see those
        zeros at the border of each tile, which shows as seams; "auto" is as
        much as removes them. What networks with attention give depends on the
        whole tile, so theirs are blended over the overlap, which leaves no
        steps, but does not give what one large tile would. DaCapo has no
        overlap. Other networks do not need it, but for some that raise the
        resolution, whose tiles it puts whole steps of pooling apart.
    cache : {"memory", "disk"}
        Whether finished blocks are kept on disk as well, in the user's cache
        folder; not those of arrays in memory, which have no name by which
        another process could find them.
    intensities : (float, float), "auto" or None
        The values of raw that the network is to see as 0 and as 1. "auto"
        takes raw of the run's own datasets as it is, scales other raw as
        training did if it is integers, and takes floats as they are, which is
        said if training scaled; None takes all as they are.
    input_shape : sequence of int, optional
        Voxels that the network takes at once, if not those of DaCapo's
        validations. Larger blocks are faster, and need more memory.
    remote : bool
        Whether the network will run on other machines, as with a scheduler of
        :func:`predict_to_zarr`: then only they are asked for the device.

    Returns
    -------
    Volume
        float32 with the axis ``c^`` first and role "live". Its notes say what
        is to be known of it: seams, NaN weights, resampling, scaling.

    Raises
    ------
    CheckpointError
        If the checkpoint is missing, broken, unsafe or does not fit the run.
    UnsupportedError
        If the run's network cannot be built here.
    PredictionError
        If raw, ROI or device do not suit the network. Reading elements raises
        it, too, when memory is not enough for even a small block.
    """
    config = run.config
    weights = load_checkpoint(run.checkpoint_path(iteration))
    model = empty_model(config.architecture_config, config.task_config, weights)
    # Only the workers of a cluster know which device "auto" is there.
    chosen = device if remote else choose_device(device)
    check_axes(run.name, model, raw)
    notes = _weight_notes(weights)
    # By what raw is on disk: resampling makes floats of integers.
    ranges, scaled = intensities_for(config, raw, intensities)
    disk = cache == "disk"
    if disk and is_held(raw.data):
        disk = False
        notes.append(
            "Blocks were not kept on disk: raw is an array in memory, of which they would never "
            "be found again."
        )
    raw, resampled = at_voxel_size(raw, run.input_voxel_size)
    notes += [*resampled, *scaled]

    tiling = tiling_for(model, raw, roi, overlap, input_shape)
    notes += [*roi_notes(raw, roi, tiling), *seam_notes(model, raw, tiling)]
    if half and chosen == "cpu":
        notes.append("Half precision is for GPUs; this ran in single precision.")

    spec = NetworkSpec(
        weights.path, weights.sha256, config.architecture_config, config.task_config, device, half
    )
    blocks = RawBlocks(raw.data, raw.channel_axis is not None, ranges)
    name = _name(spec, raw, blocks, tiling)
    source = PredictionSource(spec, blocks, tiling, model.num_out_channels, name, disk)
    return _volume(run, iteration, raw, model, source, notes)


def source_of(volume: Volume) -> PredictionSource:
    """Return what stands behind a volume that :func:`predict` made.

    Raises
    ------
    PredictionError
        If it was not made by :func:`predict`, or is only a part of one that was.
    """
    view = getattr(volume.data, "lazy_view", None)
    source = getattr(view, "source", None)
    if not isinstance(source, PredictionSource) or source.shape != volume.shape:
        raise PredictionError(f"{volume.identity.label} is not a whole live prediction.")
    return source


def _weight_notes(weights: Weights) -> list[str]:
    bad = weights.nonfinite
    if not bad:
        return []
    return [
        f"{len(bad)} tensors of the checkpoint have NaN or infinite weights (first: {bad[0]}): "
        "training diverged, and the prediction is NaN where they act."
    ]


def _name(spec: NetworkSpec, raw: Volume, blocks: RawBlocks, tiling: Tiling) -> str:
    from dask.base import tokenize

    token = tokenize(
        spec.sha256,
        spec.half,
        spec.architecture.to_dict(),
        spec.task.to_dict(),
        raw.key,
        raw.revision,
        raw.data.name,
        blocks.intensities,
        repr(tiling),
    )
    return f"live-{token}"


def _volume(
    run: PredictableRun,
    iteration: int,
    raw: Volume,
    model: Model,
    source: PredictionSource,
    notes: list[str],
) -> Volume:
    from napari_dacapo.volumes import LazyArray
    from napari_dacapo.volumes.views import SourceView

    task = run.config.task_config
    store = getattr(getattr(run, "store", None), "label", raw.identity.store)
    roi = source.tiling.roi
    offset = tuple(o + b * v for o, b, v in zip(raw.offset, roi.begin, raw.voxel_size, strict=True))
    names = task.channel_names
    chunks = ((source.n_channels,), *source.tiling.chunks)
    return Volume(
        data=LazyArray.from_view(SourceView(source), source.name, chunks),
        axis_names=("c^", *raw.spatial_axes),
        voxel_size=model.scale(raw.voxel_size),
        offset=offset,
        identity=Identity(run.name, raw.identity.dataset, "live", iteration, store=store),
        revision=source.name,
        channel_names=names if len(names) == source.n_channels else (),
        class_names=dict(enumerate(getattr(task, "class_names", ()))),
        value_range=_VALUE_RANGES.get(task.kind),
        notes=tuple(dict.fromkeys((*raw.notes, *notes))),
    )


def explain(volume: Volume) -> dict[str, Any]:
    """Return what a live prediction came from, as plain values for attributes and panels."""
    source = source_of(volume)
    return {
        "run": volume.identity.run,
        "dataset": volume.identity.dataset,
        "iteration": volume.identity.iteration,
        "checkpoint": str(source.network.path),
        "checkpoint_sha256": source.network.sha256,
        "architecture": source.network.architecture.to_dict(),
        "task": source.network.task.to_dict(),
        "input_shape": list(source.tiling.input_shape),
        "output_shape": list(source.tiling.stride),
        "overlap": list(source.tiling.trim),
        "blend": list(source.tiling.blend),
        "intensities": [list(ends) for ends in source.raw.intensities],
        "half": source.network.half,
        "channel_names": list(volume.channel_names),
        "class_names": {str(value): name for value, name in volume.class_names.items()},
        "value_range": None if volume.value_range is None else list(volume.value_range),
        "notes": list(volume.notes),
    }
