"""Cutting a block that does not fit into memory, without changing its prediction.

A network moves with its input by steps of the product of its factors, so a
half must begin a whole number of steps after the block. Networks that pad
(``padding="same"``) would put zeros where the cut is; their halves reach over
it by as much as an output voxel can see.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_dacapo.models.build import Model

__all__ = ["Piece", "halves", "reach", "step"]

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a block along one axis.

    Attributes
    ----------
    begin, length : int
        The part of the input.
    skip, keep : int
        The part of its output that goes into the result.
    """

    begin: int
    length: int
    skip: int
    keep: int


def step(model: Model) -> Shape:
    """Return by how many voxels the input may move so that only the output moves."""
    steps = (1,) * len(model.input_shape)
    for factor in _factors(model):
        steps = tuple(a * b for a, b in zip(steps, factor, strict=True))
    return steps


def reach(model: Model) -> Shape:
    """Return how many raw voxels away an output voxel can see, rounded up to whole steps.

    Attention is left out: its gates are interpolated over the whole block.
    """
    architecture = model.configs[0]
    steps = step(model)
    dims = len(steps)
    seen = [0] * dims
    scale = [1] * dims
    factors = _factors(model)
    default = [[(3,) * dims] * 2] * (len(factors) + 1)
    down = getattr(architecture, "kernel_size_down", None) or default
    up = getattr(architecture, "kernel_size_up", None) or default
    for level in range(len(factors) + 1):
        kernels = [*down[level], *(up[level] if level < len(factors) else ())]
        for axis in range(dims):
            seen[axis] += scale[axis] * sum(kernel[axis] // 2 for kernel in kernels)
            if level < len(factors):
                # Pooling and repetition each let a voxel see its whole block.
                seen[axis] += scale[axis] * (factors[level][axis] - 1)
                scale[axis] *= factors[level][axis]
    head = model.prediction_head.kernel_size
    return tuple(-(-(n + k // 2) // s) * s for n, k, s in zip(seen, head, steps, strict=True))


def _factors(model: Model) -> tuple[Shape, ...]:
    return tuple(getattr(model.configs[0], "downsample_factors", None) or ())


def halves(model: Model, shape: Shape) -> tuple[int, tuple[Piece, Piece]] | None:
    """Cut a block in two along its longest axis that can be cut.

    Parameters
    ----------
    model : Model
        The network.
    shape : tuple of int
        Voxels of the input block.

    Returns
    -------
    axis, pieces
        The spatial axis and its two parts; None if no axis can be cut into
        parts that are smaller than the block and give what the block gives:
        gates of attention are interpolated over the whole of a block.
    """
    if getattr(model.configs[0], "use_attention", False):
        return None
    pads = getattr(model.configs[0], "padding", "valid") == "same"
    margin = reach(model) if pads else (0,) * len(shape)
    n_out = model.compute_output_shape(shape)[1]
    for axis in sorted(range(len(shape)), key=lambda axis: -shape[axis]):
        pieces = _cut(
            shape[axis], n_out[axis], model.upsampling[axis], step(model)[axis], margin[axis]
        )
        if pieces is not None and all(_fits(model, shape, axis, piece) for piece in pieces):
            return axis, pieces
    return None


def _cut(n: int, n_out: int, up: int, step: int, margin: int) -> tuple[Piece, Piece] | None:
    """Cut ``n`` voxels that give ``n_out``; pieces differ from ``n`` by whole steps."""
    lost = n * up - n_out
    first = n_out - max(1, n_out // 2 // (step * up)) * step * up
    length = (first + lost) // up + margin
    begin = (first // up - margin) // step * step
    if first < 1 or begin < 1 or length >= n:
        return None
    return (
        Piece(0, length, 0, first),
        Piece(begin, n - begin, first - begin * up, n_out - first),
    )


def _fits(model: Model, shape: Shape, axis: int, piece: Piece) -> bool:
    part = (*shape[:axis], piece.length, *shape[axis + 1 :])
    try:
        out = model.compute_output_shape(part)[1]
    except ValueError:
        return False
    return out[axis] >= piece.skip + piece.keep
