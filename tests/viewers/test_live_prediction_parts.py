"""The parts of live predictions that need no network: what is written, seen and said."""

from __future__ import annotations

import math
import threading
from typing import TYPE_CHECKING, Any

import dask.array as da
import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_dacapo.errors import PredictionError
from napari_dacapo.models import predict
from napari_dacapo.models.prediction import source_of
from napari_dacapo.models.source import assemble
from napari_dacapo.models.tiling import Span, Tiling
from napari_dacapo.runs import open_store
from napari_dacapo.viewers.live_prediction.boxes import (
    Box,
    at_most,
    blocks_within,
    visible_box,
)
from napari_dacapo.viewers.live_prediction.news import News
from napari_dacapo.viewers.live_prediction.pictures import _EveryNth, difference
from napari_dacapo.viewers.live_prediction.preparation import prepare
from napari_dacapo.viewers.live_prediction.raw import choose_channels, open_raw
from napari_dacapo.viewers.live_prediction.request import (
    RawSource,
    Request,
    parse_channels,
    parse_voxel_size,
)
from napari_dacapo.viewers.live_prediction.state import LiveState, in_words
from napari_dacapo.viewers.view_state import ViewState
from napari_dacapo.volumes import Identity, LazyArray, Volume
from napari_dacapo.volumes.any_array import as_volume
from napari_dacapo.volumes.object_source import ObjectSource
from napari_dacapo.volumes.views import SourceView

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray


def volume(shape: tuple[int, ...], chunks: Any = 10, *, offset: float = 0.0) -> Volume:
    elements = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    names = ("c^", "z", "y", "x")[-len(shape) :]
    n = len(shape) - (names[0] == "c^")
    return Volume(
        da.from_array(elements, chunks=chunks),
        names,
        (4.0,) * n,
        (offset,) * n,
        Identity("run", "data", "raw"),
    )


class TestWhatIsWritten:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("", None),
            ("all", None),
            ("0", (0,)),
            ("2, 0", (2, 0)),
            ("1-3", (1, 2, 3)),
            ("1,1", (1,)),
        ],
    )
    def test_channels(self, text: str, expected: tuple[int, ...] | None) -> None:
        assert parse_channels(text) == expected

    @pytest.mark.parametrize("text", ["a", "-1", "3-1", "1,,2", "0-999999", "9" * 40, "１"])
    def test_what_are_no_channels(self, text: str) -> None:
        with pytest.raises(PredictionError, match="no channels"):
            parse_channels(text)

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("", None),
            ("8", (8.0,)),
            ("40, 4, 4", (40.0, 4.0, 4.0)),
            ("40 × 4 × 4 nm", (40.0, 4.0, 4.0)),
            ("5.24x4x4", (5.24, 4.0, 4.0)),
            ("40 4 4", (40.0, 4.0, 4.0)),
        ],
    )
    def test_voxel_sizes(self, text: str, expected: tuple[float, ...] | None) -> None:
        assert parse_voxel_size(text) == expected

    @pytest.mark.parametrize("text", ["0", "-4", "nan", "inf, 4, 4", "a", "4,,4", "1e999"])
    def test_what_are_no_voxel_sizes(self, text: str) -> None:
        with pytest.raises(PredictionError, match="no voxel size"):
            parse_voxel_size(text)

    @given(st.text(max_size=40))
    def test_any_text_is_read_or_refused(self, text: str) -> None:
        for parse in (parse_channels, parse_voxel_size):
            try:
                found: Any = parse(text)
            except PredictionError:
                continue
            assert found is None or all(math.isfinite(value) and value >= 0 for value in found)


def view(**changes: Any) -> ViewState:
    values: dict[str, Any] = {
        "axes": ("z", "y", "x"),
        "position": (100.0, 200.0, 300.0),
        "zoom": 0.5,
        "ndisplay": 2,
        "order": ("z", "y", "x"),
        "orientation": (0.0, 0.0, 0.0, 1.0),
        "canvas_size": (100, 400),
        "layers": (),
    }
    return ViewState(**values | changes)


