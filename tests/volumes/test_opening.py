from __future__ import annotations

import json
import os
import pickle
import shutil

import numpy as np
import pytest
import tifffile
import zarr
from numcodecs import LZMA, Delta
from tests.volumes.conftest import zarr_source

from napari_dacapo.errors import (
    ArrayFormatError,
    ArrayNotFoundError,
    BrokenFileError,
    NapariDacapoError,
    UnsafeFileError,
)
from napari_dacapo.volumes import (
    ArraySource,
    Identity,
    LazyArray,
    crop,
    is_empty,
    open_volume,
    repair_offset,
    resample,
)
from napari_dacapo.volumes.sources import ZarrSource

WORLD = {
    "voxel_size": [40, 4, 4],
    "offset": [1200, 800, 440],
    "axis_names": ["z", "y", "x"],
    "units": ["nm", "nm", "nm"],
}


def real_arrays(stores):
    return sorted(path.parent for path in stores.rglob(".zarray"))


@pytest.mark.long
def test_every_real_array(stores):
    paths = real_arrays(stores)
    assert len(paths) > 250
    for path in paths:
        expected = zarr.open_array(path, mode="r")
        volume = open_volume(path)
        assert volume.shape == expected.shape, path
        assert volume.dtype == expected.dtype, path
        np.testing.assert_array_equal(np.asarray(volume.data), expected[:], err_msg=str(path))
        attributes = json.loads((path / ".zattrs").read_text())
        assert volume.voxel_size == tuple(attributes["voxel_size"]), path
        assert volume.offset == tuple(attributes["offset"]), path
        assert volume.source == ArraySource(path, "zarr2")
        names = attributes["axis_names"]
        assert volume.axis_names == tuple(names[len(names) - len(expected.shape) :]), path


def test_names_of_a_real_snapshot_do_not_fit(stores):
    mask = stores / "pypi-0.3.5/snapshot_crash/snapshot.zarr/0/volumes/mask"
    assert json.loads((mask / ".zattrs").read_text())["axis_names"] == ["b^", "c^", "z", "y", "x"]
    assert open_volume(mask).axis_names == ("z", "y", "x")


def test_a_slice_of_a_real_volume(stores):
    volume = open_volume(stores / "data/aniso_val.zarr", "raw")
    expected = zarr.open_array(stores / "data/aniso_val.zarr/raw", mode="r")
    np.testing.assert_array_equal(np.asarray(volume.data[7, 3:50]), expected[7, 3:50])
    assert volume.roi == ((1040.0, 720.0, 360.0), (800.0, 416.0, 416.0))


@pytest.mark.parametrize(
    "options",
    [
        {"zarr_format": 2},
        {"zarr_format": 2, "order": "F"},
        {"zarr_format": 2, "compressors": None},
        {"zarr_format": 3},
        {"zarr_format": 3, "chunks": (3, 4, 5), "shards": (6, 12, 20)},
        {"zarr_format": 3, "compressors": None, "fill_value": 7},
        {"zarr_format": 3, "dimension_names": ("z", "y", "x")},
    ],
    ids=str,
)
def test_zarr(tmp_path, write_zarr, numbers, options):
    volume = open_volume(write_zarr(tmp_path / "a", numbers, attributes=WORLD, **options))
    assert isinstance(volume.data, LazyArray)
    np.testing.assert_array_equal(np.asarray(volume.data), numbers)
    assert volume.axis_names == ("z", "y", "x")
    assert volume.voxel_size == (40.0, 4.0, 4.0)
    assert volume.offset == (1200.0, 800.0, 440.0)
    assert volume.source.format == f"zarr{options['zarr_format']}"
    if "shards" in options:
        assert volume.data.lazy_view.chunks == (3, 4, 5), "shards were taken for chunks"


@pytest.mark.parametrize(
    "dtype", ["bool", "i1", "u1", "<i2", ">u2", "<i4", "u4", "i8", "u8", "f2", "f4", ">f8"]
)
@pytest.mark.parametrize("zarr_format", [2, 3])
def test_dtypes(tmp_path, write_zarr, dtype, zarr_format):
    data = (np.arange(120).reshape(4, 5, 6) % 97).astype(dtype)
    volume = open_volume(write_zarr(tmp_path / "a", data, zarr_format=zarr_format))
    assert volume.dtype == np.dtype(dtype).newbyteorder("=")
    np.testing.assert_array_equal(np.asarray(volume.data), data)
    label = volume.dtype.name in ("bool", "int32", "int64", "uint32", "uint64")
    assert volume.kind == ("labels" if label else "image")


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_attributes_may_change_while_it_is_open(tmp_path, write_zarr, numbers, zarr_format):
    path = write_zarr(tmp_path / "a", numbers, attributes=WORLD, zarr_format=zarr_format)
    pickled = pickle.dumps(open_volume(path).data)
    zarr.open_array(path, mode="r+").attrs["more"] = 1
    np.testing.assert_array_equal(np.asarray(pickle.loads(pickled)), numbers)


