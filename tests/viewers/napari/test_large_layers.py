"""Layers over arrays of which a plane has very many chunks."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from napari.layers import Layer

from napari_dacapo.viewers.napari.aside import AsideReader
from napari_dacapo.viewers.napari.backend import NapariBackend
from napari_dacapo.viewers.napari.large_layers import CoarseLevel, prepare_levels
from napari_dacapo.viewers.napari.layers import layer_data
from napari_dacapo.volumes import LazyArray
from napari_dacapo.volumes.pyramids import with_pyramid
from napari_dacapo.volumes.views import View

CHUNK = 8


class Watched(View):
    """An array that notes which of its chunks are read."""

    def __init__(self, elements, selection=None, touched=None):
        self.elements = elements
        self.selection = selection or tuple(range(n) for n in elements.shape)
        self.touched = set() if touched is None else touched
        self.shape = tuple(len(entry) for entry in self.selection if isinstance(entry, range))
        self.dtype = elements.dtype
        self.chunks = (CHUNK,) * len(self.shape)
        self.starts = (0,) * len(self.shape)

    def __getitem__(self, index):
        parts = iter(index)
        selection = tuple(
            entry[next(parts)] if isinstance(entry, range) else entry for entry in self.selection
        )
        return Watched(self.elements, selection, self.touched)

    def read(self):
        lists = [[entry] if isinstance(entry, int) else list(entry) for entry in self.selection]
        chunks = [sorted({i // CHUNK for i in places}) for places in lists]
        self.touched.update((z, y, x) for z in chunks[0] for y in chunks[1] for x in chunks[2])
        return self.elements[np.ix_(*lists)].reshape(self.shape)


@pytest.fixture
def watched():
    """A ramp of 16 x 256 x 256 voxels: 1024 chunks in a plane."""
    z, y, x = np.indices((16, 256, 256))
    return Watched((z * 10 + y // 4 + x // 4).astype("u2"))


@pytest.fixture
def level(watched):
    levels = [LazyArray.from_view(watched, name) for name in ("fine", "coarse")]
    return prepare_levels(levels)[-1]


def coarse(view):
    return CoarseLevel.from_level(LazyArray.from_view(view, "coarse"), AsideReader())


def test_a_plane_for_a_thumbnail_reads_a_few_chunks(level, watched):
    plane = np.asarray(level[5, :, :])
    assert plane.shape == (256, 256)
    assert plane.dtype == "u2"
    assert 0 < len(watched.touched) <= 64
    # Each place stands for those around it: a ramp in steps, nowhere far from the ramp.
    assert np.abs(plane.astype(int) - watched.elements[5]).max() <= 2 * 16 // 4
    np.testing.assert_array_equal(plane[16::32, 16::32], watched.elements[5, 16::32, 16::32])


@pytest.mark.parametrize("thickness", [1, 2])
def test_a_thick_plane_is_sampled_too(level, watched, thickness):
    # napari's projection of images asks for slices, not for a number.
    slab = np.asarray(level[5 : 5 + thickness, :, :])
    assert slab.shape == (thickness, 256, 256)
    assert 0 < len(watched.touched) <= 64
    for i in range(thickness):
        np.testing.assert_array_equal(
            slab[i, 16::32, 16::32], watched.elements[5 + i, 16::32, 16::32]
        )


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_planes_along_any_axis(watched, axis):
    cube = Watched(np.arange(160**3, dtype="u4").reshape((160,) * 3))
    level = coarse(cube)
    index = tuple(7 if i == axis else slice(None) for i in range(3))
    exact = cube.elements[index]
    np.testing.assert_array_equal(np.asarray(level[index])[10::20, 10::20], exact[10::20, 10::20])
    assert len(cube.touched) <= 64


def test_a_plane_is_sampled_once(level, watched):
    first = np.asarray(level[5, :, :])
    watched.touched.clear()
    np.testing.assert_array_equal(np.asarray(level[5, :, :]), first)
    assert not watched.touched


def test_what_is_cropped_is_exact(level, watched):
    for crop in (
        (slice(0, 16), slice(0, 256), slice(0, 256)),
        (slice(None), slice(None), slice(None)),
        (slice(0, 16, 1), slice(32, 200, 1), slice(5, 100, 1)),
    ):
        np.testing.assert_array_equal(np.asarray(level[crop][5]), watched.elements[crop][5])
    np.testing.assert_array_equal(np.asarray(level[5, 3:, :]), watched.elements[5, 3:])
    np.testing.assert_array_equal(np.asarray(level[5, 3]), watched.elements[5, 3])
    np.testing.assert_array_equal(level.max(axis=0).compute(), watched.elements.max(axis=0))
    np.testing.assert_array_equal(level[[2, 5]].compute(), watched.elements[[2, 5]])


def test_small_planes_are_exact():
    small = Watched(np.random.default_rng(0).integers(0, 99, (16, 64, 64), "u1"))
    level = coarse(small)
    np.testing.assert_array_equal(np.asarray(level[5]), small.elements[5])


def test_it_can_be_sent_to_a_worker():
    array = np.random.default_rng(0).integers(0, 99, (16, 256, 256), "u1")
    level = coarse(Watched(array))
    copy = pickle.loads(pickle.dumps(level))
    assert isinstance(copy, CoarseLevel)
    np.testing.assert_array_equal(copy.compute(), array)


@pytest.fixture
def large(make_volume):
    """A volume with a virtual pyramid, of which 17,424 chunks are in a plane."""
    planes = np.arange(32, dtype="u1")[:, None, None]
    fine = Watched(np.broadcast_to(planes, (32, 1056, 1056)))
    return with_pyramid(make_volume(LazyArray.from_view(fine, "large"))), fine


def test_a_step_reads_what_is_on_screen(viewer, large):
    volume, fine = large
    (data,) = layer_data(volume)
    viewer.add_layer(Layer.create(*data))
    (layer,) = viewer.layers
    layer.data_level = 0
    layer.corner_pixels = np.array([[0, 0, 0], [0, 99, 99]])
    fine.touched.clear()
    viewer.dims.set_current_step(0, 20)
    in_view = {chunk for chunk in fine.touched if chunk[0] == 2 and max(chunk[1:]) < 13}
    assert len(in_view) >= 13 * 13
    # Means of eight voxels reach over two chunks along each axis.
    assert len(fine.touched - in_view) <= 64 * 8


def test_a_new_layer_begins_with_what_is_on_screen(viewer, large, make_volume):
    volume, fine = large
    gt = make_volume(np.ones((32, 20, 20), "u1"), role="gt", kind="labels", offset=(0, 4e3, 4e3))
    backend = NapariBackend(viewer)
    backend.show([volume, gt])
    backend.close()
    layer = viewer.layers[0]
    assert layer.visible
    assert layer.data_level == 0
    (_, top, left), (_, bottom, right) = layer.corner_pixels
    assert top <= 500 <= 520 <= bottom
    assert left <= 500 <= 520 <= right
    assert bottom - top < 400
    assert len(fine.touched) < 3000
