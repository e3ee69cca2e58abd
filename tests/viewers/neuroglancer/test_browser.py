"""What a user sees: pixels of a real browser against the elements of real zarr arrays."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import zarr
from napari.components import ViewerModel
from napari.utils.colormaps import DirectLabelColormap
from neuroglancer.static_file_server import StaticFileServer

from napari_dacapo.runs import open_store
from napari_dacapo.viewers.colormaps import COLORMAPS
from napari_dacapo.viewers.linked import open_link, read_linked
from napari_dacapo.viewers.links import make_link, stop_live_links
from napari_dacapo.viewers.napari.backend import NapariBackend
from napari_dacapo.viewers.neuroglancer import live
from napari_dacapo.viewers.neuroglancer.backend import NeuroglancerBackend
from napari_dacapo.viewers.neuroglancer.hints import identity_in
from napari_dacapo.viewers.neuroglancer.layers import layer_for, layer_json
from napari_dacapo.viewers.neuroglancer.link_text import read_link
from napari_dacapo.viewers.neuroglancer.local import local_source, local_volume
from napari_dacapo.viewers.neuroglancer.states import new_state
from napari_dacapo.viewers.neuroglancer.viewer import OwnViewer
from napari_dacapo.viewers.view_state import LayerState, ViewState
from napari_dacapo.volumes import Identity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import BrowserContext, Page

    from napari_dacapo.volumes import Volume

pytestmark = pytest.mark.browser

RARER = ("?", "i2", "i4", "i8", "f2", "f8")
PIXELS = 4  # of the screen on the smallest voxel edge
Picture = np.ndarray[Any, Any]


@pytest.fixture
def page(chromium: BrowserContext) -> Iterator[Page]:
    page = chromium.new_page()
    yield page
    page.close()


@pytest.fixture
def backend() -> Iterator[NeuroglancerBackend]:
    with NeuroglancerBackend() as backend:
        yield backend


def bare(viewer: Any) -> None:
    """Take away the frame of a page."""
    with viewer.config_state.txn() as config:
        config.show_ui_controls = False
        config.show_panel_borders = False


def plain(viewer: Any) -> None:
    """Take away from the page all that is not data."""
    bare(viewer)
    viewer.change(
        lambda state: {
            **state,
            "showScaleBar": False,
            "showDefaultAnnotations": False,
            "crossSectionBackgroundColor": "#000000",
            "layout": "xy",
        }
    )


def looking_at(volume: Volume, plane: int, *layers: LayerState) -> ViewState:
    """Look at the middle of a volume's plane, each smallest voxel edge some pixels wide."""
    centre = [o + n / 2 * v for o, n, v in places(volume)]
    if len(centre) == 3:
        centre[0] = volume.offset[0] + (plane + 0.5) * volume.voxel_size[0]
    # Half a pixel aside: centres of voxels shall not lie between two pixels.
    return ViewState(
        axes=volume.spatial_axes,
        position=tuple(centre),
        zoom=PIXELS / min(volume.voxel_size),
        layers=layers,
    )


def places(volume: Volume) -> Any:
    return zip(volume.offset, volume.spatial_shape, volume.voxel_size, strict=True)


def at_voxels(picture: Picture, volume: Volume, view: ViewState) -> Picture:
    """Return the colour on screen in the middle of each voxel of the plane."""
    height, width = picture.shape[:2]
    rows, columns = [
        (offset + (np.arange(n) + 0.5) * size - middle) * view.zoom + extent / 2
        for (offset, n, size), middle, extent in zip(
            list(places(volume))[-2:], view.position[-2:], (height, width), strict=True
        )
    ]
    rows, columns = np.floor(rows).astype(int), np.floor(columns).astype(int)
    seen_rows = (rows >= 0) & (rows < height)
    seen_columns = (columns >= 0) & (columns < width)
    assert seen_rows.all(), "the test's window is too small"
    assert seen_columns.all(), "the test's window is too small"
    return picture[np.ix_(rows, columns)]


