"""What is shown of a prediction: itself, a segmentation of it, its difference to the stored one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dacapo.errors import NapariDacapoError, PredictionError
from napari_dacapo.volumes import LazyArray, Level, with_pyramid
from napari_dacapo.volumes.in_memory import in_memory
from napari_dacapo.volumes.views import SourceView

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_dacapo.models.source import PredictionSource
    from napari_dacapo.store.configs import TaskConfig
    from napari_dacapo.volumes import Volume

__all__ = [
    "VARIANT", "difference", "is_pointwise", "segmentation", "watershed", "with_finished_levels",
]  # fmt: skip

VARIANT = "live"
"""Variant of the segmentation: it has a place of its own beside that of a validation."""

_LEAST_LIMIT = 1e-3

_AROUND = (
    "The watershed was computed over the predicted blocks on screen: objects that reach "
    "beyond them may come out otherwise over the whole."
)


def is_pointwise(task: TaskConfig) -> bool:
    """Whether a voxel's segment depends on its own prediction only."""
    return task.kind in ("distance", "one_hot", "hot_distance")


def segmentation(prediction: Volume, task: TaskConfig) -> Volume | None:
    """Return the lazy segmentation of a prediction, None if its task has none.

    What is not computed is background there: a gray veil over it is the
    prediction's to show.
    """
    from napari_dacapo.analysis import segment

    try:
        volume = segment(prediction, task)
        levels = [
            replace(level, data=segment(prediction.with_(data=level.data, levels=()), task).data)
            for level in prediction.levels
        ]
    except NapariDacapoError:
        return None
    identity = replace(volume.identity, variant=VARIANT)
    return volume.with_(identity=identity, levels=tuple(levels), notes=())


def watershed(
    prediction: Volume,
    task: TaskConfig,
    roi: tuple[tuple[float, ...], tuple[float, ...]] | None,
) -> Volume | None:
    """Compute the segmentation of finished affinities; slow, and kept in memory.

    Parameters
    ----------
    prediction : Volume
        Finished within `roi`.
    task : TaskConfig
        Says how.
    roi : (offset, size) or None
        Where, in nm; None is everywhere.

    Returns
    -------
    Volume or None
        None if there are too many voxels for one watershed.
    """
    from napari_dacapo.analysis import segment
    from napari_dacapo.analysis.postprocess import MAX_WATERSHED_VOXELS

    sizes = prediction.roi[1] if roi is None else roi[1]
    if np.prod(np.divide(sizes, prediction.voxel_size)) > MAX_WATERSHED_VOXELS:
        return None
    volume = segment(prediction.with_(levels=()), task, roi=roi)
    finished = in_memory(volume)
    return finished.with_(
        identity=replace(volume.identity, variant=VARIANT),
        revision=str(finished.data.name),
        notes=() if roi is None else (_AROUND,),
    )


def difference(prediction: Volume, stored: Volume, largest: float | None) -> Volume:
    """Return prediction minus stored prediction, lazily; NaN where nothing is computed.

    Parameters
    ----------
    prediction, stored : Volume
        On the same voxels.
    largest : float or None
        The largest difference so far: how strong the colours are.

    Raises
    ------
    PredictionError
        If the two do not lie on the same voxels.
    """
    data, other = prediction.data, stored.data
    same = (prediction.shape, prediction.voxel_size) == (stored.shape, stored.voxel_size)
    if not same or not np.allclose(prediction.offset, stored.offset, atol=1e-3):
        raise PredictionError(
            f"The stored prediction has shape {stored.shape} at {stored.offset} nm, that of the "
            f"checkpoint has {prediction.shape} at {prediction.offset} nm: they cannot be compared."
        )
    assert isinstance(data, LazyArray)
    assert isinstance(other, LazyArray)
    # Rounding alone must not look like a difference.
    limit = max(_LEAST_LIMIT, largest or 0.0)
    return prediction.with_(
        data=data.map(subtract, other, dtype=np.float32),
        identity=replace(prediction.identity, role="error", variant="difference"),
        # No longer affinities or classes, whose colours would hide the sign.
        channel_names=tuple(f"Δ {name}" for name in prediction.channel_names),
        class_names={},
        value_range=(-limit, limit),
        levels=(),
        notes=(),
    )


def subtract(a: NDArray[Any], b: NDArray[Any]) -> NDArray[np.float32]:
    """Return ``a - b`` in single precision."""
    return np.asarray(a, np.float32) - np.asarray(b, np.float32)


def with_finished_levels(volume: Volume, source: PredictionSource) -> Volume:
    """Give a large volume of finished blocks coarser levels that cost only what is finished.

    Parameters
    ----------
    volume : Volume
        As :attr:`napari_dacapo.models.LivePrediction.volume` gives it.
    source : PredictionSource
        What stands behind it.
    """
    levels = []
    for level in with_pyramid(volume).levels:
        pairs = zip(level.voxel_size, volume.voxel_size, strict=True)
        factors = tuple(round(a / b) for a, b in pairs)
        name = f"{volume.data.name}-every-{'x'.join(map(str, factors))}"
        data = LazyArray.from_view(SourceView(_EveryNth(source, factors)), name)
        levels.append(Level(data, level.voxel_size, level.offset))
    return volume.with_(levels=tuple(levels))


@dataclass(frozen=True, eq=False)
class _EveryNth:
    """Every n-th voxel of the blocks that are in memory, NaN elsewhere; never computes."""

    source: PredictionSource
    factors: tuple[int, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        spatial = zip(self.source.tiling.shape, self.factors, strict=True)
        return (self.source.n_channels, *(-(-n // f) for n, f in spatial))

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.source.dtype

    @property
    def chunks(self) -> tuple[int, ...]:
        spatial = zip(self.source.tiling.stride, self.factors, strict=True)
        return (self.source.n_channels, *(max(1, n // f) for n, f in spatial))

    def read(self, index: tuple[int | slice, ...]) -> NDArray[np.float32]:
        from napari_dacapo.models.tiling import Span

        ranges = [
            range(entry, entry + 1) if isinstance(entry, int) else range(*entry.indices(n))
            for entry, n in zip(index, self.shape, strict=True)
        ]
        channels, *spatial = ranges
        elements = np.full([len(r) for r in ranges], np.nan, np.float32)
        fine = [
            range(r.start * f, r.stop * f, r.step * f)
            for r, f in zip(spatial, self.factors, strict=True)
        ]
        box = Span(tuple(r.start for r in fine), tuple(max(0, r.stop - r.start) for r in fine))
        tiling = self.source.tiling
        for place in self.source.finished(box):
            tile = self.source.peek(place)
            if tile is None:
                continue
            span = tiling.output(place)
            pairs = [_common(r, b, e) for r, b, e in zip(fine, span.begin, span.end, strict=True)]
            into = tuple(target for target, _ in pairs)
            part = tuple(source for _, source in pairs)
            elements[(slice(None), *into)] = tile[
                (slice(channels.start, channels.stop, channels.step), *part)
            ]
        return elements[tuple(0 if isinstance(entry, int) else slice(None) for entry in index)]


def _common(wanted: range, begin: int, end: int) -> tuple[slice, slice]:
    """Return which of the wanted voxels lie in a tile, and where in the tile they are."""
    first = max(0, -((wanted.start - begin) // wanted.step))
    last = min(len(wanted), max(first, -((wanted.start - end) // wanted.step)))
    if first >= last:
        return slice(0, 0), slice(0, 0)
    chosen = wanted[first:last]
    return slice(first, last), slice(chosen[0] - begin, chosen[-1] - begin + 1, wanted.step)
