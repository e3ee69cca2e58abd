from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_dacapo.errors import PredictionError
from napari_dacapo.models import build_model
from napari_dacapo.models.halving import halves, reach
from napari_dacapo.models.tiling import Span, Tiling


@st.composite
def tilings(draw: st.DrawFn) -> Tiling:
    """Any network: it takes `n`, eats `eaten`, and raises the resolution by `up`."""
    dims = draw(st.integers(1, 3))

    def each(low: int, high: int) -> tuple[int, ...]:
        return tuple(draw(st.integers(low, high)) for _ in range(dims))

    up = each(1, 3)
    eaten = each(0, 9)
    kept = each(4, 12)
    trim = each(0, 4)
    shape = tuple(k + e + 2 * t for k, e, t in zip(kept, eaten, trim, strict=True))
    out = tuple((n - e) * u for n, e, u in zip(shape, eaten, up, strict=True))
    roi = Span(tuple(draw(st.integers(-20, 20)) for _ in range(dims)), each(1, 40))
    return Tiling(roi, shape, out, up, trim)


@settings(deadline=None)
@given(tilings())
def test_tiles_cover_the_roi_once(tiling: Tiling) -> None:
    count = np.zeros(tiling.shape, int)
    for index in np.ndindex(*tiling.grid):
        count[tiling.output(index).slices] += 1
    assert (count == 1).all()
    assert tuple(map(sum, tiling.chunks)) == tiling.shape
    assert tuple(map(len, tiling.chunks)) == tiling.grid


@settings(deadline=None)
@given(tilings(), st.data())
def test_a_tile_is_centred_in_what_it_reads(tiling: Tiling, data: st.DataObject) -> None:
    index = tuple(data.draw(st.integers(0, n - 1)) for n in tiling.grid)
    span, read = tiling.output(index), tiling.input(index)
    for axis in range(len(index)):
        up = tiling.upsampling[axis]
        # Where the network's output begins in the prediction's voxels, seen from its input.
        eaten = (tiling.input_shape[axis] * up - tiling.output_shape[axis]) // 2
        begin = (read.begin[axis] - tiling.roi.begin[axis]) * up + eaten
        assert begin + tiling.lead[axis] == span.begin[axis]
        assert tiling.lead[axis] >= tiling.trim[axis] * up
        end = tiling.lead[axis] + span.shape[axis]
        assert end <= tiling.output_shape[axis] - tiling.trim[axis] * up


@settings(deadline=None)
@given(tilings(), st.data())
def test_tiles_within_a_box(tiling: Tiling, data: st.DataObject) -> None:
    begin = tuple(data.draw(st.integers(0, n)) for n in tiling.shape)
    shape = tuple(
        data.draw(st.integers(0, n - b)) for n, b in zip(tiling.shape, begin, strict=True)
    )
    box = Span(begin, shape)
    touched = {
        index
        for index in np.ndindex(*tiling.grid)
        if all(
            max(b, o) < min(b + n, o + m)
            for b, n, o, m in zip(
                box.begin, box.shape, tiling.output(index).begin, tiling.output(index).shape,
                strict=True,
            )
        )
    }  # fmt: skip
    assert set(tiling.within(box)) == touched


def test_dacapos_tiling() -> None:
    # unet_aniso of the stores: 8 x 60 x 60 in, 4 x 44 x 44 out, gt of 12 x 64 x 64 in raw.
    roi = Span((2, 8, 8), (12, 64, 64))
    tiling = Tiling(roi, (8, 60, 60), (4, 44, 44), (1, 1, 1), (0, 0, 0))
    assert tiling.context == (2, 8, 8)
    assert tiling.grid == (3, 2, 2)
    assert tiling.input((0, 0, 0)) == Span((0, 0, 0), (8, 60, 60))
    assert tiling.input((1, 1, 0)) == Span((4, 44, 0), (8, 60, 60))
    assert tiling.output((2, 1, 1)) == Span((8, 44, 44), (4, 20, 20))


