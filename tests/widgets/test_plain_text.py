"""Whatever a store calls its things, no window takes it for HTML, which may read files."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import pytest
from napari.components import ViewerModel
from napari.utils.notifications import notification_manager
from qtpy.QtCore import QModelIndex, Qt
from qtpy.QtGui import QColor, QImage
from qtpy.QtWidgets import QAbstractItemView, QComboBox, QLabel, QWidget

from napari_dacapo import open_store
from napari_dacapo.viewers.napari.backend import NapariBackend
from napari_dacapo.widgets.path_map_dialog import PathMapDialog

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from napari_dacapo.widgets.runs_widget import RunsWidget

TAG = "<img src='red.png'>"
RUN, DATASET, PARAMETERS = f"run {TAG}", f"west {TAG}", f"threshold_{TAG}"


@pytest.fixture
def hostile_store(stores: Path, tmp_path: Path) -> Path:
    """A run that has a picture for each of its names."""
    store = tmp_path / "store"
    shutil.copytree(stores / "pypi-0.3.5-thresholds", store)
    old, new = "dist_thr_shim", RUN
    config = store / "configs" / "runs" / f"{old}.yaml"
    text = config.read_text("utf-8").replace(f"name: {old}", f'name: "{new}"')
    text = text.replace("name: iso0_val_a\n", f'name: "{DATASET}"\n')
    text = text.replace("CNNectomeUNetConfig", f'"Wrapped{TAG}Config"')
    config.with_name(f"{new}.yaml").write_text(text, "utf-8")
    config.write_text("a: [", "utf-8")
    config.rename(config.with_name(f"broken {TAG}.yaml"))
    for path in (store, *(store / "stats").iterdir()):
        (path / old).rename(path / new)
    for folder in (store / new / "validation.zarr").rglob("ds_iso0_val_a"):
        folder.rename(folder.with_name(f"ds_{DATASET}"))
    for folder in (store / new / "validation.zarr").rglob("threshold_0.2"):
        folder.rename(folder.with_name(PARAMETERS))
    return store


def texts(dock: QWidget) -> Iterator[str]:
    """Yield what Qt would look at to find out whether it is HTML: labels and tooltips."""
    for widget in (dock, *dock.findChildren(QWidget)):
        yield widget.toolTip()
        if isinstance(widget, QLabel) and widget.textFormat() == Qt.TextFormat.AutoText:
            yield widget.text()
        if isinstance(widget, QComboBox | QAbstractItemView):
            yield from _tooltips(widget.model(), QModelIndex())


def _tooltips(model: Any, parent: QModelIndex) -> Iterator[str]:
    for row in range(model.rowCount(parent)):
        for column in range(model.columnCount(parent)):
            index = model.index(row, column, parent)
            yield str(index.data(Qt.ItemDataRole.ToolTipRole) or "")
        yield from _tooltips(model, model.index(row, 0, parent))


def rich(dock: QWidget) -> list[str]:
    return [text for text in texts(dock) if Qt.mightBeRichText(text)]


def open_run(qtbot: QtBot, dock: RunsWidget, store: Path, run: str) -> None:
    dock.open_store(str(store), run=run)
    session = dock.session
    qtbot.waitUntil(lambda: session.facts is not None and session.facts.name == run)
    qtbot.waitUntil(lambda: session.busy == "")


def test_names_of_a_store_are_text_wherever_they_are_shown(
    qtbot: QtBot, dock: RunsWidget, hostile_store: Path, viewer: ViewerModel
) -> None:
    open_run(qtbot, dock, hostile_store, RUN)
    session = dock.session
    assert session.facts is not None
    assert DATASET in session.facts.offer.datasets
    assert any(PARAMETERS in names for names in session.facts.offer.outputs.values())
    for page in dock.panels.values():
        dock.tabs.setCurrentWidget(page)
        qtbot.waitUntil(lambda: session.busy == "")
        assert rich(dock) == []
    scores: Any = dock.panels["scores"]
    qtbot.waitUntil(lambda: scores._read is not None)
    session.show("stacked")
    dock.activity.tell(session.busy)
    qtbot.waitUntil(lambda: len(viewer.layers) > 0 and session.busy == "")
    dock.follow.switch.setChecked(True)
    assert rich(dock) == []
    names = [layer.name for layer in viewer.layers]
    assert any("red.png" in name for name in names)
    # napari shows these in its status bar and in tooltips of its layer list.
    assert not any(Qt.mightBeRichText(layer.get_source_str()) for layer in viewer.layers)


def test_notes_of_a_layer_are_text_in_the_status_bar(demo_store: Path) -> None:
    volume = open_store(demo_store).run("mito_distance").volumes()[-1]
    viewer = ViewerModel()
    NapariBackend(viewer).show([volume.with_(notes=(f"Empty at {TAG}.",))])
    assert "red.png" in viewer.layers[0].help
    assert not Qt.mightBeRichText(viewer.layers[0].help)


def test_why_a_run_cannot_be_read_is_text(
    qtbot: QtBot, dock: RunsWidget, hostile_store: Path
) -> None:
    open_run(qtbot, dock, hostile_store, f"broken {TAG}")
    for page in dock.panels.values():
        dock.tabs.setCurrentWidget(page)
        assert rich(dock) == []
    dock.session.show()
    message = notification_manager.records[-1].message
    assert "red.png" in message
    assert not Qt.mightBeRichText(message)


def test_no_picture_is_read(qtbot: QtBot, dock: RunsWidget, tmp_path: Path) -> None:
    picture = QImage(60, 60, QImage.Format.Format_RGB32)
    picture.fill(QColor("#ff0000"))
    path = tmp_path / "red.png"
    assert picture.save(str(path))
    dock.table.empty.say(f"Title <img src='{path}'>", f"Text <img src='{path}'>")
    shown = dock.grab().toImage()
    assert path.name in dock.table.empty.texts()[0]
    colors = {
        shown.pixelColor(x, y).name()
        for x in range(0, shown.width(), 4)
        for y in range(0, shown.height(), 4)
    }
    assert "#ff0000" not in colors


def test_a_path_map_says_what_is_wrong_with_it_as_text(qtbot: QtBot) -> None:
    dialog = PathMapDialog({f"/nrs/{TAG}": "/mnt/a;b"})
    qtbot.addWidget(dialog)
    assert dialog.problem.text()
    assert rich(dialog) == []
