"""Live predictions in a real napari window: drawn block by block, announced, veiled."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from napari.utils import progress

from napari_dacapo import commands
from napari_dacapo.models.block_cache import block_cache

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytestqt.qtbot import QtBot

pytestmark = [
    pytest.mark.window,
    pytest.mark.skipif(
        os.environ.get("QT_QPA_PLATFORM") == "offscreen", reason="Qt offscreen has no OpenGL"
    ),
]
KEY = "napari-dacapo"


def picture(viewer: Any) -> np.ndarray[Any, Any]:
    return np.asarray(viewer.screenshot(size=(500, 500), flash=False))[..., :3].astype(int)


def test_blocks_are_drawn_as_they_come(
    qtbot: QtBot,
    make_napari_viewer_proxy: Callable[..., Any],
    demo_store: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from napari_dacapo.models.network import Network

    block_cache.clear()
    monkeypatch.chdir(tmp_path)
    turn = threading.Semaphore(0)
    forward = Network._forward

    def one_at_a_time(self: Network, x: Any) -> Any:
        assert turn.acquire(timeout=120)
        return forward(self, x)

    monkeypatch.setattr(Network, "_forward", one_at_a_time)
    viewer = make_napari_viewer_proxy(show=True)
    dock = commands.show_runs(viewer)
    dock.open_store(str(demo_store), run="mito_distance", show=True)
    qtbot.waitUntil(lambda: len(viewer.layers) == 4 and dock.session.busy == "")
    page: Any = dock.panels["checkpoint"]
    dock.tabs.setCurrentWidget(page)
    qtbot.waitUntil(page.here.isEnabled)
    before = picture(viewer)
    bars = set(progress._all_instances)
    page.here.click()
    qtbot.waitUntil(lambda: page.live.state.total == 4)
    qtbot.waitUntil(lambda: set(progress._all_instances) != bars)
    veiled = picture(viewer)
    (layer,) = [each for each in viewer.layers if each.metadata[KEY]["role"] == "live"]
    assert np.isnan(np.asarray(layer.data)).all()
    assert np.mean(np.any(veiled != before, axis=-1)) > 0.2
    turn.release()
    qtbot.waitUntil(lambda: page.live.state.done == 1)
    first = picture(viewer)
    changed = np.mean(np.any(first != veiled, axis=-1))
    assert 0.01 < changed < 0.5
    turn.release(3)
    qtbot.waitUntil(lambda: page.live.state.phase == "done")
    assert np.mean(np.any(picture(viewer) != first, axis=-1)) > changed
    qtbot.waitUntil(lambda: set(progress._all_instances) == bars)
    viewer.layers.clear()
    assert page.live.state.phase == "idle"