def test_an_array_that_was_replaced_by_another_is_not_read(tmp_path, write_zarr, numbers):
    data = open_volume(write_zarr(tmp_path / "a", numbers)).data
    pickled = pickle.dumps(data)
    shutil.rmtree(tmp_path / "a")
    write_zarr(tmp_path / "a", numbers[:5].astype("f4"))
    with pytest.raises(BrokenFileError, match="Cannot read"):
        np.asarray(pickle.loads(pickled))


def test_missing_chunks_are_the_fill_value(tmp_path):
    zarr.create_array(tmp_path / "a", shape=(9, 9), chunks=(4, 4), dtype="f4", fill_value=2.5)
    assert (np.asarray(open_volume(tmp_path / "a").data) == 2.5).all()


@pytest.mark.parametrize("options", [{"compressors": LZMA()}, {"filters": [Delta("u2")]}], ids=str)
def test_codecs_that_tensorstore_lacks(tmp_path, write_zarr, numbers, options):
    volume = open_volume(write_zarr(tmp_path / "a", numbers, attributes=WORLD, **options))
    assert isinstance(volume.data.lazy_view.source, ZarrSource)
    np.testing.assert_array_equal(np.asarray(volume.data[3, ::-1]), numbers[3, ::-1])


def test_n5(tmp_path, write_n5, numbers):
    attributes = {"resolution": [4, 5, 40], "offset": [440, 800, 1200], "axes": ["x", "y", "z"]}
    path = write_n5(tmp_path / "a.n5" / "raw", numbers, (5, 6, 7), attributes)
    volume = open_volume(tmp_path / "a.n5", "raw")
    np.testing.assert_array_equal(np.asarray(volume.data), numbers)
    np.testing.assert_array_equal(np.asarray(volume.data[4, :, 2]), numbers[4, :, 2])
    assert volume.axis_names == ("z", "y", "x")
    assert volume.voxel_size == (40.0, 5.0, 4.0)
    assert volume.offset == (1200.0, 800.0, 440.0)
    assert volume.source == ArraySource(path, "n5")


@pytest.mark.parametrize(
    ("attributes", "voxel_size"),
    [
        ({"pixelResolution": {"unit": "um", "dimensions": [0.004, 0.005, 0.04]}}, (40, 5, 4)),
        ({"resolution": [4, 5, 40]}, (40, 5, 4)),
        ({"voxel_size": [40, 5, 4], "axis_names": ["z", "y", "x"]}, (40, 5, 4)),
        ({"voxel_size": [40, 5, 4]}, (40, 5, 4)),
    ],
    ids=str,
)
def test_order_of_n5_attributes(tmp_path, write_n5, numbers, attributes, voxel_size):
    write_n5(tmp_path / "a", numbers, (5, 6, 7), attributes)
    volume = open_volume(tmp_path / "a")
    assert volume.voxel_size == pytest.approx(voxel_size)
    assert volume.axis_names == ("z", "y", "x")


def test_attributes_of_0_3_0(tmp_path, write_zarr, numbers):
    attributes = {
        "resolution": [40, 4, 4],
        "offset": [1200, 800, 440],
        "axes": ["c", "z", "y", "x"],
        "dimension_units": ["40 nm", "4 nm", "4 nm"],
        "_ARRAY_DIMENSIONS": ["c^", "z", "y", "x"],
    }
    volume = open_volume(write_zarr(tmp_path / "a", numbers[None], attributes=attributes))
    assert volume.axis_names == ("c^", "z", "y", "x")
    assert volume.voxel_size == (40.0, 4.0, 4.0)
    assert volume.offset == (1200.0, 800.0, 440.0)


def test_no_attributes_at_all(tmp_path, write_zarr, numbers):
    for data, names in [
        (numbers[0, 0], ("x",)),
        (numbers[0], ("y", "x")),
        (numbers, ("z", "y", "x")),
        (numbers[None], ("c^", "z", "y", "x")),
    ]:
        volume = open_volume(write_zarr(tmp_path / str(data.ndim), data))
        n = min(data.ndim, 3)
        assert volume.axis_names == names
        assert volume.voxel_size == (1.0,) * n
        assert volume.offset == (0.0,) * n


def test_channels_last_are_brought_to_the_front(tmp_path, write_zarr, numbers):
    data = np.stack([numbers, numbers + 1], axis=-1)
    attributes = WORLD | {"axis_names": ["z", "y", "x", "c^"]}
    volume = open_volume(write_zarr(tmp_path / "a", data, attributes=attributes))
    assert volume.axis_names == ("c^", "z", "y", "x")
    np.testing.assert_array_equal(np.asarray(volume.data[1]), numbers + 1)
    np.testing.assert_array_equal(np.asarray(volume.data[:, 2, 3:, 4]), data[2, 3:, 4].T)
    assert volume.source is None, "the stored elements are in another order"


def test_arguments_win(tmp_path, write_zarr, numbers):
    path = write_zarr(tmp_path / "a", numbers, attributes=WORLD | {"units": ["um"] * 3})
    identity = Identity(run="r", dataset="d", role="gt")
    volume = open_volume(
        path, identity=identity, voxel_size=(2, 2, 2), offset=(1, 1, 1), axis_names=("a", "b", "c")
    )
    assert volume.voxel_size == (2.0, 2.0, 2.0)
    assert volume.offset == (1.0, 1.0, 1.0)
    assert volume.identity is identity
    assert volume.kind == "labels"
    assert open_volume(path, identity=identity, kind="image").kind == "image"