def test_nothing_left() -> None:
    with pytest.raises(PredictionError, match="Too little is left"):
        Tiling(Span((0,), (9,)), (8,), (8,), (1,), (4,))


HALVED = [
    ({"padding": "valid"}, (40, 36, 32)),
    ({"padding": "valid", "downsample_factors": ((1, 2, 2), (2, 2, 2))}, (40, 92, 60)),
    ({"constant_upsample": False}, (16, 64, 16)),
    ({"input_shape": (8, 8), "downsample_factors": ((2, 2), (2, 2))}, (128, 96)),
    ({"input_shape": (8, 8), "downsample_factors": ((3, 3),)}, (120, 63)),
    (
        {
            "input_shape": (8, 8),
            "downsample_factors": ((2, 2),),
            "upsample_factors": ((2, 2),),
            "padding": "valid",
        },
        (60, 60),
    ),
    (
        {"input_shape": (8, 8), "downsample_factors": ((2, 2),), "upsample_factors": ((3, 3),)},
        (64, 64),
    ),
]


@pytest.mark.parametrize(("changes", "shape"), HALVED)
def test_halves_give_what_the_block_gives(
    kit: Any, changes: dict[str, Any], shape: tuple[int, ...]
) -> None:
    torch.manual_seed(1)
    model = build_model(kit.unet(**changes), kit.distance()).eval()
    x = torch.rand(1, 1, *shape)
    parts = halves(model, shape)
    assert parts is not None
    axis, pieces = parts
    assert shape[axis] == max(shape)
    assert max(piece.length for piece in pieces) < shape[axis]
    with torch.no_grad():
        whole = model(x)
        joined = torch.cat(
            [
                model(x.narrow(axis + 2, piece.begin, piece.length)).narrow(
                    axis + 2, piece.skip, piece.keep
                )
                for piece in pieces
            ],
            dim=axis + 2,
        )
    torch.testing.assert_close(joined, whole, rtol=0, atol=1e-6)


def test_the_smallest_block_cannot_be_halved(kit: Any) -> None:
    model = build_model(kit.unet(padding="valid"), kit.distance())
    assert halves(model, (18, 18, 18)) is None
    assert halves(build_model(kit.unet(), kit.distance()), (12, 12, 12)) is None


@pytest.mark.parametrize("padding", ["same", "valid"])
def test_blocks_of_networks_with_attention_are_not_cut(kit: Any, padding: str) -> None:
    """Their gates depend on the whole block: halves would give something else."""
    model = build_model(kit.unet(use_attention=True, padding=padding), kit.distance())
    assert halves(model, (48, 48, 48)) is None


@pytest.mark.long
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"downsample_factors": ((2, 2, 2), (2, 2, 2))},
        {"kernel_size_down": (((1, 3, 3),), ((3, 3, 3),)), "kernel_size_up": (((3, 1, 3),),)},
    ],
)
def test_reach_is_as_far_as_an_output_voxel_sees(kit: Any, changes: dict[str, Any]) -> None:
    """A change of the input beyond the reach changes nothing; within, something."""
    model = build_model(kit.unet(**changes), kit.distance()).eval()
    # All weights positive, or ReLUs hide what is seen.
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.abs_()
    far = reach(model)
    size = 2 * max(far) + 16
    size += -size % 8
    x = torch.ones(1, 1, size, size, size)
    for axis in range(3):
        changed = x.clone()
        changed.select(axis + 2, size // 2).add_(1)
        with torch.no_grad():
            seen = (model(changed) != model(x)).any(dim=1)[0]
        other = tuple(i for i in range(3) if i != axis)
        touched = np.flatnonzero(seen.numpy().any(axis=other))
        distance = max(size // 2 - touched.min(), touched.max() - size // 2)
        assert distance <= far[axis]
        assert distance >= far[axis] / 2
