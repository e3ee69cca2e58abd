"""Pictures that take long to read: rough at once, exact in the end, and nobody waits."""

from __future__ import annotations

import threading
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from napari.layers import Layer
from napari.utils.progress import progress

from napari_dacapo.viewers.napari import aside, large_layers
from napari_dacapo.viewers.napari.aside import AsideReader, AsideView, _parts
from napari_dacapo.viewers.napari.backend import NapariBackend
from napari_dacapo.viewers.napari.layers import layer_data
from napari_dacapo.viewers.napari.sampling import sampled
from napari_dacapo.volumes import LazyArray, Level
from napari_dacapo.volumes.views import View

CHUNK = 8


class Gated(View):
    """An array in memory that is read only while a gate is open, but for single elements."""

    def __init__(self, elements, gate, starts=None):
        self.elements, self.gate = elements, gate
        self.shape, self.dtype = elements.shape, elements.dtype
        self.chunks = (CHUNK,) * elements.ndim
        self.starts = starts or (0,) * elements.ndim

    def __getitem__(self, index):
        part = self.elements[index]
        starts = [
            (s + (i.indices(n)[0])) % CHUNK
            for s, i, n in zip(self.starts, index, self.shape, strict=True)
            if isinstance(i, slice)
        ]
        return Gated(part, self.gate, tuple(starts))

    def read(self):
        if self.elements.size > 1:
            self.gate.pass_through()
        return self.elements.copy()


class Gate:
    def __init__(self):
        self.open, self.error = threading.Event(), None
        self.tickets = threading.Semaphore(0)
        self.reads = []

    def let_through(self, count):
        for _ in range(count):
            self.tickets.release()

    def pass_through(self):
        self.reads.append(threading.current_thread())
        waited = 0
        while not self.open.is_set() and not self.tickets.acquire(timeout=0.05):
            waited += 1
            assert waited < 1200
        if self.error is not None:
            raise self.error


@pytest.fixture
def gate():
    gate = Gate()
    yield gate
    gate.open.set()


@pytest.fixture(autouse=True)
def _impatient(monkeypatch):
    monkeypatch.setattr(aside, "MANY_CHUNKS", 16)
    monkeypatch.setattr(aside, "_PATIENCE", 0)
    monkeypatch.setattr(large_layers, "_MANY_CHUNKS", 16)


def ramp(*shape):
    return np.arange(np.prod(shape), dtype="u4").reshape(shape)


class News:
    def __init__(self):
        self.told, self.at_end = [], threading.Event()

    def __call__(self, done, total):
        self.told.append((done, total))
        if done >= total:
            self.at_end.set()


@pytest.fixture
def news():
    return News()


def attached(news):
    reader = AsideReader()
    reader.attach(news)
    return reader


def test_a_rough_picture_at_once_and_an_exact_one_later(gate, news):
    elements = ramp(64, 64)
    view = AsideView(Gated(elements, gate), attached(news), "a")
    rough = view.read()
    assert rough.shape == (64, 64)
    assert not np.array_equal(rough, elements)
    gate.open.set()
    assert news.at_end.wait(60)
    np.testing.assert_array_equal(view.read(), elements)
    n_reads = len(gate.reads)
    np.testing.assert_array_equal(view.read(), elements)
    assert len(gate.reads) == n_reads
    assert threading.current_thread() not in gate.reads


def test_samples_come_first(gate, news, monkeypatch):
    monkeypatch.setattr(aside, "_PATIENCE", 60)
    gate.open.set()
    elements = ramp(64, 64)
    np.testing.assert_array_equal(
        AsideView(Gated(elements, gate), attached(news), "a").read(), elements
    )


def test_what_is_quick_and_what_others_ask_for_is_read_exactly(gate, news):
    gate.open.set()
    elements = ramp(64, 64)
    view = AsideView(Gated(elements, gate), AsideReader(), "a")
    np.testing.assert_array_equal(view.read(), elements)  # no window
    view = AsideView(Gated(elements, gate), attached(news), "a")
    small = (slice(3, 20), slice(0, 32))
    np.testing.assert_array_equal(view[small].read(), elements[small])  # 12 chunks
    found = []
    thread = threading.Thread(target=lambda: found.append(view.read()))
    thread.start()
    thread.join(60)
    np.testing.assert_array_equal(found[0], elements)
    assert news.told == []


def test_another_picture_ends_the_one_before(gate, news):
    reader = attached(news)
    first, second = (AsideView(Gated(ramp(64, 64) + i, gate), reader, str(i)) for i in (0, 1))
    first.read()
    job = reader._job
    second.read()
    assert job.stopped.is_set()
    gate.open.set()
    assert job.ended.wait(60)
    assert not job.complete


def test_cancelled_it_stays_rough(gate, news):
    reader = attached(news)
    view = AsideView(Gated(ramp(64, 64), gate), reader, "a")
    view.read()
    job = reader._job
    reader.cancel()
    gate.open.set()
    assert job.ended.wait(60)
    again = view.read()
    assert reader._job is job, "it does not begin anew by itself"
    assert not np.array_equal(again, ramp(64, 64))


