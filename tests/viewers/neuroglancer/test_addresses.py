"""Everything that makes an answer of the server another one makes its address another one."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import dask.array as da
import numpy as np
import pytest
import zarr
from napari.components import ViewerModel

from napari_dacapo.runs import open_store
from napari_dacapo.view import NeuroglancerRunViewer, get_viewer
from napari_dacapo.viewers.links import make_link, stop_live_links
from napari_dacapo.viewers.neuroglancer.addresses import volume_address
from napari_dacapo.volumes import Level, open_volume

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from napari_dacapo.volumes import Volume


@pytest.fixture
def served(fetch: Callable[..., Any]) -> Callable[[Any, str], tuple[dict[str, Any], Any]]:
    """Return the group's and the array's metadata that a layer's client reads."""

    def read(viewer: Any, name: str) -> tuple[dict[str, Any], Any]:
        url = viewer.state.layers[name].source[0].url.partition("|")[0]
        (image,) = json.loads(fetch(url, ".zattrs").body)["multiscales"]
        return image, json.loads(fetch(url, "0/.zarray").body)

    return read


def place(image: dict[str, Any]) -> tuple[list[float], list[float]]:
    scale, translation = image["datasets"][0]["coordinateTransformations"]
    return scale["scale"], translation["translation"]


def axes(image: dict[str, Any]) -> list[str]:
    return [axis["name"] for axis in image["axes"]]


def stored(folder: Path, values: np.ndarray[Any, Any], axis_names: Sequence[str]) -> Volume:
    array = zarr.create_array(folder, data=values, chunks=values.shape, zarr_format=2)
    array.attrs.update(voxel_size=[8, 8, 8], offset=[0, 0, 0], axis_names=list(axis_names))
    return open_volume(folder)


def test_one_array_lies_in_two_places(
    tmp_path: Path, served: Callable[..., tuple[dict[str, Any], Any]]
) -> None:
    volume = stored(tmp_path / "a.zarr", np.ones((4, 5, 6), "u1"), "zyx")
    viewer = get_viewer(
        {
            "a": {"array": volume},
            "b": {"array": volume, "voxel_size": [40, 4, 4], "offset": [800, 0, 0]},
        }
    )
    try:
        assert place(served(viewer, "a")[0]) == ([8, 8, 8], [4, 4, 4])
        assert place(served(viewer, "b")[0]) == ([40, 4, 4], [820, 2, 2])
    finally:
        viewer.close()


@pytest.mark.parametrize("order", [("seg", "image"), ("image", "seg")])
def test_one_array_is_a_segmentation_and_an_image(
    tmp_path: Path, served: Callable[..., tuple[dict[str, Any], Any]], order: tuple[str, str]
) -> None:
    values = np.arange(2 * 4 * 5 * 6, dtype="i8").reshape(2, 4, 5, 6)
    volume = stored(tmp_path / "a.zarr", values, ("c^", "z", "y", "x"))
    viewer = get_viewer({name: {"array": volume, "is_seg": name == "seg"} for name in order})
    try:
        # The client has no int64; it shows channels of an image together, of labels one by one.
        image, array = served(viewer, "image")
        assert (axes(image), array["dtype"]) == (["c^", "z", "y", "x"], "<f4")
        image, array = served(viewer, "seg")
        assert (axes(image), array["dtype"]) == (["c'", "z", "y", "x"], "<u8")
    finally:
        viewer.close()


@pytest.mark.parametrize("order", [("seg", "image"), ("image", "seg")])
def test_channels_do_not_depend_on_what_came_first(
    tmp_path: Path, served: Callable[..., tuple[dict[str, Any], Any]], order: tuple[str, str]
) -> None:
    volume = stored(tmp_path / "a.zarr", np.ones((2, 4, 5, 6), "u1"), ("c^", "z", "y", "x"))
    viewer = get_viewer({name: {"array": volume, "is_seg": name == "seg"} for name in order})
    try:
        assert axes(served(viewer, "image")[0])[0] == "c^"
        assert axes(served(viewer, "seg")[0])[0] == "c'"
    finally:
        viewer.close()


def test_a_layer_moves_with_its_array(
    stores: Path, served: Callable[..., tuple[dict[str, Any], Any]]
) -> None:
    path_map = {"/nrs/demo/dacapo-data": str(stores / "data")}
    run = open_store(stores / "pypi-0.3.5-thresholds", path_map=path_map).run("dist_thr_shim")
    shown = NeuroglancerRunViewer(run)
    try:
        viewer = shown.start_neuroglancer()
        data = da.ones((4, 5, 6), dtype="f4")

        def show(voxel_size: int, offset: int) -> tuple[list[float], list[float]]:
            place_of = {"voxel_size": [voxel_size] * 3, "offset": [offset] * 3}
            array = SimpleNamespace(data=data, axis_names=["z", "y", "x"], **place_of)
            shown.updated_neuroglancer_layer("mine", array)
            return place(served(viewer, "mine")[0])

        assert show(8, 0) == ([8, 8, 8], [4, 4, 4])
        assert show(4, 80) == ([4, 4, 4], [82, 82, 82])
    finally:
        shown.stop()


def test_a_link_says_where_a_layer_is_now(fetch: Callable[..., Any]) -> None:
    model = ViewerModel()
    layer = model.add_image(
        da.ones((4, 5, 6), dtype="u1"), scale=(4, 4, 4), units="nm", contrast_limits=(0, 255)
    )

    def linked() -> tuple[list[float], list[float]]:
        (made,) = make_link(model).state["layers"]
        url = made["source"][0]["url"].partition("|")[0]
        (image,) = json.loads(fetch(url, ".zattrs").body)["multiscales"]
        return place(image)

    try:
        # napari puts the centre of the first voxel at its translate, as OME-Zarr does.
        assert linked() == ([4, 4, 4], [0, 0, 0])
        layer.scale, layer.translate = (40, 4, 4), (1000, 0, 0)
        assert linked() == ([40, 4, 4], [1000, 0, 0])
    finally:
        stop_live_links()


def level(data: da.Array, **more: Any) -> Level:
    return Level(data, **{"voxel_size": (16.0,) * 3, "offset": (0.0,) * 3, **more})


def test_all_that_is_answered_is_in_the_address(volume: Callable[..., Volume]) -> None:
    fine, coarse = da.ones((8, 8, 8), dtype="u1"), da.ones((4, 4, 4), dtype="u1")
    shown = volume(fine, levels=(level(coarse),))
    others = [
        shown.with_(kind="labels"),
        shown.with_(axis_names=("x", "y", "z")),
        shown.with_(voxel_size=(8.0, 8.0, 8.5)),
        shown.with_(offset=(0.0, 0.0, 1e-9)),
        shown.with_(revision="2"),
        shown.with_(data=fine + 1),
        shown.with_(channel_names=("mito",)),
        shown.with_(class_names={1: "mito"}),
        shown.with_(levels=()),
        shown.with_(levels=(level(coarse), level(coarse))),
        shown.with_(levels=(level(coarse + 1),)),
        shown.with_(levels=(level(coarse, voxel_size=(16.0, 16.0, 8.0)),)),
        shown.with_(levels=(level(coarse, offset=(0.0, 0.0, 4.0)),)),
    ]
    addresses = [volume_address(one) for one in (shown, *others)]
    assert len(set(addresses)) == len(addresses)
    # All of one slot, which is how the volumes of a layer are found.
    assert len({slot for slot, _ in addresses}) == 1
    same = volume(fine, levels=(level(coarse),), notes=("said of it",), value_range=(0.0, 9.0))
    assert volume_address(same) == addresses[0]