def gray(volume: Volume, limits: tuple[float, float] = (0.0, 1.0), **more: Any) -> LayerState:
    channel = None if volume.channel_axis is None else 0
    return LayerState(
        volume.identity.slot, channel=channel, contrast_limits=limits, gamma=1.0, colormap="gray",
        **more,
    )  # fmt: skip


def scaled(values: Any, low: float, high: float) -> Picture:
    return np.clip((np.asarray(values, "f8") - low) / (high - low), 0, 1) * 255


def by_role(volumes: list[Volume], role: str) -> Volume:
    return next(volume for volume in volumes if volume.role == role)


def test_raw_and_labels_of_an_anisotropic_run_are_where_they_belong(
    backend: NeuroglancerBackend,
    page: Page,
    screenshot: Callable[..., Picture],
    aniso_volumes: list[Volume],
    stores: Path,
) -> None:
    raw, gt = by_role(aniso_volumes, "raw"), by_role(aniso_volumes, "gt")
    data = stores / "data/aniso_val.zarr"
    raw_stored = zarr.open_array(data / "raw", mode="r")
    gt_stored = zarr.open_array(data / "labels", mode="r")
    assert gt_stored.attrs["offset"] == [1200, 800, 440]
    assert gt_stored.attrs["voxel_size"] == [40, 4, 4]
    backend.show([raw, gt])
    view = looking_at(gt, 5, LayerState(gt.identity.slot, channel=0, opacity=1.0, visible=False))
    backend.set_view(view)
    plain(backend.viewer)
    page.goto(backend.url)

    shown = at_voxels(screenshot(backend.viewer), raw, view)
    # gt begins 4 planes, 20 rows and 20 columns inside of raw.
    np.testing.assert_allclose(shown[..., 0], raw_stored[4 + 5], atol=1.5)
    assert (shown[..., 0] == shown[..., 2]).all()

    mask = LayerState(gt.identity.slot, channel=0, opacity=1.0)
    backend.set_view(replace(view, layers=(mask, replace(gray(raw), visible=False))))
    plain(backend.viewer)
    shown = at_voxels(screenshot(backend.viewer), gt, view)
    inside = gt_stored[5] != 0
    assert 0 < inside.sum() < inside.size
    np.testing.assert_array_equal(shown.any(axis=-1), inside)


def test_a_landmark_is_under_the_crosshair(
    backend: NeuroglancerBackend,
    page: Page,
    screenshot: Callable[..., Picture],
    volume: Callable[..., Volume],
) -> None:
    """One voxel lights up; it is where its world coordinates say, in each panel."""
    values = np.zeros((6, 20, 30), "u1")
    values[4, 7, 23] = 255
    shown = volume(values, voxel_size=(30.0, 6.0, 5.0), offset=(1215.0, -47.5, 333.0))
    backend.show([shown])
    landmark = (1215.0 + 4.5 * 30, -47.5 + 7.5 * 6, 333.0 + 23.5 * 5)
    view = ViewState(("z", "y", "x"), landmark, zoom=0.8, layers=(gray(shown, (0, 255)),))
    backend.set_view(view)
    plain(backend.viewer)
    page.goto(backend.url)
    for layout, width, height in [("xy", 5, 6), ("xz", 5, 30), ("yz", 30, 6)]:
        backend.viewer.change(lambda state, layout=layout: {**state, "layout": layout})
        picture = screenshot(backend.viewer)[..., 0] > 127
        rows, columns = np.nonzero(picture)
        middle = (np.array(picture.shape) - 1) / 2
        np.testing.assert_allclose([rows.mean(), columns.mean()], middle, atol=0.51)
        np.testing.assert_allclose(
            [np.ptp(rows) + 1, np.ptp(columns) + 1], [height * 0.8, width * 0.8], atol=1.01
        )