class TestWhatIsSeen:
    def test_a_plane(self) -> None:
        box = visible_box(view(), ("z", "y", "x"))
        assert box == Box((100, 200, 300), (100, 100, -100), (100, 300, 700))

    def test_another_plane(self) -> None:
        box = visible_box(view(order=("x", "z", "y")), ("z", "y", "x"))
        assert box == Box((100, 200, 300), (0, -200, 300), (200, 600, 300))

    def test_in_3d_whichever_way_one_looks(self) -> None:
        box = visible_box(view(ndisplay=3), ("z", "y", "x"))
        assert box.begin == (-300, -200, -100)
        assert box.end == (500, 600, 700)

    def test_axes_without_a_name_here_count_from_the_last(self) -> None:
        assert visible_box(view(), ("b", "a")).centre == (200, 300)

    def test_meeting(self) -> None:
        box = Box((0, 0), (-1, 0), (1, 0))
        assert box.meets((-5, -5), (5, 6))
        assert box.meets((0, 0), (1, 1))
        assert not box.meets((0, -5), (1, 5))
        assert not box.meets((2, 0), (1, 1))

    def test_what_fills_it(self) -> None:
        box = Box((5, 0, 0), (5, -10, -10), (5, 10, 10))
        assert box.share((0, -20, -20), (10, 40, 40)) == 1
        assert box.share((0, 0, 0), (10, 5, 40)) == 0.125
        assert box.share((6, -20, -20), (10, 40, 40)) == 0
        assert box.share((0, 20, 20), (10, 10, 10)) == 0

    def test_blocks(self) -> None:
        # Blocks of 10 voxels of 4 nm from 100 nm on; the last has 5.
        raw = volume((25, 25), offset=100)
        assert blocks_within(raw, Box((150, 150), (139, 150), (150, 400))) == (
            (100, 140),
            (80, 60),
        )
        assert blocks_within(raw, Box((0, 0), (0, 0), (99, 99))) is None
        assert blocks_within(raw, Box((250, 150), (201, 150), (260, 150))) is None

    @given(st.integers(1, 500), st.floats(-1e3, 3e3), st.floats(0, 1e5))
    def test_few_enough(self, n_blocks: int, centre: float, half: float) -> None:
        raw = volume((500, 300), chunks=10)
        box = Box((centre, 100.0), (centre - half, 100.0 - half), (centre + half, 100.0 + half))
        smaller = at_most(raw, box, n_blocks)
        assert smaller.centre == box.centre
        found = blocks_within(raw, smaller)
        if found is not None:
            assert np.prod(np.ceil(np.divide(found[1], 40))) <= max(n_blocks, 4)
        if smaller != box:
            assert blocks_within(raw, box) is not None


class TestChannels:
    def test_in_a_row_or_not(self) -> None:
        raw = volume((4, 5, 6, 7)).with_(channel_names=("a", "b", "c", "d"))
        elements = np.asarray(raw.data)
        for channels, names in (((1, 2), ("b", "c")), ((3, 0), ("d", "a"))):
            chosen = choose_channels(raw, channels)
            assert chosen.channel_names == names
            np.testing.assert_array_equal(np.asarray(chosen.data), elements[list(channels)])

    def test_of_lazy_arrays(self) -> None:
        elements = np.arange(4 * 5 * 6, dtype=np.float32).reshape(4, 5, 6)
        raw = volume((4, 5, 6)).with_(
            data=LazyArray.from_source(ObjectSource(elements, "raw"), "raw"),
            axis_names=("c^", "y", "x"),
            voxel_size=(4.0, 4.0),
            offset=(0.0, 0.0),
        )
        chosen = choose_channels(raw, (3, 0))
        np.testing.assert_array_equal(np.asarray(chosen.data), elements[[3, 0]])

    def test_none_of_that_number(self) -> None:
        with pytest.raises(PredictionError, match="0 to 3"):
            choose_channels(volume((4, 5, 6, 7)), (4,))
        with pytest.raises(PredictionError, match="0 to 0"):
            choose_channels(volume((5, 6, 7)), (1,))

    def test_the_one_that_there_is(self) -> None:
        raw = volume((5, 6, 7))
        assert choose_channels(raw, (0,)) is raw


