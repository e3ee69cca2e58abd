"""Live predictions on real runs and a viewer without a window; the network's thread is real."""

from __future__ import annotations

import queue
import shutil
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import zarr
from napari.components import ViewerModel

from napari_dacapo.analysis import segment
from napari_dacapo.models import predict
from napari_dacapo.models.block_cache import block_cache
from napari_dacapo.viewers.backends import backend_choices
from napari_dacapo.viewers.live_prediction import LivePredictions, RawSource, Request
from napari_dacapo.viewers.session import Session
from napari_dacapo.viewers.tasks import run_here

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

KEY = "napari-dacapo"
TIMEOUT = 120
# A few units in the last place of float32: processors sum in different orders.
TOLERANCE = 5e-6


class Desk:
    """A session with one store, and the thread of the viewer, which is this one."""

    def __init__(self, store: Path, data: Path) -> None:
        self.viewer = ViewerModel()
        self.session = Session(backend_choices(self.viewer))
        self.session.open_store(str(store), path_map={"/nrs/demo/dacapo-data": str(data)})
        self.posted: queue.Queue[Callable[[], None]] = queue.Queue()
        self.live = LivePredictions(self.session, start=run_here, post=self.posted.put)
        self.failures: list[str] = []
        self.live.failed.connect(self.failures.append)

    def select(self, run: str) -> None:
        self.session.select_run(run)
        assert self.session.facts is not None
        assert self.session.facts.name == run

    @property
    def run(self) -> Any:
        assert self.session.facts is not None
        return self.session.facts.run

    def until(self, condition: Callable[[], bool]) -> None:
        """Do what is posted until something holds."""
        deadline = time.monotonic() + TIMEOUT
        while not condition():
            left = deadline - time.monotonic()
            assert left > 0, f"{self.live.state} did not become what it should"
            self.posted.get(timeout=left)()

    def predict(self, iteration: int, source: RawSource, mode: Any, **options: Any) -> None:
        """Predict and wait for the end."""
        self.live.predict(Request(iteration, source, **options), mode)
        self.until(lambda: self.live.state.phase in ("done", "failed"))

    def layers(self, role: str) -> list[Any]:
        return [layer for layer in self.viewer.layers if layer.metadata[KEY]["role"] == role]

    def elements(self, role: str, variant: str = "") -> np.ndarray[Any, Any]:
        (layer,) = [i for i in self.layers(role) if i.metadata[KEY]["variant"] == variant]
        return np.asarray(layer.data[0] if layer.multiscale else layer.data)


@pytest.fixture(autouse=True)
def _empty_cache() -> Iterator[None]:
    block_cache.clear()
    yield
    block_cache.clear()


@pytest.fixture
def make_desk(stores: Path) -> Iterator[Callable[[Path], Desk]]:
    desks: list[Desk] = []

    def make(store: Path) -> Desk:
        desks.append(Desk(store, stores / "data"))
        return desks[-1]

    yield make
    for desk in desks:
        desk.live.close()
        desk.session.close()


@pytest.fixture
def desk(make_desk: Callable[[Path], Desk], stores: Path) -> Desk:
    return make_desk(stores / "pypi-0.3.5")


def validation(name: str) -> RawSource:
    return RawSource("validation", name)


def stored(store: Path, run: str, *parts: str) -> np.ndarray[Any, Any]:
    array: Any = zarr.open(str(store.joinpath(run, "validation.zarr", *parts)), mode="r")
    return np.asarray(array[...])


