from __future__ import annotations

import threading
from typing import Any

import dask.array as da
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_dacapo.errors import PredictionError
from napari_dacapo.models import LivePrediction, predict
from napari_dacapo.models.block_cache import BlockCache, block_cache
from napari_dacapo.models.block_queue import BlockQueue
from napari_dacapo.models.prediction import source_of
from napari_dacapo.models.source import PredictionSource
from napari_dacapo.models.tiling import Span, Tiling
from napari_dacapo.volumes import Identity, Volume

TIMEOUT = 60


def tiling(*shape: int, side: int = 10) -> Tiling:
    n = len(shape)
    return Tiling(Span((0,) * n, shape), (side,) * n, (side,) * n, (1,) * n, (0,) * n)


def drain(queue: BlockQueue) -> list[tuple[int, ...]]:
    taken = []
    while (index := queue.take()) is not None:
        taken.append(index)
    return taken


class TestBlockQueue:
    def test_nothing_is_wanted_at_first(self) -> None:
        assert BlockQueue(tiling(30, 30)).take() is None

    def test_from_the_middle_outwards(self) -> None:
        queue = BlockQueue(tiling(30, 30))
        assert queue.look_at((15, 15), Span((0, 0), (30, 30))) == 9
        order = drain(queue)
        assert order[0] == (1, 1)
        assert set(order[1:5]) == {(0, 1), (1, 0), (1, 2), (2, 1)}
        assert queue.progress == (0, 9)
        queue.finish((1, 1))
        queue.finish((1, 1))
        assert queue.progress == (1, 9)

    def test_only_what_is_on_screen(self) -> None:
        queue = BlockQueue(tiling(40, 40, 40))
        # One plane, and a window in it.
        assert queue.look_at((5, 12, 12), Span((5, 8, 8), (1, 4, 4))) == 4
        assert set(drain(queue)) == {(0, 0, 0), (0, 0, 1), (0, 1, 0), (0, 1, 1)}

    def test_moving_on_cancels_what_waits(self) -> None:
        queue = BlockQueue(tiling(100))
        queue.look_at((5,), Span((0,), (50,)))
        assert queue.take() == (0,)
        queue.look_at((95,), Span((80,), (20,)))
        queue.finish((0,))  # nobody asks for it any more
        assert queue.progress == (0, 2)
        assert drain(queue) == [(9,), (8,)]

    def test_everything_with_what_is_on_screen_first(self) -> None:
        queue = BlockQueue(tiling(30, 30))
        queue.look_at((25, 25), Span((20, 20), (10, 10)))
        assert queue.want_all() == 9
        order = drain(queue)
        assert order[0] == (2, 2)
        assert len(set(order)) == len(order) == 9

    def test_everything_of_a_vast_volume_is_not_listed(self) -> None:
        queue = BlockQueue(tiling(10**7, 10**7, 10**7))
        assert queue.want_all() == 10**18
        assert queue.take() == (0, 0, 0)

    def test_clear(self) -> None:
        queue = BlockQueue(tiling(30, 30))
        queue.want_all()
        queue.clear()
        assert queue.take() is None
        assert queue.progress == (0, 0)

    @settings(deadline=None)
    @given(st.integers(0, 99), st.integers(0, 99), st.integers(0, 60), st.floats(-50, 150))
    def test_all_of_a_window_nearest_first(
        self, begin: int, other: int, size: int, centre: float
    ) -> None:
        queue = BlockQueue(tiling(100, 100))
        box = Span((begin, other), (min(size, 100 - begin), min(7, 100 - other)))
        queue.look_at((centre, 50), box)
        order = drain(queue)
        assert set(order) == set(tiling(100, 100).within(box))
        far = [(10 * i + 5 - centre) ** 2 + (10 * j + 5 - 50) ** 2 for i, j in order]
        assert far == sorted(far)


@pytest.fixture
def volume(kit: Any, tiny: Any) -> Any:
    # 3 x 3 x 3 blocks of 12 voxels of 8 nm.
    return predict(tiny, 1, kit.make_raw((36, 36, 36), offset=800))


