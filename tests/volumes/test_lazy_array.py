from __future__ import annotations

import pickle

import dask
import dask.array as da
import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tests.volumes.conftest import zarr_source

from napari_dacapo.volumes import LazyArray, cache_size, open_volume, set_cache_size
from napari_dacapo.volumes.functions import Affine
from napari_dacapo.volumes.grids import Grid
from napari_dacapo.volumes.indexing import basic_index
from napari_dacapo.volumes.resampling import DownsampleView, InterpolateView
from napari_dacapo.volumes.sources import ConstantSource, TransposedSource
from napari_dacapo.volumes.views import MapView, SourceView, StackView

SHAPE = (13, 17, 19)


def axis_index(n: int) -> st.SearchStrategy:
    return st.one_of(st.integers(-n, n - 1), st.slices(n)) if n else st.slices(n)


@st.composite
def basic_indices(draw: st.DrawFn, shape: tuple[int, ...]) -> object:
    """Any basic index of an array: ints, slices of any step, Ellipsis, fewer entries than axes."""
    entries: list[object] = [draw(axis_index(n)) for n in shape]
    cut = draw(st.integers(0, len(shape)))
    if draw(st.booleans()):
        until = draw(st.integers(cut, len(shape)))
        return (*entries[:cut], Ellipsis, *entries[until:])
    kept = entries[:cut]
    return kept[0] if len(kept) == 1 and draw(st.booleans()) else tuple(kept)


@pytest.fixture(scope="module")
def cases(tmp_path_factory, numbers):
    """Pairs of a lazy array and the numpy array that it stands for, one for each kind of view."""
    import zarr

    folder = tmp_path_factory.mktemp("arrays")
    zarr.create_array(folder / "a.zarr", data=numbers, chunks=(5, 4, 7), zarr_format=2)
    plain = open_volume(folder / "a.zarr").data
    view = plain.lazy_view
    pairs = {
        "tensorstore": (plain, numbers),
        "zarr-python": (LazyArray.from_source(zarr_source(folder / "a.zarr"), "z"), numbers),
    }
    views = {
        "transposed": (
            SourceView(TransposedSource(zarr_source(folder / "a.zarr"), (2, 0, 1))),
            numbers.transpose(2, 0, 1),
        ),
        "constant": (
            SourceView(ConstantSource((4, 6), np.dtype(np.int8), (2, 2), 7)),
            np.full((4, 6), 7, np.int8),
        ),
        "mapped": (MapView(Affine(2, 12), [view]), (numbers - 2.0) / 10.0),
        "two arguments": (MapView(np.add, [view, view]), numbers + numbers),
        "stacked": (
            StackView([view, MapView(np.invert, [view])]),
            np.stack([numbers, ~numbers]),
        ),
        "stride": (DownsampleView(view, (1, 2, 3), "stride"), numbers[:, ::2, ::3]),
        "doubled": (
            InterpolateView(view, [None, Grid.of(34, 1 / 2), None], order=0),
            numbers.repeat(2, axis=1),
        ),
    }
    pairs |= {name: (LazyArray.from_view(v, name), x) for name, (v, x) in views.items()}
    return pairs


@pytest.mark.long
@pytest.mark.parametrize(
    "name",
    ["tensorstore", "zarr-python", "transposed", "constant", "mapped", "two arguments", "stacked",
     "stride", "doubled"],
)  # fmt: skip
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_basic_indexing_is_numpys(cases, name, data):
    lazy, expected = cases[name]
    first = data.draw(basic_indices(expected.shape))
    once = lazy[first]
    assert isinstance(once, LazyArray)
    assert once.shape == expected[first].shape
    assert once.dtype == expected.dtype
    np.testing.assert_array_equal(np.asarray(once), expected[first])
    # Through dask's graph as well, and a view of the view.
    np.testing.assert_array_equal(once.compute(scheduler="sync"), expected[first])
    second = data.draw(basic_indices(expected[first].shape))
    np.testing.assert_array_equal(np.asarray(once[second]), expected[first][second])


@example(index=[1, 2], shape=SHAPE)
@example(index=(None, 3), shape=SHAPE)
@example(index=True, shape=SHAPE)
@example(index=(np.array([True] * 13),), shape=SHAPE)
@given(index=st.none() | st.text() | st.floats() | st.lists(st.integers()), shape=st.just(SHAPE))
def test_other_indices_are_left_to_dask(index, shape):
    assert basic_index(index, shape) is None


def test_fancy_indexing_is_dasks(cases, numbers):
    lazy, _ = cases["tensorstore"]
    chosen = lazy[[3, 1], 2:9]
    assert not isinstance(chosen, LazyArray)
    np.testing.assert_array_equal(chosen.compute(), numbers[[3, 1], 2:9])
    np.testing.assert_array_equal(lazy[lazy > 400].compute(), numbers[numbers > 400])
    np.testing.assert_array_equal(lazy[None, 3].compute(), numbers[None, 3])


@pytest.mark.parametrize("index", [13, -14, (0, 17), (0, 0, 0, 0)])
def test_out_of_bounds(cases, index):
    with pytest.raises(IndexError):
        cases["tensorstore"][0][index]


