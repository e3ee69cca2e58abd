"""Arrays of any library as volumes: where they lie, and that nothing of them is read."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import dask.array as da
import h5py
import numpy as np
import pytest
import tensorstore as ts
import zarr
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_dacapo.volumes import Identity, LazyArray, Volume, open_volume
from napari_dacapo.volumes.any_array import as_volume
from napari_dacapo.volumes.object_source import elements_in_memory

if TYPE_CHECKING:
    from pathlib import Path

SHAPE = (4, 5, 6)


class Forbidden:
    """An array that may be asked for its shape and type, and for nothing else."""

    def __init__(self, shape: tuple[int, ...] = (4096,) * 3, dtype: str = "u1") -> None:
        self.shape, self.dtype, self.ndim = shape, np.dtype(dtype), len(shape)

    def __getitem__(self, index: Any) -> Any:
        raise AssertionError(f"{index} was read")

    def __array__(self, *_: Any, **__: Any) -> Any:
        raise AssertionError("all of it was read")


class Counting(Forbidden):
    """An array of zeros that remembers how many elements it gave away."""

    n_read = 0

    def __getitem__(self, index: Any) -> Any:
        part = np.broadcast_to(np.zeros((), self.dtype), self.shape)[index]
        self.n_read += part.size
        return part


def numbered(shape: tuple[int, ...] = SHAPE, dtype: str = "u2") -> np.ndarray[Any, Any]:
    return np.arange(np.prod(shape), dtype=dtype).reshape(shape)


def wrapped(kind: str, values: np.ndarray[Any, Any], folder: Path) -> Any:
    if kind == "numpy":
        return values
    if kind == "memmap":
        values.tofile(folder / "a.raw")
        return np.memmap(folder / "a.raw", values.dtype, "r", shape=values.shape)
    if kind == "dask":
        return da.from_array(values, chunks=3)
    if kind == "zarr in memory":
        return zarr.array(values, chunks=(3,) * values.ndim)
    if kind == "zarr v2":
        return zarr.create_array(folder / "2.zarr", data=values, chunks=(3, 3, 3), zarr_format=2)
    if kind == "zarr v3":
        return zarr.create_array(folder / "3.zarr", data=values, chunks=(3, 3, 3), zarr_format=3)
    if kind == "h5py":
        return h5py.File(folder / "a.h5", "w").create_dataset("a", data=values, chunks=(3, 3, 3))
    if kind == "tensorstore":
        return ts.array(values)
    if kind == "xarray":
        import xarray as xr

        return xr.DataArray(values)
    assert kind == "volume"
    data = da.from_array(values)
    return Volume(data, ("z", "y", "x"), (1.0,) * 3, (0.0,) * 3, Identity("", "", "raw"))


KINDS = [
    "numpy", "memmap", "dask", "zarr in memory", "zarr v2", "zarr v3", "h5py", "tensorstore",
    "xarray", "volume",
]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_every_library(kind: str, tmp_path: Path) -> None:
    values = numbered()
    volume = as_volume(wrapped(kind, values, tmp_path), "a", voxel_size=(40, 4, 4), offset=7)
    assert (volume.axis_names, volume.shape, volume.dtype) == (("z", "y", "x"), SHAPE, "u2")
    assert (volume.voxel_size, volume.offset) == ((40, 4, 4), (7, 7, 7))
    assert volume.kind == "image"
    np.testing.assert_array_equal(np.asarray(volume.data), values)
    np.testing.assert_array_equal(np.asarray(volume.data[1:3, ::2, 4]), values[1:3, ::2, 4])
    assert (volume.source is not None) == kind.startswith("zarr v")
    assert elements_in_memory(volume) == (kind == "numpy")


def test_nothing_is_read() -> None:
    volume = as_volume(Forbidden(), "huge")
    assert volume.shape == (4096,) * 3
    assert [level.data.shape[0] for level in volume.levels] == [2048, 1024, 512]
    wrapper = SimpleNamespace(data=Forbidden(), voxel_size=(8, 8, 8), offset=(0, 0, 0))
    assert as_volume(wrapper, "huge", kind="labels").voxel_size == (8, 8, 8)


def test_only_what_is_looked_at_is_read() -> None:
    array = Counting()
    volume = as_volume(array, "huge")
    np.asarray(volume.data[100:164, 0:64, 64:128])
    assert array.n_read == 64**3


def test_a_huge_dask_array_is_not_computed() -> None:
    def fail(_: Any) -> Any:
        raise AssertionError("a block was computed")

    data = da.zeros((4096,) * 3, dtype="u1", chunks=64).map_blocks(fail, dtype="u1")
    assert as_volume(data, "huge").data is data


def test_what_a_zarr_array_says_of_itself_counts(stores: Path) -> None:
    stored = zarr.open_array(stores / "data/aniso_val.zarr/raw", mode="r")
    volume = as_volume(stored, "raw")
    assert list(volume.voxel_size) == stored.attrs["voxel_size"]
    assert list(volume.offset) == stored.attrs["offset"]
    assert volume.source is not None
    assert as_volume(stored, "raw", voxel_size=8).voxel_size == (8, 8, 8)
    assert as_volume(stored, "raw", offset=(1, 2, 3)).offset == (1, 2, 3)
    channels_last = as_volume(stored, "raw", axis_names=("y", "x", "c"))
    assert channels_last.axis_names == ("c^", "y", "x")
    np.testing.assert_array_equal(np.asarray(channels_last.data), np.moveaxis(stored[:], 2, 0))


def test_a_zarr_array_that_was_replaced_is_read_as_it_is_in_hand(tmp_path: Path) -> None:
    array = zarr.create_array(tmp_path / "a.zarr", data=numbered(), chunks=(3, 3, 3))
    zarr.create_array(tmp_path / "a.zarr", shape=(2, 2), dtype="f4", overwrite=True)
    assert as_volume(array, "a").shape == SHAPE


def funlib(**more: Any) -> Any:
    said = {"voxel_size": (40, 4, 2), "roi": SimpleNamespace(offset=(400, 8, 6))}
    return SimpleNamespace(data=numbered(), **{**said, **more})


@pytest.mark.parametrize(
    ("array", "axis_names", "voxel_size", "offset"),
    [
        (funlib(), ("z", "y", "x"), (40, 4, 2), (400, 8, 6)),
        (funlib(roi=SimpleNamespace(begin=(1, 2, 3))), ("z", "y", "x"), (40, 4, 2), (1, 2, 3)),
        (funlib(offset=(0, 0, 5)), ("z", "y", "x"), (40, 4, 2), (0, 0, 5)),
        (funlib(axis_names=["d0", "d1", "d2"]), ("z", "y", "x"), (40, 4, 2), (400, 8, 6)),
        (funlib(axis_names=["t", "y", "x"], voxel_size=(4, 2), roi=None), ("t^", "y", "x"),
         (4, 2), (0, 0)),
        (funlib(units=["um", "nm", "nm"]), ("z", "y", "x"), (40e3, 4, 2), (400e3, 8, 6)),
        (
            SimpleNamespace(  # gunpowder
                data=numbered(),
                spec=SimpleNamespace(
                    voxel_size=(4, 2), roi=SimpleNamespace(offset=(8, 6)), interpolatable=True
                ),
            ),
            ("c^", "y", "x"), (4, 2), (8, 6),
        ),
    ],
)  # fmt: skip
def test_what_a_wrapper_says_of_itself_counts(
    array: Any, axis_names: Any, voxel_size: Any, offset: Any
) -> None:
    volume = as_volume(array, "a")
    assert (volume.axis_names, volume.voxel_size, volume.offset) == (
        axis_names, voxel_size, offset,
    )  # fmt: skip
    np.testing.assert_array_equal(np.asarray(volume.data), numbered())
    moved = as_volume(array, "a", voxel_size=3.0, offset=1)
    assert (set(moved.voxel_size), set(moved.offset)) == ({3.0}, {1.0})


def test_a_tensorstore_whose_indices_do_not_begin_at_0() -> None:
    store = ts.array(numbered())[ts.d[:].translate_by[10, 0, -5]]
    volume = as_volume(store, "a", voxel_size=(40, 4, 2))
    assert volume.offset == (400, 0, -10)
    np.testing.assert_array_equal(np.asarray(volume.data), numbered())


@pytest.mark.parametrize(
    ("shape", "options", "axis_names"),
    [
        ((5, 6), {}, ("y", "x")),
        ((4, 5, 6), {}, ("z", "y", "x")),
        ((3, 5, 6), {"voxel_size": (4, 4)}, ("c^", "y", "x")),
        ((2, 4, 5, 6), {}, ("c^", "z", "y", "x")),
        ((2, 3, 4, 5, 6), {}, ("d0^", "c^", "z", "y", "x")),
        ((4, 5, 6, 3), {"axis_names": ("z", "y", "x", "c")}, ("c^", "z", "y", "x")),
        ((5, 6, 3), {"axis_names": "yxc"}, ("c^", "y", "x")),
    ],
)
def test_axes(shape: tuple[int, ...], options: dict[str, Any], axis_names: tuple[str]) -> None:
    for array in (numbered(shape), da.from_array(numbered(shape))):
        volume = as_volume(array, "a", **options)
        assert volume.axis_names == axis_names
        moved = np.moveaxis(numbered(shape), -1, 0) if shape[-1] == 3 else numbered(shape)
        np.testing.assert_array_equal(np.asarray(volume.data), moved)


@pytest.mark.parametrize(
    ("array", "options", "said"),
    [
        ([[1, 2], [3, 4]], {}, "list is no array"),
        (None, {}, "NoneType is no array"),
        ("raw.zarr", {}, "str is no array"),
        (np.zeros(3), {}, r"shape \(3,\) cannot be shown"),
        (np.zeros((0, 3, 3)), {}, "no elements"),
        (np.zeros(SHAPE, complex), {}, "complex128"),
        (np.zeros(SHAPE, "U3"), {}, "<U3"),
        (np.zeros(SHAPE, object), {}, "object"),
        (np.zeros(SHAPE, [("a", "u1")]), {}, "a"),
        (np.zeros(SHAPE, "M8[s]"), {}, "datetime64"),
        (SimpleNamespace(shape=SHAPE, dtype="torch.float32", __getitem__=None), {}, "torch"),
        (np.zeros(SHAPE), {"kind": "labels"}, "needs integers, not float64"),
        (np.zeros(SHAPE), {"voxel_size": (1, 2, 3, 4)}, "voxel_size"),
        (np.zeros(SHAPE), {"voxel_size": 0}, "must be positive"),
        (np.zeros(SHAPE), {"voxel_size": (4, -4, 4)}, "must be positive"),
        (np.zeros(SHAPE), {"voxel_size": "small"}, "must be numbers"),
        (np.zeros(SHAPE), {"offset": (0, np.nan, 0)}, "must be finite"),
        (np.zeros(SHAPE), {"offset": (0, 0)}, "2 values, but there are 3"),
        (np.zeros(SHAPE), {"axis_names": ("y", "x")}, "axis_names"),
        (np.zeros(SHAPE), {"axis_names": ("y", "y", "x")}, "axis_names"),
        (np.zeros(SHAPE), {"axis_names": ("", "y", "x")}, "axis_names"),
        (np.zeros(SHAPE), {"axis_names": ("<b>", "y", "x")}, "axis_names"),
        (da.from_array(np.arange(9.0))[da.from_array(np.arange(9)) > 3], {}, "cannot be shown"),
    ],
)
def test_what_cannot_be_shown_is_refused_by_name(
    array: Any, options: dict[str, Any], said: str
) -> None:
    with pytest.raises(ValueError, match=rf"^my entry: .*{said}"):
        as_volume(array, "my entry", **options)


def test_a_volume_keeps_what_it_says(stores: Path) -> None:
    gt = open_volume(stores / "data/aniso_val.zarr/labels", kind="labels")
    assert as_volume(gt, "gt").kind == "labels"
    assert as_volume(gt, "gt", kind="image").kind == "image"
    assert as_volume(gt, "gt").offset == gt.offset
    moved = as_volume(gt, "gt", voxel_size=1, axis_names=("z", "v", "u"))
    assert (moved.axis_names, moved.voxel_size) == (("z", "v", "u"), (1, 1, 1))
    with pytest.raises(ValueError, match=r"^gt: voxel_size"):
        as_volume(gt, "gt", voxel_size=(1, 2))


def test_large_labels_have_coarser_copies_of_labels() -> None:
    labels = np.zeros((2, 2, 2048), "u1")
    labels[..., ::4] = 200
    coarse = as_volume(labels, "seg", kind="labels").levels[0]
    assert set(np.unique(np.asarray(coarse.data))) <= {0, 200}
    assert isinstance(coarse.data, LazyArray)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.array([[0, 100], [200, 255]], "u1"), (0, 255)),
        (np.array([[False, True]]), (0, 1)),
        (np.array([[0, 1000]], "u2"), (0, 65535)),
        (np.array([[0, 1000]], "i4"), None),
        (np.full((2, 2), 7.0), None),
    ],
)
def test_the_range_is_that_of_the_type(values: Any, expected: Any) -> None:
    assert as_volume(values, "a").value_range == expected


@pytest.mark.parametrize(
    ("units", "factors"),
    [("um", (1e3, 1e3, 1e3)), (("um", "nm", "nm"), (1e3, 1, 1)), ("angstrom", (0.1,) * 3)],
)
def test_units_of_what_is_given(units: Any, factors: tuple[float, ...]) -> None:
    volume = as_volume(numbered(), "a", voxel_size=(2, 3, 4), offset=(5, 6, 7), units=units)
    np.testing.assert_allclose(volume.voxel_size, np.multiply((2, 3, 4), factors))
    np.testing.assert_allclose(volume.offset, np.multiply((5, 6, 7), factors))
    said = SimpleNamespace(data=numbered(), voxel_size=(2, 3, 4), offset=(5, 6, 7))
    same = as_volume(said, "a", units=units)
    assert (same.voxel_size, same.offset) == (volume.voxel_size, volume.offset)
    said.units = ["mm"] * 3
    assert as_volume(said, "a", units=units).voxel_size == (2e6, 3e6, 4e6), "it says so itself"
    both = as_volume(said, "a", units=units, offset=1)
    np.testing.assert_allclose(both.offset, factors)
    assert both.voxel_size == (2e6, 3e6, 4e6)
    moved = as_volume(volume, "a", offset=(1, 1, 1), units=units)
    np.testing.assert_allclose(moved.offset, factors)
    assert moved.voxel_size == volume.voxel_size


@pytest.mark.parametrize("units", ["parsec", ("nm", "nm"), 4, ("nm", None, "nm")])
def test_units_that_are_none_are_refused(units: Any) -> None:
    with pytest.raises(ValueError, match=r"^a: units"):
        as_volume(numbered(), "a", voxel_size=1, units=units)


def test_masked_elements_have_no_value() -> None:
    mask = np.zeros(SHAPE, bool)
    mask[1] = True
    image = np.ma.MaskedArray(numbered(dtype="f4"), mask)
    expected = np.where(mask, np.nan, numbered(dtype="f4"))
    np.testing.assert_array_equal(np.asarray(as_volume(image, "a").data), expected)
    np.testing.assert_array_equal(np.asarray(as_volume(da.from_array(image), "a").data), expected)
    labels = np.ma.MaskedArray(numbered(dtype="u4"), mask)
    expected = np.where(mask, 0, numbered(dtype="u4"))
    np.testing.assert_array_equal(np.asarray(as_volume(labels, "a", kind="labels").data), expected)
    for array in (labels, da.from_array(labels), SimpleNamespace(data=labels, voxel_size=1)):
        with pytest.raises(ValueError, match=r"^a: elements of it are masked.*array\.filled"):
            as_volume(array, "a")
    unmasked = np.ma.MaskedArray(numbered())
    np.testing.assert_array_equal(np.asarray(as_volume(unmasked, "a").data), numbered())


@given(
    hnp.array_shapes(min_dims=2, max_dims=5, max_side=4),
    st.sampled_from(["?", "u1", "i2", ">u4", "i8", "u8", "f2", "f4", ">f8"]),
    st.data(),
)
def test_elements_stay_in_place(shape: tuple[int, ...], dtype: str, data: st.DataObject) -> None:
    values = (np.arange(np.prod(shape)) % 2).astype(dtype).reshape(shape)
    volume = as_volume(values, "a")
    assert volume.dtype == np.dtype(dtype).newbyteorder("=")
    index = data.draw(hnp.basic_indices(shape, allow_newaxis=False))
    np.testing.assert_array_equal(np.asarray(volume.data[index]), values[index])
