"""Links of a session: made on one thread, read on another, opened in napari."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_dacapo.viewers.backends import backend_choices
from napari_dacapo.viewers.links import live_links_run, stop_live_links
from napari_dacapo.viewers.neuroglancer.link_text import read_link
from napari_dacapo.viewers.session import Session
from napari_dacapo.viewers.sharing import Sharing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from napari_dacapo.viewers.links import Link

KEY = "napari-dacapo"


@pytest.fixture
def viewer() -> ViewerModel:
    return ViewerModel()


@pytest.fixture
def session(viewer: ViewerModel, demo_store: Path) -> Iterator[Session]:
    session = Session(backend_choices(viewer))
    session.failed.connect(pytest.fail)
    session.open_store(str(demo_store))
    session.select_run("mito_distance")
    yield session
    session.close()
    stop_live_links()


@pytest.fixture
def sharing(session: Session) -> Sharing:
    return Sharing(session)


@pytest.fixture
def links(sharing: Sharing) -> list[Link]:
    made: list[Link] = []
    sharing.made.connect(made.append)
    return made


def test_a_live_link_goes_round(
    session: Session, sharing: Sharing, links: list[Link], viewer: ViewerModel
) -> None:
    session.select(iteration=900)
    session.show("stacked")
    prediction = next(each for each in viewer.layers if each.metadata[KEY]["role"] == "prediction")
    prediction.visible, prediction.contrast_limits = True, (20, 200)
    viewer.scene.camera.zoom = 0.25
    sharing.copy(live=True, url_map={})
    (link,) = links
    assert link.live
    assert sharing.live
    assert sharing.message == "Live link copied: 4 layers."
    camera, plane = viewer.scene.camera, viewer.dims.point[0]
    other = ViewerModel()
    there = Session(backend_choices(other))
    there.open_store(session.store.state.path)
    opening = Sharing(there)
    opening.open(link.url, url_map={})
    assert not opening.refused, opening.message
    assert opening.message == "Opened 4 layers."
    assert [each.name for each in other.layers] == [each.name for each in viewer.layers]
    assert other.scene.camera.zoom == pytest.approx(camera.zoom)
    assert tuple(other.scene.camera.center) == pytest.approx(tuple(camera.center))
    assert other.dims.point[0] == pytest.approx(plane)
    same = next(each for each in other.layers if each.metadata[KEY]["role"] == "prediction")
    assert same.metadata[KEY]["iteration"] == 900
    assert tuple(same.contrast_limits) == pytest.approx((20, 200))
    assert np.array_equal(np.asarray(same.data), np.asarray(prediction.data))
    there.close()


def test_live_links_end(session: Session, sharing: Sharing, links: list[Link]) -> None:
    session.show("stacked")
    sharing.copy(live=True, url_map={})
    assert live_links_run()
    sharing.stop()
    assert not sharing.live
    assert sharing.message == "Live links have ended."


def test_nothing_on_screen_is_a_refusal(sharing: Sharing, links: list[Link]) -> None:
    sharing.copy(live=True, url_map={})
    assert links == []
    assert sharing.refused
    assert "nothing to link to" in sharing.message
    assert "Open a run first." in sharing.message


def test_a_static_link_says_what_has_no_address_and_what_to_do(
    session: Session, sharing: Sharing, links: list[Link]
) -> None:
    session.show("stacked")
    sharing.copy(live=False, url_map={})
    assert links == []
    assert sharing.refused
    assert "prediction" in sharing.message
    assert "url map" in sharing.message


def keep(viewer: ViewerModel, role: str) -> None:
    """Leave only what neuroglancer can read itself."""
    for each in list(viewer.layers):
        if each.metadata[KEY]["role"] != role:
            viewer.layers.remove(each)


def test_a_static_link_names_public_addresses_only(
    session: Session, sharing: Sharing, links: list[Link], viewer: ViewerModel
) -> None:
    session.show("stacked")
    keep(viewer, "prediction")
    store = session.store.state.path
    sharing.copy(live=False, url_map={store: "https://example.org/runs"})
    assert not sharing.refused, sharing.message
    (link,) = links
    assert not link.live
    text = json.dumps(read_link(link.url))
    assert store not in text
    assert "https://example.org/runs/mito_distance/validation.zarr/1500/" in text


def test_a_state_is_saved_and_opened(
    session: Session, sharing: Sharing, viewer: ViewerModel, tmp_path: Path
) -> None:
    session.show("stacked")
    keep(viewer, "prediction")
    store = session.store.state.path
    path = tmp_path / "state.json"
    sharing.save(str(path), live=False, url_map={store: "https://example.org/runs"})
    assert sharing.message.startswith("Saved as state.json.")
    viewer.layers.clear()
    sharing.open(str(path), url_map={store: "https://example.org/runs"})
    assert not sharing.refused, sharing.message
    assert [each.metadata[KEY]["role"] for each in viewer.layers] == ["prediction"]


def test_a_file_that_cannot_be_written_is_a_refusal(
    session: Session, sharing: Sharing, tmp_path: Path
) -> None:
    session.show("stacked")
    sharing.save(str(tmp_path / "gone" / "state.json"), live=True, url_map={})
    assert sharing.refused
    assert "state.json" in sharing.message


@pytest.mark.parametrize("text", ["https://example.org/", "nonsense", "https://x.org/#!{", "/gone"])
def test_what_is_no_link_is_a_refusal(session: Session, sharing: Sharing, text: str) -> None:
    sharing.open(text, url_map={})
    assert sharing.refused
    assert sharing.message


def test_the_page_of_neuroglancer_is_linked_when_that_is_where_one_looks(
    session: Session, sharing: Sharing, links: list[Link], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webbrowser.open", lambda *_: True)
    session.show("stacked")
    session.use_backend("neuroglancer")
    session.select(dataset="val_east")
    session.show("stacked")
    backend: Any = session.screen.backend
    backend.viewer.change(lambda state: {**state, "crossSectionScale": 0.75})
    sharing.copy(live=True, url_map={})
    (link,) = links
    assert link.state["crossSectionScale"] == 0.75
    assert all("val_east" in layer["name"] for layer in link.state["layers"])