def test_local_volumes_are_where_they_belong(
    page: Page, screenshot: Callable[..., Picture], aniso_volumes: list[Volume], stores: Path
) -> None:
    prediction = by_role(aniso_volumes, "prediction")
    # Between two voxels: an offset that voxel_offset cannot say.
    moved = prediction.with_(offset=(1210.0, 801.0, 441.5))
    stored = zarr.open_array(prediction.source.path, mode="r")  # type: ignore[union-attr]
    viewer = OwnViewer()
    try:
        local = local_volume(moved)
        limits = (float(stored[:].min()), float(stored[:].max()))
        view = looking_at(moved, 3, gray(moved, limits, opacity=1.0))
        viewer.change(lambda _: new_state([moved], lambda _: [{"url": "http://x"}], view=view))
        with viewer.txn() as state:
            state.layers[0].source = local_source(moved, local)
        plain(viewer)
        page.goto(viewer.get_viewer_url())
        shown = at_voxels(screenshot(viewer), moved, view)
    finally:
        viewer.close()
    np.testing.assert_allclose(shown[..., 0], scaled(stored[0, 3], *limits), atol=2)


@pytest.mark.long
def test_local_labels_with_meshes_are_shown(
    page: Page, screenshot: Callable[..., Picture], volume: Callable[..., Volume]
) -> None:
    values = np.zeros((30, 30, 30), "i8")
    values[10:20, 5:15, 10:25] = 7
    labels = volume(values, role="segmentation", offset=(80.0, 160.0, 0.0))
    viewer = OwnViewer()
    try:
        local = local_volume(labels, meshes=True)
        view = looking_at(
            labels, 15, LayerState(labels.identity.slot, opacity=1.0, selected_label=7,
                                   show_selected_label=True)
        )  # fmt: skip
        viewer.change(lambda _: new_state([labels], lambda _: [{"url": "http://x"}], view=view))
        with viewer.txn() as state:
            state.layers[0].source = local_source(labels, local)
        plain(viewer)
        page.goto(viewer.get_viewer_url())
        shown = at_voxels(screenshot(viewer), labels, view)
        np.testing.assert_array_equal(shown.any(axis=-1), values[15] != 0)
        viewer.change(lambda state: {**state, "layout": "3d", "showSlices": False})
        assert (screenshot(viewer).max(axis=-1) > 60).sum() > 500
    finally:
        viewer.close()


@pytest.mark.parametrize(
    "dtype",
    ["u1", "u8", "f4", *(pytest.param(dtype, marks=pytest.mark.long) for dtype in RARER)],
)
def test_every_type_of_element_is_visible(
    backend: NeuroglancerBackend,
    page: Page,
    screenshot: Callable[..., Picture],
    volume: Callable[..., Volume],
    dtype: str,
) -> None:
    values = (np.indices((4, 20, 20)).sum(axis=0) % 2).astype(dtype)
    image = volume(values)
    shown = [image]
    if "f" not in dtype:
        shown.append(volume(values, role="segmentation", offset=(0.0, 0.0, 160.0)))
    backend.show(shown)
    labels = [LayerState(v.identity.slot, opacity=1.0) for v in shown[1:]]
    view = looking_at(image, 2, gray(image), *labels)
    backend.set_view(view)
    plain(backend.viewer)
    page.goto(backend.url)
    picture = screenshot(backend.viewer)
    np.testing.assert_array_equal(at_voxels(picture, image, view)[..., 0], values[2] * 255.0)
    for other in shown[1:]:
        colours = at_voxels(picture, other, view)
        np.testing.assert_array_equal(colours.any(axis=-1), values[2] != 0)


