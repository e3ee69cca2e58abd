"""The backend without a browser: what it does to the state, and what it leaves alone."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any
from urllib.request import urlopen

import dask.array as da
import neuroglancer
import numpy as np
import pytest

from napari_dacapo.errors import UnsupportedError
from napari_dacapo.runs import open_store
from napari_dacapo.viewers.base import Backend
from napari_dacapo.viewers.neuroglancer.backend import NeuroglancerBackend
from napari_dacapo.viewers.neuroglancer.layers import source_urls
from napari_dacapo.viewers.neuroglancer.viewer import OwnViewer
from napari_dacapo.viewers.view_state import LayerState, ViewState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from napari_dacapo.volumes import Volume


@pytest.fixture
def backend() -> Iterator[NeuroglancerBackend]:
    with NeuroglancerBackend() as backend:
        yield backend


def names(backend: NeuroglancerBackend) -> list[str]:
    return [layer["name"] for layer in backend.viewer.raw_state.get("layers", [])]


def layer(backend: NeuroglancerBackend, place: int) -> dict[str, Any]:
    found: dict[str, Any] = backend.viewer.raw_state["layers"][place]
    return found


def test_is_a_backend(backend: NeuroglancerBackend) -> None:
    assert isinstance(backend, Backend)
    assert backend.name == "neuroglancer"
    assert isinstance(backend.viewer, neuroglancer.Viewer)
    assert backend.shown() == []


def test_shows_a_run_with_axes_in_the_right_order(
    backend: NeuroglancerBackend, aniso_volumes: list[Volume]
) -> None:
    backend.show(aniso_volumes)
    state = backend.viewer.raw_state
    assert state["displayDimensions"] == ["x", "y", "z"]
    assert state["dimensions"] == {"z": [4e-8, "m"], "y": [4e-9, "m"], "x": [4e-9, "m"]}
    assert state["layout"] == "4panel"
    assert names(backend) == [volume.identity.label for volume in aniso_volumes]
    assert [one["type"] for one in state["layers"]] == [
        "image", "segmentation", "image", "segmentation",
    ]  # fmt: skip
    assert backend.shown() == aniso_volumes
    # The voxel in the middle of gt, in voxels from the corner of the world.
    gt = aniso_volumes[1]
    middle = [(o + s / 2) / v + 0.5 for o, s, v in zip(*gt.roi, gt.voxel_size, strict=True)]
    assert state["position"] == pytest.approx(middle)


def test_notes_of_volumes_are_said(
    backend: NeuroglancerBackend, aniso_volumes: list[Volume]
) -> None:
    backend.show(aniso_volumes, notes=["iso0_val_b is missing."])
    said = backend.viewer.config_state.state.status_messages["notes"]
    assert "iso0_val_b is missing." in said
    assert "Empty as stored" in said
    backend.remove([volume.identity.slot for volume in aniso_volumes])
    assert "notes" not in backend.viewer.config_state.state.status_messages


def test_another_iteration_takes_the_place_and_nothing_else_changes(
    backend: NeuroglancerBackend, stores: Path, aniso_volumes: list[Volume]
) -> None:
    backend.show(aniso_volumes)
    with backend.viewer.txn() as state:
        state.position = [31, 205, 115]
        state.cross_section_scale = 0.125
        state.layout = "xz"
        state.layers[2].opacity = 0.25
        state.layers[2].shader_controls = {"contrast_0": {"range": [-0.25, 0.25]}}
        state.layers[2].name = "my prediction"
        state.layers[3].visible = False
        state.layers[3].segments = [1]
        state.layers[3].segment_colors = {1: "#123456"}
        state.layers.append(
            name="the user's own",
            layer=neuroglancer.ImageLayer(source="precomputed://gs://neuroglancer/x"),
        )
    before = backend.viewer.raw_state
    run = open_store(stores / "main", path_map={"/nrs/demo/dacapo-data": str(stores / "data")}).run(
        "dist_aniso"
    )
    other = run.volumes(iteration=10)
    backend.show(other)
    after = backend.viewer.raw_state

    def without(state: dict[str, Any], *keys: str) -> list[dict[str, Any]]:
        return [{k: v for k, v in one.items() if k not in keys} for one in state["layers"]]

    assert {k: v for k, v in after.items() if k != "layers"} == {
        k: v for k, v in before.items() if k != "layers"
    }
    assert without(after, "source", "segments") == without(before, "source", "segments")
    assert "segments" not in after["layers"][3]
    assert source_urls(after["layers"][2]) != source_urls(before["layers"][2])
    assert source_urls(after["layers"][0]) == source_urls(before["layers"][0])
    assert backend.shown() == other
    with pytest.raises(OSError, match="410"):
        urlopen(source_urls(before["layers"][2])[0].partition("|")[0] + ".zattrs")


def test_a_layer_that_the_user_deleted_comes_back_when_it_is_shown_again(
    backend: NeuroglancerBackend, aniso_volumes: list[Volume]
) -> None:
    backend.show(aniso_volumes)
    with backend.viewer.txn() as state:
        del state.layers[0]
    assert backend.shown() == aniso_volumes[1:]
    backend.show(aniso_volumes[:1])
    assert set(map(id, backend.shown())) == set(map(id, aniso_volumes))


def test_moves_of_the_user_are_not_lost(
    backend: NeuroglancerBackend, volume: Callable[..., Volume]
) -> None:
    data = np.ones((8, 8, 8), "u1")
    backend.show([volume(data)])
    moved = 0

    def move() -> None:
        nonlocal moved
        for _ in range(200):
            backend.viewer.change(lambda state: {**state, "moves": state.get("moves", 0) + 1})
            moved += 1

    user = threading.Thread(target=move)
    user.start()
    for iteration in range(40):
        backend.show([volume(data, role="prediction", iteration=iteration)])
    user.join()
    assert backend.viewer.raw_state["moves"] == moved == 200
    assert backend.shown()[-1].identity.iteration == 39


def test_the_default_shader_follows_the_channels_and_the_users_own_stays(
    backend: NeuroglancerBackend, volume: Callable[..., Volume]
) -> None:
    def prediction(n: int, iteration: int) -> Volume:
        data = np.ones((n, 4, 4, 4), "f4")
        return volume(data, ("c^", "z", "y", "x"), role="prediction", iteration=iteration)

    backend.show([prediction(2, 1)])
    backend.show([prediction(3, 2)])
    assert "contrast_2" in layer(backend, 0)["shader"]
    mine = "void main() { emitGrayscale(toNormalized(getDataValue(0))); }"
    with backend.viewer.txn() as state:
        state.layers[0].shader = mine
    backend.show([prediction(2, 3)])
    assert layer(backend, 0)["shader"] == mine


def test_two_stores_with_the_same_run_do_not_get_in_each_others_way(
    backend: NeuroglancerBackend, volume: Callable[..., Volume]
) -> None:
    from dataclasses import replace

    one = volume(np.ones((4, 4, 4), "u1"))
    two = one.with_(identity=replace(one.identity, store="elsewhere"))
    backend.show([one, two])
    assert names(backend) == ["run · data · raw", "run · data · raw (2)"]
    backend.remove([one.identity.slot, "nobody's"])
    assert backend.shown() == [two]
    assert names(backend) == ["run · data · raw (2)"]


def test_nothing_changes_if_one_volume_cannot_be_shown(
    backend: NeuroglancerBackend, volume: Callable[..., Volume]
) -> None:
    good = volume(np.ones((4, 4, 4), "u1"))
    with pytest.raises(UnsupportedError, match="complex"):
        backend.show([good, volume(np.ones((4, 4, 4), "c8"), role="prediction")])
    assert names(backend) == []


def test_reads_nothing_when_it_shows(
    backend: NeuroglancerBackend, volume: Callable[..., Volume]
) -> None:
    def fail(block: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        raise AssertionError("an element was read")

    data = da.zeros((8, 8, 8), dtype="f4").map_blocks(fail, dtype="f4", meta=np.empty((0,) * 3))
    backend.show([volume(data, role="prediction")])
    backend.set_view(backend.get_view())
    backend.arrange("side by side")


def test_side_by_side_gives_each_volume_a_panel(
    backend: NeuroglancerBackend, aniso_volumes: list[Volume]
) -> None:
    backend.show(aniso_volumes)
    backend.arrange("side by side")
    layout = backend.viewer.raw_state["layout"]
    assert [panel["layers"] for panel in layout["children"]] == [[name] for name in names(backend)]
    backend.arrange("stacked")
    assert backend.viewer.raw_state["layout"] == "4panel"


def test_a_view_goes_in_and_comes_out(
    backend: NeuroglancerBackend, aniso_volumes: list[Volume]
) -> None:
    backend.show(aniso_volumes)
    raw, gt, prediction, _ = (volume.identity.slot for volume in aniso_volumes)
    view = ViewState(
        axes=("z", "y", "x"),
        position=(1300.0, 850.0, 500.0),
        zoom=0.75,
        layers=(
            LayerState(raw, contrast_limits=(0.1, 0.9), gamma=1.5, colormap="magenta"),
            LayerState(gt, channel=0, selected_label=1, show_selected_label=True, opacity=0.5),
            LayerState(prediction, channel=0, visible=False, colormap="gray"),
        ),
    )
    backend.set_view(view)
    came = backend.get_view()
    assert came.position == pytest.approx(view.position)
    assert came.zoom == pytest.approx(view.zoom)
    assert came.layer(raw).contrast_limits == (0.1, 0.9)  # type: ignore[union-attr]
    assert came.layer(raw).colormap == "magenta"  # type: ignore[union-attr]
    label = came.layer(gt, 0)
    assert label is not None
    assert (label.selected_label, label.show_selected_label) == (1, True)
    assert label.opacity == pytest.approx(0.5)
    assert not came.layer(prediction, 0).visible  # type: ignore[union-attr]


def test_nothing_can_be_said_of_an_empty_view(backend: NeuroglancerBackend) -> None:
    backend.set_view(ViewState(("z", "y", "x"), (0, 0, 0), 1.0))
    with pytest.raises(ValueError, match="dimensions"):
        backend.get_view()


def test_a_failed_chunk_is_said_in_the_page(
    backend: NeuroglancerBackend, volume: Callable[..., Volume]
) -> None:
    def fail(block: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        raise ValueError("no such weights")

    data = da.zeros((8, 8, 8), dtype="f4").map_blocks(fail, dtype="f4", meta=np.empty((0,) * 3))
    shown = volume(data, role="prediction")
    backend.show([shown])
    with pytest.raises(OSError, match="500"):
        urlopen(source_urls(layer(backend, 0))[0].partition("|")[0] + "0/0/0/0")
    messages = backend.viewer.config_state.state.status_messages
    assert "no such weights" in messages[shown.identity.slot]


def test_class_names_can_be_fetched(
    backend: NeuroglancerBackend, volume: Callable[..., Volume]
) -> None:
    import json

    shown = volume(
        np.ones((4, 4, 4), "u1"), role="segmentation", class_names={0: "bg", 1: "odd", 2: "even"}
    )
    backend.show([shown])
    _, names_url = source_urls(layer(backend, 0))
    with urlopen(names_url.partition("|")[0] + "info") as answer:
        info = json.load(answer)
    assert info["inline"]["ids"] == ["0", "1", "2"]
    assert info["inline"]["properties"][0]["values"] == ["bg", "odd", "even"]
    assert set(layer(backend, 0)["segmentColors"]) == {"1", "2"}


def test_closing_ends_the_servers_with_a_page_connected(
    volume: Callable[..., Volume],
) -> None:
    backend = NeuroglancerBackend()
    backend.show([volume(np.ones((4, 4, 4), "u1"))])
    # Closing waits a second for these at most, by its own timeouts.
    # Closing waits a second for these at most, by its own timeouts.
    threads = [backend.viewer._own_server._thread, backend.viewer.volumes._thread]
    events = f"{backend.url.replace('/v/', '/events/').rstrip('/')}?c=x&gc=&gs="
    with urlopen(events) as stream:
        assert stream.readline().startswith(b"data:")
        backend.close()
        assert not any(thread.is_alive() for thread in threads)
    assert backend.closed
    backend.close()
    with pytest.raises(OSError, match="refused"):
        urlopen(backend.url)


def test_a_viewer_that_nobody_keeps_ends_its_servers() -> None:
    import gc

    viewer = OwnViewer()
    threads = [viewer._own_server._thread, viewer.volumes._thread]
    del viewer
    gc.collect()
    assert not any(thread.is_alive() for thread in threads)


def test_a_port_in_use_leaves_nothing_behind(
    backend: NeuroglancerBackend, volume: Callable[..., Volume]
) -> None:
    before = {thread.name for thread in threading.enumerate()}
    with pytest.raises(OSError, match="in use"):
        OwnViewer(bind_port=int(backend.url.split(":")[2].split("/")[0]))
    assert {thread.name for thread in threading.enumerate()} <= before


def test_other_viewers_of_the_process_live_on(volume: Callable[..., Volume]) -> None:
    other = neuroglancer.Viewer()
    try:
        with NeuroglancerBackend() as backend:
            assert backend.url.split("/")[2] != other.get_viewer_url().split("/")[2]
        with urlopen(other.get_viewer_url()) as answer:
            assert answer.status == 200
    finally:
        neuroglancer.stop()


def test_a_foreign_host_gets_no_page(
    backend: NeuroglancerBackend, fetch: Callable[..., Any]
) -> None:
    assert fetch(backend.url).status == 200
    assert fetch(backend.url, Host="evil.example").status == 403
    wrong = backend.url.replace(backend.viewer.token, "x" * 43)
    assert fetch(wrong).status == 404


def test_credentials_are_not_handed_out(backend: NeuroglancerBackend) -> None:
    assert backend.viewer.allow_credentials is False


def test_another_address_is_warned_of() -> None:
    with pytest.warns(UserWarning, match="whoever has the link"):
        backend = NeuroglancerBackend(bind_address="0.0.0.0")
    assert backend.viewer.allow_credentials is False
    backend.close()


def test_the_page_is_opened_in_the_users_browser(
    backend: NeuroglancerBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    import webbrowser

    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", lambda url: opened.append(url) or True)
    assert backend.open()
    assert opened == [backend.url]
    backend.set_title("iteration 20 · f1_score 0.89")
    assert backend.viewer.raw_state["title"] == "iteration 20 · f1_score 0.89"


# Labels with channels, which are a layer each


def masks(volume: Callable[..., Volume], n_channels: int, **more: Any) -> Volume:
    names = ("mito", "er", "nuc", "golgi")[:n_channels]
    data = np.ones((n_channels, 4, 4, 4), "u1")
    return volume(data, ("c^", "z", "y", "x"), role="segmentation", channel_names=names, **more)


def last_words(backend: NeuroglancerBackend) -> list[str]:
    return [name.rpartition(" · ")[2] for name in names(backend)]


def test_channels_of_labels_are_layers(
    backend: NeuroglancerBackend, volume: Callable[..., Volume]
) -> None:
    first = masks(volume, 3, iteration=10)
    backend.show([first])
    assert last_words(backend) == ["mito", "er", "nuc"]
    assert backend.shown() == [first]
    with backend.viewer.txn() as state:
        state.layers[1].visible = False
        state.layers[2].selected_alpha = 0.125
        state.layers[0].name = "renamed"
    second = masks(volume, 3, iteration=20)
    backend.show([second])
    assert last_words(backend) == ["renamed", "er", "nuc"]
    assert [layer(backend, i).get("visible", True) for i in range(3)] == [True, False, True]
    assert layer(backend, 2)["selectedAlpha"] == 0.125
    assert [layer(backend, i)["localPosition"] for i in range(3)] == [[0.5], [1.5], [2.5]]
    assert backend.shown() == [second]


def test_another_number_of_channels_takes_the_place(
    backend: NeuroglancerBackend, volume: Callable[..., Volume]
) -> None:
    raw, gt = volume(np.ones((4, 4, 4), "u1")), volume(np.ones((4, 4, 4), "u1"), role="gt")
    backend.show([raw, masks(volume, 3, iteration=10), gt])
    backend.show([masks(volume, 2, iteration=20)])
    assert last_words(backend) == ["raw", "mito", "er", "gt"]
    backend.show([masks(volume, 4, iteration=30)])
    assert last_words(backend) == ["raw", "mito", "er", "nuc", "golgi", "gt"]
    backend.remove([masks(volume, 4).identity.slot])
    assert last_words(backend) == ["raw", "gt"]


def test_channels_share_a_panel_and_have_a_look_each(
    backend: NeuroglancerBackend, volume: Callable[..., Volume]
) -> None:
    raw, shown = volume(np.ones((4, 4, 4), "u1")), masks(volume, 2)
    backend.show([raw, shown])
    backend.arrange("side by side")
    panels = backend.viewer.raw_state["layout"]["children"]
    assert [len(panel["layers"]) for panel in panels] == [1, 2]
    looks = tuple(
        LayerState(shown.identity.slot, channel=i, opacity=0.25 * (i + 1), visible=i == 1)
        for i in range(2)
    )
    view = backend.get_view()
    backend.set_view(ViewState(view.axes, view.position, view.zoom, layers=looks))
    found = [look for look in backend.get_view().layers if look.slot == shown.identity.slot]
    assert [(look.channel, look.visible) for look in found] == [(0, False), (1, True)]
    assert [look.opacity for look in found] == pytest.approx([0.25, 0.5])


def test_a_look_that_nobody_changed_goes_with_the_volume(
    backend: NeuroglancerBackend, volume: Callable[..., Volume]
) -> None:
    """Also when it came from the other viewer."""
    first = volume(np.ones((4, 4, 4), "f4"), iteration=10, value_range=(0.0, 1.0))
    backend.show([first])
    backend.set_view(backend.get_view())
    backend.show([volume(np.ones((4, 4, 4), "f4"), iteration=20, value_range=(0.0, 7.0))])
    assert "range=[0.0, 7.0]" in layer(backend, 0)["shader"]
    assert "napari-dacapo" in layer(backend, 0)["shader"]
