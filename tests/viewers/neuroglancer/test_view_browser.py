"""What a user of ``napari_dacapo.view`` sees, in a real browser."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dask.array as da
import neuroglancer
import numpy as np
import pytest
import zarr
from tests.runs.replay import Replay

from napari_dacapo.runs import open_store
from napari_dacapo.view import NeuroglancerRunViewer, get_viewer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import BrowserContext, Page

pytestmark = pytest.mark.browser

PIXELS = 8  # of the screen on a voxel edge
Picture = np.ndarray[Any, Any]


@pytest.fixture
def page(chromium: BrowserContext) -> Iterator[Page]:
    page = chromium.new_page()
    yield page
    page.close()


def plain(viewer: Any, plane: float, **more: Any) -> None:
    """Show one plane without decoration, a voxel of the state's dimensions some pixels wide."""
    with viewer.config_state.txn() as config:
        config.show_ui_controls = False
        config.show_panel_borders = False
    # The middle of an even number of voxels, where the first look is half a voxel on.
    position = [plane, *(viewer.state.position[1:] - 0.5)]
    viewer.change(
        lambda state: {
            **state,
            "showScaleBar": False,
            "showDefaultAnnotations": False,
            "crossSectionBackgroundColor": "#000000",
            "layout": "xy",
            "position": position,
            "crossSectionScale": 1 / PIXELS,
            **more,
        }
    )


def at_voxels(picture: Picture, shape: tuple[int, int]) -> Picture:
    """Return the colour in the middle of each voxel of a plane whose middle is looked at."""
    places = [
        np.floor((np.arange(n) + 0.5 - n / 2) * PIXELS + extent / 2).astype(int)
        for n, extent in zip(shape, picture.shape[:2], strict=True)
    ]
    return picture[np.ix_(*places)]


def only(viewer: Any, name: str) -> None:
    with viewer.txn() as state:
        for layer in state.layers:
            layer.visible = layer.name == name
            if layer.type == "segmentation":
                layer.selected_alpha = 1.0


def test_numpy_image_and_labels_are_where_they_belong(
    page: Page, screenshot: Callable[[Any], Picture]
) -> None:
    rng = np.random.default_rng(0)
    raw = rng.random((6, 20, 24))
    seg = rng.integers(0, 4, (6, 20, 24))  # int64, as the documentation's example has it
    where = {"voxel_size": (40, 4, 4), "offset": (400, 10, 2)}
    viewer = get_viewer(
        {
            "raw": {"array": raw, "shader_range": (0, 1), **where},
            "seg": {"array": seg, "is_seg": True, **where},
        }
    )
    try:
        only(viewer, "raw")
        plain(viewer, 10 + 2.5)
        page.goto(viewer.get_viewer_url())
        shown = at_voxels(screenshot(viewer), (20, 24))
        np.testing.assert_allclose(shown[..., 0], raw[2] * 255, atol=1.5)
        only(viewer, "seg")
        shown = at_voxels(screenshot(viewer), (20, 24))
        np.testing.assert_array_equal(shown.any(axis=-1), seg[2] != 0)
        colors = {tuple(shown[seg[2] == value][0]) for value in (1, 2, 3)}
        assert len(colors) == 3
        for value in (1, 2, 3):
            assert len(np.unique(shown[seg[2] == value], axis=0)) == 1, "one colour for an id"
    finally:
        viewer.close()


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_a_zarr_array_is_served_and_where_it_belongs(
    page: Page, screenshot: Callable[[Any], Picture], tmp_path: Path, zarr_format: Any
) -> None:
    values = np.random.default_rng(0).integers(0, 256, (6, 20, 24), "u1")
    array = zarr.create_array(
        tmp_path / "a.zarr", data=values, chunks=(4, 16, 16), zarr_format=zarr_format,
        attributes={"voxel_size": [40, 4, 4], "offset": [400, 10, 2], "axis_names": list("zyx")},
    )  # fmt: skip
    viewer = get_viewer({"raw": {"array": array}})
    try:
        plain(viewer, 10 + 3.5)
        page.goto(viewer.get_viewer_url())
        shown = at_voxels(screenshot(viewer), (20, 24))
        np.testing.assert_allclose(shown[..., 0], values[3], atol=1.5)
        url = viewer.state.layers["raw"].source[0].url
        assert url.startswith(viewer.volumes.url), "the client reads the chunks itself"
    finally:
        viewer.close()


@pytest.mark.parametrize(
    "dtype",
    ["u2", "f8", *(pytest.param(dtype, marks=pytest.mark.long) for dtype in ("i2", "u4", "i4"))],
)
def test_images_are_seen_without_saying_what_range(
    page: Page, screenshot: Callable[[Any], Picture], tmp_path: Path, dtype: str
) -> None:
    values = (np.indices((6, 20, 24)).sum(axis=0) % 60).astype(dtype)
    stored = zarr.create_array(tmp_path / "a.zarr", data=values, chunks=(16, 16, 16))
    space = neuroglancer.CoordinateSpace(names=["z", "y", "x"], units="nm", scales=[1, 1, 1])
    arrays = {
        "zarr": stored,
        "dask": da.from_array(values, chunks=16),
        "LocalVolume": neuroglancer.LocalVolume(values, space, volume_type="image"),
    }
    viewer = get_viewer({name: {"array": array} for name, array in arrays.items()})
    try:
        plain(viewer, 2.5)
        page.goto(viewer.get_viewer_url())
        for name in arrays:
            only(viewer, name)
            shown = at_voxels(screenshot(viewer), (20, 24))
            expected = values[2] / values.max() * 255.0
            np.testing.assert_allclose(shown[..., 0], expected, atol=1.5, err_msg=name)
    finally:
        viewer.close()


