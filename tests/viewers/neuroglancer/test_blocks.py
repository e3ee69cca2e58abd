"""Reading parts of lazy arrays: right elements, and no block computed twice."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import dask.array as da
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_dacapo.viewers.neuroglancer.blocks import read_region
from napari_dacapo.volumes.recent import Recent

VALUES = np.arange(12 * 10 * 8).reshape(12, 10, 8)


@st.composite
def regions(draw: st.DrawFn) -> tuple[slice, ...]:
    parts = []
    for n in VALUES.shape:
        begin = draw(st.integers(0, n - 1))
        parts.append(slice(begin, draw(st.integers(begin + 1, n))))
    return tuple(parts)


@settings(deadline=None)
@given(regions(), st.tuples(st.integers(1, 12), st.integers(1, 10), st.integers(1, 8)))
def test_a_region_is_the_region(region: tuple[slice, ...], chunks: tuple[int, ...]) -> None:
    data = da.from_array(VALUES, chunks=chunks, name=False)
    np.testing.assert_array_equal(read_region(data, region, Recent(2**20)), VALUES[region])


def counted(shape: tuple[int, ...], chunks: Any) -> tuple[da.Array, list[int]]:
    calls: list[int] = []

    def compute(block: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        calls.append(1)
        return block + 1

    empty = np.empty((0,) * len(shape), "u1")
    return da.zeros(shape, chunks=chunks, dtype="u1").map_blocks(compute, meta=empty), calls


def test_a_block_is_computed_once() -> None:
    data, calls = counted((64, 64, 64), 64)
    cache = Recent(2**20)
    for z in range(0, 64, 16):
        part = read_region(data, (slice(z, z + 16), slice(0, 16), slice(0, 16)), cache)
        assert (part == 1).all()
    assert len(calls) == 1


def test_a_block_is_computed_once_by_several_threads() -> None:
    begun, finish, calls = threading.Event(), threading.Event(), []

    def compute(block: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        calls.append(1)
        begun.set()
        assert finish.wait(30)
        return block + 1

    data = da.zeros((8, 8), dtype="u1").map_blocks(compute, meta=np.empty((0, 0), "u1"))
    cache = Recent(2**20)
    region = (slice(0, 4), slice(0, 4))
    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(read_region, data, region, cache)
        assert begun.wait(30)
        others = [pool.submit(read_region, data, region, cache) for _ in range(3)]
        finish.set()
        assert all((future.result() == 1).all() for future in (first, *others))
    assert len(calls) == 1


def test_old_blocks_are_forgotten() -> None:
    data, calls = counted((4, 100), (1, 100))
    cache = Recent(250)
    for row in (0, 1, 2, 0, 2):
        read_region(data, (slice(row, row + 1), slice(0, 10)), cache)
    assert len(calls) == 4


def test_a_failure_is_not_kept() -> None:
    answers = iter([ValueError("no weights yet"), None])

    def compute(block: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        error = next(answers)
        if error is not None:
            raise error
        return block + 1

    data = da.zeros((4, 4), dtype="u1").map_blocks(compute, meta=np.empty((0, 0), "u1"))
    cache, region = Recent(2**20), (slice(0, 2), slice(0, 2))
    with pytest.raises(ValueError, match="no weights yet"):
        read_region(data, region, cache)
    assert (read_region(data, region, cache) == 1).all()
