"""Blocks computed once, and read in any part."""

from __future__ import annotations

import pickle
import threading
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_dacapo.analysis.blocks import BlockMemo, BlockwiseSource, clear_memo, memo

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


def test_memo_is_bounded_and_forgets_the_oldest_first() -> None:
    small = BlockMemo(max_bytes=24)
    for key in ("a", "b", "c"):
        small.get(key, lambda: np.zeros(8, np.uint8))
    small.get("a", lambda: np.ones(8, np.uint8))
    small.get("d", lambda: np.zeros(8, np.uint8))
    assert small.n_bytes == 24
    assert small.get("a", lambda: np.ones(8, np.uint8)).sum() == 0
    assert small.get("b", lambda: np.ones(8, np.uint8)).sum() == 8


def test_memo_hands_out_but_does_not_keep_what_is_too_large() -> None:
    small = BlockMemo(max_bytes=4)
    assert small.get("a", lambda: np.zeros(8, np.uint8)).nbytes == 8
    assert small.n_bytes == 0


def test_memo_shrinks() -> None:
    some = BlockMemo(max_bytes=100)
    for key in range(10):
        some.get(key, lambda: np.zeros(10, np.uint8))
    some.set_size(35)
    assert some.n_bytes == 30
    some.clear()
    assert some.n_bytes == 0


def test_two_threads_compute_a_block_once() -> None:
    begun, go_on = threading.Event(), threading.Event()
    computed: list[int] = []

    def compute() -> np.ndarray[Any, Any]:
        computed.append(1)
        begun.set()
        assert go_on.wait(10)
        return np.zeros(3)

    results: list[np.ndarray[Any, Any]] = []
    threads = [
        threading.Thread(target=lambda: results.append(memo.get("shared", compute)))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    assert begun.wait(10)
    go_on.set()
    for thread in threads:
        thread.join(10)
    assert len(computed) == 1
    assert all(result is results[0] for result in results)


def test_a_failure_is_not_kept() -> None:
    def fail() -> np.ndarray[Any, Any]:
        raise RuntimeError("no such file")

    with pytest.raises(RuntimeError):
        memo.get("failing", fail)
    assert memo.get("failing", lambda: np.ones(2)).sum() == 2
