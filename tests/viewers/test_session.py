"""The controller on real stores and a viewer without a window."""

from __future__ import annotations

import os
import shutil
import webbrowser
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import zarr
from tests.viewers.on_screen import KEY, Later, layer, open_run, roles

from napari_dacapo.viewers.backends import BackendChoice, backend_choices
from napari_dacapo.viewers.open_store import explain
from napari_dacapo.viewers.session import Session

if TYPE_CHECKING:
    from pathlib import Path

    from napari.components import ViewerModel


def test_a_store_is_listed(session: Session, demo_store: Path) -> None:
    session.open_store(str(demo_store))
    assert session.store.state.status == "open"
    assert [row.name for row in session.store.rows] == ["cell_affinities", "mito_distance"]
    assert not session.store.listing
    assert session.busy == ""


@pytest.mark.parametrize("part", ["mito_distance", "mito_distance/validation.zarr"])
def test_a_run_folder_opens_its_store_and_selects_the_run(
    session: Session, demo_store: Path, part: str
) -> None:
    session.open_store(str(demo_store / part))
    assert session.store.state.path == str(demo_store)
    assert session.selection.run == "mito_distance"
    assert len(session.store.rows) == 2


def test_an_options_file_is_reopened_as_such(
    session: Session, demo_store: Path, tmp_path: Path
) -> None:
    options = tmp_path / "dacapo.yaml"
    options.write_text(f"type: files\nruns_base_dir: {demo_store}\n", "utf-8")
    session.open_store(str(options))
    assert session.store.state.path == str(options)
    assert len(session.store.rows) == 2


def test_a_path_map_that_came_along_with_a_folder_does_not_count_after_a_reload_either(
    session: Session, demo_store: Path, tmp_path: Path
) -> None:
    (tmp_path / "dacapo.yaml").write_text(f"runs_base_dir: {demo_store}\npath_map: {{/: /}}\n")
    session.open_store(str(tmp_path))
    for _ in range(2):
        assert session.store.opened is not None
        assert session.store.opened.options.path_map == {}
        assert session.store.state.path == str(tmp_path)
        assert len(session.store.rows) == 2
        session.reload()