def test_what_goes_wrong_is_raised_where_one_waits(gate, news):
    gate.error = OSError("the disk is gone")
    reader = attached(news)
    view = AsideView(Gated(ramp(64, 64), gate), reader, "a")
    view.read()
    gate.open.set()
    assert news.at_end.wait(60)
    for _ in range(2):
        with pytest.raises(OSError, match="the disk is gone"):
            view.read()
    assert news.told.count((1, 1)) == 1, "an error that is told of again and again never ends"


def test_nobody_reads_on_for_a_layer_that_is_gone(gate, news):
    reader = attached(news)
    AsideView(Gated(ramp(64, 64), gate), reader, "a").read()
    job = reader._job
    del reader
    gate.open.set()
    assert job.ended.wait(60)
    assert job.stopped.is_set()


@given(
    st.lists(st.integers(1, 70), min_size=1, max_size=3),
    st.lists(st.integers(1, 20), min_size=3, max_size=3),
    st.lists(st.integers(0, 19), min_size=3, max_size=3),
)
def test_parts_cover_a_view_once_and_end_between_chunks(shape, chunks, starts):
    class Plain(View):
        def __getitem__(self, index):
            raise NotImplementedError

        def read(self):
            raise NotImplementedError

    view = Plain()
    view.shape = tuple(shape)
    view.chunks = tuple(chunks[: len(shape)])
    view.starts = tuple(s % c for s, c in zip(starts, view.chunks, strict=False))
    seen = np.zeros(shape, int)
    for part in _parts(view):
        assert all(entry.stop > entry.start for entry in part)
        seen[part] += 1
        for entry, chunk, start in zip(part, view.chunks, view.starts, strict=True):
            if entry.start:
                assert (entry.start + start) % chunk == 0
    assert (seen == 1).all()


# -- in a viewer --------------------------------------------------------------------------------


@pytest.fixture
def volume(make_volume, gate):
    """64 x 64 voxels, and a coarser level that is slow to read."""
    fine, coarse = ramp(3, 128, 128), ramp(3, 64, 64)
    level = Level(LazyArray.from_view(Gated(coarse, gate), "coarse"), (8.0, 16.0, 16.0), (0.0,) * 3)
    data = LazyArray.from_view(Gated(fine, gate), "fine")
    return make_volume(data, levels=(level,)), coarse


def shown(layer):
    return layer._slice.image.raw


def test_a_layer_shows_more_when_there_is_more(viewer, volume, gate, qtbot):
    volume, coarse = volume
    backend = NapariBackend(viewer)
    gate.open.set()  # for level 0
    backend.show([volume])
    gate.open.clear()
    (layer,) = viewer.layers
    layer.locked_data_level = 1
    assert not np.array_equal(shown(layer), coarse[1])
    rough = sampled(layer.data[1].lazy_view[1, :, :])
    qtbot.waitUntil(lambda: np.array_equal(shown(layer), rough))
    gate.open.set()
    qtbot.waitUntil(lambda: np.array_equal(shown(layer), coarse[1]))
    qtbot.waitUntil(lambda: not any("overview" in bar.desc for bar in progress._all_instances))
    backend.close()


def test_it_can_be_cancelled_among_the_activities(viewer, volume, gate, qtbot, monkeypatch):
    monkeypatch.setattr(aside, "_SECONDS_BETWEEN_NEWS", 0)
    monkeypatch.setattr(aside, "_PART_CHUNKS", 1)
    volume, coarse = volume
    backend = NapariBackend(viewer)
    gate.open.set()
    backend.show([volume])
    gate.open.clear()
    (layer,) = viewer.layers
    layer.locked_data_level = 1
    job = layer.data[1].reader._job

    def bars():
        return [bar for bar in progress._all_instances if "overview" in bar.desc]

    gate.let_through(3)
    qtbot.waitUntil(lambda: len(bars()) == 1)
    bars()[0].cancel()
    gate.let_through(1)
    qtbot.waitUntil(job.stopped.is_set)
    gate.open.set()
    qtbot.waitUntil(job.ended.is_set)
    qtbot.waitUntil(lambda: not bars())
    assert not job.complete
    assert not np.array_equal(shown(layer), coarse[1])
    backend.close()


def test_news_that_come_while_a_bar_is_made_do_not_pile_up(volume, gate, qapp, monkeypatch):
    gate.open.set()
    (data,) = layer_data(volume[0])
    layer = Layer.create(*data)
    large_layers.read_aside(layer)
    news = layer.data[1].reader._on_news
    made = []

    class Bar:
        """Handles events while it is made, as napari's does."""

        is_canceled, n = False, 0

        def __init__(self, **_):
            made.append(self)
            for done in (1, 2, 3):
                news(done, 9)

        def update(self, by):
            self.n += by

        def close(self):
            pass

    monkeypatch.setattr("napari.utils.cancelable_progress", Bar)
    news(1, 9)
    assert [bar.n for bar in made] == [3]
    news(9, 9)
    assert len(made) == 1


def test_without_a_layer_it_is_a_plain_array(volume, gate):
    gate.open.set()
    volume, coarse = volume
    (data,) = layer_data(volume)
    layer = Layer.create(*data)
    np.testing.assert_array_equal(np.asarray(layer.data[1]), coarse)
    np.testing.assert_array_equal(layer.data[1].max(axis=0).compute(), coarse.max(axis=0))
    for z, y in product((0, 2), (0, 60)):
        np.testing.assert_array_equal(np.asarray(layer.data[1][z, y]), coarse[z, y])
