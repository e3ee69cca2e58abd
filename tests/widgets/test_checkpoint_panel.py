"""The page "Checkpoint" in the dock: real runs, real threads, a viewer without a window."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from napari.utils import progress
from napari.utils.notifications import notification_manager
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog

from napari_dacapo.models.block_cache import block_cache
from napari_dacapo.viewers.live_prediction import LiveState
from napari_dacapo.viewers.live_prediction.devices import find_devices
from napari_dacapo.widgets.checkpoint_activity import Activity
from napari_dacapo.widgets.checkpoint_options import OptionsChooser
from napari_dacapo.widgets.checkpoint_status import StatusView
from napari_dacapo.widgets.main_thread import MainThread

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from napari.components import ViewerModel
    from pytestqt.qtbot import QtBot

    from napari_dacapo.widgets.runs_widget import RunsWidget

KEY = "napari-dacapo"


@pytest.fixture(autouse=True)
def _empty_cache() -> Iterator[None]:
    block_cache.clear()
    yield
    block_cache.clear()


def open_page(qtbot: QtBot, dock: RunsWidget, run: str) -> Any:
    """Select a run and turn to its page; wait until it knows what is chosen."""
    dock.session.select_run(run)
    page: Any = dock.panels["checkpoint"]
    dock.tabs.setCurrentWidget(page)
    qtbot.waitUntil(lambda: dock.session.facts is not None and dock.session.facts.name == run)
    qtbot.waitUntil(lambda: page._facts is not None or page._stack.currentIndex() == 1)
    return page


@pytest.fixture
def page(qtbot: QtBot, demo_dock: RunsWidget) -> Any:
    return open_page(qtbot, demo_dock, "mito_distance")


@pytest.fixture
def store_dock(qtbot: QtBot, dock: RunsWidget, stores: Path) -> RunsWidget:
    """A dock on a store with runs of all kinds, its data mapped."""
    from napari_dacapo import preferences

    preferences.set_path_map({"/nrs/demo/dacapo-data": str(stores / "data")})
    dock.open_store(str(stores / "pypi-0.3.5"))
    qtbot.waitUntil(lambda: len(dock.session.store.rows) > 5 and dock.session.busy == "")
    return dock


def click(qtbot: QtBot, button: Any) -> None:
    qtbot.waitUntil(button.isEnabled)
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def ended(page: Any) -> bool:
    return page.live.state.phase in ("done", "failed")


def roles(viewer: ViewerModel) -> list[str]:
    return [layer.metadata[KEY]["role"] for layer in viewer.layers]


class TestWhatIsOffered:
    def test_without_a_run(self, qtbot: QtBot, dock: RunsWidget) -> None:
        page: Any = dock.panels["checkpoint"]
        dock.tabs.setCurrentWidget(page)
        assert page.empty.texts()[0] == "No run selected"
        assert page._stack.currentIndex() == 1

    def test_a_run_without_checkpoints(
        self, qtbot: QtBot, dock: RunsWidget, stores: Path, tmp_path: Path
    ) -> None:
        import shutil

        shutil.copytree(stores / "pypi-0.3.5", tmp_path / "store")
        shutil.rmtree(tmp_path / "store" / "dist_same_iso0" / "checkpoints")
        dock.open_store(str(tmp_path / "store"))
        qtbot.waitUntil(lambda: len(dock.session.store.rows) > 5 and dock.session.busy == "")
        page = open_page(qtbot, dock, "dist_same_iso0")
        assert page._stack.currentIndex() == 1
        assert page.empty.texts()[0] == "dist_same_iso0 has no checkpoints"

    def test_checkpoints_and_sources(self, page: Any) -> None:
        assert page._iteration == 1500
        assert page.iteration.slider._label.isVisibleTo(page)
        entries = [page.source.chooser.itemData(i) for i in range(page.source.chooser.count())]
        assert entries[0] == ("validation", "val_west")
        assert ("validation", "val_east") in entries
        assert any(kind == "training" for kind, _ in entries)
        assert entries[-1] == ("path", "")

    def test_devices_that_are_not_there_say_why(self, qtbot: QtBot, page: Any) -> None:
        reasons = find_devices()
        options = page.options
        qtbot.waitUntil(lambda: options._auto == reasons["auto"])
        for i, name in enumerate(("auto", "cpu", "cuda", "mps")):
            item = options.device.model().item(i)
            assert item.isEnabled() == (name == "auto" or not reasons[name])
            if not item.isEnabled():
                assert name in item.toolTip()
        assert options.half.isEnabled() == (reasons["auto"] != "cpu")

    def test_half_precision_where_there_is_a_gpu(self, qtbot: QtBot) -> None:
        options = OptionsChooser()
        qtbot.addWidget(options)
        options.set_devices({"auto": "cuda", "cpu": "", "cuda": "", "mps": "There is none."})
        assert options.half.isEnabled()
        options.half.setChecked(True)
        options.device.setCurrentIndex(1)
        options.device.activated.emit(1)
        assert options.chosen_device() == "cpu"
        assert not options.half.isEnabled()
        assert not options.half.isChecked()

    def test_seams_only_of_networks_that_pad(self, qtbot: QtBot, store_dock: RunsWidget) -> None:
        page = open_page(qtbot, store_dock, "dist_same_iso0")
        assert page.options.seamless.isEnabled()
        page.options.seamless.setChecked(True)
        page = open_page(qtbot, store_dock, "dist_aniso")
        assert not page.options.seamless.isEnabled()
        assert not page.options.seamless.isChecked()

    def test_iteration_follows_what_is_on_screen(self, qtbot: QtBot, demo_dock: RunsWidget) -> None:
        demo_dock.session.select_run("mito_distance")
        qtbot.waitUntil(lambda: demo_dock.session.selection.iteration == 1500)
        demo_dock.session.select(iteration=600)
        page = open_page(qtbot, demo_dock, "mito_distance")
        page._iteration = None
        page._update_checkpoints()
        assert page._iteration == 600


class TestPredicting:
    def test_here(
        self, qtbot: QtBot, page: Any, viewer: ViewerModel, demo_dock: RunsWidget
    ) -> None:
        demo_dock.session.show("stacked")
        qtbot.waitUntil(lambda: len(viewer.layers) == 4 and demo_dock.session.busy == "")
        click(qtbot, page.here)
        assert page.status.cancel.isVisibleTo(page)
        qtbot.waitUntil(lambda: ended(page))
        assert sorted(roles(viewer)) == [
            "gt", "live", "prediction", "raw", "segmentation", "segmentation",
        ]  # fmt: skip
        assert "follows the view" in page.status.text.text()
        (live,) = [layer for layer in viewer.layers if layer.metadata[KEY]["role"] == "live"]
        assert not np.isnan(np.asarray(live.data)).all()

    @pytest.mark.long
    def test_compare(self, qtbot: QtBot, page: Any, viewer: ViewerModel) -> None:
        click(qtbot, page.compare)
        qtbot.waitUntil(lambda: ended(page))
        assert page.live.state.largest <= 5e-6
        assert "max |difference|" in page.status.text.text()
        assert "error" in roles(viewer)

    @pytest.mark.long
    def test_another_checkpoint_at_the_same_place(
        self, qtbot: QtBot, page: Any, viewer: ViewerModel
    ) -> None:
        click(qtbot, page.here)
        qtbot.waitUntil(lambda: ended(page))
        page.iteration.before.click()
        qtbot.waitUntil(lambda: page.live.state.iteration == 1200 and ended(page))
        (live,) = [layer for layer in viewer.layers if layer.metadata[KEY]["role"] == "live"]
        assert live.metadata[KEY]["iteration"] == 1200

    def test_nothing_runs_on_the_main_thread(
        self, qtbot: QtBot, page: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from napari_dacapo.models import network, prediction

        places: set[threading.Thread] = set()
        load, forward = prediction.load_checkpoint, network.Network._forward

        def loading(path: Any) -> Any:
            places.add(threading.current_thread())
            return load(path)

        def running(self: Any, x: Any) -> Any:
            places.add(threading.current_thread())
            return forward(self, x)

        monkeypatch.setattr(prediction, "load_checkpoint", loading)
        monkeypatch.setattr(network.Network, "_forward", running)
        click(qtbot, page.whole)
        qtbot.waitUntil(lambda: ended(page))
        assert len(places) >= 2
        assert threading.main_thread() not in places

    def test_cancel(self, qtbot: QtBot, page: Any) -> None:
        click(qtbot, page.whole)
        assert page.live.state.active
        qtbot.keyClick(page, Qt.Key.Key_Escape)
        assert page.live.state.phase == "stopped"
        assert not page.status.cancel.isVisibleTo(page)
        assert "stopped" in page.status.text.text()

    @pytest.mark.long
    def test_keys(self, qtbot: QtBot, page: Any, focus: Any) -> None:
        qtbot.waitUntil(page.here.isEnabled)
        focus(page.options.keep)
        qtbot.keyClick(page.options.keep, Qt.Key.Key_P)
        qtbot.waitUntil(lambda: ended(page))
        assert page.live.state.mode == "here"

    def test_what_fails_is_said_twice(
        self, qtbot: QtBot, store_dock: RunsWidget, viewer: ViewerModel, stores: Path
    ) -> None:
        page = open_page(qtbot, store_dock, "dist_same_iso0")
        page.source.choose("path", "")
        page.source.path.setText(str(stores / "data" / "iso0_val_a.zarr" / "raw2c"))
        page.source.path.editingFinished.emit()
        qtbot.waitUntil(lambda: page.source.channels.isVisibleTo(page))
        assert page.source.channels.text() == "0"
        page.source.channels.setText("all")
        notification_manager.records.clear()
        click(qtbot, page.here)
        qtbot.waitUntil(lambda: ended(page))
        assert "2 channels" in page.status.text.text()
        assert any("2 channels" in record.message for record in notification_manager.records)
        assert len(viewer.layers) == 0

    def test_what_cannot_be_read_is_said(self, qtbot: QtBot, page: Any, stores: Path) -> None:
        page.source.choose("path", "")
        page.source.path.setText(str(stores / "data" / "iso0_val_a.zarr" / "raw"))
        page.source.path.editingFinished.emit()
        qtbot.waitUntil(page.here.isEnabled)
        page.source.voxel_size.setText("large")
        notification_manager.records.clear()
        click(qtbot, page.here)
        assert "no voxel size" in page.status.notes.text()
        assert notification_manager.records
        assert page.live.state.phase == "idle"
        page.source.voxel_size.setText("8")
        click(qtbot, page.here)
        assert "no voxel size" not in page.status.notes.text()
        qtbot.waitUntil(lambda: ended(page))

    def test_the_work_ends_with_the_dock(
        self, qtbot: QtBot, page: Any, demo_dock: RunsWidget
    ) -> None:
        click(qtbot, page.whole)
        qtbot.waitUntil(lambda: page.live._live is not None or ended(page))
        live = page.live
        with qtbot.waitSignal(page.destroyed):
            page.deleteLater()
        assert live._live is None
        for thread in threading.enumerate():
            if thread.name.startswith("napari-dacapo live prediction"):
                thread.join(60)
                assert not thread.is_alive()


class TestSources:
    def test_a_path_is_looked_into(
        self, qtbot: QtBot, page: Any, tmp_path: Path, stores: Path, monkeypatch: Any
    ) -> None:
        page.source.choose("path", "")
        assert page.source.path.isVisibleTo(page)
        assert not page.here.isEnabled()
        folder = str(stores / "data" / "iso0_val_a.zarr" / "raw")
        monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_, **__: folder)
        page.source.browse.click()
        qtbot.waitUntil(page.here.isEnabled)
        assert page.source.path.text() == folder
        assert page.source.voxel_size.placeholderText() == "8 × 8 × 8"
        assert not page.compare.isEnabled()
        assert "validation datasets only" in page.compare.toolTip()

    def test_a_path_that_is_none(self, qtbot: QtBot, page: Any, tmp_path: Path) -> None:
        page.source.choose("path", "")
        page.source.path.setText(str(tmp_path / "gone"))
        page.source.path.editingFinished.emit()
        qtbot.waitUntil(lambda: "gone does not exist" in page.status.notes.text())
        assert not page.here.isEnabled()

    def test_layers_come_and_go(self, qtbot: QtBot, page: Any, viewer: ViewerModel) -> None:
        layer = viewer.add_image(np.zeros((40, 40, 40), np.float32), name="mine")
        page.source.choose("layer", layer)
        qtbot.waitUntil(page.here.isEnabled)
        assert page.source.entry() == ("layer", layer)
        # It does not say how large its voxels are: as in training.
        assert page.source.voxel_size.placeholderText() == "8 × 8 × 8  (assumed)"
        click(qtbot, page.here)
        qtbot.waitUntil(lambda: ended(page))
        assert page.live.state.phase == "done", page.live.state
        assert any("as in training" in note for note in page.live.state.notes)
        viewer.layers.remove(layer)
        assert page.source.entry()[0] == "validation"

    @pytest.mark.long
    def test_predictions_are_not_offered_as_raw(
        self, qtbot: QtBot, page: Any, viewer: ViewerModel
    ) -> None:
        click(qtbot, page.here)
        qtbot.waitUntil(lambda: ended(page))
        offered = [page.source.chooser.itemText(i) for i in range(page.source.chooser.count())]
        assert not any("live" in text for text in offered)
        assert any("raw  (layer)" in text for text in offered)

    def test_a_turned_layer_says_why_not(self, page: Any, viewer: ViewerModel) -> None:
        layer = viewer.add_image(np.zeros((40, 40, 40), np.float32), scale=(1, -1, 1))
        page.source.choose("layer", layer)
        assert "flipped" in page.status.notes.text()
        assert not page.here.isEnabled()


class TestParts:
    def test_calls_come_to_the_main_thread(self, qtbot: QtBot) -> None:
        main = MainThread()
        places: list[threading.Thread] = []
        thread = threading.Thread(
            target=lambda: main.post(lambda: places.append(threading.current_thread()))
        )
        thread.start()
        main.post(lambda: places.append(threading.current_thread()))
        qtbot.waitUntil(lambda: len(places) == 2)
        thread.join()
        assert set(places) == {threading.main_thread()}

    def test_a_call_that_fails_does_not_swallow_the_others(self, qtbot: QtBot) -> None:
        main, called = MainThread(), []

        def fail() -> None:
            raise ValueError("no")

        with qtbot.captureExceptions() as errors:
            main.post(lambda: None)
            main.post(fail)
            main.post(lambda: called.append(1))
            qtbot.waitUntil(lambda: bool(errors))
            main.post(lambda: called.append(2))
            qtbot.waitUntil(lambda: called == [1, 2])

    def test_progress_in_the_activity_dock(self) -> None:
        cancelled: list[bool] = []
        before = set(progress._all_instances)
        activity = Activity(lambda: cancelled.append(True))
        activity.tell("Predicting", 1, 4)
        (bar,) = set(progress._all_instances) - before
        assert (bar.n, bar.total) == (1, 4)
        activity.tell("Predicting", 3, 8)
        assert (bar.n, bar.total) == (3, 8)
        bar.cancel()
        assert cancelled == [True]
        activity.end()
        activity.end()
        assert bar not in progress._all_instances

    def test_nothing_runs_at_first(self, qtbot: QtBot) -> None:
        status = StatusView()
        qtbot.addWidget(status)
        status.show()
        assert status.bar.isHidden()
        assert status.cancel.isHidden()
        assert status.text.text() == ""

    def test_the_state_is_drawn(self, qtbot: QtBot) -> None:
        status = StatusView()
        qtbot.addWidget(status)
        status.tell(LiveState("working", "run", 20, "whole", 1, 4, notes=("Seams.",)))
        assert (status.bar.value(), status.bar.maximum()) == (1, 4)
        assert not status.cancel.isHidden()
        assert status.notes.text() == "⚠ Seams."
        before = set(progress._all_instances)
        qtbot.waitUntil(lambda: set(progress._all_instances) != before)
        status.say_problem("No raw.")
        assert status.notes.text() == "⚠ No raw.\n⚠ Seams."
        status.tell(LiveState("failed", "run", 20, problem="No memory."))
        assert status.bar.isHidden()
        assert status.text.text().startswith("⚠ ")
        assert set(progress._all_instances) == before
