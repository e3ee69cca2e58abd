"""Links: what napari shows travels to neuroglancer and back."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote
from urllib.request import urlopen

import numpy as np
import pytest
import zarr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from napari.components import ViewerModel
from napari.layers.base._base_constants import Blending
from napari.utils.colormaps import AVAILABLE_COLORMAPS, Colormap, DirectLabelColormap

from napari_dacapo import neuroglancer_link, open_link, preferences
from napari_dacapo.cli import main
from napari_dacapo.errors import LinkError
from napari_dacapo.runs import open_store
from napari_dacapo.viewers import links
from napari_dacapo.viewers.colormaps import class_color
from napari_dacapo.viewers.napari.backend import NapariBackend
from napari_dacapo.viewers.napari.view_state import get_view, set_view
from napari_dacapo.viewers.neuroglancer import live
from napari_dacapo.viewers.neuroglancer.backend import NeuroglancerBackend
from napari_dacapo.viewers.neuroglancer.hints import write_hints
from napari_dacapo.viewers.neuroglancer.link_text import (
    MAX_SELECTED,
    link_to,
    read_link,
    read_state_file,
)
from napari_dacapo.volumes import Identity, Volume, open_volume

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from napari_dacapo.runs import Run, Store
    from napari_dacapo.viewers.view_state import ViewState

PUBLIC = "https://data.example.org/lab"


@pytest.fixture(autouse=True)
def _no_server_left() -> Iterator[None]:
    yield
    links.stop_live_links()


@pytest.fixture(scope="module")
def store(stores: Path) -> Store:
    return open_store(stores / "main", path_map={"/nrs/demo/dacapo-data": str(stores / "data")})


@pytest.fixture(scope="module")
def volumes(store: Store) -> list[Volume]:
    return store.run("dist_aniso").volumes()


def shown(volumes: list[Volume]) -> ViewerModel:
    viewer = ViewerModel()
    NapariBackend(viewer).show(volumes)
    return viewer


def close(a: ViewState, b: ViewState) -> None:
    """Assert that two views are the same, but for rounding."""
    assert (a.axes, a.ndisplay, a.order) == (b.axes, b.ndisplay, b.order)
    np.testing.assert_allclose(a.position, b.position, rtol=1e-6, atol=1e-3)
    assert a.zoom == pytest.approx(b.zoom, rel=1e-6)
    if a.ndisplay == 3:
        np.testing.assert_allclose(a.orientation, b.orientation, atol=1e-5)
    assert len(a.layers) == len(b.layers)
    for one, other in zip(a.layers, b.layers, strict=True):
        rounded = {
            "opacity": 0, "contrast_limits": None, "gamma": None, "color_stops": (),
            "label_colors": (),
        }  # fmt: skip
        assert replace(one, **rounded) == replace(other, **rounded)
        for name in ("color_stops", "label_colors"):
            mine, others = getattr(one, name), getattr(other, name)
            assert [place for place, _ in mine] == [place for place, _ in others]
            for (_, color), (_, same) in zip(mine, others, strict=True):
                assert color == pytest.approx(same, abs=0.003)
        assert one.opacity == pytest.approx(other.opacity, abs=1e-6)
        if one.contrast_limits is not None:
            assert one.contrast_limits == pytest.approx(other.contrast_limits, abs=1e-4)
            assert one.gamma == pytest.approx(other.gamma, abs=1e-6)


unit = st.floats(0, 1)
LAYER_LOOKS = st.fixed_dictionaries(
    {
        "visible": st.booleans(),
        "opacity": unit,
        "blending": st.sampled_from([str(blending) for blending in Blending]),
        "limits": st.tuples(st.floats(-2, 2), st.floats(0.01, 3)),
        "gamma": st.floats(0.2, 2),
        "colormap": st.sampled_from(["gray", "viridis", "magenta", "dacapo signed", "turbo"]),
        "selected_label": st.integers(0, 255),
        "show_selected_label": st.booleans(),
    }
)


VIEWED = [
    ("main", "dist_aniso"),
    ("pypi-0.3.5", "dist_2d"),
    ("pypi-0.3.5", "affs_same_iso0"),  # six channels, a layer each
]


@pytest.fixture(scope="module", params=VIEWED, ids=[name for _, name in VIEWED])
def viewed(request: pytest.FixtureRequest, stores: Path) -> Run:
    folder, name = request.param
    found = open_store(stores / folder, path_map={"/nrs/demo/dacapo-data": str(stores / "data")})
    return found.run(name)


@pytest.mark.long
@pytest.mark.parametrize("live", [True, False], ids=["live", "static"])
@settings(
    max_examples=3,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    place=st.tuples(unit, unit, unit),
    zoom=st.floats(0.01, 20),
    ndisplay=st.sampled_from([2, 3]),
    order=st.permutations((0, 1, 2)),
    angles=st.tuples(st.floats(-170, 170), st.floats(-80, 80), st.floats(-170, 170)),
    looks=st.lists(LAYER_LOOKS, min_size=9, max_size=9),
)
def test_a_view_comes_back_as_it_went(
    viewed: Run,
    stores: Path,
    live: bool,
    place: tuple[float, float, float],
    zoom: float,
    ndisplay: int,
    order: list[int],
    angles: tuple[float, float, float],
    looks: list[dict[str, Any]],
) -> None:
    viewer = shown(viewed.volumes(segmentation="stored"))
    dims, camera = viewer.dims, viewer.scene.camera
    dims.order = tuple(axis for axis in order if axis < dims.ndim)
    dims.ndisplay = min(ndisplay, dims.ndim)
    first = np.array([extent.start for extent in dims.range])
    last = np.array([extent.stop for extent in dims.range])
    position = first + (last - first) * place[: dims.ndim]
    for axis, value in enumerate(position):
        dims.set_point(axis, value)
    displayed = [position[axis] for axis in dims.displayed]
    camera.center = (0.0,) * (3 - len(displayed)) + tuple(displayed)
    camera.zoom = zoom
    if dims.ndisplay == 3:
        camera.angles = angles
    for layer, look in zip(viewer.layers, looks, strict=False):
        layer.visible, layer.opacity = look["visible"], look["opacity"]
        layer.blending = look["blending"]
        if hasattr(layer, "gamma"):
            low, width = look["limits"]
            layer.contrast_limits_range = (-10, 10)
            layer.contrast_limits = (low, low + width)
            layer.gamma, layer.colormap = look["gamma"], "gray"
            state = get_view(viewer)
            named = [
                replace(s, colormap=look["colormap"]) if s.name == layer.name else s
                for s in state.layers
            ]
            set_view(viewer, replace(state, layers=tuple(named)))
        else:
            layer.selected_label = look["selected_label"]
            layer.show_selected_label = look["show_selected_label"]

    link = links.make_link(viewer, live=live, url_map={str(stores): PUBLIC})
    # A colleague, or this user tomorrow, has the store and not the arrays in this memory.
    again = open_link(link.url, ViewerModel(), store=None if live else viewed.store)

    expected = get_view(viewer)
    # Whether only the picked label is shown means nothing without a picked one.
    expected = replace(
        expected,
        layers=tuple(
            replace(s, show_selected_label=False) if s.selected_label == 0 else s
            for s in expected.layers
        ),
    )
    close(get_view(again), expected)
    assert [layer.name for layer in again.layers] == [layer.name for layer in viewer.layers]


@pytest.mark.long
def test_channels_travel_as_layers_of_their_own(stores: Path) -> None:
    run = open_store(stores / "pypi-0.3.5").run("affs_same_iso0")
    viewer = shown(run.volumes())
    channels = [layer for layer in viewer.layers if " · (" in layer.name]
    assert len(channels) == 6
    channels[1].visible = False
    channels[2].contrast_limits = (0.25, 0.75)
    channels[3].visible = True
    channels[4].gamma = 0.5
    again = open_link(neuroglancer_link(viewer), ViewerModel())
    close(get_view(again), get_view(viewer))


@pytest.fixture
def organelles(tmp_path: Path) -> Volume:
    """Three masks in one array, as DaCapo stores them."""
    masks = np.zeros((3, 12, 12, 12), "u1")
    masks[0, :, :3] = masks[1, :, :, :3] = masks[2, :, 9:] = 1
    zarr.create_array(tmp_path / "masks", data=masks, chunks=(1, 12, 12, 12), zarr_format=2)
    identity = Identity("run", "data", "segmentation", 10, "threshold_127", "stored")
    volume = open_volume(tmp_path / "masks", identity=identity, kind="labels", voxel_size=(8, 8, 8))
    return volume.with_(channel_names=("mito", "er", "nuc"))


@pytest.mark.long
def test_masks_of_several_organelles_are_a_layer_each(organelles: Volume) -> None:
    viewer = shown([organelles])
    for layer in viewer.layers:
        layer.visible = layer.name.endswith("nuc")
    viewer.layers[1].opacity = 0.25
    link = links.make_link(viewer)
    assert [layer["name"].rpartition(" · ")[2] for layer in link.state["layers"]] == [
        "mito", "er", "nuc",
    ]  # fmt: skip
    assert [layer.get("visible", True) for layer in link.state["layers"]] == [False, False, True]
    assert [layer["localPosition"] for layer in link.state["layers"]] == [[0.5], [1.5], [2.5]]
    colors = [layer["segmentColors"]["1"] for layer in link.state["layers"]]
    assert len(set(colors)) == 3
    red, green, blue = (round(part * 255) for part in class_color(3)[:3])
    assert colors[2] == f"#{red:02x}{green:02x}{blue:02x}"
    close(get_view(open_link(link.url, ViewerModel())), get_view(viewer))


def test_a_channel_that_was_taken_off_the_page_is_hidden(organelles: Volume) -> None:
    link = links.make_link(shown([organelles]))
    del link.state["layers"][1]
    url = link_to(link.state, link.url.partition("#")[0])
    again = open_link(url, ViewerModel())
    assert [layer.visible for layer in again.layers] == [True, False, True]


def test_two_layers_of_one_array_stay_two(volumes: list[Volume], organelles: Volume) -> None:
    prediction = next(volume for volume in volumes if volume.role == "prediction")
    for volume, count in ((prediction, 2), (organelles, 6)):
        link = links.make_link(shown([volume]))
        twice = json.loads(json.dumps(link.state["layers"]))
        for layer in twice:
            layer["name"] += " again"
            layer["opacity"] = layer["selectedAlpha"] = 0.125
        link.state["layers"] += twice
        again = open_link(link_to(link.state, link.url.partition("#")[0]), ViewerModel())
        assert len(again.layers) == count
        opacities = [layer.opacity for layer in again.layers]
        assert opacities[: count // 2] != opacities[count // 2 :]


def test_a_two_dimensional_view_travels(stores: Path) -> None:
    viewer = shown(open_store(stores / "pypi-0.3.5").run("dist_2d").volumes())
    viewer.scene.camera.center = (0.0, 300.0, 210.0)
    viewer.scene.camera.zoom = 0.4
    link = neuroglancer_link(viewer)
    assert read_link(link)["displayDimensions"] == ["x", "y"]
    close(get_view(open_link(link, ViewerModel())), get_view(viewer))


def test_sources_of_a_live_link_answer_with_the_bytes_of_the_zarr(stores: Path) -> None:
    path = stores / "main/dist_aniso/validation.zarr/20/ds_aniso_val/prediction"
    state = read_link(neuroglancer_link(open_volume(path)))
    (source,) = state["layers"][0]["source"]
    address = source["url"].removesuffix("|zarr2:")
    for file in path.glob("[0-9]*/**/*"):
        if file.is_file():
            with urlopen(f"{address}0/{file.relative_to(path).as_posix()}") as answer:
                assert answer.read() == file.read_bytes()


def test_live_links_end_when_told_to(volumes: list[Volume]) -> None:
    assert not links.live_links_run()
    url = neuroglancer_link(volumes[0])
    assert links.live_links_run()
    assert url.startswith("http://127.0.0.1:")
    assert neuroglancer_link(volumes[0]).partition("#")[0] == url.partition("#")[0]
    links.stop_live_links()
    assert not links.live_links_run()
    with pytest.raises(LinkError, match=r"runs no more.*Give the store"):
        open_link(url, ViewerModel())


def test_a_live_link_of_another_process_is_opened_from_the_store(
    volumes: list[Volume], store: Store, stores: Path
) -> None:
    viewer = shown(volumes)
    viewer.layers[0].gamma = 0.5
    url, view = neuroglancer_link(viewer), get_view(viewer)
    links.stop_live_links()
    close(get_view(open_link(url, ViewerModel(), store=store)), view)
    other = open_link(url, ViewerModel(), store=stores / "main")
    assert len(other.layers) == len(viewer.layers)


def test_a_link_whose_code_was_written_anew_is_found_by_the_names_of_its_layers(
    volumes: list[Volume], store: Store
) -> None:
    link = links.make_link(shown(volumes))
    links.stop_live_links()
    for layer in link.state["layers"]:
        layer.pop("shader", None)
        layer.pop("skeletonRendering", None)
    url = link_to(link.state, "https://ng.example.org")
    again = open_link(url, ViewerModel(), store=store)
    assert [layer.name for layer in again.layers] == [volume.identity.label for volume in volumes]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"run": "nobody"}, "nobody · aniso_val · prediction cannot be opened: .*no run"),
        ({"dataset": "nowhere"}, "no dataset 'nowhere'"),
        ({"iteration": 99}, "is not in the store .*validated iterations: 10, 20"),
        ({"role": "mask"}, "mask is not in the store"),
        ({"variant": "snapshot"}, "no snapshot of iteration 20"),
        ({"variant": "napari layer"}, "on a server that runs no more"),
    ],
)
def test_what_the_store_does_not_have_is_said(
    volumes: list[Volume], store: Store, change: dict[str, Any], said: str
) -> None:
    prediction = next(volume for volume in volumes if volume.role == "prediction")
    link = links.make_link(prediction)
    links.stop_live_links()
    (layer,) = link.state["layers"]
    write_hints(layer, identity=prediction.identity.as_dict() | change)
    url = link_to(link.state, "https://ng.example.org")
    with pytest.raises(LinkError, match=said):
        open_link(url, ViewerModel(), store=store)


def test_snapshots_are_opened_from_the_store(stores: Path) -> None:
    run = open_store(stores / "pypi-0.3.5").run("snapshot_nomask")
    raw = next(volume for volume in run.snapshot(40) if volume.role == "raw")
    url = neuroglancer_link(raw)
    links.stop_live_links()
    (again,) = open_link(url, ViewerModel(), store=run.store).layers
    np.testing.assert_array_equal(np.asarray(again.data), np.asarray(raw.data))


def test_a_link_for_another_client_may_be_read_from_there(volumes: list[Volume]) -> None:
    url = neuroglancer_link(volumes[0], prefix="https://ng.example.org/sub/?x=1#!{}")
    assert url.startswith("https://ng.example.org/sub/?x=1#!%7B")
    assert "https://ng.example.org" in live.host().volumes.origins


@pytest.mark.parametrize("prefix", ["ftp://x/", "file:///etc/passwd", "javascript:alert(1)", ""])
def test_a_prefix_must_be_a_page(volumes: list[Volume], prefix: str) -> None:
    with pytest.raises(LinkError, match="address of"):
        neuroglancer_link(volumes[0], prefix=prefix or "nonsense")


def test_the_users_own_layers_come_along_live() -> None:
    viewer = ViewerModel()
    image = np.random.default_rng(0).normal(size=(10, 20, 30))
    viewer.add_image(
        image, name="mine", scale=(4, 2, 2), translate=(100, 0, 0), contrast_limits=(-1, 1)
    )
    viewer.add_labels((image > 0).astype(int), name="painted", scale=(4, 2, 2))
    viewer.add_points(np.zeros((1, 3)), name="dots")
    with pytest.warns(UserWarning, match="dots is left out"):
        url = neuroglancer_link(viewer)
    again = open_link(url, ViewerModel())
    assert len(again.layers) == 2
    np.testing.assert_array_equal(np.asarray(again.layers[0].data), image)
    np.testing.assert_allclose(again.layers[0].translate, (100, 0, 0))
    with pytest.raises(LinkError, match="no public address"):
        neuroglancer_link(viewer, live=False)


COLORMAPS = {
    "a colour": "#ff8800",
    "of napari": "bop orange",
    "steps of matplotlib": "tab10",
    "a user's": Colormap([[0, 0, 0, 1], [1, 0.5, 0, 0.5], [1, 1, 1, 1]], name="a user's"),
    "a user's of many": Colormap(
        np.random.default_rng(0).random((20, 4)), name="a user's of many"
    ),
    "a user's steps": Colormap(
        [[0, 0, 0], [1, 0, 0], [0, 0, 1]], controls=[0, 0.25, 0.5, 1], interpolation="zero",
        name="a user's steps",
    ),
}  # fmt: skip


@pytest.mark.long
@pytest.mark.parametrize("name", COLORMAPS)
def test_colormaps_travel_with_their_colours(name: str) -> None:
    viewer = ViewerModel()
    layer = viewer.add_image(np.random.default_rng(0).random((4, 8, 8)), colormap=COLORMAPS[name])
    url = neuroglancer_link(viewer)
    # To a napari that has never heard of it.
    for known in [key for key in AVAILABLE_COLORMAPS if "user" in key or key.startswith("#")]:
        del AVAILABLE_COLORMAPS[known]
    (again,) = open_link(url, ViewerModel()).layers
    assert again.colormap.name == layer.colormap.name
    probes = np.linspace(0.01, 0.99, 40)
    np.testing.assert_allclose(again.colormap.map(probes), layer.colormap.map(probes), atol=0.03)


@pytest.mark.long
@pytest.mark.parametrize(
    ("colors", "selected", "only"),
    [
        ({None: "black", 1: "red", 2: "blue"}, 3, True),
        ({None: (0, 0.5, 1, 1), 7: (0.2, 0.4, 0.6, 1)}, 7, False),
        ({None: (0, 0, 0, 0), 1: "red", 2: "blue"}, 2, False),
        ({None: (0, 0, 0, 0), 1: "red", 2: "blue"}, 0, False),
        ({None: "white", **{i: (i / 2000, 0, 0, 1) for i in range(1, 990)}}, 1, False),
    ],
)
def test_colours_of_labels_travel(colors: dict[Any, Any], selected: int, only: bool) -> None:
    viewer = ViewerModel()
    labels = (np.arange(400) % 9).reshape(4, 10, 10)
    layer = viewer.add_labels(labels, colormap=DirectLabelColormap(color_dict=colors))
    layer.selected_label, layer.show_selected_label = selected, only
    link = links.make_link(viewer)
    (again,) = open_link(link.url, ViewerModel()).layers
    assert isinstance(again.colormap, DirectLabelColormap)
    assert set(again.colormap.color_dict) == set(layer.colormap.color_dict)
    for label, color in layer.colormap.color_dict.items():
        np.testing.assert_allclose(again.colormap.color_dict[label], color, atol=0.003)
    assert (again.selected_label, again.show_selected_label) == (selected, only)
    linked = link.state["layers"][0]
    if layer.colormap.color_dict[None][3] == 0:
        assert linked["segments"] == ["1", "2"], "others cannot be clear but hidden"
    else:
        assert linked["segmentDefaultColor"].startswith("#")


def test_colours_that_nobody_chose_are_those_of_the_viewer(volumes: list[Volume]) -> None:
    state = links.make_link(shown(volumes)).state
    assert not any("segmentDefaultColor" in layer for layer in state["layers"])
    viewer = ViewerModel()
    viewer.add_labels(np.ones((4, 4, 4), int))
    (layer,) = links.make_link(viewer).state["layers"]
    assert "segmentColors" not in layer


def test_a_class_that_was_recoloured_in_the_page_is_so_in_napari(stores: Path) -> None:
    run = open_store(stores / "pypi-0.3.5").run("onehot_iso0")
    gt = next(volume for volume in run.volumes() if volume.role == "gt")
    link = links.make_link(gt)
    (layer,) = link.state["layers"]
    layer["segmentColors"]["1"] = "#102030"
    (again,) = open_link(link_to(link.state, link.url.partition("#")[0]), ViewerModel()).layers
    colors = again.colormap.color_dict
    np.testing.assert_allclose(colors[1], (16 / 255, 32 / 255, 48 / 255, 1), atol=0.003)
    np.testing.assert_allclose(colors[2], class_color(2), atol=0.003)


@pytest.mark.parametrize(
    ("layer", "reason"),
    [
        ({"data": np.ones((4, 4, 4)), "scale": (1, -1, 1)}, "it is flipped"),
        ({"data": np.ones((4, 4, 4)), "rotate": 20}, "it is rotated or sheared"),
        ({"data": np.ones((4, 4, 3), "u1"), "rgb": True}, "it is an RGB image"),
    ],
)
def test_layers_that_cannot_be_linked_are_named(layer: dict[str, Any], reason: str) -> None:
    viewer = ViewerModel()
    viewer.add_image(**layer, name="mine")
    with pytest.raises(LinkError, match=f"mine is left out: {reason}"):
        neuroglancer_link(viewer)


@pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning")  # napari's own
def test_a_layer_without_elements_is_named() -> None:
    viewer = ViewerModel()
    viewer.add_labels(np.ones((0, 4, 4), int), name="mine")
    with pytest.raises(LinkError, match="mine is left out: it has no elements"):
        neuroglancer_link(viewer)


def test_axes_may_have_units_of_their_own() -> None:
    viewer = ViewerModel()
    layer = viewer.add_image(
        np.random.default_rng(0).random((10, 20, 20)), scale=(0.04, 4, 4), translate=(0.2, 40, 8),
        units=("um", "nm", "nm"),
    )  # fmt: skip
    view = get_view(viewer)
    assert view.position[0] == pytest.approx(200 + 40 * 4.5, abs=40)
    state = read_link(neuroglancer_link(viewer))
    assert state["dimensions"] == {"z": [4e-8, "m"], "y": [4e-9, "m"], "x": [4e-9, "m"]}
    (again,) = open_link(neuroglancer_link(viewer), ViewerModel()).layers
    np.testing.assert_allclose(again.scale, (40, 4, 4))
    np.testing.assert_allclose(again.translate, (200, 40, 8))
    assert layer.units != again.units


def test_there_must_be_something_to_link_to() -> None:
    with pytest.raises(LinkError, match="nothing to link to"):
        neuroglancer_link(ViewerModel())
    with pytest.raises(LinkError, match="cannot be made of int"):
        neuroglancer_link([1, 2])


# -- static links --------------------------------------------------------------------------------


def test_a_static_link_points_to_the_public_addresses(volumes: list[Volume], stores: Path) -> None:
    public = [volume for volume in volumes if volume.role in ("raw", "prediction")]
    link = links.make_link(public, live=False, url_map={str(stores): PUBLIC})
    assert link.url.startswith("https://neuroglancer-demo.appspot.com/#!")
    assert not links.live_links_run()
    assert [layer["source"][0]["url"] for layer in link.state["layers"]] == [
        f"{PUBLIC}/data/aniso_val.zarr/raw/|zarr2:",
        f"{PUBLIC}/main/dist_aniso/validation.zarr/20/ds_aniso_val/prediction/|zarr2:",
    ]
    transform = link.state["layers"][1]["source"][0]["transform"]
    assert transform["outputDimensions"]["z"] == [4e-8, "m"]
    assert [row[-1] for row in transform["matrix"]] == [0, 1200 / 40, 800 / 4, 440 / 4]
    assert str(stores) not in link.url


def test_a_static_link_comes_back(volumes: list[Volume], stores: Path) -> None:
    viewer = shown([volume for volume in volumes if volume.role == "prediction"])
    viewer.layers[0].contrast_limits = (-0.5, 0.25)
    viewer.scene.camera.zoom = 3.0
    mapped = {str(stores): PUBLIC}
    again = open_link(
        neuroglancer_link(viewer, live=False, url_map=mapped), ViewerModel(), url_map=mapped
    )
    expected = get_view(viewer)
    # The colleague's files are elsewhere, so the slot names no store.
    anonymous = replace(volumes[0].identity, role="prediction", iteration=20, store="")
    layers = tuple(replace(state, slot=anonymous.slot) for state in expected.layers)
    close(get_view(again), replace(expected, layers=layers))
    np.testing.assert_array_equal(
        np.asarray(again.layers[0].data), np.asarray(viewer.layers[0].data)
    )


def test_contrast_of_scaled_raw_is_told_in_stored_values(
    volumes: list[Volume], store: Store, stores: Path
) -> None:
    viewer = shown([volume for volume in volumes if volume.role == "raw"])
    viewer.layers[0].contrast_limits = (0.2, 0.6)
    link = links.make_link(viewer, live=False, url_map={str(stores): PUBLIC})
    controls = link.state["layers"][0]["shaderControls"]
    assert controls["contrast_0"]["range"] == [51, 153]
    # And back: for the run's own raw, and for the array itself.
    own = open_link(link.url, ViewerModel(), store=store)
    assert own.layers[0].contrast_limits == pytest.approx([0.2, 0.6])
    assert own.layers[0].data.dtype == "float64"
    stored = open_link(link.url, ViewerModel(), url_map={str(stores): PUBLIC})
    assert stored.layers[0].contrast_limits == pytest.approx([51, 153])
    assert stored.layers[0].data.dtype == "uint8"


def test_a_static_link_without_a_viewer_opens_from_the_store_as_the_run_looks(
    volumes: list[Volume], store: Store, stores: Path
) -> None:
    link = links.make_link(volumes[:3], live=False, url_map={str(stores): PUBLIC})
    assert "range=[0, 255]" in link.state["layers"][0]["shader"]
    again, first = open_link(link.url, ViewerModel(), store=store), shown(volumes[:3])
    for layer, other in zip(again.layers, first.layers, strict=True):
        if hasattr(other, "contrast_limits"):
            assert layer.contrast_limits == pytest.approx(other.contrast_limits)
        np.testing.assert_array_equal(np.asarray(layer.data), np.asarray(other.data))


def test_a_page_is_linked_to_the_arrays_that_its_layers_are_made_of(
    volumes: list[Volume], store: Store, stores: Path
) -> None:
    with NeuroglancerBackend() as backend:
        backend.show(volumes[:3])
        with backend.viewer.txn() as state:
            state.layers[0].shader_controls = {"contrast_0": {"range": [0.2, 0.6]}}
        link = links.make_link(backend, live=False, url_map={str(stores): PUBLIC})
    raw, gt, _ = link.state["layers"]
    assert raw["source"][0]["url"] == f"{PUBLIC}/data/aniso_val.zarr/raw/|zarr2:"
    assert raw["shaderControls"]["contrast_0"]["range"] == [51, 153]
    assert gt["source"][0]["url"] == f"{PUBLIC}/data/aniso_val.zarr/labels/|zarr2:"
    assert any("the labels that it is made from" in note for note in link.notes)


RUNS = [
    ("pypi-0.3.5", "dist_same_iso0"), ("pypi-0.3.5", "onehot_iso0"), ("pypi-0.3.5", "hot_iso0"),
    ("pypi-0.3.5", "dist_2d"), ("pypi-0.3.5", "snapshot_nomask"), ("pypi-0.3.5", "simple_split"),
    ("pypi-0.3.5", "affs_same_iso0"), ("pypi-0.3.5-thresholds", "dist_thr_shim"),
    ("main", "dist_aniso"), ("main", "snapshot"), ("main", "hot_iso0"),
]  # fmt: skip


@pytest.mark.parametrize(("folder", "name"), RUNS)
def test_every_real_run_can_be_linked_statically(stores: Path, folder: str, name: str) -> None:
    """Without what is computed here; and stored outputs when they are asked for."""
    mapped = {str(stores): PUBLIC}
    store = open_store(stores / folder, path_map={"/nrs/demo/dacapo-data": str(stores / "data")})
    run = store.run(name)
    link = links.make_link(
        run.volumes(segmentation="computed"), live=False, url_map=mapped, without="segmentation"
    )
    roles = {layer["name"].split(" · ")[2] for layer in link.state["layers"]}
    assert roles == {"raw", "gt", "prediction"}
    link = links.make_link(run.volumes(segmentation="stored"), live=False, url_map=mapped)
    for layer in link.state["layers"]:
        url = layer["source"][0]["url"]
        local = stores / unquote(url.partition("|")[0].removeprefix(PUBLIC + "/"))
        assert (local / ".zarray").is_file()
    assert str(stores) not in link.url


def test_layers_are_left_out_when_told_to(volumes: list[Volume], stores: Path) -> None:
    mapped = {str(stores): PUBLIC}
    viewer = shown(volumes)
    viewer.add_image(np.zeros((4, 4, 4)), name="mine")
    link = links.make_link(viewer, live=False, url_map=mapped, without=["segmentation", "mine"])
    assert [layer["name"].split(" · ")[2] for layer in link.state["layers"]] == [
        "raw", "gt", "prediction",
    ]  # fmt: skip
    private = links.make_link(viewer, live=False, url_map=mapped, without="private")
    assert private.state["layers"] == link.state["layers"]
    said = " ".join(private.notes)
    assert "segmentation is computed here" in said
    assert "mine · raw · napari layer is computed here" in said
    label = volumes[0].identity.label
    live_link = links.make_link(viewer, without=[label, "mask"])
    assert live_link.state["layers"][0]["name"] == volumes[1].identity.label
    with NeuroglancerBackend() as backend:
        backend.show(volumes)
        page = links.make_link(backend, live=False, url_map=mapped, without=["segmentation"])
        assert len(page.state["layers"]) == 3
        page = links.make_link(backend, live=False, url_map=mapped, without=["private"])
        assert len(page.state["layers"]) == 3


def test_what_cannot_be_left_out_is_said(volumes: list[Volume]) -> None:
    with pytest.raises(LinkError, match=r"no layer 'sgmentation' to leave out.*There is: .*raw"):
        links.make_link(volumes, without=["sgmentation"])
    with pytest.raises(LinkError, match="Nothing is left"):
        links.make_link(volumes[:1], without="raw")
    with pytest.raises(LinkError, match="has no public address"):
        links.make_link(volumes[:1], live=False, url_map={}, without="private")


@pytest.mark.usefixtures("own_preferences")
def test_the_url_map_of_the_preferences_is_known_where_napari_is(
    volumes: list[Volume], stores: Path
) -> None:
    preferences.set_url_map({str(stores): PUBLIC})
    viewer = shown(volumes[:3])
    with pytest.warns(UserWarning, match="the labels that it is made from"):
        url = neuroglancer_link(viewer, live=False)
    assert f"{PUBLIC}/data/aniso_val.zarr/raw/" in unquote(url)
    again = open_link(url, ViewerModel())
    assert len(again.layers) == 3
    with pytest.raises(LinkError, match="no public address"):
        neuroglancer_link(viewer, live=False, url_map={})


def test_layers_without_a_public_address_are_named(volumes: list[Volume], stores: Path) -> None:
    with pytest.raises(LinkError) as refusal:
        neuroglancer_link(volumes, live=False, url_map={str(stores / "main"): PUBLIC})
    text = str(refusal.value)
    assert "dist_aniso · aniso_val · raw has no public address" in text
    assert "dist_aniso · aniso_val · segmentation is computed here" in text
    assert "· prediction" not in text
    assert "url map" in text
    assert "--without raw" in text


def test_what_the_client_cannot_read_itself_is_refused(stores: Path) -> None:
    mapped = {str(stores): PUBLIC}
    inputs = stores / "main/dist_aniso/validation.zarr/inputs/aniso_val"
    for name, dtype in (("raw", "float64"), ("gt", "bool")):
        shown = open_volume(inputs / name, identity=Identity("", "", "error"), kind="image")
        if shown.source is None:
            shown = open_volume(inputs / name)
        with pytest.raises(LinkError, match=f"elements of type {dtype}"):
            neuroglancer_link(shown, live=False, url_map=mapped)
    with pytest.raises(LinkError, match="which neuroglancer cannot read"):
        neuroglancer_link(
            open_volume(stores / "data/aniso_val.zarr/raw"), live=False,
            url_map={str(stores): "ftp://example.org"},
        )  # fmt: skip


def test_channels_in_chunks_of_their_own_are_layers_of_their_own(stores: Path) -> None:
    run = open_store(stores / "pypi-0.3.5").run("affs_same_iso0")
    viewer = shown([volume for volume in run.volumes() if volume.role == "prediction"])
    viewer.layers[1].visible, viewer.layers[2].visible = False, True
    viewer.layers[2].contrast_limits = (0.25, 0.75)
    mapped = {str(stores): PUBLIC}
    link = links.make_link(viewer, live=False, url_map=mapped)
    assert [layer["name"] for layer in link.state["layers"]] == [
        layer.name for layer in viewer.layers
    ]
    for place, layer in enumerate(link.state["layers"]):
        assert next(iter(layer["source"][0]["transform"]["outputDimensions"])) == "c'"
        assert layer["localPosition"] == [place + 0.5]
        assert "channel=" not in layer["shader"]
    again = open_link(link.url, ViewerModel(), url_map=mapped)
    anonymous = replace(run.volumes()[2].identity, store="")
    layers = tuple(replace(state, slot=anonymous.slot) for state in get_view(viewer).layers)
    close(get_view(again), replace(get_view(viewer), layers=layers))


def test_a_page_with_all_channels_in_one_layer_is_linked_channel_by_channel(stores: Path) -> None:
    """Where the client cannot see them together."""
    run = open_store(stores / "pypi-0.3.5").run("affs_same_iso0")
    with NeuroglancerBackend() as backend:
        backend.show([volume for volume in run.volumes() if volume.role == "prediction"])
        with backend.viewer.txn() as state:
            state.layers[0].shader_controls = {"contrast_2": {"range": [0.25, 0.5]}}
        link = links.make_link(backend, live=False, url_map={str(stores): PUBLIC})
    assert len(link.state["layers"]) == 6
    assert link.state["layers"][2]["shaderControls"]["contrast_0"] == {"range": [0.25, 0.5]}


# -- links that come from somewhere --------------------------------------------------------------


def hostile(source: str, **more: Any) -> str:
    state = {
        "dimensions": {"z": [1e-9, "m"], "y": [1e-9, "m"], "x": [1e-9, "m"]},
        "layers": [{"type": "image", "source": source, "name": "bait", **more}],
    }
    return f"https://ng.example.org/#!{json.dumps(state)}"


@pytest.mark.parametrize(
    "source",
    [
        "file:///etc/passwd", "/etc/passwd", "zarr2:///etc", "../../etc", "python://volume/x",
        "http://127.0.0.1:1/x|zarr2:", "https://evil.example/x|zarr2:", "s3://bucket/x",
        f"{PUBLIC}/../../../etc|zarr2:", f"{PUBLIC}/..%2f..%2f..%2fetc|zarr2:",
        f"{PUBLIC}/%2e%2e/%2e%2e/outside|zarr2:", f"{PUBLIC}.evil.example/x",
        f"{PUBLIC}/a?b|zarr2:",
        f"{PUBLIC}/\x00|zarr2:", f"{PUBLIC}/%00|zarr2:", f"{PUBLIC}/link|zarr2:", "",
    ],
)  # fmt: skip
def test_only_what_the_url_map_leads_to_is_opened(tmp_path: Path, source: str) -> None:
    (tmp_path / "inside").mkdir()
    zarr.create_array(tmp_path / "outside", data=np.ones((4, 4, 4), "u1"), zarr_format=2)
    (tmp_path / "inside/link").symlink_to(tmp_path / "outside")
    viewer = ViewerModel()
    with pytest.raises(LinkError):
        open_link(hostile(source), viewer, url_map={str(tmp_path / "inside"): PUBLIC})
    assert not viewer.layers


def test_what_a_link_says_of_itself_is_never_opened_as_a_path(tmp_path: Path) -> None:
    zarr.create_array(tmp_path / "a", data=np.ones((4, 4, 4), "u1"), zarr_format=2)
    identity = Identity("r", "d", "raw", store="/etc", variant="../../x").as_dict()
    code: dict[str, Any] = {"type": "image", "shader": "void main() {}"}
    write_hints(code, identity=identity)
    bait = hostile(f"{PUBLIC}/a/|zarr2:", shader=code["shader"])
    assert "../../x" in bait
    viewer = open_link(bait, ViewerModel(), url_map={str(tmp_path): PUBLIC})
    assert len(viewer.layers) == 1
    with pytest.raises(LinkError, match="in no folder of the url map"):
        open_link(hostile("https://x.example/a", shader=code["shader"]), ViewerModel(), url_map={})


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip
KEYS = [
    "dimensions", "displayDimensions", "position", "crossSectionScale", "projectionScale",
    "projectionOrientation", "layout",
]  # fmt: skip
LAYER_KEYS = [
    "visible", "opacity", "blend", "shader", "shaderControls", "segments", "selectedAlpha", "name",
    "skeletonRendering", "segmentColors", "segmentDefaultColor", "localDimensions",
    "localPosition", "type", "archived",
]  # fmt: skip


@pytest.mark.long
@settings(
    max_examples=15, deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
@given(
    state=st.dictionaries(st.sampled_from(KEYS), json_values, max_size=4),
    layer=st.dictionaries(st.sampled_from(LAYER_KEYS), json_values, max_size=4),
)
def test_nonsense_in_a_state_is_refused_or_left_out(
    volumes: list[Volume], state: dict[str, Any], layer: dict[str, Any]
) -> None:
    good = links.make_link(volumes[:3]).state
    for place in range(3):
        broken = json.loads(json.dumps(good)) | state
        broken["layers"][place] |= layer
        viewer = ViewerModel()
        try:
            open_link(f"https://x.example/#!{json.dumps(broken)}", viewer)
        except LinkError:
            assert not viewer.layers


# -- large selections ----------------------------------------------------------------------------


def test_large_selections_are_capped_and_saved_whole(volumes: list[Volume], tmp_path: Path) -> None:
    labels = next(volume for volume in volumes if volume.role == "segmentation")
    with NeuroglancerBackend() as backend:
        backend.show([labels])
        with backend.viewer.txn() as state:
            state.layers[0].segments = range(1, 5001)
        with pytest.warns(UserWarning, match=r"first 1,000 of 5,000 selected segments"):
            url = neuroglancer_link(backend)
        assert len(read_link(url)["layers"][0]["segments"]) == MAX_SELECTED
        notes = links.save_state(backend, tmp_path / "state.json", live=True)
    assert notes
    assert len(read_state_file(tmp_path / "state.json")["layers"][0]["segments"]) == 5000
    viewer = open_link(tmp_path / "state.json", ViewerModel())
    assert viewer.layers[0].selected_label == 1


def test_arrays_in_the_memory_of_neuroglancer_are_not_exported_dead(volumes: list[Volume]) -> None:
    import neuroglancer

    with NeuroglancerBackend() as backend:
        backend.show(volumes[:1])
        space = neuroglancer.CoordinateSpace(names=["z", "y", "x"], units="nm", scales=[8, 8, 8])
        with backend.viewer.txn() as state:
            state.layers["own"] = neuroglancer.ImageLayer(
                source=neuroglancer.LocalVolume(np.zeros((4, 4, 4), "u1"), space)
            )
        with pytest.raises(LinkError, match="own is in the memory of this process"):
            neuroglancer_link(backend)


# -- the command line ----------------------------------------------------------------------------


def run_cli(*arguments: str) -> int:
    with pytest.raises(SystemExit) as end:
        main(arguments)
    return int(end.value.code or 0)


@pytest.fixture
def arguments(stores: Path) -> tuple[str, ...]:
    mapped = f"/nrs/demo/dacapo-data={stores / 'data'}"
    return ("link", "dist_aniso", "--store", str(stores / "main"), "--path-map", mapped)


def test_command_static(
    arguments: tuple[str, ...], stores: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_cli(*arguments, "--static") == 1
    error = capsys.readouterr().err
    assert "raw has no public address" in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (("--iteration", "99"), "not validated at iteration 99.*10, 20"),
        (("--parameters", "nonsense"), "no parameters 'nonsense'"),
        (("--dataset", "nope"), "no dataset 'nope'; there is: aniso_val"),
        (("--segmentation", "guessed"), "not one of 'stored', 'computed'"),
        (("--parameters", "threshold_9", "--segmentation", "stored"), "threshold_9 is not stored"),
        (("--dataset", "aniso_train", "--iteration", "20"), "training dataset"),
        (("--without", "sgmentation"), "no layer 'sgmentation'"),
    ],
)
def test_command_says_what_is_not_there(
    arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str], asked: tuple[str, ...],
    said: str,
) -> None:  # fmt: skip
    assert run_cli(*arguments, *asked) in (1, 2)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert re.search(said, shown.err), shown.err
    assert "Error:" not in shown.err
    assert shown.err.count("\n") == 1


def test_command_leaves_out_and_takes_what_is_stored(
    arguments: tuple[str, ...], stores: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    public = ("--static", "--url-map", f"{stores}={PUBLIC}")
    assert run_cli(*arguments, *public) == 1
    assert "--without segmentation" in capsys.readouterr().err
    assert run_cli(*arguments, *public, "--without", "segmentation") == 0
    assert len(read_link(capsys.readouterr().out.strip())["layers"]) == 3
    assert run_cli(*arguments, *public, "--without", "private") == 0
    assert len(read_link(capsys.readouterr().out.strip())["layers"]) == 3
    assert run_cli(*arguments, *public, "--parameters", "threshold_127") == 0
    said = capsys.readouterr()
    layers = read_link(said.out.strip())["layers"]
    assert "20/ds_aniso_val/output/threshold_127" in layers[3]["source"][0]["url"]
    assert "segmentation: This stored segmentation is empty" in said.err


def test_url_maps_of_options_file_and_command_line_add_up(
    arguments: tuple[str, ...], stores: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    (tmp_path / "dacapo.yaml").write_text(
        f"runs_base_dir: {stores / 'main'}\nurl_map:\n  {stores / 'data'}: {PUBLIC}/data\n"
    )
    monkeypatch.setenv("DACAPO_OPTIONS_FILE", str(tmp_path / "dacapo.yaml"))
    more = ("--url-map", f"{stores / 'main'}={PUBLIC}/main")
    assert run_cli(*arguments, "--static", "--without", "segmentation", *more) == 0
    url = capsys.readouterr().out.strip()
    assert len(read_link(url)["layers"]) == 3
    opened: list[int] = []
    monkeypatch.setattr(sys.modules["napari_dacapo.cli.opening"], "need_screen", lambda **_: None)
    window = import_module("napari_dacapo.cli.window")
    monkeypatch.setattr(window, "show_link", lambda volumes, *_, **__: opened.append(len(volumes)))
    assert run_cli("open", "--link", url, *more) == 0
    assert opened == [3]


def test_command_live(
    arguments: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    opened: list[int] = []

    def wait() -> None:
        state = read_link(capsys.readouterr().out.strip())
        with urlopen(
            state["layers"][0]["source"][0]["url"].partition("|")[0] + ".zattrs"
        ) as answer:
            opened.append(answer.status)

    monkeypatch.setattr(sys.modules["napari_dacapo.cli.link"], "_wait", wait)
    file = tmp_path / "state.json"
    assert run_cli(*arguments, "--iteration", "10", "--json", str(file)) == 0
    assert opened == [200]
    assert not links.live_links_run()
    assert len(read_state_file(file)["layers"]) == 4