def test_a_two_dimensional_run_is_shown(
    backend: NeuroglancerBackend, page: Page, screenshot: Callable[..., Picture], stores: Path
) -> None:
    run = open_store(stores / "pypi-0.3.5").run("dist_2d")
    prediction = by_role(run.volumes(), "prediction")
    stored = zarr.open_array(prediction.source.path, mode="r")  # type: ignore[union-attr]
    backend.show([prediction])
    limits = (float(stored[:].min()), float(stored[:].max()))
    view = looking_at(prediction, 0, gray(prediction, limits, opacity=1.0))
    backend.set_view(view)
    plain(backend.viewer)
    page.goto(backend.url)
    shown = at_voxels(screenshot(backend.viewer), prediction, view)
    np.testing.assert_allclose(shown[..., 0], scaled(stored[0], *limits), atol=2)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_nan_is_no_value(
    backend: NeuroglancerBackend,
    page: Page,
    screenshot: Callable[..., Picture],
    volume: Callable[..., Volume],
    dtype: str,
) -> None:
    """Where it is, one sees what lies behind: another channel, or the background."""
    values = np.full((2, 4, 20, 20), 0.0, dtype)
    values[0, :, :10] = np.nan
    values[1, :, :, :10] = np.nan
    values[1, :, :, 10:] = 1.0
    image = volume(values, ("c^", "z", "y", "x"))
    backend.show([image])
    red, blue = (
        LayerState(image.identity.slot, channel=i, contrast_limits=(0.0, 1.0), gamma=1.0,
                   colormap=name)
        for i, name in enumerate(("red", "blue"))
    )  # fmt: skip
    view = looking_at(image, 2, red, blue)
    backend.set_view(view)
    plain(backend.viewer)
    backend.viewer.change(lambda state: {**state, "crossSectionBackgroundColor": "#00ff00"})
    page.goto(backend.url)
    shown = at_voxels(screenshot(backend.viewer), image, view)
    assert (shown[:10, :10] == (0, 255, 0)).all(), "neither has a value"
    assert (shown[:10, 10:] == (0, 0, 255)).all(), "only the second has one"
    assert (shown[10:, :10] == (0, 0, 0)).all(), "only the first has one, which is 0"
    assert (shown[10:, 10:] == (0, 0, 255)).all()


def test_channels_of_affinities_are_red_green_and_blue(
    backend: NeuroglancerBackend, page: Page, screenshot: Callable[..., Picture], stores: Path
) -> None:
    run = open_store(stores / "pypi-0.3.5").run("affs_same_iso0")
    prediction = by_role(run.volumes(), "prediction")
    stored = zarr.open_array(prediction.source.path, mode="r")  # type: ignore[union-attr]
    backend.show([prediction])
    view = looking_at(prediction, 16)
    backend.set_view(view)
    plain(backend.viewer)
    page.goto(backend.url)
    shown = at_voxels(screenshot(backend.viewer), prediction, view).astype(float) / 255
    # Each darkens its own colour. (neuroglancer does not blend the lowest layer.)
    darkest = [COLORMAPS[f"dacapo affinity {axis}"][0][1][i] for i, axis in enumerate("zyx")]
    values = np.moveaxis(stored[:3, 16].astype(float), 0, -1)
    expected = darkest + (1 - np.array(darkest)) * values
    np.testing.assert_allclose(shown, expected, atol=0.02)


def test_a_live_update_changes_the_pixels_and_nothing_else(
    backend: NeuroglancerBackend, page: Page, screenshot: Callable[..., Picture], stores: Path
) -> None:
    run = open_store(stores / "main", path_map={"/nrs/demo/dacapo-data": str(stores / "data")}).run(
        "dist_aniso"
    )
    first, second = (by_role(run.volumes(iteration=i), "prediction") for i in (10, 20))
    raw = by_role(run.volumes(), "raw")
    limits = (-0.3, 0.2)
    backend.show([raw, first])
    view = looking_at(first, 6, replace(gray(raw), visible=False), gray(first, limits, opacity=1.0))
    backend.set_view(view)
    plain(backend.viewer)
    page.goto(backend.url)
    before = at_voxels(screenshot(backend.viewer), first, view)[..., 0]

    # The user moves one plane on, in the page.
    begin = backend.viewer.raw_state["position"]
    page.mouse.move(450, 350)
    page.mouse.wheel(0, 60)
    moved = _moved(backend, page, begin)
    backend.show([second])
    state = backend.viewer.raw_state
    assert state["position"] == moved["position"]
    plane = int(state["position"][0] - 1200 / 40)
    assert plane != 6

    after = at_voxels(screenshot(backend.viewer), second, view)[..., 0]
    values = {
        i: zarr.open_array(v.source.path, mode="r")[0]  # type: ignore[union-attr]
        for i, v in ((10, first), (20, second))
    }
    np.testing.assert_allclose(before, scaled(values[10][6], *limits), atol=2)
    np.testing.assert_allclose(after, scaled(values[20][plane], *limits), atol=2)
    assert [layer["name"] for layer in state["layers"]] == [
        raw.identity.label, first.identity.label,
    ]  # fmt: skip


