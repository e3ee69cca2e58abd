"""From a prediction to a segmentation, lazily.

DaCapo thresholds float predictions at 127, so the masks that it stores of
distance runs are empty. What the network predicted is good: here it is
post-processed anew, with the very same operations, at any parameters.
"""

from __future__ import annotations

from dataclasses import astuple, replace
from functools import partial
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dacapo.analysis import methods
from napari_dacapo.analysis.blocks import BlockwiseArray, Chunks, Region

if TYPE_CHECKING:
    import dask.array as da

    from napari_dacapo.analysis.methods import Method, SegmentableTask
    from napari_dacapo.volumes import Volume

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
        If the prediction's channels are not those of the task.
    """
    if roi is not None:
        from napari_dacapo.volumes import crop

        prediction = crop(prediction, roi)
    channel_axis = prediction.channel_axis
    data = prediction.data if channel_axis is not None else prediction.data[None]
    method = methods.method_for(
        task_config, parameters, n_channels=data.shape[0], dtype=prediction.dtype
    )
    thresholded = method.kind == "threshold"
    computed, blockwise = _thresholded(data, method) if thresholded else _merged(data, method)
    result = computed.to_dask()
    keeps_channels = thresholded and channel_axis is not None
    if thresholded and not keeps_channels:
        result = result[0]
    identity = replace(
        prediction.identity, role="segmentation", parameters=method.label, variant="computed"
    )
    return prediction.with_(
        data=result,
        axis_names=prediction.axis_names if keeps_channels else prediction.spatial_axes,
        identity=identity,
        kind="labels",
        channel_names=prediction.channel_names[method.first_channel :] if keeps_channels else (),
        class_names=_class_names(task_config, method),
        value_range=None,
        levels=(),
        source=None,
    ).with_notes(*([BLOCKWISE_NOTE] if blockwise else []))


def _thresholded(data: da.Array, method: Method) -> tuple[BlockwiseArray, bool]:
    first = method.first_channel
    kept = data if first == 0 else data[first:]
    array = BlockwiseArray(
        source=data,
        compute=partial(_threshold_block, first_channel=first, value=method.threshold),
        chunks=kept.chunks,
        dtype=np.dtype(np.uint8),
        name=_name(data, method),
    )
    return array, False


def _merged(data: da.Array, method: Method) -> tuple[BlockwiseArray, bool]:
    """Methods that turn all channels of a voxel into one value."""
    blockwise = False
    if method.kind == "argmax":
        chunks, dtype = data.chunks[1:], np.dtype(np.uint8)
        compute = _argmax_block
    else:
        shape = data.shape[1:]
        blockwise = prod(shape) > MAX_WATERSHED_VOXELS
        chunks = _watershed_chunks(shape) if blockwise else tuple((n,) for n in shape)
        dtype = np.dtype(np.uint64)
        compute = partial(
            _watershed_block,
            offsets=method.offsets,
            bias=method.bias,
            n_blocks=tuple(len(sizes) for sizes in chunks),
        )
    array = BlockwiseArray(
        source=data, compute=compute, chunks=chunks, dtype=dtype, name=_name(data, method)
    )
    return array, blockwise


def _threshold_block(
    source: da.Array, region: Region, _block: tuple[int, ...], *, first_channel: int, value: float
) -> np.ndarray[Any, Any]:
    channels = slice(region[0].start + first_channel, region[0].stop + first_channel)
    return methods.threshold(_read(source, (channels, *region[1:])), value)


def _argmax_block(
    source: da.Array, region: Region, _block: tuple[int, ...]
) -> np.ndarray[Any, Any]:
    return methods.argmax(_read(source, (slice(None), *region)))


def _watershed_block(
    source: da.Array,
    region: Region,
    block: tuple[int, ...],
    *,
    offsets: tuple[tuple[int, ...], ...],
    bias: float,
    n_blocks: tuple[int, ...],
) -> np.ndarray[Any, Any]:
    affinities = _read(source, (slice(None), *region))
    segments = methods.watershed(affinities, offsets, bias)
    number = int(np.ravel_multi_index(block, n_blocks))
    if number:
        # Ids of a block are at most its number of voxels: this keeps blocks apart.
        segments[segments > 0] += np.uint64(number * (_WATERSHED_BLOCK**3 + 1))
    return segments


def _read(source: da.Array, region: Region) -> np.ndarray[Any, Any]:
    # Called from within a task: another pool of threads would only be in the way.
    return np.asarray(source[region].compute(scheduler="synchronous"))


def _watershed_chunks(shape: tuple[int, ...]) -> Chunks:
    from dask.array.core import normalize_chunks

    side = _WATERSHED_BLOCK if len(shape) > 2 else _WATERSHED_BLOCK**2 // 16
    return tuple(normalize_chunks((side,) * len(shape), shape=shape))


def _name(data: da.Array, method: Method) -> str:
    from dask.base import tokenize

    return f"segment-{tokenize(data.name, *astuple(method))}"


def _class_names(task_config: SegmentableTask, method: Method) -> dict[int, str]:
    if method.kind != "argmax":
        return {}
    return dict(enumerate(getattr(task_config, "class_names", ())))
