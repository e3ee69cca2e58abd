"""From a ROI in the world to tiles in voxels."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

from napari_dacapo.errors import PredictionError
from napari_dacapo.models.halving import reach, step
from napari_dacapo.models.raw_input import in_nm
from napari_dacapo.models.tiling import Span, Tiling

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_dacapo.models.build import Model
    from napari_dacapo.volumes import Volume

__all__ = ["Roi", "roi_notes", "seam_notes", "tiling_for"]

Roi = tuple["Sequence[float]", "Sequence[float]"]

_TOLERANCE = 1e-3


def tiling_for(
    model: Model,
    raw: Volume,
    roi: Roi | None,
    overlap: int | Literal["auto"],
    input_shape: Sequence[int] | None,
) -> Tiling:
    """Lay tiles over what is to be predicted.

    Raises
    ------
    PredictionError
        If blocks, overlap or ROI make no sense for the network.
    """
    shape = tuple(map(int, input_shape)) if input_shape is not None else model.eval_input_shape
    trim, blend = _overlaps(model, overlap, _output_shape(model, shape))
    shape = tuple(n + 2 * t + b for n, t, b in zip(shape, trim, blend, strict=True))
    # Without an overlap, blocks lie as DaCapo's.
    steps = step(model) if overlap else ()

    def tiling(roi: Span) -> Tiling:
        output_shape = _output_shape(model, shape)
        return Tiling(roi, shape, output_shape, model.upsampling, trim, steps, blend)

    return tiling(_roi(raw, roi, tiling(Span((0,) * len(shape), raw.spatial_shape))))


def _output_shape(model: Model, shape: tuple[int, ...]) -> tuple[int, ...]:
    try:
        return model.compute_output_shape(shape)[1]
    except ValueError as error:
        raise PredictionError(
            f"The network cannot take blocks of {shape} voxels: {error}."
        ) from error


def _overlaps(
    model: Model, overlap: int | Literal["auto"], output_shape: tuple[int, ...]
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return how many raw voxels are cut off each side of a tile, and over how many it blends."""
    steps = step(model)
    none = (0,) * len(steps)
    if overlap == "auto":
        amount = reach(model)
    elif overlap >= 0:
        # Whole steps, or pooling would begin at another voxel.
        amount = tuple(-(-overlap // s) * s for s in steps)
    else:
        raise PredictionError(f"overlap is {overlap}, but must not be negative.")
    blend = none
    if _has_attention(model):
        # At most half of a tile: more than two tiles are never blended along an axis.
        sizes = zip(amount, output_shape, model.upsampling, steps, strict=True)
        blend = tuple(min(n, max(s, out // up // 2 // s * s)) for n, out, up, s in sizes)
    return (amount if _pads(model) else none), blend


def _pads(model: Model) -> bool:
    return getattr(model.configs[0], "padding", "valid") == "same"


def _has_attention(model: Model) -> bool:
    return bool(getattr(model.configs[0], "use_attention", False))


def _roi(raw: Volume, roi: Roi | None, whole: Tiling) -> Span:
    """Return the ROI in voxels of raw: outwards to whole ones, or what has its context."""
    if roi is None:
        margin = tuple(
            context - trim for context, trim in zip(whole.context, whole.trim, strict=True)
        )
        shape = tuple(n - 2 * m for n, m in zip(raw.spatial_shape, margin, strict=True))
        if min(shape) < 1:
            raise PredictionError(
                f"{raw.identity.label or 'The raw volume'} has {raw.spatial_shape} voxels, of "
                f"which the network needs {margin} on each side as context; nothing is left.",
                todo="Give a roi to predict there nevertheless, with zeros around raw.",
            )
        return Span(margin, shape)
    offset, size = (tuple(map(float, part)) for part in roi)
    dims = len(raw.voxel_size)
    if len(offset) != dims or len(size) != dims:
        raise PredictionError(f"The roi {roi} needs offset and size along {dims} axes.")
    if not all(map(math.isfinite, (*offset, *size))) or min(size) <= 0:
        raise PredictionError(f"The roi {roi} is empty or not finite.")
    begin: tuple[int, ...] = ()
    shape = ()
    # Further than a block from raw, there is nothing but what the network makes of zeros.
    limits = zip(raw.spatial_shape, whole.input_shape, strict=True)
    for (first, end), (n, block) in zip(_asked(raw, roi), limits, strict=True):
        lower = math.floor(min(max(first + _TOLERANCE, -block), n + block))
        upper = math.ceil(max(min(end - _TOLERANCE, n + block), -block))
        begin = (*begin, lower)
        shape = (*shape, max(1, upper - lower))
    outside = any(
        b + n <= 0 or b >= total
        for b, n, total in zip(begin, shape, raw.spatial_shape, strict=True)
    )
    if outside:
        raise PredictionError(
            f"The roi at {offset} nm of {size} nm does not touch "
            f"{raw.identity.label or 'raw'}, which lies at {raw.offset} nm."
        )
    return Span(begin, shape)


def _asked(raw: Volume, roi: Roi) -> list[tuple[float, float]]:
    """Return where a ROI begins and ends along each axis, in voxels of raw."""
    parts = zip(*roi, raw.offset, raw.voxel_size, strict=True)
    return [((o - raw_o) / v, (o + s - raw_o) / v) for o, s, raw_o, v in parts]


def roi_notes(raw: Volume, roi: Roi | None, tiling: Tiling) -> list[str]:
    """Say that less is predicted than was asked for, if it is."""
    if roi is None:
        return []
    spans = zip(_asked(raw, roi), tiling.roi.begin, tiling.roi.end, strict=True)
    if all(begin - 1 <= first and end <= last + 1 for (first, end), begin, last in spans):
        return []
    return [
        "The roi reaches further than a block beyond raw; only what is nearer was predicted: the "
        "network would see nothing but zeros there."
    ]


def seam_notes(model: Model, raw: Volume, tiling: Tiling) -> list[str]:
    """Say where seams are to be expected, if any."""
    if math.prod(tiling.grid) == 1:
        return []
    size = tuple(
        step / up * v
        for step, up, v in zip(tiling.stride, tiling.upsampling, raw.voxel_size, strict=True)
    )
    needed = reach(model)
    if _has_attention(model):
        gates = "This network has attention, whose gates depend on where a block begins and ends: "
        if any(tiling.blend):
            return [
                f"{gates}blocks were blended over {max(tiling.blend)} voxels where they meet, "
                f"every {in_nm(size)}. No steps are left, but other blocks would give other values."
            ]
        return [
            f"{gates}there are seams between blocks, every {in_nm(size)}. An overlap blends the "
            "blocks there."
        ]
    if _pads(model) and any(trim < n for trim, n in zip(tiling.trim, needed, strict=True)):
        return [
            f"This network pads with zeros (padding 'same'): there are seams between blocks, every "
            f"{in_nm(size)}. An overlap of {max(needed)} voxels removes them."
        ]
    strides = zip(tiling.stride, tiling.upsampling, step(model), strict=True)
    if any(stride % (up * s) for stride, up, s in strides):
        return [
            "Blocks of this network do not lie whole steps of its pooling apart: there are seams "
            f"between blocks, every {in_nm(size)}. An overlap removes them."
        ]
    return []