def test_numpy_ints_index(cases, numbers):
    lazy, _ = cases["tensorstore"]
    np.testing.assert_array_equal(np.asarray(lazy[np.int64(3)]), numbers[3])
    part = lazy[np.uint8(2) : np.int32(5)]
    np.testing.assert_array_equal(np.asarray(part), numbers[2:5])


def test_indexing_reads_nothing(tmp_path, write_zarr, numbers):
    path = write_zarr(tmp_path / "a.zarr", numbers)
    lazy = open_volume(path).data
    for chunk in path.rglob("[0-9]"):
        if chunk.is_file():
            chunk.unlink()
    plane = lazy[4]
    assert plane.shape == numbers[4].shape
    assert not np.asarray(plane).any(), "the chunks were gone before anything was read"


def test_blocks_are_cut_where_chunks_are(tmp_path):
    import zarr

    zarr.create_array(tmp_path / "a", shape=(300, 300, 300), chunks=(64, 64, 64), dtype="u1")
    data = open_volume(tmp_path / "a").data
    assert data.chunks == ((64, 64, 64, 64, 44),) * 3
    assert data[30:200].chunks[0] == (34, 64, 64, 8)
    # A plane of small pieces would not be worth its tasks.
    assert data[5].chunks == ((300,), (300,))


def test_computing_is_dasks(cases, numbers):
    lazy, _ = cases["tensorstore"]
    assert (lazy + 1).max().compute() == numbers.max() + 1
    joined = da.concatenate([lazy, lazy[:2]]).compute()
    np.testing.assert_array_equal(joined, np.concatenate([numbers, numbers[:2]]))
    (persisted,) = dask.persist(lazy)
    np.testing.assert_array_equal(persisted.compute(), numbers)
    np.testing.assert_array_equal(lazy.rechunk((13, 2, 19)).compute(), numbers)


def test_map_and_astype_stay_lazy(cases, numbers):
    lazy, _ = cases["tensorstore"]
    assert isinstance(lazy.map(np.negative)[2], LazyArray)
    np.testing.assert_array_equal(np.asarray(lazy.map(np.negative)[2]), -numbers[2])
    converted = lazy.astype("float32")
    assert isinstance(converted, LazyArray)
    assert converted.dtype == np.float32
    np.testing.assert_array_equal(np.asarray(converted[:, 3]), numbers[:, 3].astype("f4"))
    assert lazy.astype(lazy.dtype) is lazy
    assert lazy.map(np.negative).name != lazy.map(np.positive).name


def test_array_protocol(cases, numbers):
    lazy, _ = cases["tensorstore"]
    assert np.asarray(lazy[1], dtype="f8").dtype == np.float64
    np.testing.assert_array_equal(np.array(lazy[1], copy=True), numbers[1])
    assert int(lazy[1, 2, 3]) == numbers[1, 2, 3]


@pytest.mark.parametrize("name", ["tensorstore", "zarr-python", "mapped", "stacked", "stride"])
def test_pickles_small(cases, name):
    lazy, expected = cases[name]
    np.asarray(lazy[0])  # what was opened to read must not be pickled
    pickled = pickle.dumps(lazy[1:5])
    assert len(pickled) < 5000
    again = pickle.loads(pickled)
    assert isinstance(again, LazyArray)
    assert again.name == lazy[1:5].name
    np.testing.assert_array_equal(np.asarray(again), expected[1:5])


@pytest.mark.long
def test_on_a_cluster_of_processes(cases, numbers):
    lazy, _ = cases["mapped"]
    with dask.config.set(scheduler="processes", num_workers=1):
        np.testing.assert_allclose(lazy[3:6].compute(), ((numbers - 2.0) / 10.0)[3:6])


def test_name_follows_the_revision(tmp_path, write_zarr, numbers):
    path = write_zarr(tmp_path / "a.zarr", numbers)
    before = open_volume(path)
    assert open_volume(path).data.name == before.data.name
    assert open_volume(path).revision == before.revision
    import zarr

    zarr.open_array(path, mode="r+")[0] = 1
    after = open_volume(path)
    assert after.revision != before.revision
    assert after.data.name != before.data.name
    assert after.data[2].name != before.data[2].name
    assert (np.asarray(after.data[0]) == 1).all(), "chunks of the old revision came from the cache"


def test_names_of_parts_differ(cases):
    lazy, _ = cases["tensorstore"]
    parts = [lazy[1], lazy[1:2], lazy[:, 1], lazy[1:], lazy[::2], lazy[1:][1:], lazy[:1], lazy[11:]]
    assert len({part.name for part in parts}) == len(parts)


def test_cache_size_takes_effect_on_open_arrays(cases, numbers):
    lazy, _ = cases["tensorstore"]
    size = cache_size()
    assert size > 2**20
    try:
        set_cache_size(12345)
        assert cache_size() == 12345
        np.testing.assert_array_equal(np.asarray(lazy[2]), numbers[2])
        context = lazy.lazy_view.source.store.spec(retain_context=True).to_json()["context"]
        assert context["cache_pool"] == {"total_bytes_limit": 12345}
    finally:
        set_cache_size(size)
    with pytest.raises(ValueError, match="-1"):
        set_cache_size(-1)


def test_the_default_size_comes_back() -> None:
    default = cache_size()
    set_cache_size(12345)
    set_cache_size(None)
    assert cache_size() == default


def test_arrays_are_opened_for_reading_only(cases):
    assert not cases["tensorstore"][0].lazy_view.source.store.writable