def test_a_flat_array_and_channels(page: Page, screenshot: Callable[[Any], Picture]) -> None:
    values = np.random.default_rng(0).random((1, 20, 24), "f4")
    viewer = get_viewer({"c": {"array": values, "voxel_size": (4, 4), "shader_range": (0, 1)}})
    try:
        plain(viewer, 10)
        page.goto(viewer.get_viewer_url())
        shown = at_voxels(screenshot(viewer), (20, 24))
        np.testing.assert_allclose(shown[..., 0], values[0] * 255, atol=1.5)
    finally:
        viewer.close()


def test_the_frame_shows_the_page_within_another_one(
    page: Page, screenshot: Callable[[Any], Picture]
) -> None:
    """A notebook is a page of another origin with an IFrame in it."""
    values = np.random.default_rng(0).integers(0, 256, (6, 20, 24), "u1")
    frame = get_viewer({"raw": {"array": values}}, 640, 480, headless=False)
    try:
        plain(frame.viewer, 2.5)
        page.set_content(f"<html><body>{frame._repr_html_()}</body></html>")
        shown = screenshot(frame.viewer)
        assert shown.shape[:2] == (480, 640)
        np.testing.assert_allclose(at_voxels(shown, (20, 24))[..., 0], values[2], atol=1.5)
    finally:
        frame.viewer.close()


@pytest.mark.parametrize("channels", [(), (1,)])
def test_surfaces_are_around_their_segments(
    page: Page, screenshot: Callable[[Any], Picture], channels: tuple[int, ...]
) -> None:
    """Seen along z without perspective, a box's surface covers the box's cross-section."""
    seg = np.zeros((*channels, 20, 20, 20), "u4")
    seg[..., 4:16, 4:10, 6:18] = 5
    viewer = get_viewer({"seg": {"array": seg, "is_seg": True, "meshes": True}})
    try:
        plain(
            viewer, 10, layout={"type": "3d", "orthographicProjection": True}, showSlices=False,
            projectionBackgroundColor="#000000",
        )  # fmt: skip
        page.goto(viewer.get_viewer_url())
        picture = screenshot(viewer)
        scale = picture.shape[0] / viewer.state.projection_scale
        rows, columns = np.nonzero(picture.any(axis=-1))
        middle = np.array(picture.shape[:2]) / 2
        low = (np.array([rows.min(), columns.min()]) - middle) / scale + 10
        high = (np.array([rows.max() + 1, columns.max() + 1]) - middle) / scale + 10
        np.testing.assert_allclose(low, [4, 6], atol=0.1)
        np.testing.assert_allclose(high, [10, 18], atol=0.1)
    finally:
        viewer.close()


def test_a_new_best_is_seen_where_the_user_looks(
    page: Page, screenshot: Callable[[Any], Picture], stores: Path, tmp_path: Path
) -> None:
    replay = Replay(stores / "pypi-0.3.5-thresholds", "dist_thr_shim", tmp_path / "store")
    replay.validate(30)
    store = open_store(replay.target, path_map={"/nrs/demo/dacapo-data": str(stores / "data")})
    with NeuroglancerRunViewer(store.run("dist_thr_shim")) as followed:
        viewer = followed.start()
        watcher = followed.run_thread
        assert watcher is not None
        watcher.stop()
        watcher.poll()
        name = "dist_thr_shim · iso0_val_a · segmentation"
        only(viewer, name)
        segmentation = followed.segmentation
        assert segmentation is not None
        plain(viewer, viewer.state.position[0])

        def expected(iteration: int) -> Picture:
            best = followed.best_score.parameter
            folder = replay.run_folder / "validation.zarr" / str(iteration) / "ds_iso0_val_a"
            stored = zarr.open_array(folder / "output" / str(best), mode="r")
            begin = segmentation.offset[0] / segmentation.voxel_size[0]
            return np.asarray(stored[0, int(viewer.state.position[0] - begin)]) != 0

        page.goto(viewer.get_viewer_url())
        shape = segmentation.spatial_shape[1:]
        first = at_voxels(screenshot(viewer), shape).any(axis=-1)
        np.testing.assert_array_equal(first, expected(30))

        replay.validate(60)
        watcher.poll()
        assert followed.best_score.iteration == 60
        second = at_voxels(screenshot(viewer), shape).any(axis=-1)
        np.testing.assert_array_equal(second, expected(60))
        assert (first != second).any()
        page.wait_for_function("document.title.includes('iteration 60')")

        # The key goes to the other dataset; the page says so.
        with viewer.config_state.txn() as config:
            config.show_ui_controls = True
        page.mouse.move(300, 400)
        page.keyboard.press("Shift+D")
        page.wait_for_function("document.title.includes('iso0_val_b')")
        assert followed.dataset == "iso0_val_b"


@pytest.mark.long
def test_the_first_look_is_not_between_two_chunks(
    page: Page, screenshot: Callable[[Any], Picture], tmp_path: Path
) -> None:
    """There, the client would show neither of them."""
    array = zarr.create_array(
        tmp_path / "a.zarr", data=np.full((20, 80, 80), 200, "u1"), chunks=(10, 40, 40)
    )
    viewer = get_viewer({"raw": {"array": array}})
    try:
        with viewer.config_state.txn() as config:
            config.show_ui_controls = False
            config.show_panel_borders = False
        page.goto(viewer.get_viewer_url())
        for layout in ("xy", "xz", "yz"):
            viewer.change(lambda state, layout=layout: {**state, "layout": layout})
            picture = screenshot(viewer)
            middle = tuple(n // 2 for n in picture.shape[:2])
            near = picture[middle[0] - 9 : middle[0] + 9, middle[1] - 9 : middle[1] + 9]
            assert (np.abs(near.astype(int) - 200) < 3).mean() > 0.8, layout
    finally:
        viewer.close()
