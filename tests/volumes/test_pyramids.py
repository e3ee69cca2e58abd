from __future__ import annotations

import json
import pickle

import dask.array as da
import numpy as np
import pytest
import tensorstore as ts
import zarr
from tests.volumes.conftest import zarr_source

from napari_dacapo.errors import ArrayFormatError
from napari_dacapo.store.configs.arrays import ArrayConfig
from napari_dacapo.store.configs.base import structure
from napari_dacapo.volumes import (
    Identity,
    LazyArray,
    Volume,
    open_volume,
    resampling,
    volume_from_config,
    with_pyramid,
)
from napari_dacapo.volumes.functions import Affine, IsIn
from napari_dacapo.volumes.pyramids import _factors
from napari_dacapo.volumes.resampling import DownsampleView, InterpolateView
from napari_dacapo.volumes.views import MapView, SourceView, StackView


@pytest.fixture(scope="module")
def long(tmp_path_factory):
    """An array that is just long enough, anisotropic and of odd size, on disk and in memory."""
    data = np.random.default_rng(0).integers(0, 200, (9, 40, 1101), dtype="u1")
    path = tmp_path_factory.mktemp("long") / "a.zarr"
    attributes = {"voxel_size": [32, 8, 8], "offset": [64, 8, 16], "axis_names": ["z", "y", "x"]}
    zarr.create_array(path, data=data, chunks=(4, 16, 64), zarr_format=2, attributes=attributes)
    return open_volume(path).with_(levels=()), data


def merged(data, factors, function):
    """Merge blocks the slow way."""
    shape = [-(-n // f) for n, f in zip(data.shape, factors, strict=True)]
    out = np.empty(shape, float)
    for index in np.ndindex(*shape):
        block = data[tuple(slice(i * f, (i + 1) * f) for i, f in zip(index, factors, strict=True))]
        out[index] = function(block)
    return out


def test_levels_of_images_are_means(long):
    volume, data = long
    assert volume.source is not None
    pyramid = open_volume(volume.source.path)
    assert [level.voxel_size for level in pyramid.levels] == [
        (32.0, 16.0, 16.0),
        (32.0, 32.0, 32.0),
    ]
    assert all(level.offset == volume.offset for level in pyramid.levels)
    assert with_pyramid(volume).levels[1].data.name == pyramid.levels[1].data.name
    expected = merged(data, (1, 4, 4), np.mean)
    level = pyramid.levels[1].data
    assert isinstance(level, LazyArray)
    assert level.dtype == np.uint8
    np.testing.assert_allclose(np.asarray(level), expected, atol=0.51)
    np.testing.assert_allclose(np.asarray(level[3]), expected[3], atol=0.51)
    np.testing.assert_array_equal(level.compute(scheduler="sync"), np.asarray(level))
    np.testing.assert_array_equal(np.asarray(level[::-2, 3, 5:9]), np.asarray(level)[::-2, 3, 5:9])
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(level[2])), np.asarray(level[2]))


def test_levels_of_labels_are_the_most_frequent(tmp_path):
    labels = np.zeros((2, 1200), "u8")
    labels[:, 1::2] = 3
    labels[1, ::4] = 3
    labels[:, 600:] = 2**60 + 1
    zarr.create_array(tmp_path / "a", data=labels, chunks=(1, 100))
    pyramid = open_volume(tmp_path / "a")
    level = np.asarray(pyramid.levels[0].data)
    counts = merged(labels[:, :600], (2, 2), lambda block: (block == 3).sum())
    decided = counts != 2
    np.testing.assert_array_equal(level[:, :300][decided], np.where(counts > 2, 3, 0)[decided])
    assert (level[:, 300:] == 2**60 + 1).all()


@pytest.mark.long
def test_computed_elements_have_levels_too(long):
    volume, data = long
    scaled = with_pyramid(volume.with_(data=volume.data.map(Affine(0, 255))))
    expected = merged(data / 255, (1, 4, 4), np.mean)
    np.testing.assert_allclose(np.asarray(scaled.levels[1].data), expected, atol=0.51 / 255)

    masks = LazyArray.stack([volume.data.map(IsIn((1, 2, 3))), volume.data.map(np.invert)], "m")
    stacked = volume.with_(data=masks, axis_names=("c^", *volume.axis_names), kind="labels")
    level = with_pyramid(stacked).levels[0]
    assert level.data.shape == (2, 9, 20, 551)
    assert level.voxel_size == (32.0, 16.0, 16.0)
    counts = merged(np.isin(data, [1, 2, 3]), (1, 2, 2), np.mean)
    decided = counts != 0.5
    np.testing.assert_array_equal(np.asarray(level.data[0])[decided], (counts > 0.5)[decided])