class TestLivePrediction:
    def test_blocks_arrive_and_the_rest_is_nan(self, volume: Any) -> None:
        arrived: list[Any] = []
        progress: list[Any] = []
        with LivePrediction(
            volume,
            on_block=lambda *box: arrived.append(box),
            on_progress=lambda *counts: progress.append(counts),
        ) as live:
            assert np.isnan(np.asarray(live.volume.data)).all()
            # The plane in the middle of the first layer of blocks, two blocks of it.
            n = live.look_at((848, 900, 850), (848, 800, 810), (848, 980, 890))
            assert n == 2
            assert live.wait(TIMEOUT)
            shown = np.asarray(live.volume.data)
            assert live.progress == (2, 2)
        assert arrived[0] == ((800, 896, 800), (96, 96, 96))
        assert arrived[1] == ((800, 800, 800), (96, 96, 96))
        assert progress == [(1, 2), (2, 2)]
        expected = np.asarray(volume.data)
        np.testing.assert_array_equal(shown[:, :12, :24, :12], expected[:, :12, :24, :12])
        assert np.isnan(shown[:, 12:]).all()
        assert np.isnan(shown[:, :, 24:]).all()

    def test_reading_what_is_shown_never_computes(self, volume: Any) -> None:
        with LivePrediction(volume) as live:
            shown = live.volume
            assert np.isnan(np.asarray(shown.data[0, 3])).all()
            assert np.isnan(shown.data[0, 3].compute()).all()
            assert block_cache.n_bytes == 0
            live.look_at((848, 848, 848))
            assert live.wait(TIMEOUT)
            # Blocks that came later are shown by the same volume.
            assert not np.isnan(np.asarray(shown.data[0, 3, :12, :12])).any()
            assert live.volume.revision != shown.revision
            assert live.volume.data.name != shown.data.name

    def test_moving_on(self, volume: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        """What waits is dropped; the block that is being computed is finished."""
        started, go_on = threading.Event(), threading.Event()
        order = []
        source = source_of(volume)
        compute = type(source).compute

        def slow(self: Any, index: Any, turn: Any = None) -> Any:
            order.append(index)
            started.set()
            assert go_on.wait(TIMEOUT)
            return compute(self, index, turn)

        monkeypatch.setattr(type(source), "compute", slow)
        with LivePrediction(volume) as live:
            live.look_at((840, 840, 840), (800, 800, 800), (1087, 1087, 1087))
            assert started.wait(TIMEOUT)
            assert live.look_at((1080, 1080, 1080)) == 1
            go_on.set()
            assert live.wait(TIMEOUT)
        assert order == [(0, 0, 0), (2, 2, 2)]

    def test_cancel(self, volume: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        live = LivePrediction(volume, on_block=lambda *_box: live.cancel())
        with live:
            assert live.predict_all() == 27
            assert live.wait(TIMEOUT)
        source = source_of(volume)
        finished = [i for i in np.ndindex(3, 3, 3) if source.peek(i) is not None]
        assert finished == [(0, 0, 0)]

    def test_all(self, volume: Any) -> None:
        with LivePrediction(volume) as live:
            live.predict_all()
            assert live.wait(TIMEOUT)
            shown = np.asarray(live.volume.data)
        np.testing.assert_array_equal(shown, np.asarray(volume.data))

    def test_several_blocks_at_once(self, volume: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        """As on a GPU, where the next block is read while one is computed."""
        expected = np.asarray(volume.data)
        block_cache.clear()
        monkeypatch.setattr(PredictionSource, "blocks_at_once", 3)
        np.testing.assert_array_equal(np.asarray(volume.data), expected)
        block_cache.clear()
        progress: list[Any] = []
        with LivePrediction(volume, on_progress=lambda *counts: progress.append(counts)) as live:
            live.predict_all()
            assert live.wait(TIMEOUT)
            np.testing.assert_array_equal(np.asarray(live.volume.data), expected)
        assert progress == [(n, 27) for n in range(1, 28)]

    def test_an_error_among_several_blocks_is_told_once(
        self, kit: Any, volume: Any, tiny: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(PredictionSource, "blocks_at_once", 3)
        kit.TinyRun(tiny.folder, seed=7)
        errors: list[Exception] = []
        with LivePrediction(volume, on_error=errors.append) as live:
            live.predict_all()
            assert live.wait(TIMEOUT)
        assert len(errors) == 1

    def test_an_error_is_told_and_ends_the_request(self, kit: Any, volume: Any, tiny: Any) -> None:
        kit.TinyRun(tiny.folder, seed=7)  # the checkpoint is replaced
        errors: list[Exception] = []
        with LivePrediction(volume, on_error=errors.append) as live:
            live.predict_all()
            assert live.wait(TIMEOUT)
            assert len(errors) == 1
            assert isinstance(errors[0], PredictionError)
            live.look_at((848, 848, 848))
            assert live.wait(TIMEOUT)
        assert len(errors) == 2

    def test_callbacks_come_from_the_worker(self, volume: Any) -> None:
        threads = []
        with LivePrediction(
            volume, on_block=lambda *_: threads.append(threading.current_thread())
        ) as live:
            live.look_at((848, 848, 848))
            assert live.wait(TIMEOUT)
        assert threads[0] is not threading.current_thread()

    def test_closed(self, volume: Any) -> None:
        live = LivePrediction(volume)
        live.predict_all()
        live.close()
        live.close()
        with pytest.raises(PredictionError, match="closed"):
            live.look_at((848, 848, 848))
        assert not [t for t in threading.enumerate() if "live prediction" in t.name]

    def test_looking_beside_the_volume(self, volume: Any) -> None:
        with LivePrediction(volume) as live:
            assert live.look_at((0, 0, 0)) == 0
            assert live.wait(TIMEOUT)

    def test_only_whole_predictions(self, kit: Any) -> None:
        with pytest.raises(PredictionError, match="not a whole live prediction"):
            LivePrediction(kit.make_raw((12, 12, 12)))


def test_finished_blocks_of_a_vast_volume_are_found(tiny: Any) -> None:
    """Reading asks for those that there are, not for all that could be."""
    raw = Volume(
        data=da.zeros((10**6,) * 3, chunks=10**6 // 4, dtype=np.float32),
        axis_names=("z", "y", "x"),
        voxel_size=(8.0,) * 3,
        offset=(0.0,) * 3,
        identity=Identity("tiny", "vast", "raw"),
    )
    volume = predict(tiny, 1, raw)
    source = source_of(volume)
    assert np.prod(source.tiling.grid) > 10**14
    with LivePrediction(volume) as live:
        live.look_at((4000, 4000, 4000))
        assert live.wait(TIMEOUT)
        (index,) = source.finished(Span((0, 0, 0), volume.spatial_shape))
        box = source.tiling.output(index)
        # A line through 80,000 tiles, of which one is finished.
        line = np.asarray(live.volume.data[0, box.begin[0], box.begin[1]])
        assert (~np.isnan(line)).nonzero()[0].tolist() == list(range(box.begin[2], box.end[2]))
        there = np.asarray(live.volume.data[(slice(None), *box.slices)])
        np.testing.assert_array_equal(there, source.peek(index))
    assert not list(source.finished(Span((0, 0, 0), box.begin)))


class TestBlockCache:
    def test_places_are_those_in_memory(self) -> None:
        cache = BlockCache(8_000)
        for i in range(5):
            cache.get(("a", (i,)), self.block)
        cache.get(("b", (7,)), self.block)
        assert cache.places("a") == [(4,)]
        assert cache.places("b") == [(7,)]
        assert cache.places("c") == []
        cache.set_size(0)
        assert cache.places("a") == cache.places("b") == []
        cache.set_size(8_000)
        cache.get(("a", (0,)), self.block)
        cache.clear()
        assert cache.places("a") == []

    def block(self, value: float = 0, n: int = 1000) -> Any:
        return np.full(n, value, np.float32)

    def test_bounded(self) -> None:
        cache = BlockCache(10_000)
        for i in range(10):
            cache.get(("a", (i,)), self.block)
            assert cache.n_bytes <= 10_000
        assert cache.peek(("a", (9,))) is not None
        assert cache.peek(("a", (0,))) is None

    def test_what_was_used_last_stays(self) -> None:
        cache = BlockCache(8_000)
        cache.get(("a", (0,)), self.block)
        cache.get(("a", (1,)), self.block)
        cache.peek(("a", (0,)))
        cache.get(("a", (2,)), self.block)
        assert cache.peek(("a", (0,))) is not None
        assert cache.peek(("a", (1,))) is None

    def test_blocks_larger_than_the_cache(self) -> None:
        cache = BlockCache(100)
        assert cache.get(("a", (0,)), self.block).size == 1000
        assert cache.n_bytes == 0

    def test_shrinking(self) -> None:
        cache = BlockCache(10_000)
        cache.get(("a", (0,)), self.block)
        cache.set_size(0)
        assert cache.n_bytes == 0

    def test_computed_once_for_many_threads(self) -> None:
        cache = BlockCache(10_000)
        n_computed = []
        barrier = threading.Barrier(8)

        def compute() -> Any:
            n_computed.append(1)
            return self.block()

        def ask() -> None:
            barrier.wait(TIMEOUT)
            cache.get(("a", (0,)), compute)

        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(TIMEOUT)
        assert len(n_computed) == 1

    def test_a_failure_is_not_kept(self) -> None:
        cache = BlockCache(10_000)

        def fail() -> Any:
            raise PredictionError("no")

        with pytest.raises(PredictionError):
            cache.get(("a", (0,)), fail)
        assert cache.get(("a", (0,)), self.block).size == 1000

    def test_blocks_cannot_be_written_to(self) -> None:
        block = BlockCache(10_000).get(("a", (0,)), self.block)
        with pytest.raises(ValueError, match="read-only"):
            block[0] = 1

    def test_the_disk_is_bounded(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from napari_dacapo.models import block_cache as module

        monkeypatch.setattr(module, "DISK_BYTES", 20_000)
        monkeypatch.setattr(module, "_unchecked", 20_000)
        for i in range(20):
            BlockCache(0).get(("a", (i,)), self.block, disk=(1000,))
        files = list(module.disk_folder().rglob("*.npy"))
        assert 1 <= len(files) <= 6

    def test_a_full_disk_costs_only_the_time(self, tmp_path: Any, monkeypatch: Any) -> None:
        (tmp_path / "file").touch()
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
        assert BlockCache(0).get(("a", (0,)), self.block, disk=(1000,)).size == 1000
