"""Blocks computed once, and read in any part."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_dacapo.analysis.blocks import BlockwiseSource, clear_memo, memo, set_memo_size

SHAPE, CHUNKS = (7, 10, 5), (3, 4, 5)
WHOLE = np.arange(np.prod(SHAPE)).reshape(SHAPE)


@dataclass(frozen=True)
class _PartOfWhole:
    def __call__(self, region: Any, block: Any) -> np.ndarray[Any, Any]:
        return WHOLE[region].copy()


def _source(compute: Any = _PartOfWhole(), name: str = "whole") -> BlockwiseSource:
    return BlockwiseSource(compute, SHAPE, WHOLE.dtype, CHUNKS, name)


@pytest.fixture(autouse=True)
def _empty_memo() -> None:
    clear_memo()


@st.composite
def _indices(draw: st.DrawFn) -> tuple[int | slice, ...]:
    index: list[int | slice] = []
    for n in SHAPE:
        if draw(st.booleans()):
            index.append(draw(st.integers(0, n - 1)))
        else:
            start = draw(st.integers(0, n))
            stop = draw(st.integers(start, n))
            index.append(slice(start, stop, draw(st.integers(1, 4))))
    return tuple(index)


@given(_indices())
def test_any_part_equals_that_of_the_whole(index: tuple[int | slice, ...]) -> None:
    part = _source().read(index)
    np.testing.assert_array_equal(part, WHOLE[index])
    assert part.shape == WHOLE[index].shape


def test_a_part_computes_only_the_blocks_that_it_touches() -> None:
    blocks: list[tuple[int, ...]] = []

    def compute(region: Any, block: tuple[int, ...]) -> np.ndarray[Any, Any]:
        blocks.append(block)
        return WHOLE[region].copy()

    source = _source(compute)
    source.read((1, slice(3, 5), slice(0, 5)))
    assert blocks == [(0, 0, 0), (0, 1, 0)]
    source.read((2, slice(0, 8), 0))
    assert blocks == [(0, 0, 0), (0, 1, 0)]


def test_a_step_passes_over_blocks() -> None:
    blocks: list[tuple[int, ...]] = []

    def compute(region: Any, block: tuple[int, ...]) -> np.ndarray[Any, Any]:
        blocks.append(block)
        return WHOLE[region].copy()

    part = _source(compute).read((0, slice(0, 10, 9), 0))
    np.testing.assert_array_equal(part, WHOLE[0, ::9, 0])
    assert blocks == [(0, 0, 0), (0, 2, 0)]


def test_source_survives_a_way_to_another_process() -> None:
    source = pickle.loads(pickle.dumps(_source()))
    np.testing.assert_array_equal(source.read((slice(None),) * 3), WHOLE)


def test_blocks_in_the_memo_cannot_be_changed_by_accident() -> None:
    block = _source().block((0, 0, 0))
    with pytest.raises(ValueError, match="read-only"):
        block[0] = 1
    part = _source().read((slice(0, 3), slice(0, 4), slice(0, 5)))
    part[:] = -1
    np.testing.assert_array_equal(_source().block((0, 0, 0)), WHOLE[:3, :4])


def test_how_much_the_memo_holds_can_be_set() -> None:
    _source().read((slice(None),) * 3)
    assert memo.n_bytes == WHOLE.nbytes
    try:
        set_memo_size(WHOLE[:3, :4].nbytes)
        assert memo.n_bytes <= WHOLE[:3, :4].nbytes
    finally:
        set_memo_size(512 * 2**20)