class TestComparing:
    @pytest.mark.parametrize(
        ("store", "run", "iteration", "dataset"),
        [
            ("pypi-0.3.5", "dist_same_iso0", 20, "iso0_val_b"),
            ("main", "dist_aniso", 10, "aniso_val"),
            ("pypi-0.3.5", "dist_2d", 20, "two_d_val"),
        ],
    )
    def test_a_stored_prediction(
        self,
        make_desk: Callable[[Path], Desk],
        stores: Path,
        store: str,
        run: str,
        iteration: int,
        dataset: str,
    ) -> None:
        desk = make_desk(stores / store)
        desk.select(run)
        desk.predict(iteration, validation(dataset), "compare")
        state = desk.live.state
        assert (state.phase, state.done) == ("done", state.total)
        assert not desk.failures
        expected = stored(stores / store, run, str(iteration), f"ds_{dataset}", "prediction")
        live = desk.elements("live")
        np.testing.assert_allclose(live, expected[0], atol=TOLERANCE, rtol=0)
        difference = desk.elements("error", "difference")
        np.testing.assert_array_equal(difference, live - expected[0])
        assert state.largest == np.abs(difference).max()
        assert desk.layers("live")[0].metadata[KEY]["iteration"] == iteration
        np.testing.assert_array_equal(desk.elements("segmentation", "live"), live > 0)

    def test_layers_lie_where_the_stored_ones_do(self, desk: Desk) -> None:
        desk.select("dist_same_iso0")
        desk.session.show()
        desk.predict(60, validation("iso0_val_a"), "compare")
        (prediction,), (live,) = desk.layers("prediction"), desk.layers("live")
        (error,) = desk.layers("error")
        for layer in (live, error):
            assert list(layer.scale) == list(prediction.scale)
            assert list(layer.translate) == list(prediction.translate)
            assert list(map(str, layer.units)) == ["nanometer"] * 3

    def test_what_is_stored_of_the_checkpoint_is_on_screen_with_it(
        self, desk: Desk, stores: Path
    ) -> None:
        desk.select("dist_same_iso0")
        desk.session.show()
        assert desk.session.selection.iteration == 60
        desk.predict(20, validation("iso0_val_a"), "compare")
        assert desk.session.selection.iteration == 20
        (layer,) = desk.layers("prediction")
        assert layer.metadata[KEY]["iteration"] == 20
        expected = stored(
            stores / "pypi-0.3.5", "dist_same_iso0", "20", "ds_iso0_val_a", "prediction"
        )
        np.testing.assert_array_equal(desk.elements("prediction"), expected[0])

    def test_what_was_not_on_screen_is_not_put_there(self, desk: Desk) -> None:
        desk.select("dist_same_iso0")
        desk.session.show()
        desk.predict(20, validation("iso0_val_b"), "compare")
        assert desk.session.selection.iteration == 60
        assert desk.session.selection.dataset == "iso0_val_a"

    def test_only_where_something_is_stored(self, desk: Desk) -> None:
        desk.select("dist_same_iso0")
        desk.predict(60, RawSource("training", "iso0_train"), "compare")
        assert desk.live.state.phase == "failed"
        assert "validation datasets only" in desk.failures[0]
        assert len(desk.viewer.layers) == 0