def test_bools_are_not_averaged(tmp_path):
    zarr.create_array(tmp_path / "a", data=np.ones((3, 1100), bool), chunks=(3, 100))
    identity = Identity(run="r", dataset="d", role="raw")
    volume = open_volume(tmp_path / "a", identity=identity, kind="image")
    assert np.asarray(volume.levels[0].data).all()


@pytest.mark.long
def test_configs_over_large_arrays_have_levels(long):
    volume, data = long
    source = {
        "__type__": "ZarrArrayConfig", "name": "z", "dataset": "", "mode": "a",
        "file_name": str(volume.source.path),
    }  # fmt: skip

    def made(kind, **fields):
        config = {"__type__": kind, "name": "a", "source_array_config": source, **fields}
        return volume_from_config(structure(ArrayConfig, config))

    raw = made("IntensitiesArrayConfig", min=0, max=255)
    expected = merged(data / 255, (1, 4, 4), np.mean)
    np.testing.assert_allclose(np.asarray(raw.levels[1].data), expected, atol=0.51 / 255)
    part = made("CropArrayConfig", roi=((64, 8, 24), (288, 320, 8800)))
    expected = merged(data[:, :, 1:1101], (1, 2, 2), np.mean)
    np.testing.assert_allclose(np.asarray(part.levels[0].data), expected, atol=0.51)
    assert part.levels[0].offset == part.offset == (64.0, 8.0, 24.0)
    mask = made("BinarizeArrayConfig", groupings=[("a", [1])])
    assert mask.levels[0].data.shape == (1, 9, 20, 551)


def test_small_levelled_and_foreign_volumes_stay_as_they_are(long, stores):
    small = open_volume(stores / "data/aniso_val.zarr", "raw")
    assert with_pyramid(small) is small
    pyramid = with_pyramid(long[0])
    assert with_pyramid(pyramid) is pyramid
    plain = Volume(da.zeros(2000), ("x",), (1.0,), (0.0,), small.identity)
    assert with_pyramid(plain) is plain


@pytest.mark.parametrize(
    ("shape", "voxel_size", "expected"),
    [
        ((4096,) * 3, (8, 8, 8), [(2,) * 3, (4,) * 3, (8,) * 3]),
        ((100, 2000, 2000), (40, 4, 4), [(1, 2, 2), (1, 4, 4)]),
        ((1000, 5000, 5000), (32, 8, 8), [(1, 2, 2), (1, 4, 4), (2, 8, 8), (4, 16, 16)]),
        ((1, 5000), (1, 1), [(1, 2), (1, 4), (1, 8), (1, 16)]),
        ((2000, 4), (100, 1), [(1, 2), (1, 4), (2, 4), (4, 4)]),
    ],
)
def test_factors_make_voxels_alike(shape, voxel_size, expected):
    assert _factors(shape, voxel_size) == expected


@pytest.mark.long
def test_large_parts_are_merged_piece_by_piece(tmp_path, monkeypatch):
    data = np.random.default_rng(1).integers(0, 9, (40, 50, 60), dtype="u2")
    zarr.create_array(tmp_path / "a", data=data, chunks=(7, 9, 11))
    # zarr-python's arrays take the way that everything but TensorStore's takes.
    view = SourceView(zarr_source(tmp_path / "a"))
    whole = DownsampleView(view, (2, 3, 4), "mean").read()
    monkeypatch.setattr("napari_dacapo.volumes.resampling._PART_BYTES", 500)
    np.testing.assert_array_equal(DownsampleView(view, (2, 3, 4), "mean").read(), whole)
    np.testing.assert_allclose(whole, merged(data, (2, 3, 4), np.mean), atol=0.51)


def test_the_cache_limit_holds_for_coarse_views_of_huge_arrays(tmp_path):
    zarr.create_array(tmp_path / "a", shape=(20_000,) * 3, chunks=(100,) * 3, dtype="u1")
    pyramid = open_volume(tmp_path / "a")
    assert max(pyramid.levels[-1].data.shape) <= 512
    assert not np.asarray(pyramid.levels[-1].data[3, :2, :2]).any()


CLAIMS = {
    "a cube of 2**19 voxels a side": ([2**19] * 3, [64] * 3),
    "chunks of one voxel": ([2**14] * 3, [1] * 3),
    "chunks of one voxel, flat": ([12, 12, 2**27], [1, 1, 1]),
    "one long axis": ([12, 12, 2**31], [64] * 3),
    "one long axis of shards": ([1, 1, 2**40], [1, 1, 2**20]),
}


