"""``[`` and ``]`` on the canvas of a real window, whatever layer is active."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from napari.layers import Labels
from qtpy.QtCore import Qt

from napari_dacapo import commands

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
BEFORE, AFTER = Qt.Key.Key_BracketLeft, Qt.Key.Key_BracketRight


@pytest.fixture
def viewer(
    make_napari_viewer: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Any:
    monkeypatch.chdir(tmp_path)
    return make_napari_viewer(show=True)


def press(qtbot: QtBot, viewer: Any, key: Qt.Key) -> None:
    qtbot.keyClick(viewer.window._qt_viewer.canvas.native, key)


def test_the_keys_step_through_the_iterations_while_the_run_is_shown(
    qtbot: QtBot, viewer: Any, demo_store: Path
) -> None:
    mine = viewer.add_labels(np.zeros((8, 8, 8), np.uint8), name="mine")
    dock = commands.show_runs(viewer)
    session = dock.session
    dock.open_store(str(demo_store), run="mito_distance", show=True)
    qtbot.waitUntil(lambda: len(viewer.layers) == 5 and session.busy == "")
    expected = 1500
    for layer in [each for each in viewer.layers if each is not mine]:
        viewer.layers.selection.active = layer
        brush = layer.brush_size if isinstance(layer, Labels) else None
        press(qtbot, viewer, BEFORE)
        expected -= 300
        assert session.selection.iteration == expected
        assert brush is None or layer.brush_size == brush
    press(qtbot, viewer, AFTER)
    assert session.selection.iteration == expected + 300
    qtbot.waitUntil(lambda: session.busy == "")


def test_the_brush_of_other_layers_keeps_its_keys(
    qtbot: QtBot, viewer: Any, demo_store: Path
) -> None:
    mine = viewer.add_labels(np.zeros((8, 8, 8), np.uint8), name="mine")
    dock = commands.show_runs(viewer)
    session = dock.session
    dock.open_store(str(demo_store), run="mito_distance", show=True)
    qtbot.waitUntil(lambda: len(viewer.layers) == 5 and session.busy == "")
    viewer.layers.selection.active = mine
    size = mine.brush_size
    press(qtbot, viewer, AFTER)
    assert mine.brush_size > size
    assert session.selection.iteration == 1500


@pytest.mark.long
def test_the_keys_are_given_back(qtbot: QtBot, viewer: Any, demo_store: Path) -> None:
    dock = commands.show_runs(viewer)
    session = dock.session
    before = dict(viewer.keymap)
    dock.open_store(str(demo_store), run="mito_distance", show=True)
    qtbot.waitUntil(lambda: len(viewer.layers) == 4 and session.busy == "")
    assert len(viewer.keymap) == len(before) + 2
    session.select_run("cell_affinities")
    assert dict(viewer.keymap) == before
    session.select_run("mito_distance")
    qtbot.waitUntil(lambda: session.busy == "")
    assert len(viewer.keymap) == len(before) + 2
    viewer.layers.clear()
    assert dict(viewer.keymap) == before