@pytest.mark.long
class TestLooking:
    """The sample's prediction has 2 × 2 × 1 blocks in its first plane."""

    @pytest.fixture
    def desk(self, make_desk: Callable[[Path], Desk], demo_store: Path) -> Desk:
        desk = make_desk(demo_store)
        desk.select("mito_distance")
        desk.session.show()
        return desk

    @staticmethod
    def look_at_corner(desk: Desk) -> Any:
        """Zoom to the first voxels of the prediction."""
        (layer,) = desk.layers("prediction")
        begin = layer.extent.world[0]
        desk.viewer.dims.set_point(0, begin[0])
        desk.viewer.scene.camera.center = (0, begin[1] + 20, begin[2] + 20)
        desk.viewer.scene.camera.zoom = 20
        return layer

    def test_blocks_on_screen_are_computed_and_no_others(self, desk: Desk) -> None:
        self.look_at_corner(desk)
        desk.predict(300, validation("val_west"), "here")
        assert (desk.live.state.done, desk.live.state.total) == (1, 1)
        assert desk.live.state.follows
        live = desk.elements("live")
        computed = ~np.isnan(live)
        assert computed[0, 0, 0]
        assert 0 < computed.mean() < 1
        (layer,) = desk.layers("live")
        assert layer.colormap.nan_color[3] > 0  # a veil, not nothing
        backend = desk.session.screen.backend
        backend.set_view(backend.get_view())
        assert layer.colormap.nan_color[3] > 0
        states = {state.name: state.colormap for state in backend.get_view().layers}
        assert states[layer.name] == "dacapo signed"

    def test_blocks_follow_the_view(self, desk: Desk) -> None:
        self.look_at_corner(desk)
        desk.predict(300, validation("val_west"), "here")
        before = np.isnan(desk.elements("live")).sum()
        desk.viewer.reset_view()
        desk.until(lambda: desk.live.state.total > 1)
        desk.until(lambda: desk.live.state.phase == "done")
        after = np.isnan(desk.elements("live")).sum()
        assert after < before

    def test_the_plane_on_screen_is_drawn_anew(self, desk: Desk) -> None:
        self.look_at_corner(desk)
        desk.predict(300, validation("val_west"), "here")
        (layer,) = desk.layers("live")
        drawn = layer._slice.image.raw
        assert not np.isnan(drawn[0, 0])
        plane = round(layer.world_to_data(desk.viewer.dims.point)[0])
        np.testing.assert_array_equal(drawn, np.asarray(layer.data)[plane])

    def test_the_view_stays(self, desk: Desk) -> None:
        self.look_at_corner(desk)
        camera = desk.viewer.scene.camera
        before = camera.center, camera.zoom, desk.viewer.dims.point[0]
        desk.predict(300, validation("val_west"), "here")
        after = camera.center, camera.zoom, desk.viewer.dims.point[0]
        np.testing.assert_allclose(np.hstack(before), np.hstack(after))

    def test_elsewhere_nothing_is_to_be_done(self, desk: Desk) -> None:
        self.look_at_corner(desk)
        desk.predict(300, validation("val_west"), "here")
        desk.viewer.scene.camera.center = (0, -1e5, -1e5)
        desk.until(lambda: desk.live.state.total == 0)
        assert desk.live.state.phase == "done"
        desk.viewer.reset_view()
        desk.until(lambda: desk.live.state.total > 1)

    def test_slicing_never_computes(self, desk: Desk) -> None:
        self.look_at_corner(desk)
        desk.predict(300, validation("val_west"), "here")
        desk.live.cancel()
        n_bytes = block_cache.n_bytes
        desk.viewer.reset_view()
        for z in range(20):
            desk.viewer.dims.set_current_step(0, z)
        desk.viewer.dims.ndisplay = 3
        assert block_cache.n_bytes == n_bytes

    def test_all_of_it(self, desk: Desk, demo_store: Path) -> None:
        self.look_at_corner(desk)
        desk.predict(1500, validation("val_west"), "whole")
        state = desk.live.state
        assert state.done == state.total > 1
        expected = stored(demo_store, "mito_distance", "1500", "ds_val_west", "prediction")[0]
        # It reaches further than the validation did: it is computed wherever there is context.
        (layer,), (before,) = desk.layers("live"), desk.layers("prediction")
        begin = np.rint((before.translate - layer.translate) / layer.scale).astype(int)
        shared = tuple(slice(b, b + n) for b, n in zip(begin, expected.shape, strict=True))
        live = desk.elements("live")[shared]
        np.testing.assert_allclose(live, expected, rtol=0, atol=TOLERANCE)

    def test_another_checkpoint_takes_the_place(self, desk: Desk) -> None:
        self.look_at_corner(desk)
        desk.predict(300, validation("val_west"), "here")
        (layer,) = desk.layers("live")
        n_layers, first = len(desk.viewer.layers), desk.elements("live")
        desk.predict(600, validation("val_west"), "here")
        assert desk.layers("live") == [layer]
        assert layer.metadata[KEY]["iteration"] == 600
        assert len(desk.viewer.layers) == n_layers
        assert np.nanmax(np.abs(desk.elements("live") - first)) > 0

    def test_a_live_segmentation_stays_when_validations_are_stepped_through(
        self, desk: Desk
    ) -> None:
        desk.predict(300, validation("val_west"), "here")
        desk.session.step(-1)
        said = [layer.metadata[KEY] for layer in desk.layers("segmentation")]
        assert {(each["variant"], each["iteration"]) for each in said} == {
            ("computed", 1200),
            ("live", 300),
        }

    def test_cancelling(self, desk: Desk) -> None:
        desk.predict(300, validation("val_west"), "here")
        desk.live.cancel()
        assert desk.live.state.phase == "stopped"
        assert not desk.live.state.active
        desk.viewer.scene.camera.zoom = 1
        assert desk.posted.empty() or desk.posted.get()() is None
        assert desk.live.state.phase == "stopped"
        assert desk.layers("live")

    @pytest.mark.long
    def test_what_was_taken_off_the_screen_stays_off(self, desk: Desk) -> None:
        self.look_at_corner(desk)
        desk.predict(300, validation("val_west"), "here")
        (live,) = desk.layers("live")
        desk.viewer.layers.remove(live)
        assert desk.live.state.phase == "done"
        desk.viewer.reset_view()
        desk.until(lambda: desk.live.state.total > 1)
        desk.until(lambda: desk.live.state.phase == "done")
        assert not desk.layers("live")

    def test_the_work_ends_with_the_layers(self, desk: Desk) -> None:
        desk.predict(300, validation("val_west"), "here")
        desk.viewer.layers.clear()
        assert desk.live.state.phase == "idle"
        ended = [t for t in threading.enumerate() if t.name == "napari-dacapo ending"]
        for thread in ended:
            thread.join(TIMEOUT)
        assert not [t for t in threading.enumerate() if "live prediction" in t.name]

    @pytest.mark.long
    def test_in_3d_all_is_on_screen(self, desk: Desk) -> None:
        desk.viewer.dims.ndisplay = 3
        desk.viewer.reset_view()
        desk.predict(300, validation("val_west"), "here")
        assert not np.isnan(desk.elements("live")).any()

    def test_side_by_side(self, desk: Desk) -> None:
        desk.session.show("side by side")
        desk.predict(300, validation("val_west"), "here")
        assert desk.viewer.canvas.grid.enabled
        assert desk.live.state.total > 0

    def test_raw_is_shown_if_it_is_not_there(self, desk: Desk) -> None:
        desk.viewer.layers.clear()
        desk.predict(300, validation("val_east"), "here")
        assert [layer.metadata[KEY]["role"] for layer in desk.viewer.layers] == [
            "raw", "live", "segmentation",
        ]  # fmt: skip
        assert desk.live.state.total > 0

    def runs(self, desk: Desk) -> set[str]:
        return {layer.metadata[KEY]["run"] for layer in desk.viewer.layers}

    def test_raw_that_comes_takes_the_place_of_another_run(
        self, make_desk: Callable[[Path], Desk], stores: Path
    ) -> None:
        desk = make_desk(stores / "pypi-0.3.5")
        desk.select("dist_same_iso0")
        desk.session.show("stacked")
        desk.viewer.scene.camera.zoom *= 2
        zoom, center = desk.viewer.scene.camera.zoom, desk.viewer.scene.camera.center
        desk.select("onehot_iso0")
        desk.predict(20, validation("iso0_val_a"), "here")
        assert self.runs(desk) == {"onehot_iso0"}
        assert (desk.viewer.scene.camera.zoom, desk.viewer.scene.camera.center) == (zoom, center)
        desk.select("dist_same_iso0")
        desk.session.show("stacked")
        assert self.runs(desk) == {"dist_same_iso0"}

    def test_the_view_goes_to_raw_that_would_be_small_in_it(
        self, make_desk: Callable[[Path], Desk], stores: Path
    ) -> None:
        views = []
        for before in ((), ("dist_2d",)):
            desk = make_desk(stores / "pypi-0.3.5")
            for run in before:
                desk.select(run)
                desk.session.show("stacked")
            desk.select("dist_same_iso0")
            desk.predict(60, validation("iso0_val_a"), "here")
            views.append((desk.viewer.scene.camera.zoom, *desk.viewer.scene.camera.center[1:]))
        np.testing.assert_allclose(*views)

    def test_other_runs_are_kept_for_who_wants_to_compare(
        self, make_desk: Callable[[Path], Desk], stores: Path
    ) -> None:
        desk = make_desk(stores / "pypi-0.3.5")
        desk.session.screen.keeps_others = True
        desk.select("dist_same_iso0")
        desk.session.show("stacked")
        desk.select("onehot_iso0")
        desk.predict(20, validation("iso0_val_a"), "here")
        assert self.runs(desk) == {"dist_same_iso0", "onehot_iso0"}

    def test_side_by_side_stays_when_raw_comes(self, desk: Desk) -> None:
        desk.session.show("side by side")
        desk.predict(300, validation("val_east"), "here")
        datasets = {layer.metadata[KEY]["dataset"] for layer in desk.viewer.layers}
        assert datasets == {"val_east"}
        assert desk.viewer.canvas.grid.enabled