def _moved(backend: NeuroglancerBackend, page: Page, begin: list[float]) -> dict[str, Any]:
    """Return the state once the page has told of the user's move."""
    for _ in range(600):
        if backend.viewer.raw_state["position"] != begin:
            return backend.viewer.raw_state
        page.wait_for_timeout(50)
    raise AssertionError("the page did not tell that the user moved")


def test_a_rewritten_array_is_fetched_anew(
    backend: NeuroglancerBackend,
    page: Page,
    screenshot: Callable[..., Picture],
    tmp_path: Path,
) -> None:
    from napari_dacapo.volumes import open_volume

    path = tmp_path / "a.zarr"
    for value in (60, 200):
        zarr.create_array(
            path, data=np.full((4, 20, 20), value, "u1"), zarr_format=2, overwrite=True
        )
        shown = open_volume(path)
        backend.show([shown])
        view = looking_at(shown, 2, gray(shown, (0, 255)))
        backend.set_view(view)
        plain(backend.viewer)
        if value == 60:
            page.goto(backend.url)
        colours = at_voxels(screenshot(backend.viewer), shown, view)
        assert (colours == value).all()


def test_an_exported_live_link_opens_in_the_bundled_client(
    page: Page, screenshot: Callable[..., Picture], aniso_volumes: list[Volume], stores: Path
) -> None:
    raw = by_role(aniso_volumes, "raw")
    try:
        link = make_link([raw])
        bare(live.host().link_page)
        view = _opened(link, page, raw, 9)
        shown = at_voxels(screenshot(live.host().link_page), raw, view)
    finally:
        stop_live_links()
    stored = zarr.open_array(stores / "data/aniso_val.zarr/raw", mode="r")
    np.testing.assert_allclose(shown[..., 0], stored[9], atol=1.5)


def test_an_exported_static_link_opens_in_the_bundled_client(
    page: Page, screenshot: Callable[..., Picture], aniso_volumes: list[Volume], stores: Path
) -> None:
    raw, prediction = by_role(aniso_volumes, "raw"), by_role(aniso_volumes, "prediction")
    viewer = OwnViewer()
    bare(viewer.link_page)
    try:
        with StaticFileServer(str(stores), bind_address="127.0.0.1", daemon=True) as public:
            link = make_link(
                [raw, prediction], live=False, prefix=viewer.link_prefix,
                url_map={str(stores): public},
            )  # fmt: skip
            link.state["layers"][1]["visible"] = False
            view = _opened(link, page, raw, 9)
            raw_shown = at_voxels(screenshot(viewer.link_page), raw, view)
            link.state["layers"][0]["visible"] = False
            link.state["layers"][1].pop("visible")
            link.state["layers"][1] |= {"opacity": 1.0, "shader": GRAY}
            view = _opened(link, page, prediction, 5)
            shown = at_voxels(screenshot(viewer.link_page), prediction, view)
    finally:
        viewer.close()
    stored = zarr.open_array(stores / "data/aniso_val.zarr/raw", mode="r")
    np.testing.assert_allclose(raw_shown[..., 0], stored[9], atol=1.5)
    values = zarr.open_array(prediction.source.path, mode="r")[0, 5]  # type: ignore[union-attr]
    np.testing.assert_allclose(shown[..., 0], scaled(values, -0.5, 0.5), atol=2)


