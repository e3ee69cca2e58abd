"""The page "Link" of the dock, with real threads and servers, without a browser."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.request import urlopen

import numpy as np
import pytest
from qtpy.QtWidgets import QApplication, QFileDialog

from napari_dacapo import preferences
from napari_dacapo.viewers.links import live_links_run, stop_live_links

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from napari.components import ViewerModel
    from pytestqt.qtbot import QtBot

    from napari_dacapo.widgets.link_panel import LinkPanel
    from napari_dacapo.widgets.runs_widget import RunsWidget


@pytest.fixture
def panel(qtbot: QtBot, demo_dock: RunsWidget, viewer: ViewerModel) -> Iterator[LinkPanel]:
    """The page in front, with a run on screen."""
    demo_dock.session.select_run("mito_distance")
    demo_dock.session.show("stacked")
    qtbot.waitUntil(lambda: len(viewer.layers) == 4 and demo_dock.session.busy == "")
    page: Any = demo_dock.panels["link"]
    demo_dock.tabs.setCurrentWidget(page)
    QApplication.clipboard().clear()
    yield page
    stop_live_links()


def clipboard() -> str:
    return str(QApplication.clipboard().text())


def test_a_live_link_is_copied_shown_and_ended(qtbot: QtBot, panel: LinkPanel) -> None:
    assert not panel.served.isVisible()
    panel.copy.click()
    assert not panel.copy.isEnabled()
    qtbot.waitUntil(lambda: clipboard().startswith("http://127.0.0.1:"))
    page, _, _ = clipboard().partition("#")
    with urlopen(page) as answer:
        assert answer.status == 200
    assert panel.served.isVisible()
    qtbot.waitUntil(lambda: panel.message.text() == "Live link copied: 4 layers.")
    panel.stop.click()
    qtbot.waitUntil(lambda: not live_links_run() and panel.copy.isEnabled())
    assert not panel.served.isVisible()
    with pytest.raises(OSError, match="refused"):
        urlopen(page)


def keep(viewer: ViewerModel, role: str) -> None:
    """Leave only what neuroglancer can read itself."""
    for each in list(viewer.layers):
        if each.metadata["napari-dacapo"]["role"] != role:
            viewer.layers.remove(each)


def test_a_refusal_is_plain_and_the_addresses_are_edited(
    qtbot: QtBot, panel: LinkPanel, demo_dock: RunsWidget, viewer: ViewerModel
) -> None:
    keep(viewer, "prediction")
    assert not panel.addresses.isVisible()
    panel.kinds["static"].click()
    panel.copy.click()
    qtbot.waitUntil(lambda: panel.message.text().startswith("⚠ "))
    assert "has no public address" in panel.message.text()
    assert panel.addresses.isVisible()
    dialog = panel.edit_addresses()
    store = demo_dock.session.store.state.path
    qtbot.waitUntil(panel.copy.isEnabled)
    assert dialog.table.item(0, 0).text() == store
    dialog.table.item(0, 1).setText("https://example.org/runs")
    dialog.accept()
    assert preferences.url_map() == {store: "https://example.org/runs"}
    panel.copy.click()
    qtbot.waitUntil(lambda: clipboard().startswith("https://neuroglancer-demo.appspot.com/"))
    assert store not in clipboard()
    assert not panel.served.isVisible()


def test_what_has_no_address_is_left_out_when_told_to(
    qtbot: QtBot, panel: LinkPanel, demo_dock: RunsWidget, viewer: ViewerModel
) -> None:
    store = demo_dock.session.store.state.path
    preferences.set_url_map({store: "https://example.org/runs"})
    viewer.add_image(np.zeros((4, 4, 4)), name="mine")
    assert not panel.leave_out.isVisible()
    panel.kinds["static"].click()
    assert panel.leave_out.isVisible()
    panel.copy.click()
    qtbot.waitUntil(lambda: panel.message.text().startswith("⚠ "))
    assert "a tick in the dock" in panel.message.text()
    qtbot.waitUntil(panel.copy.isEnabled)
    panel.leave_out.click()
    panel.copy.click()
    qtbot.waitUntil(lambda: clipboard().startswith("https://neuroglancer-demo.appspot.com/"))
    qtbot.waitUntil(lambda: panel.message.text().startswith("Link copied: "))
    assert "Left out: mine" in panel.message.text()
    panel.choose_kind("live")
    assert panel.without == ()


def test_a_state_is_saved_and_opened(
    qtbot: QtBot,
    panel: LinkPanel,
    viewer: ViewerModel,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = tmp_path / "state.json"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_, **__: (str(path), ""))
    panel.save.click()
    qtbot.waitUntil(path.exists)
    qtbot.waitUntil(lambda: panel.message.text().startswith("Saved as state.json."))
    viewer.layers.clear()
    panel.link.setText(str(path))
    panel.open.click()
    qtbot.waitUntil(lambda: panel.message.text() == "Opened 4 layers.")
    assert len(viewer.layers) == 4


def test_a_link_is_opened_by_enter(qtbot: QtBot, panel: LinkPanel, viewer: ViewerModel) -> None:
    panel.copy.click()
    qtbot.waitUntil(lambda: clipboard() != "" and panel.copy.isEnabled())
    viewer.layers.clear()
    assert not panel.open.isEnabled()
    panel.link.setText(clipboard())
    panel.link.returnPressed.emit()
    qtbot.waitUntil(lambda: panel.message.text() == "Opened 4 layers.")
    assert len(viewer.layers) == 4
    panel.link.setText("https://example.org/")
    panel.open.click()
    qtbot.waitUntil(lambda: panel.message.text().startswith("⚠ "))


def test_addresses_that_are_no_map_are_said(
    panel: LinkPanel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preferences, "_get", lambda *_: "no map")
    panel.copy.click()
    assert panel.message.text().startswith("⚠ The addresses in the preferences cannot be used")