class TestAffinities:
    @pytest.mark.long
    def test_the_watershed_comes_when_its_blocks_are_there(
        self, make_desk: Callable[[Path], Desk], demo_store: Path
    ) -> None:
        desk = make_desk(demo_store)
        desk.select("cell_affinities")
        desk.session.show()
        desk.predict(1350, validation("val_west"), "whole")
        assert len(desk.layers("live")) == 6
        run = desk.run
        prediction = predict(run, 1350, run.dataset("val_west").raw)
        expected = np.asarray(segment(prediction, run.task).data)
        np.testing.assert_array_equal(desk.elements("segmentation", "live"), expected)


class TestFailures:
    @pytest.fixture
    def copy(self, stores: Path, tmp_path: Path) -> Path:
        shutil.copytree(stores / "pypi-0.3.5", tmp_path / "store")
        return tmp_path / "store"

    def failed(self, desk: Desk, run: str, request: Request) -> str:
        desk.select(run)
        n_layers = len(desk.viewer.layers)
        desk.live.predict(request, "here")
        desk.until(lambda: desk.live.state.phase == "failed")
        assert desk.failures == [desk.live.state.problem]
        assert len(desk.viewer.layers) == n_layers
        return desk.failures[0]

    def test_a_malicious_checkpoint(
        self, make_desk: Callable[[Path], Desk], copy: Path, tmp_path: Path
    ) -> None:
        import pickle

        class Evil:
            def __reduce__(self) -> Any:
                return Path.touch, (tmp_path / "harm",)

        path = copy / "dist_same_iso0" / "checkpoints" / "iterations" / "60"
        path.write_bytes(pickle.dumps(Evil(), protocol=2))
        message = self.failed(
            make_desk(copy), "dist_same_iso0", Request(60, validation("iso0_val_a"))
        )
        assert str(path) in message
        assert not (tmp_path / "harm").exists()

    def test_a_checkpoint_of_another_run(
        self, make_desk: Callable[[Path], Desk], copy: Path
    ) -> None:
        theirs = copy / "affs_same_iso0" / "checkpoints" / "iterations" / "60"
        shutil.copy(theirs, copy / "dist_same_iso0" / "checkpoints" / "iterations" / "60")
        message = self.failed(
            make_desk(copy), "dist_same_iso0", Request(60, validation("iso0_val_a"))
        )
        assert "prediction_head" in message

    def test_no_such_checkpoint(self, desk: Desk) -> None:
        message = self.failed(desk, "dist_same_iso0", Request(61, validation("iso0_val_a")))
        assert "61" in message

    def test_missing_raw(self, make_desk: Callable[[Path], Desk], copy: Path) -> None:
        desk = make_desk(copy)
        desk.session.open_store(str(copy))  # without a path map
        request = Request(60, RawSource("training", "iso0_train"))
        message = self.failed(desk, "dist_same_iso0", request)
        assert "path map" in message

    def test_a_wrong_number_of_channels(self, desk: Desk, stores: Path) -> None:
        source = RawSource("path", str(stores / "data" / "iso0_val_a.zarr" / "raw2c"))
        message = self.failed(desk, "dist_same_iso0", Request(60, source))
        assert "2 channels" in message
        assert "Choose channels" in message

    def test_a_path_that_is_none(self, desk: Desk, tmp_path: Path) -> None:
        source = RawSource("path", str(tmp_path / "nothing.zarr"))
        assert "nothing.zarr" in self.failed(desk, "dist_same_iso0", Request(60, source))

    def test_a_device_that_is_not_there(self, desk: Desk) -> None:
        request = Request(60, validation("iso0_val_a"), device="mps")
        assert "mps" in self.failed(desk, "dist_same_iso0", request)

    def test_memory_runs_out_amid_the_work(
        self, desk: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from napari_dacapo.models.network import Network

        def fail(_self: Network, _x: Any) -> Any:
            raise MemoryError

        monkeypatch.setattr(Network, "_forward", fail)
        desk.select("dist_same_iso0")
        desk.session.show()
        desk.live.predict(Request(60, validation("iso0_val_a")), "here")
        desk.until(lambda: desk.live.state.phase == "failed")
        assert "not enough memory" in desk.failures[0]
        assert not desk.live.state.active
        # What was on screen is still there, and still works.
        assert len(desk.layers("prediction")) == 1
        monkeypatch.undo()
        desk.predict(60, validation("iso0_val_a"), "here")
        assert not np.isnan(desk.elements("live")).any()

    def test_a_stored_prediction_that_cannot_be_read(
        self, make_desk: Callable[[Path], Desk], copy: Path
    ) -> None:
        folder = copy / "dist_same_iso0" / "validation.zarr" / "60" / "ds_iso0_val_a" / "prediction"
        chunks = [path for path in folder.rglob("*") if path.is_file() and path.name[0] != "."]
        for path in chunks:
            path.write_bytes(b"no chunk")
        desk = make_desk(copy)
        desk.select("dist_same_iso0")
        desk.live.predict(Request(60, validation("iso0_val_a")), "compare")
        desk.until(lambda: desk.live.state.phase == "failed")
        assert desk.failures


class TestSources:
    def test_channels_are_chosen(self, desk: Desk, stores: Path) -> None:
        path = stores / "data" / "iso0_val_a.zarr" / "raw2c"
        desk.select("dist_same_iso0")
        desk.predict(60, RawSource("path", str(path)), "whole", channels=(1,))
        assert not desk.failures
        assert not np.isnan(desk.elements("live")).any()
        raw = [layer.metadata[KEY]["dataset"] for layer in desk.layers("raw")]
        assert set(raw) == {"iso0_val_a.zarr/raw2c"}

    def test_training_raw_and_its_place(self, desk: Desk) -> None:
        desk.select("dist_same_iso0")
        desk.predict(60, RawSource("training", "iso0_train"), "here")
        assert not desk.failures
        (live,), (raw,) = desk.layers("live"), desk.layers("raw")
        assert list(live.translate) == list(raw.translate)

    def test_a_layer(self, desk: Desk, stores: Path) -> None:
        from napari_dacapo.viewers.napari.layer_sources import layer_source

        array: Any = zarr.open(str(stores / "data" / "iso0_val_a.zarr" / "raw"), mode="r")
        layer = desk.viewer.add_image(
            np.asarray(array[...]) / np.float32(255),
            name="mine",
            scale=(8, 8, 8),
            translate=(4, 4, 4),
            units="nm",
            metadata={KEY: {"role": "", "slot": ""}},
        )
        del layer.metadata[KEY]
        desk.select("dist_same_iso0")
        source = layer_source(layer, 3)
        desk.live.predict(Request(60, source), "whole")
        desk.until(lambda: desk.live.state.phase in ("done", "failed"))
        assert not desk.failures
        names = [each.name for each in desk.viewer.layers]
        assert names == [
            "mine", "dist_same_iso0 · mine · live", "dist_same_iso0 · mine · segmentation · live",
        ]  # fmt: skip
        live = desk.viewer.layers[names[1]]
        assert list(live.scale) == [8, 8, 8]
        expected = stored(
            stores / "pypi-0.3.5", "dist_same_iso0", "60", "ds_iso0_val_a", "prediction"
        )
        np.testing.assert_allclose(np.asarray(live.data), expected[0], atol=1e-4)

    def test_another_voxel_size_is_resampled_and_said(self, desk: Desk, stores: Path) -> None:
        source = RawSource("path", str(stores / "data" / "iso0_val_a.zarr" / "raw"))
        desk.select("dist_same_iso0")
        desk.predict(60, source, "here", voxel_size=(4.0,))
        assert not desk.failures
        assert any("resampled" in note for note in desk.live.state.notes)
        (live,), (raw,) = desk.layers("live"), desk.layers("raw")
        assert list(live.scale) == [8, 8, 8]
        assert list(raw.scale) == [4, 4, 4]


@pytest.mark.long
class TestNeuroglancer:
    def test_the_same_volume_is_served(
        self, make_desk: Callable[[Path], Desk], demo_store: Path
    ) -> None:
        desk = make_desk(demo_store)
        desk.session.use_backend("neuroglancer")
        desk.select("mito_distance")
        desk.predict(300, validation("val_west"), "here")
        assert desk.live.state.phase == "done"
        assert not desk.live.state.follows
        shown = {volume.identity.role: volume for volume in desk.session.screen.backend.shown()}
        assert set(shown) == {"raw", "live", "segmentation"}
        part = np.asarray(shown["live"].data[:, :4, :4, :4])
        assert not np.isnan(part).any()

    @pytest.mark.long
    def test_all_of_it_is_computed_beforehand(
        self, make_desk: Callable[[Path], Desk], demo_store: Path
    ) -> None:
        desk = make_desk(demo_store)
        desk.session.use_backend("neuroglancer")
        desk.select("mito_distance")
        desk.predict(300, validation("val_west"), "whole")
        assert desk.live.state.done == desk.live.state.total > 1