@pytest.mark.long
@pytest.mark.parametrize(
    ("others", "expected"), [((0.0, 1.0, 0.0, 1.0), (0, 255, 0)), ((0.0, 0.0, 0.0, 0.0), (0, 0, 0))]
)
def test_colours_that_were_chosen_in_napari_are_seen(
    page: Page, screenshot: Callable[..., Picture], others: Any, expected: Any
) -> None:
    values = np.arange(400).reshape(1, 20, 20) % 5
    colors = {None: others, 1: (1.0, 0.0, 0.0, 1.0), 2: (0.2, 0.4, 1.0, 1.0)}
    viewer = ViewerModel()
    layer = viewer.add_labels(
        values, opacity=1.0, colormap=DirectLabelColormap(color_dict=colors),
        axis_labels=("z", "y", "x"),
    )  # fmt: skip
    layer.selected_label = 0
    try:
        link = make_link(viewer)
        bare(live.host().link_page)
        (volume,), _ = read_linked(link.url)
        view = _opened(link, page, volume, 0)
        shown = at_voxels(screenshot(live.host().link_page), volume, view)
    finally:
        stop_live_links()
    for label, color in [(0, (0, 0, 0)), (1, (255, 0, 0)), (2, (51, 102, 255)), (3, expected)]:
        assert (shown[values[0] == label] == color).all(), label


@pytest.mark.long
def test_a_link_that_went_through_a_browser_still_says_all_that_it_said(
    page: Page, aniso_volumes: list[Volume], stores: Path
) -> None:
    """The client drops what it does not know; the link is read from its address bar."""
    viewer = ViewerModel()
    NapariBackend(viewer).show(aniso_volumes)
    raw, gt, prediction, segmentation = viewer.layers
    raw.blending, raw.gamma, raw.colormap, raw.opacity = "minimum", 0.5, "#ff8800", 0.75
    prediction.blending, prediction.contrast_limits = "translucent_no_depth", (-0.25, 0.5)
    gt.visible = False
    segmentation.blending, segmentation.selected_label = "opaque", 0
    segmentation.colormap = DirectLabelColormap(color_dict={None: "white", 1: "red"})
    store = open_store(stores / "main", path_map={"/nrs/demo/dacapo-data": str(stores / "data")})
    try:
        link = make_link(viewer)
        page.goto(link.url)
        position = link.state["position"]
        page.mouse.move(200, 200)
        for _ in range(600):
            page.mouse.wheel(0, 120)  # again, for the client may not have listened yet
            url = page.url
            if read_link(url).get("position") not in (None, position):
                break
            page.wait_for_timeout(50)
        assert read_link(url)["position"] != position
    finally:
        stop_live_links()
    again = open_link(url, ViewerModel(), store=store)
    assert [layer.name for layer in again.layers] == [layer.name for layer in viewer.layers]
    assert [layer.metadata["napari-dacapo"]["iteration"] for layer in again.layers] == [
        layer.metadata["napari-dacapo"]["iteration"] for layer in viewer.layers
    ]
    for layer, other in zip(viewer.layers, again.layers, strict=True):
        for name in ("blending", "opacity", "visible", "gamma", "contrast_limits"):
            if hasattr(layer, name):
                assert getattr(other, name) == pytest.approx(getattr(layer, name)), name
        np.testing.assert_array_equal(np.asarray(other.data), np.asarray(layer.data))
    probes = np.linspace(0, 1, 9)
    again_raw, _, _, again_segmentation = again.layers
    np.testing.assert_allclose(again_raw.colormap.map(probes), raw.colormap.map(probes), atol=0.01)
    assert again_segmentation.selected_label == 0
    np.testing.assert_allclose(again_segmentation.colormap.color_dict[1], (1, 0, 0, 1))


