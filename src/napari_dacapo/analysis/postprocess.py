"""From a prediction to a segmentation, lazily.

DaCapo thresholds float predictions at 127, so the masks that it stores of
distance runs are empty. What the network predicted is good: here it is
post-processed anew, with the very same operations, at any parameters.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass, replace
from functools import partial
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
from dask.base import tokenize

from napari_dacapo.analysis import methods
from napari_dacapo.analysis.blocks import BlockwiseSource, Region
from napari_dacapo.analysis.watershed_process import watershed
from napari_dacapo.errors import ArrayFormatError
from napari_dacapo.volumes import LazyArray
from napari_dacapo.volumes.views import SourceView

if TYPE_CHECKING:
    import dask.array as da

    from napari_dacapo.analysis.methods import Method, SegmentableTask
    from napari_dacapo.volumes import Volume
    from napari_dacapo.volumes.views import View

__all__ = ["MAX_WATERSHED_VOXELS", "segment"]

MAX_WATERSHED_VOXELS = 256**3
_WATERSHED_BLOCK = 256

BLOCKWISE_NOTE = (
    "The watershed was computed in separate blocks: objects are cut at the blocks' borders."
)


def segment(
    prediction: Volume,
    task_config: SegmentableTask,
    parameters: str | None = None,
    *,
    roi: tuple[tuple[float, ...], tuple[float, ...]] | None = None,
) -> Volume:
    """Post-process a prediction as DaCapo does, lazily.

    Parameters
    ----------
    prediction : Volume
        Channels first.
    task_config : task config
        Decides on the method: threshold per channel, argmax over classes, or
        mutex watershed of affinities.
    parameters : str, optional
        Name of stored parameters whose values are used, or ``threshold_<value>``
        or ``bias_<value>``; default threshold 0, bias 0.5.
    roi : tuple of tuple of float, optional
        World offset and size in nanometres, to which the prediction is cut
        first. A watershed depends on its surroundings: only over the whole
        prediction does it equal what DaCapo stores.

    Returns
    -------
    Volume
        Role "segmentation", variant "computed"; uint8 with the channel axis
        (threshold), uint8 without it (argmax) or uint64 without it
        (watershed). Blocks are computed when they are looked at and kept in
        a bounded memo, see :func:`set_memo_size`.

    Raises
    ------
    UnsupportedError
        If the task has no post-processing or the parameters are another's.
    ArrayFormatError
        If the prediction's channels are not those of the task, or it has other
        axes that are not spatial.
    """
    if roi is not None:
        from napari_dacapo.volumes import crop

        prediction = crop(prediction, roi)
    channel_axis = prediction.channel_axis
    others = [name for name in prediction.axis_names if name.endswith("^") and name != "c^"]
    if others:
        raise ArrayFormatError(
            f"A prediction has no axes but channels and space; this one has {', '.join(others)}."
        )
    data = _lazy(prediction.data if channel_axis is not None else prediction.data[None])
    method = methods.method_for(
        task_config, parameters, n_channels=data.shape[0], dtype=prediction.dtype
    )
    if any(len(offset) != data.ndim - 1 for offset in method.offsets):
        raise ArrayFormatError(
            f"The offsets of the task {task_config.name!r} do not have the {data.ndim - 1} spatial "
            "axes of the prediction: they do not belong together."
        )
    thresholded, notes = method.kind == "threshold", []
    if thresholded:
        result = _threshold(data, method)
    elif method.kind == "argmax":
        result = _argmax(data, method)
    else:
        whole = prod(data.shape[1:]) <= MAX_WATERSHED_VOXELS
        result = _watershed(data, method, whole=whole)
        if not whole:
            notes.append(BLOCKWISE_NOTE)
    keeps_channels = thresholded and channel_axis is not None
    identity = replace(
        prediction.identity, role="segmentation", parameters=method.label, variant="computed"
    )
    return prediction.with_(
        data=result if keeps_channels or not thresholded else result[0],
        axis_names=prediction.axis_names if keeps_channels else prediction.spatial_axes,
        identity=identity,
        kind="labels",
        channel_names=prediction.channel_names[method.first_channel :] if keeps_channels else (),
        class_names=_class_names(task_config, method),
        value_range=None,
        levels=(),
        source=None,
    ).with_notes(*notes)


def _threshold(data: LazyArray, method: Method) -> LazyArray:
    above = partial(methods.threshold, value=method.threshold)
    kept = _part(data, (slice(method.first_channel, None),))
    return kept.map(above, dtype=np.uint8, name=_name(data, method))


def _argmax(data: LazyArray, method: Method) -> LazyArray:
    channels = [_part(data, (i,)) for i in range(data.shape[0])]
    return channels[0].map(
        methods.argmax_of, *channels[1:], dtype=np.uint8, name=_name(data, method)
    )


def _watershed(data: LazyArray, method: Method, *, whole: bool) -> LazyArray:
    shape = tuple(int(n) for n in data.shape[1:])
    side = _WATERSHED_BLOCK if len(shape) > 2 else _WATERSHED_BLOCK**2 // 16
    block = tuple(max(1, n if whole else min(n, side)) for n in shape)
    name = _name(data, method)
    counts = tuple(-(-n // size) for n, size in zip(shape, block, strict=True))
    compute = _WatershedBlock(data.lazy_view, method.offsets, method.bias, counts)
    source = BlockwiseSource(compute, shape, np.dtype(np.uint64), block, name)
    return LazyArray.from_view(SourceView(source), name)


@dataclass(frozen=True, eq=False)
class _WatershedBlock:
    """Computes the watershed of one block of affinities."""

    affinities: View
    offsets: tuple[tuple[int, ...], ...]
    bias: float
    n_blocks: tuple[int, ...]

    def __call__(self, region: Region, block: tuple[int, ...]) -> np.ndarray[Any, Any]:
        affinities = self.affinities[(slice(None), *region)].read()
        segments = watershed(affinities, self.offsets, self.bias)
        number = int(np.ravel_multi_index(block, self.n_blocks))
        if number:
            # Ids of a block are at most its number of voxels: this keeps blocks apart.
            segments[segments > 0] += np.uint64(number * (MAX_WATERSHED_VOXELS + 1))
        return segments


@dataclass(frozen=True, eq=False)
class _DaskSource:
    """Any dask array as a source of elements."""

    array: da.Array

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(int(n) for n in self.array.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        dtype: np.dtype[Any] = self.array.dtype
        return dtype

    @property
    def chunks(self) -> tuple[int, ...]:
        return tuple(max(1, *sizes) for sizes in self.array.chunks)

    def read(self, index: tuple[int | slice, ...]) -> np.ndarray[Any, Any]:
        # Called from within a task: another pool of threads would be in the way.
        return np.asarray(self.array[index].compute(scheduler="synchronous"))


def _lazy(data: da.Array) -> LazyArray:
    return (
        data
        if isinstance(data, LazyArray)
        else LazyArray.from_source(_DaskSource(data), f"lazy-{data.name}")
    )


def _part(data: LazyArray, index: tuple[int | slice, ...]) -> LazyArray:
    part = data[index]
    assert isinstance(part, LazyArray)  # basic indexing always is
    return part


def _name(data: da.Array, method: Method) -> str:
    return f"segment-{tokenize(data.name, *astuple(method))}"


def _class_names(task_config: SegmentableTask, method: Method) -> dict[int, str]:
    if method.kind != "argmax":
        return {}
    return dict(enumerate(getattr(task_config, "class_names", ())))
