"""The range of values from a sample: of which arrays, and how much of them is read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dask.array as da
import numpy as np
import pytest
import zarr

from napari_dacapo.runs import open_store
from napari_dacapo.volumes import open_volume
from napari_dacapo.volumes.any_array import as_volume
from napari_dacapo.volumes.sampling import READ_BYTES, sampled_range

if TYPE_CHECKING:
    from pathlib import Path

Array = np.ndarray[Any, Any]


class Counting:
    """An array of rising values that remembers how much it gave away."""

    def __init__(self, shape: tuple[int, ...], dtype: str, *, fail: bool = False) -> None:
        self.shape, self.dtype, self.ndim = shape, np.dtype(dtype), len(shape)
        self.fail, self.n_bytes = fail, 0

    def __getitem__(self, index: Any) -> Array:
        if self.fail:
            raise OSError("Stale file handle")
        rising = np.arange(self.shape[-1]).astype(self.dtype)
        part: Array = np.broadcast_to(rising, self.shape)[index]
        self.n_bytes += part.size * self.dtype.itemsize
        return part


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.array([[0, 100], [200, 300]], "i4"), (0, 300)),
        (np.array([[0, np.nan], [np.inf, 3]]), (0, 3)),
        (np.array([[0, 100], [200, 255]], "u1"), None),
        (np.array([[False, True]]), None),
        (np.full((2, 2), 7.0), None),
        (np.full((2, 2), np.nan), None),
    ],
)
def test_arrays_in_memory(values: Any, expected: Any) -> None:
    assert sampled_range(as_volume(values, "a")) == (expected, "")


def test_a_large_array_in_memory() -> None:
    values = np.broadcast_to(np.arange(1000, dtype="u2"), (4096, 4096, 1000))
    low, high = sampled_range(as_volume(values, "a"))[0] or (0, 0)
    assert 0 <= low < 100
    assert 900 < high <= 999


@pytest.mark.parametrize("dtype", ["u2", "i2", "u4", "i4", "u8", "i8", "f2", "f4", "f8"])
@pytest.mark.parametrize("kind", ["zarr", "dask", "volume"])
def test_small_arrays_elsewhere(dtype: str, kind: str, tmp_path: Path) -> None:
    values = (np.indices((30, 40, 50)).sum(axis=0) % 60 - (dtype[0] != "u") * 7).astype(dtype)
    array: Any = zarr.create_array(tmp_path / "a.zarr", data=values, chunks=(16, 16, 16))
    if kind == "dask":
        array = da.from_array(values, chunks=16)
    elif kind == "volume":
        array = open_volume(tmp_path / "a.zarr", kind="image")
    found, why = sampled_range(as_volume(array, "a", kind="image"))
    assert why == ""
    assert found == (values.min(), values.max())


@pytest.mark.long
@pytest.mark.parametrize("shape", [(4096, 4096, 4096), (2, 3, 300, 300, 300), (4, 2**17)])
def test_no_more_than_a_part_of_large_arrays_is_read(shape: tuple[int, ...]) -> None:
    array = Counting(shape, "u2")
    found, why = sampled_range(as_volume(array, "a"))
    assert why == ""
    assert found is not None
    assert 0 < array.n_bytes <= READ_BYTES


def test_blocks_that_are_too_large_are_not_computed() -> None:
    def forbidden(*_: Any) -> Array:
        raise AssertionError("computed")

    data = da.map_blocks(forbidden, chunks=((8192,), (8192,)), dtype="u2", meta=np.empty((0, 0)))
    found, why = sampled_range(as_volume(data.astype("u2"), "a"))
    assert found is None
    assert "too large" in why
    assert "shader_range" in why


def test_what_cannot_be_read_is_said() -> None:
    found, why = sampled_range(as_volume(Counting((4, 4), "u2", fail=True), "a"))
    assert found is None
    assert "Stale file handle" in why
    assert "shader_range" in why


def test_a_sample_of_one_value_is_said(tmp_path: Path) -> None:
    array = zarr.create_array(tmp_path / "a.zarr", shape=(8, 8), dtype="u2", chunks=(4, 4))
    found, why = sampled_range(as_volume(array, "a"))
    assert found is None
    assert "is 0" in why


def test_what_is_known_is_not_looked_for(stores: Path) -> None:
    array = Counting((4, 4, 4), "u2")
    said = as_volume(array, "a").with_(value_range=(0.0, 1000.0))
    labels = as_volume(array, "a", kind="labels")
    assert sampled_range(said) == sampled_range(labels) == (None, "")
    assert array.n_bytes == 0
    store = open_store(stores / "main", path_map={"/nrs/demo/dacapo-data": str(stores / "data")})
    prediction = next(v for v in store.run("dist_aniso").volumes() if v.role == "prediction")
    assert sampled_range(prediction.with_(value_range=None)) == (None, "")