def test_each_channel_of_labels_is_seen_or_not(
    page: Page, screenshot: Callable[..., Picture], volume: Callable[..., Volume]
) -> None:
    masks = np.zeros((3, 4, 20, 20), "u1")
    masks[0, :, :6] = masks[1, :, :, :6] = masks[2, :, 14:] = 1
    shown = volume(
        masks, ("c^", "z", "y", "x"), channel_names=("mito", "er", "nuc"),
        identity=Identity("run ü 日本", "data", "segmentation", 1, "threshold_127", "stored"),
        kind="labels",
    )  # fmt: skip
    viewer = ViewerModel()
    NapariBackend(viewer).show([shown])
    try:
        for visible in ([False, False, True], [True, False, True], [False, True, False]):
            for layer, seen in zip(viewer.layers, visible, strict=True):
                layer.visible, layer.opacity = seen, 1.0
            link = make_link(viewer)
            bare(live.host().link_page)
            view = _opened(link, page, shown, 1)
            colours = at_voxels(screenshot(live.host().link_page), shown, view)
            expected = masks[:, 1][visible].any(axis=0)
            np.testing.assert_array_equal(colours.any(axis=-1), expected)
    finally:
        stop_live_links()


@pytest.mark.long
def test_hints_in_the_code_do_not_disturb_the_client(
    page: Page, screenshot: Callable[..., Picture], volume: Callable[..., Volume]
) -> None:
    values = np.random.default_rng(0).integers(0, 255, (4, 20, 20), "u1")
    name = 'ü 日本 */ // \\ "quoted" \u2028'
    shown = volume(values, identity=Identity(name, "data", "raw"))
    try:
        link = make_link([shown])
        bare(live.host().link_page)
        view = _opened(link, page, shown, 1)
        colours = at_voxels(screenshot(live.host().link_page), shown, view)
        np.testing.assert_allclose(colours[..., 0], values[1], atol=1.5)
        (layer,) = read_link(page.url)["layers"]
        assert identity_in(layer) == shown.identity
    finally:
        stop_live_links()


GRAY = """#uicontrol invlerp value(range=[-0.5, 0.5], channel=0)
void main() { emitGrayscale(value()); }
"""


def _opened(link: Any, page: Page, volume: Volume, plane: int) -> ViewState:
    """Open a link, changed so that a plane fills the page."""
    from napari_dacapo.viewers.neuroglancer.camera import camera_from_view
    from napari_dacapo.viewers.neuroglancer.link_text import link_to, read_link

    assert read_link(link.url)["layers"]
    view = looking_at(volume, plane)
    sizes = dict(zip(volume.spatial_axes, volume.voxel_size, strict=True))
    link.state.update(camera_from_view(view, sizes, layout="xy"))
    link.state.update(showScaleBar=False, showDefaultAnnotations=False)
    link.state["crossSectionBackgroundColor"] = "#000000"
    page.goto("about:blank")
    page.goto(link_to(link.state, link.url.partition("#")[0]))
    return view


@pytest.mark.long
def test_layers_can_be_put_into_a_viewer_of_neuroglancers_own_objects(
    page: Page, screenshot: Callable[..., Picture], volume: Callable[..., Volume]
) -> None:
    values = np.random.default_rng(0).integers(0, 255, (4, 20, 20), "u1")
    shown = volume(values)
    viewer = OwnViewer()
    try:
        view = looking_at(shown, 1)
        viewer.change(lambda _: {**new_state([shown], lambda _: [], view=view), "layers": []})
        with viewer.txn() as state:
            state.layers["raw"] = layer_for(shown, viewer.volumes)
        plain(viewer)
        page.goto(viewer.get_viewer_url())
        colours = at_voxels(screenshot(viewer), shown, view)
    finally:
        viewer.close()
    np.testing.assert_allclose(colours[..., 0], values[1], atol=1)
    assert json.dumps(layer_json(shown, []))