class TestPlacesOfRaw:
    """Where raw lies when the user says how large its voxels are."""

    def run(self, stores: Path) -> Any:
        return open_store(stores / "main").run("dist_valid_iso")

    @pytest.mark.parametrize("voxel_size", [None, (16.0,), (16.0, 8.0, 4.0)])
    def test_the_offset_of_a_file_is_in_nm(
        self, stores: Path, tmp_path: Path, voxel_size: Any
    ) -> None:
        array = zarr.create_array(
            tmp_path / "raw.zarr", shape=(9, 9, 9), chunks=(9, 9, 9), dtype="u1", zarr_format=2
        )
        array.attrs.update(voxel_size=[8, 8, 8], offset=[800, 1600, 2400], units=["nm"] * 3)
        source = RawSource("path", str(tmp_path / "raw.zarr"))
        assert open_raw(self.run(stores), source, voxel_size).offset == (800, 1600, 2400)

    def test_a_layer_that_says_nothing_is_counted_in_voxels(self, stores: Path) -> None:
        layer = volume((9, 9, 9)).with_(voxel_size=(1.0,) * 3, offset=(-0.5, 9.5, 0.0))
        source = RawSource("layer", "mine", layer, sized=False)
        assert open_raw(self.run(stores), source, (16.0,)).offset == (-8, 152, 0)
        sized = RawSource("layer", "mine", layer, sized=True)
        assert open_raw(self.run(stores), sized, (16.0,)).offset == (-0.5, 9.5, 0)


class TestChangedInPlace:
    @pytest.mark.long
    def test_each_prediction_of_a_layer_is_of_what_it_is_now(self, stores: Path) -> None:
        elements = np.random.default_rng(0).random((16, 16, 16), np.float32)
        raw = as_volume(elements, "mine", voxel_size=(8, 8, 8))
        run = open_store(stores / "pypi-0.3.5").run("dist_same_iso0")
        request = Request(60, RawSource("layer", "mine", raw), device="cpu")
        first = np.asarray(prepare(run, request, "here").computed.data)
        elements[:] = 0
        second = np.asarray(prepare(run, request, "here").computed.data)
        fresh = as_volume(elements.copy(), "other", voxel_size=(8, 8, 8))
        request = Request(60, RawSource("layer", "other", fresh), device="cpu")
        expected = np.asarray(prepare(run, request, "here").computed.data)
        np.testing.assert_array_equal(second, expected)
        assert np.abs(first - second).max() > 1e-4


class _Blocks:
    """Stands for the finished blocks of a prediction, every other one missing."""

    def __init__(self, shape: tuple[int, ...], side: int) -> None:
        n = len(shape)
        self.tiling = Tiling(Span((0,) * n, shape), (side,) * n, (side,) * n, (1,) * n, (0,) * n)
        self.n_channels = 2
        self.shape = (2, *shape)
        self.dtype = np.dtype(np.float32)
        self.elements = np.random.default_rng(0).random(self.shape, np.float32)

    def peek(self, index: tuple[int, ...]) -> NDArray[np.float32] | None:
        if sum(index) % 2:
            return None
        return self.elements[(slice(None), *self.tiling.output(index).slices)]

    def finished(self, region: Span) -> list[tuple[int, ...]]:
        return [index for index in self.tiling.within(region) if sum(index) % 2 == 0]

    def whole(self) -> NDArray[np.float32]:
        everything = tuple(slice(None) for _ in self.shape)
        return assemble(self.tiling, self.shape, everything, self.peek)