@pytest.fixture
def options_file(demo_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An options file where DaCapo would find it, with a path map."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "dacapo.yaml"
    path.write_text(
        f"type: files\nruns_base_dir: {demo_store}\npath_map: {{/nrs/lab: /mnt/lab}}\n", "utf-8"
    )
    return path


def path_map(session: Session) -> dict[str, str]:
    assert session.store.opened is not None
    return session.store.opened.options.path_map


def test_the_path_map_of_an_options_file_that_was_found_is_there_after_a_reload(
    session: Session, options_file: Path
) -> None:
    session.open_store()
    assert session.store.state.path == str(options_file)
    assert path_map(session) == {"/nrs/lab": "/mnt/lab"}
    session.reload()
    assert path_map(session) == {"/nrs/lab": "/mnt/lab"}


def test_the_path_map_that_a_store_was_opened_with_is_there_after_a_reload(
    viewer: ViewerModel, demo_store: Path
) -> None:
    preferred = {"/nrs/lab": "/mnt/lab", "/groups": "/mnt/groups"}
    session = Session(backend_choices(viewer), path_map=lambda: preferred)
    session.open_store(str(demo_store), path_map={"/nrs/lab": "/given"})
    assert path_map(session) == {"/nrs/lab": "/given", "/groups": "/mnt/groups"}
    preferred["/groups"] = "/other"
    session.reload()
    assert path_map(session) == {"/nrs/lab": "/given", "/groups": "/other"}
    session.reload(path_map={})
    assert path_map(session) == preferred
    session.close()


def test_without_a_path_the_options_file_goes_before_the_store_of_last_time(
    session: Session, options_file: Path, stores: Path
) -> None:
    session.open_store(otherwise=str(stores / "main"))
    assert session.store.state.path == str(options_file)
    assert session.store.default == str(options_file)
    options_file.unlink()
    session.open_store(otherwise=str(stores / "main"))
    assert session.store.state.path == str(stores / "main")
    assert session.store.default == ""


def test_an_options_file_that_makes_no_sense_is_said_even_if_nobody_asked(
    session: Session, options_file: Path
) -> None:
    options_file.write_text("nothing: of this\n", "utf-8")
    session.open_store(quiet=True)
    assert session.store.state.status == "failed"
    assert str(options_file) in session.store.state.problem
    assert session.store.state.path == str(options_file)


def test_no_store_is_a_state_not_a_failure(session: Session, tmp_path: Path) -> None:
    session.open_store(str(tmp_path / "gone"))
    assert session.store.state.status == "failed"
    assert "gone" in session.store.state.problem


def test_without_options_there_is_quietly_no_store(
    session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    session.open_store(quiet=True)
    assert session.store.state.status == "none"


def test_selecting_a_run_offers_what_it_has(session: Session, demo_store: Path) -> None:
    open_run(session, demo_store, "mito_distance")
    assert session.facts is not None
    offer = session.facts.offer
    assert offer.datasets == ("val_west", "val_east", "train")
    assert offer.training == {"train"}
    assert offer.iterations == (300, 600, 900, 1200, 1500)
    assert offer.outputs == {("val_west", 1500): ("threshold_127",)}
    assert (session.selection.dataset, session.selection.iteration) == ("val_west", 1500)


def test_shown_layers_hold_what_is_stored(
    session: Session, viewer: ViewerModel, demo_store: Path
) -> None:
    open_run(session, demo_store, "mito_distance")
    session.show("stacked")
    assert [role for role, _ in roles(viewer)] == ["raw", "gt", "prediction", "segmentation"]
    path = demo_store / "mito_distance" / "validation.zarr" / "1500" / "ds_val_west"
    stored = zarr.open_array(path / "prediction", mode="r")[0]
    np.testing.assert_array_equal(np.asarray(layer(viewer, "prediction").data), stored)
    np.testing.assert_array_equal(np.asarray(layer(viewer, "segmentation").data) > 0, stored > 0)
    assert any("Empty as stored" in note for note in session.screen.notes)


@pytest.mark.parametrize(
    ("parameters", "segmentation", "found", "threshold", "variant"),
    [
        ("0.2", None, "threshold_0.2", 0.2, "stored"),
        ("threshold_0.2", None, "threshold_0.2", 0.2, "stored"),
        ("0.2", "stored", "threshold_0.2", 0.2, "stored"),
        ("0.7", None, "threshold_0.7", 0.7, "computed"),
        ("threshold_0.7", "computed", "threshold_0.7", 0.7, "computed"),
        ("0.2", "computed", "threshold_0.2", 0.2, "computed"),
        (None, "stored", None, -0.2, "stored"),
    ],
)
def test_parameters_that_are_asked_for_are_shown(
    session: Session,
    viewer: ViewerModel,
    stores: Path,
    parameters: str | None,
    segmentation: str | None,
    found: str | None,
    threshold: float,
    variant: str,
) -> None:
    store = stores / "pypi-0.3.5-thresholds"
    open_run(session, store, "dist_thr_shim")
    session.select(iteration=90, parameters=parameters, segmentation=segmentation)
    assert (session.selection.parameters, session.selection.segmentation) == (found, segmentation)
    session.show("stacked")
    folder = store / "dist_thr_shim/validation.zarr/90/ds_iso0_val_a"
    expected = zarr.open_array(folder / "prediction", mode="r")[0] > threshold
    if variant == "stored":
        expected = zarr.open_array(folder / f"output/threshold_{threshold}", mode="r")[0] > 0
    shown = layer(viewer, "segmentation")
    assert shown.metadata[KEY]["variant"] == variant
    np.testing.assert_array_equal(np.asarray(shown.data) > 0, expected)


def test_stepping_exchanges_layers_in_place(
    session: Session, viewer: ViewerModel, demo_store: Path
) -> None:
    open_run(session, demo_store, "mito_distance")
    session.show("stacked")
    prediction, camera = layer(viewer, "prediction"), viewer.scene.camera.zoom
    prediction.contrast_limits = (-0.5, 0.5)
    names = [each.name for each in viewer.layers]
    session.step(-1)
    assert session.selection.iteration == 1200
    assert layer(viewer, "prediction") is prediction
    assert [each.name for each in viewer.layers] == names
    assert dict(roles(viewer))["segmentation"] == 1200
    assert prediction.contrast_limits == [-0.5, 0.5]
    assert viewer.scene.camera.zoom == camera
    session.step(-99)
    assert session.selection.iteration == 300
    session.step(-1)
    assert session.selection.iteration == 300


def test_stepping_shows_nothing_before_the_run_is_opened(
    session: Session, viewer: ViewerModel, demo_store: Path
) -> None:
    open_run(session, demo_store, "mito_distance")
    session.step(-1)
    session.select(dataset="val_east")
    assert len(viewer.layers) == 0
    assert session.selection.iteration == 1200


def test_parameters_change_the_segmentation_only(
    session: Session, viewer: ViewerModel, stores: Path
) -> None:
    open_run(session, stores / "pypi-0.3.5-thresholds", "dist_thr_shim")
    session.show("stacked")
    session.select(parameters="threshold_0.2", segmentation="stored")
    said = layer(viewer, "segmentation").metadata[KEY]
    assert (said["parameters"], said["variant"]) == ("threshold_0.2", "stored")
    session.select(parameters="threshold_0.2", segmentation="computed")
    said = layer(viewer, "segmentation").metadata[KEY]
    assert (said["parameters"], said["variant"]) == ("threshold_0.2", "computed")
    assert len(viewer.layers) == 4


def test_an_iteration_without_a_prediction_leaves_none_of_another_on_screen(
    session: Session, viewer: ViewerModel, demo_store: Path, tmp_path: Path
) -> None:
    store = tmp_path / "demo"
    shutil.copytree(demo_store, store, ignore=shutil.ignore_patterns("cell_affinities"))
    gone = store / "mito_distance" / "validation.zarr" / "900" / "ds_val_west"
    shutil.rmtree(gone / "prediction")
    shutil.rmtree(gone / "output")
    session.open_store(str(store))
    session.select_run("mito_distance")
    session.select(iteration=1200)
    session.show("stacked")
    session.step(-1)
    assert session.selection.iteration == 900
    assert roles(viewer) == [("raw", None), ("gt", None)]
    assert any("900" in note for note in session.screen.notes)
    session.step(-1)
    assert ("prediction", 600) in roles(viewer)


def test_best_iteration_is_said_with_its_doubt(
    session: Session, stores: Path, demo_store: Path
) -> None:
    open_run(session, stores / "pypi-0.3.5-thresholds", "dist_thr_shim")
    iteration, why = session.best_iteration()
    assert iteration == 90
    assert why.startswith("f1_score = 0.868")
    assert len(why) > 40
    open_run(session, demo_store, "mito_distance")
    iteration, why = session.best_iteration()
    assert iteration is None
    assert why.startswith("f1_score is NaN everywhere")


def test_whoever_hears_that_a_run_was_left_sees_the_next_one_selected(
    session: Session, demo_store: Path
) -> None:
    open_run(session, demo_store, "mito_distance")
    seen: list[str | None] = []
    session.facts_changed.connect(lambda: seen.append(session.selection.run))
    session.select_run("cell_affinities")
    session.close_store()
    assert seen == ["cell_affinities", "cell_affinities", None]


def test_a_training_dataset_is_not_carried_to_the_next_run(session: Session, stores: Path) -> None:
    open_run(session, stores / "main", "no_validation")
    assert session.selection.dataset == "iso0_train"
    session.select_run("snapshot")
    assert session.selection.dataset == "iso0_val_a"
    session.select(dataset="iso0_val_b")
    session.select_run("hot_iso0")
    assert session.selection.dataset == "iso0_val_b"


def test_a_broken_run_has_a_reason(
    session: Session, viewer: ViewerModel, stores: Path, tmp_path: Path
) -> None:
    shutil.copytree(stores / "main" / "configs", tmp_path / "configs")
    (tmp_path / "configs" / "runs" / "snapshot.yaml").write_bytes(b"a: [")
    session.open_store(str(tmp_path))
    session.select_run("snapshot")
    assert session.facts is not None
    assert session.facts.run is None
    assert "snapshot.yaml" in session.facts.problem
    session.failed.disconnect()
    told: list[str] = []
    session.failed.connect(told.append)
    session.show("stacked")
    assert told == [session.facts.problem]
    assert len(viewer.layers) == 0


def test_reload_keeps_the_selection(session: Session, demo_store: Path) -> None:
    open_run(session, demo_store, "mito_distance")
    session.select(iteration=600, dataset="val_east")
    wanted = session.selection
    session.reload()
    assert session.selection == wanted
    assert session.facts is not None


def test_reload_reads_what_is_on_screen_again(
    session: Session, viewer: ViewerModel, demo_store: Path, tmp_path: Path
) -> None:
    store = tmp_path / "demo"
    shutil.copytree(demo_store, store, ignore=shutil.ignore_patterns("cell_affinities"))
    open_run(session, store, "mito_distance")
    session.select(iteration=600)
    session.show("side by side")
    stored = store / "mito_distance" / "validation.zarr"
    for part in ("prediction", "output"):
        shutil.rmtree(stored / "600" / "ds_val_west" / part)
        # As if it was written anew: with the time of now.
        shutil.copytree(
            stored / "900" / "ds_val_west" / part,
            stored / "600" / "ds_val_west" / part,
            copy_function=shutil.copyfile,
        )
    session.reload()
    expected = zarr.open_array(stored / "900" / "ds_val_west" / "prediction", mode="r")[0]
    np.testing.assert_array_equal(np.asarray(layer(viewer, "prediction").data), expected)
    assert session.selection.iteration == 600
    assert viewer.canvas.grid.enabled


def test_neuroglancer_shows_steps_and_takes_over_the_view(
    session: Session, viewer: ViewerModel, demo_store: Path, browser: list[str]
) -> None:
    open_run(session, demo_store, "mito_distance")
    session.show("stacked")
    layer(viewer, "raw").opacity = 0.25
    session.use_backend("neuroglancer")
    assert not session.screen.shows(session.selection)
    session.step(-1)
    assert dict(roles(viewer))["prediction"] == 1500
    session.show("side by side")
    backend = session.screen.backend
    assert browser == [backend.url]  # type: ignore[attr-defined]
    assert {v.identity.iteration for v in backend.shown()} == {None, 1200}
    (raw,) = (state for state in backend.get_view().layers if state.slot.count("raw"))
    assert raw.opacity == pytest.approx(0.25)
    session.step(-1)
    assert {v.identity.iteration for v in backend.shown()} == {None, 900}
    assert len(browser) == 1
    session.show("side by side")
    assert len(browser) == 2
    session.close()
    assert backend.closed  # type: ignore[attr-defined]


def test_without_a_browser_the_address_is_told(
    session: Session, demo_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webbrowser, "open", lambda *_: False)
    session.failed.disconnect()
    told: list[str] = []
    session.failed.connect(told.append)
    open_run(session, demo_store, "mito_distance")
    session.use_backend("neuroglancer")
    session.show("stacked")
    assert len(told) == 1
    assert "http://127.0.0.1" in told[0]


def test_closing_a_store_leaves_the_layers(
    session: Session, viewer: ViewerModel, demo_store: Path
) -> None:
    open_run(session, demo_store, "mito_distance")
    session.show("stacked")
    session.close_store()
    assert session.store.state.status == "none"
    assert session.store.rows == ()
    assert session.facts is None
    assert len(viewer.layers) == 4


def test_answers_for_a_run_that_is_no_longer_selected_are_dropped(
    later: tuple[Session, Later], demo_store: Path
) -> None:
    session, start = later
    session.open_store(str(demo_store))
    start.run_all()
    session.select_run("mito_distance")
    session.select_run("cell_affinities")
    start.run(1)
    start.run(0)
    assert session.facts is not None
    assert session.facts.name == "cell_affinities"


def test_opening_waits_for_the_facts_and_only_for_them(
    later: tuple[Session, Later], viewer: ViewerModel, demo_store: Path
) -> None:
    session, start = later
    session.open_store(str(demo_store))
    start.run_all()
    session.select_run("mito_distance")
    session.show("side by side")
    assert session.busy == "Reading mito_distance…"
    start.run_all()
    assert len(viewer.layers) == 4
    assert viewer.canvas.grid.enabled
    assert session.busy == ""


def test_stepping_quickly_shows_the_last_one_only(
    later: tuple[Session, Later], viewer: ViewerModel, demo_store: Path
) -> None:
    session, start = later
    session.open_store(str(demo_store))
    start.run_all()
    session.select_run("mito_distance")
    session.show()
    start.run_all()
    seen: list[Any] = []
    viewer.layers[-1].events.data.connect(lambda: seen.append(session.selection.iteration))
    session.step(-1)
    session.step(-1)
    session.step(-1)
    start.run_all()
    assert dict(roles(viewer))["prediction"] == 600
    assert set(seen) == {600}


def test_cancel_keeps_what_has_arrived(later: tuple[Session, Later], demo_store: Path) -> None:
    session, start = later
    session.open_store(str(demo_store))
    work, callbacks = start.pending.pop()
    answers = work()
    while not session.store.rows:
        callbacks["on_value"](next(answers))
    assert len(session.store.rows) == 1
    assert session.store.listing
    session.cancel()
    for answer in answers:
        callbacks["on_value"](answer)
    callbacks["on_done"]()
    assert len(session.store.rows) == 1
    assert not session.store.listing
    assert session.store.state.status == "open"


def test_cancel_before_a_store_is_there(later: tuple[Session, Later], demo_store: Path) -> None:
    session, start = later
    session.open_store(str(demo_store))
    session.cancel()
    start.run_all()
    assert session.store.state.status == "failed"
    assert session.store.state.problem == "Cancelled."


def test_backends_are_switched_and_disabled_ones_are_not(viewer: ViewerModel, stores: Path) -> None:
    (napari, _) = backend_choices(viewer)
    missing = BackendChoice(
        "neuroglancer", "not installed", False, lambda volumes: None, lambda: pytest.fail("made")
    )
    session = Session((napari, missing))
    session.use_backend("neuroglancer")
    assert session.screen.name == "napari"


def test_nothing_in_a_store_is_written(session: Session, demo_store: Path, tmp_path: Path) -> None:
    store = tmp_path / "demo"
    shutil.copytree(demo_store, store)

    def marks() -> dict[str, tuple[int, int]]:
        return {
            os.path.join(folder, name): (
                (stat := os.stat(os.path.join(folder, name))).st_mtime_ns,
                stat.st_size,
            )
            for folder, folders, files in os.walk(store)
            for name in (*folders, *files)
        }

    before = marks()
    session.open_store(str(store))
    for run in ("mito_distance", "cell_affinities"):
        session.select_run(run)
        session.show("stacked")
        session.step(-1)
    assert marks() == before


def test_errors_are_explained_in_one_line() -> None:
    assert explain(PermissionError(13, "Permission denied", "/a")) == (
        "/a cannot be read: Permission denied."
    )
    assert explain(RuntimeError("odd")) == "RuntimeError: odd"


def test_outputs_that_are_listed_late_do_not_bring_back_an_iteration(
    later: tuple[Session, Later], demo_store: Path
) -> None:
    session, start = later
    session.open_store(str(demo_store))
    start.run_all()
    session.select_run("mito_distance")
    start.run_all()
    session.step(-1)
    session.step(1)
    start.run_all()
    assert session.selection.iteration == 1500