def test_value_range_is_that_of_the_dtype(tmp_path, write_zarr, numbers):
    def shown(dtype, **options):
        path = write_zarr(tmp_path / dtype, numbers.astype(dtype))
        return open_volume(path, **options).value_range

    assert shown("u1") == (0.0, 255.0)
    assert shown("u2") == (0.0, 65535.0)
    assert shown("f4") is None
    assert shown("u8") is None


@pytest.mark.parametrize("options", [{}, {"compression": "zlib", "tile": (16, 16)}], ids=str)
@pytest.mark.parametrize("suffix", ["tif", "TIFF"])
def test_tiff(tmp_path, numbers, options, suffix):
    path = tmp_path / f"a.{suffix}"
    tifffile.imwrite(path, numbers, photometric="minisblack", **options)
    volume = open_volume(path, voxel_size=(40, 4, 4), offset=(1, 2, 3))
    np.testing.assert_array_equal(np.asarray(volume.data), numbers)
    np.testing.assert_array_equal(np.asarray(volume.data[5, 2:9, ::-3]), numbers[5, 2:9, ::-3])
    assert (volume.voxel_size, volume.offset) == ((40.0, 4.0, 4.0), (1.0, 2.0, 3.0))
    assert volume.axis_names == ("z", "y", "x")
    assert volume.source is None


def test_broken_tiff(tmp_path, numbers):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, numbers)
    content = path.read_bytes()
    for broken in (b"", content[:5], content[:200], b"no image at all" * 100):
        path.write_bytes(broken)
        with pytest.raises(NapariDacapoError):
            np.asarray(open_volume(path).data)


def test_nothing_there(tmp_path):
    with pytest.raises(ArrayNotFoundError, match="path map"):
        open_volume(tmp_path / "nowhere.zarr", "raw")
    with pytest.raises(FileNotFoundError):
        open_volume(tmp_path / "nowhere.tif")


def test_a_container_names_its_arrays(stores):
    with pytest.raises(ArrayNotFoundError, match="west/cells"):
        open_volume(stores / "data/demo_val.zarr")


@pytest.mark.parametrize("dataset", ["../b.zarr/raw", "/etc", "x/../../b.zarr/raw", "..", "a\0b"])
def test_datasets_do_not_lead_out(tmp_path, write_zarr, numbers, dataset):
    write_zarr(tmp_path / "b.zarr/raw", numbers)
    write_zarr(tmp_path / "a.zarr/raw", numbers)
    with pytest.raises((UnsafeFileError, ArrayNotFoundError)):
        open_volume(tmp_path / "a.zarr", dataset)


def test_links_do_not_lead_out_unless_allowed(tmp_path, write_zarr, numbers):
    write_zarr(tmp_path / "other/raw", numbers)
    (tmp_path / "a.zarr").mkdir()
    os.symlink(tmp_path / "other/raw", tmp_path / "a.zarr/raw")
    with pytest.raises(UnsafeFileError, match="link"):
        open_volume(tmp_path / "a.zarr", "raw")
    allowed = open_volume(tmp_path / "a.zarr", "raw", roots=[tmp_path / "other"])
    np.testing.assert_array_equal(np.asarray(allowed.data), numbers)


def test_slashes_around_a_dataset_say_nothing(tmp_path, write_zarr, numbers):
    write_zarr(tmp_path / "a.zarr/v/raw", numbers)
    for dataset in ("v/raw", "/v/raw", "v//raw/"):
        assert open_volume(tmp_path / "a.zarr", dataset).shape == numbers.shape


def test_nothing_is_written(stores, tmp_path, tree):
    copy = tmp_path / "main"
    shutil.copytree(stores / "main/dist_aniso", copy)
    for file in copy.rglob("*"):
        file.chmod(0o555 if file.is_dir() else 0o444)
    before = tree(copy)
    for path in real_arrays(copy):
        volume = open_volume(path)
        np.asarray(volume.data)
        volume.data.sum().compute()
        is_empty(volume, read=True)
        np.asarray(resample(crop(volume, volume.roi), [2 * v for v in volume.voxel_size]).data)
        np.asarray(LazyArray.from_source(zarr_source(path), "z"))
        repair_offset(volume)
    assert tree(copy) == before
    for file in copy.rglob("*"):
        file.chmod(0o755)


def test_a_huge_array_opens_at_once(tmp_path):
    (tmp_path / ".zarray").write_text(
        json.dumps(
            {"zarr_format": 2, "shape": [10**5] * 3, "chunks": [64] * 3, "dtype": "|u1",
             "compressor": None, "fill_value": 0, "filters": None, "order": "C"}
        )
    )  # fmt: skip
    volume = open_volume(tmp_path)
    assert not np.asarray(volume.data[50_000, :100, :100]).any()
    with pytest.raises(ArrayFormatError, match="GiB"):
        np.asarray(volume.data)