class TestCoarseLevels:
    @settings(deadline=None)
    @given(
        st.tuples(st.integers(5, 40), st.integers(5, 40)),
        st.integers(3, 12),
        st.tuples(st.sampled_from([1, 2, 4, 8]), st.sampled_from([1, 2, 4, 8])),
        st.data(),
    )
    def test_every_nth_voxel_of_what_is_finished(
        self, shape: tuple[int, int], side: int, factors: tuple[int, int], data: st.DataObject
    ) -> None:
        blocks: Any = _Blocks(shape, side)
        coarse = _EveryNth(blocks, factors)
        expected = blocks.whole()[:, :: factors[0], :: factors[1]]
        assert coarse.shape == expected.shape
        array = LazyArray.from_view(SourceView(coarse), "coarse")
        np.testing.assert_array_equal(np.asarray(array), expected)
        index = tuple(
            data.draw(st.one_of(st.integers(0, n - 1), st.slices(n))) for n in expected.shape
        )
        np.testing.assert_array_equal(np.asarray(array[index]), expected[index])

    def test_of_a_vast_volume(self, stores: Path) -> None:
        """What is read costs what is finished, not what there could be."""
        run = open_store(stores / "main").run("dist_valid_iso")
        zeros = da.zeros((10**6,) * 3, chunks=10**6 // 4, dtype=np.float32)
        raw = volume((1, 1, 1)).with_(data=zeros, voxel_size=(8.0,) * 3)
        source = source_of(predict(run, 20, raw, device="cpu"))
        middle = tuple(n // 2 for n in source.tiling.grid)
        source.block(middle)
        begin = source.tiling.output(middle).begin
        coarse = _EveryNth(source, begin)
        plane = np.asarray(LazyArray.from_view(SourceView(coarse), "coarse")[0, 1])
        assert (~np.isnan(plane)).nonzero() == (1, 1)


class TestNews:
    def test_told_once_and_taken_together(self) -> None:
        news = News()
        assert news.add_block((0.0,), (1.0,))
        assert not news.add_block((1.0,), (1.0,))
        assert not news.set_progress(2, 3)
        taken = news.take()
        assert taken.blocks == (((0.0,), (1.0,)), ((1.0,), (1.0,)))
        assert (taken.n_blocks, taken.progress, taken.error) == (2, (2, 3), None)
        assert news.add_block((1.0,), (1.0,))
        assert news.take().n_blocks == 2

    def test_the_largest_difference_so_far(self) -> None:
        here = volume((20, 20))
        other = np.array(np.asarray(here.data))
        other[3, 3] += 2
        other[15, 15] -= 5
        there = here.with_(data=da.from_array(other))
        news = News(here, there)
        news.add_block((0.0, 0.0), (40.0, 40.0))
        assert news.take().largest == 2
        news.add_block((40.0, 40.0), (40.0, 40.0))
        assert news.take().largest == 5
        news.add_block((0.0, 40.0), (40.0, 40.0))
        assert news.take().largest == 5

    def test_nan_on_one_side_is_no_small_difference(self) -> None:
        here = volume((20, 20))
        other = np.array(np.asarray(here.data))
        other[3, 3] = np.nan
        news = News(here, here.with_(data=da.from_array(other)))
        news.add_block((0.0, 0.0), (40.0, 40.0))
        news.add_block((40.0, 40.0), (40.0, 40.0))
        largest = news.take().largest
        assert largest is not None
        assert math.isnan(largest)

    def test_from_many_threads(self) -> None:
        news = News()
        told: list[bool] = []

        def work(n: int) -> None:
            told.extend(news.add_block((float(n), float(i)), (1.0, 1.0)) for i in range(100))

        threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sum(told) == 1
        assert news.take().n_blocks == 800


class TestWhatIsSaid:
    def test_nothing_at_first(self) -> None:
        assert in_words(LiveState()) == ""
        assert not LiveState().active

    @pytest.mark.parametrize(
        ("state", "expected"),
        [
            (LiveState("loading", "run", 20), "run · 20: loading"),
            (
                LiveState("working", "run", 20, done=1, total=4, follows=True),
                "1 of 4 blocks on screen",
            ),
            (LiveState("done", "run", 20, done=4, total=4, follows=True), "follows the view"),
            (LiveState("done", "run", 20, follows=True), "nothing to predict is on screen"),
            (LiveState("working", "run", 20, total=4, follows=True, limited=True), "nearest"),
            (LiveState("done", "run", 20), "where neuroglancer looks"),
            (LiveState("working", "run", 20, "whole", 1, 4), "1 of 4 blocks"),
            (LiveState("done", "run", 20, "whole", 4, 4), "all predicted"),
            (LiveState("stopped", "run", 20), "veiled in gray"),
            (LiveState("failed", "run", 20, problem="no memory"), "failed: no memory"),
            (LiveState("working", "run", 20, "compare", 1, 4, largest=0.5), "0.5 so far"),
            (LiveState("done", "run", 20, "compare", 4, 4, largest=0.0), "stored = 0 "),
            (LiveState("done", "run", 20, "compare", 4, 4, largest=2e-7), "rounding"),
            (LiveState("done", "run", 20, "compare", 4, 4, largest=math.nan), "NaN where"),
            (LiveState("working", "run", 20, "compare", 0, 4), "comparing"),
        ],
    )
    def test_each_state(self, state: LiveState, expected: str) -> None:
        assert expected in in_words(state)

    def test_what_can_be_cancelled(self) -> None:
        assert LiveState("loading").active
        assert LiveState("done", follows=True).active
        assert not LiveState("done", mode="whole").active
        assert not LiveState("stopped").active


def test_predictions_of_other_places_are_not_compared() -> None:
    elements = LazyArray.from_source(ObjectSource(np.zeros((1, 4, 4), np.float32), "a"), "a")
    here = volume((1, 4, 4)).with_(
        data=elements, axis_names=("c^", "y", "x"), voxel_size=(4.0, 4.0), offset=(0.0, 0.0)
    )
    with pytest.raises(PredictionError, match="cannot be compared"):
        difference(here, here.with_(offset=(4.0, 0.0)), None)