@pytest.mark.long
@pytest.mark.parametrize(("shape", "chunks"), CLAIMS.values(), ids=CLAIMS)
@pytest.mark.parametrize("by", ["TensorStore", "zarr-python", "N5"])
def test_claims_without_measure_are_refused_where_they_are_read(tmp_path, shape, chunks, by):
    """A few bytes of metadata: what can be read of it is zero, the rest is said to be too much."""
    write_claim(tmp_path / "a", shape, chunks, by)
    volume = open_volume(tmp_path / "a")
    for data in (volume.data, *(level.data for level in volume.levels)):
        assert not np.asarray(data[(0,) * data.ndim]).any()
        assert not np.asarray(data[tuple(n // 2 for n in data.shape)]).any()
    for data in (volume.data, volume.levels[-1].data):
        if np.prod(data.shape, dtype=float) * data.dtype.itemsize > 2**32:
            with pytest.raises(ArrayFormatError, match=r"chunks|GiB"):
                np.asarray(data)


def write_claim(folder, shape, chunks, by):
    folder.mkdir()
    if by == "N5":
        (folder / "attributes.json").write_text(
            json.dumps(
                {"dimensions": shape[::-1], "blockSize": chunks[::-1], "dataType": "float32",
                 "compression": {"type": "raw"}}
            )
        )  # fmt: skip
        return
    delta = [{"id": "delta", "dtype": "<f4", "astype": "<f4"}]
    (folder / ".zarray").write_text(
        json.dumps(
            {"zarr_format": 2, "shape": shape, "chunks": chunks, "dtype": "<f4",
             "compressor": None, "fill_value": 0, "order": "C",
             "filters": delta if by == "zarr-python" else None, "dimension_separator": "/"}
        )
    )  # fmt: skip


def test_a_voxel_of_too_many_voxels_is_refused(tmp_path):
    write_claim(tmp_path / "a", [2**13] * 3, [64] * 3, "TensorStore")
    view = open_volume(tmp_path / "a").data.lazy_view
    for index in [(0, 0, 0), (slice(None), 1, 1)]:
        with pytest.raises(ArrayFormatError, match="merge"):
            DownsampleView(view, (2**11,) * 3, "mean")[index].read()


@pytest.mark.long
def test_large_blocks_are_merged_in_parts(tmp_path, monkeypatch):
    """The result of parts is that of the whole, for TensorStore as for anything else."""
    data = np.random.default_rng(0).integers(0, 255, (60, 70, 80), np.uint8)
    zarr.create_array(tmp_path / "a", data=data, chunks=(7, 8, 9), zarr_format=2)
    view = open_volume(tmp_path / "a").data.lazy_view
    assert view.tensorstore() is not None
    whole = DownsampleView(view, (2, 3, 4), "mean").read()
    expected = np.asarray(ts.downsample(ts.array(data), [2, 3, 4], "mean").read().result())
    np.testing.assert_array_equal(whole, expected)
    for limits in ({"_PART_BYTES": 2**12}, {"_PART_CHUNKS": 3}):
        with monkeypatch.context() as patch:
            for name, value in limits.items():
                patch.setattr(resampling, name, value)
            parts = DownsampleView(view, (2, 3, 4), "mean").read()
        np.testing.assert_array_equal(parts, expected)


def test_chunks_are_counted(tmp_path):
    zarr.create_array(
        tmp_path / "a", shape=(60, 70, 80), chunks=(10, 10, 10), dtype="u1", zarr_format=2
    )
    view = open_volume(tmp_path / "a").data.lazy_view
    for index, count in [
        (np.s_[:, :, :], 6 * 7 * 8), (np.s_[5:15, 3, 0:1], 2), (np.s_[::30, 0, 0], 2),
        (np.s_[::-1, 9:11, 79], 12), (np.s_[0:0, :, :], 0),
    ]:  # fmt: skip
        part = view[index]
        assert part.n_chunks == count
        assert MapView(np.add, [part, part]).n_chunks == 2 * count
        assert StackView([part, part, part]).n_chunks == 3 * count
    coarse = DownsampleView(view, (4, 4, 4), "mean")
    assert coarse[0, 0, 0].n_chunks == 1
    assert coarse[2, 2, :].n_chunks == 2 * 2 * 8
    doubled = InterpolateView(view, [None, None, 19.5], order=1)
    assert doubled.n_chunks == 6 * 7 * 2
