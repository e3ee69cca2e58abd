"""In a real window: voxels are on screen where they are in the world."""

from __future__ import annotations

import os

import numpy as np
import pytest
from qtpy.QtWidgets import QApplication

from napari_dacapo.viewers.napari.backend import NapariBackend

pytestmark = [
    pytest.mark.window,
    pytest.mark.skipif(
        os.environ.get("QT_QPA_PLATFORM") == "offscreen", reason="Qt offscreen has no OpenGL"
    ),
]


@pytest.fixture
def window(make_napari_viewer_proxy):
    viewer = make_napari_viewer_proxy(show=True)
    viewer.window.resize(1000, 800)
    QApplication.processEvents()
    backend = NapariBackend(viewer)
    yield viewer, backend
    backend.close()


def pixels(viewer):
    return np.asarray(viewer.screenshot(canvas_only=True, flash=False))[..., :3].astype(int)


def box_on_screen(viewer, lower, upper):
    """Rows and columns between which a box of the world lies, by the camera alone."""
    height, width = pixels(viewer).shape[:2]
    zoom = viewer.scene.camera.zoom * height / viewer.canvas.size[0]
    center = np.array(viewer.scene.camera.center[-2:])
    middle = np.array([height, width]) / 2
    return tuple((np.array(corner) - center) * zoom + middle for corner in (lower, upper))


def box_of(mask):
    rows, columns = np.nonzero(mask)
    return (rows.min(), columns.min()), (rows.max() + 1, columns.max() + 1)


def hide_words(viewer):
    for overlay in viewer.canvas.overlays.values():
        overlay.visible = False


@pytest.mark.parametrize("axes", [("z", "y", "x"), ("y", "x")])
def test_a_landmark_of_raw_and_gt_is_at_the_same_pixels(window, make_volume, axes):
    # One voxel of gt is as large as 2 x 4 voxels of raw: 24 x 16 nm.
    viewer, backend = window
    n = len(axes)
    raw, gt = np.zeros((20,) * n, "u1"), np.zeros((10, 10, 5)[-n:], "u1")
    raw[..., 6:8, 12:16] = 255
    gt[..., 3, 3] = 1
    fine, coarse = (40.0, 12.0, 4.0)[-n:], (80.0, 24.0, 16.0)[-n:]
    offset = (1200.0, 800.0, 440.0)[-n:]
    volumes = [
        make_volume(raw, axes, voxel_size=fine, offset=offset),
        make_volume(gt, axes, "gt", "labels", voxel_size=coarse, offset=offset),
    ]
    backend.show(volumes)
    hide_words(viewer)
    image, labels = viewer.layers
    labels.contour, labels.opacity = 0, 1
    expected = box_on_screen(viewer, (872, 488), (896, 504))
    for shown, hidden in ((image, labels), (labels, image)):
        shown.visible, hidden.visible = True, False
        found = box_of(pixels(viewer).sum(axis=2) > 150)
        np.testing.assert_allclose(found, expected, atol=1.5)


def test_a_real_run_is_on_screen(window, run_volumes, aniso):
    viewer, backend = window
    backend.show(run_volumes())
    hide_words(viewer)
    for layer in viewer.layers:
        layer.visible = False
    gt = viewer.layers[1]
    gt.visible, gt.contour, gt.opacity = True, 0, 1
    z = round((viewer.dims.point[0] - 1200 - 20) / 40)
    rows, columns = np.nonzero(run_volumes()[1].data[0, z].compute())
    lower = (800 + 4 * rows.min(), 440 + 4 * columns.min())
    upper = (800 + 4 * (rows.max() + 1), 440 + 4 * (columns.max() + 1))
    found = box_of(pixels(viewer).sum(axis=2) > 150)
    np.testing.assert_allclose(found, box_on_screen(viewer, lower, upper), atol=1.5)


def test_levels_of_a_pyramid_lie_on_each_other(window, make_volume):
    from napari_dacapo.volumes import Level

    viewer, backend = window
    fine = np.zeros((4, 256, 256), "u1")
    fine[:, 64:128, 128:160] = 255
    coarse = Level(make_volume(fine).data[:, ::2, ::2], (8.0, 16.0, 16.0), (0.0, 0.0, 0.0))
    backend.show([make_volume(fine, levels=(coarse,))])
    hide_words(viewer)
    (layer,) = viewer.layers
    expected = box_on_screen(viewer, (64 * 8, 128 * 8), (128 * 8, 160 * 8))
    for level in (0, 1):
        layer.locked_data_level = level
        QApplication.processEvents()
        found = box_of(pixels(viewer).sum(axis=2) > 150)
        np.testing.assert_allclose(found, expected, atol=1.5)


@pytest.mark.parametrize(("size", "levels"), [(60, {0}), (1100, {0, 1})])
def test_a_large_layer_begins_as_napari_would_draw_it(window, make_volume, size, levels):
    from napari_dacapo.volumes import LazyArray
    from napari_dacapo.volumes.pyramids import with_pyramid
    from napari_dacapo.volumes.sources import ConstantSource

    viewer, backend = window
    source = ConstantSource((4, 1100, 1100), np.dtype("u1"), (4, 64, 64), 7)
    raw = with_pyramid(make_volume(LazyArray.from_source(source, "large")))
    gt = make_volume(
        np.ones((4, size, size), "u1"), role="gt", kind="labels", offset=(0, 1600, 1600)
    )
    backend.show([raw, gt])
    layer = viewer.layers[0]
    begun = layer.data_level, layer.corner_pixels.tolist()
    pixels(viewer)
    QApplication.processEvents()
    assert (layer.data_level, layer.corner_pixels.tolist()) == begun
    assert layer.data_level in levels


def test_what_is_to_be_said_is_on_the_canvas(window, run_volumes):
    viewer, backend = window
    backend.show(run_volumes())
    for layer in viewer.layers:
        layer.opacity = 0
    viewer.canvas.overlays.scale_bar.visible = False
    top_left = pixels(viewer)[:60, :400]
    assert (top_left.sum(axis=2) > 600).sum() > 100
    backend.remove([volume.identity.slot for volume in backend.shown()])
    viewer.add_image(np.zeros((4, 4)))
    assert (pixels(viewer)[:60, :400].sum(axis=2) > 600).sum() == 0
