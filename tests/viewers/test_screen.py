"""What takes whose place on screen, and how it comes back."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import zarr
from tests.viewers.on_screen import Later, layer, open_run, places

from napari_dacapo.viewers.backends import backend_choices
from napari_dacapo.viewers.session import Session

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from napari.components import ViewerModel

    from napari_dacapo.volumes import Volume

KEY = "napari-dacapo"


def test_another_dataset_takes_the_place_of_the_one_on_screen(
    session: Session, viewer: ViewerModel, demo_store: Path, stores: Path
) -> None:
    session.open_store(
        str(demo_store),
        path_map={"/nrs/demo/dacapo-data": str(stores / "data")},
        select="mito_distance",
    )
    session.show("stacked")
    session.select(dataset="val_east")
    assert places(viewer) == {("mito_distance", "val_east")}
    path = demo_store / "mito_distance" / "validation.zarr" / "1500" / "ds_val_east"
    stored = zarr.open_array(path / "prediction", mode="r")[0]
    np.testing.assert_array_equal(np.asarray(layer(viewer, "prediction").data), stored)
    session.select(dataset="train")
    assert places(viewer) == {("mito_distance", "train")}
    session.select(dataset="val_west")
    assert places(viewer) == {("mito_distance", "val_west")}


def test_a_backend_is_made_ready_for_all_that_is_shown(
    viewer: ViewerModel, demo_store: Path
) -> None:
    ready: list[tuple[str, int]] = []

    def prepare(volumes: Sequence[Volume]) -> None:
        ready.extend((volume.role, len(viewer.layers)) for volume in volumes)

    napari, *_ = backend_choices(viewer)
    session = Session([replace(napari, prepare=prepare)])
    open_run(session, demo_store, "mito_distance")
    session.show("stacked")
    assert [role for role, _ in ready] == [layer.metadata[KEY]["role"] for layer in viewer.layers]
    assert ready[0] == ("raw", 0), "before anything is on screen"
    session.close()


def test_another_dataset_is_laid_out_as_the_one_before(
    session: Session, viewer: ViewerModel, demo_store: Path
) -> None:
    open_run(session, demo_store, "mito_distance")
    session.show("side by side")
    session.select(dataset="val_east")
    assert viewer.canvas.grid.enabled
    assert layer(viewer, "gt").contour == 0
    session.show("stacked")
    session.select(dataset="val_west")
    assert not viewer.canvas.grid.enabled


def test_of_datasets_that_are_chosen_in_a_row_the_last_one_is_on_screen(
    later: tuple[Session, Later], viewer: ViewerModel, demo_store: Path, stores: Path
) -> None:
    session, start = later
    path_map = {"/nrs/demo/dacapo-data": str(stores / "data")}
    session.open_store(str(demo_store), path_map=path_map, select="mito_distance", show=True)
    start.run_all()
    session.select(dataset="val_east")
    session.select(dataset="train")
    start.run_all()
    assert places(viewer) == {("mito_distance", "train")}


def test_a_dataset_of_which_nothing_is_there_says_so_and_the_screen_stays(
    session: Session, viewer: ViewerModel, demo_store: Path
) -> None:
    open_run(session, demo_store, "mito_distance")
    session.show("stacked")
    session.failed.disconnect()
    session.select(dataset="train")
    assert places(viewer) == {("mito_distance", "val_west")}
    assert "demo_train.zarr/raw does not exist" in session.screen.notes[0]
    session.select(dataset="val_east")
    assert places(viewer) == {("mito_distance", "val_east")}
    assert not any("demo_train" in note for note in session.screen.notes)


def test_a_dataset_comes_back_as_it_was_left(
    session: Session, viewer: ViewerModel, demo_store: Path
) -> None:
    open_run(session, demo_store, "mito_distance")
    session.show("stacked")
    layer(viewer, "raw").contrast_limits = (0.25, 0.5)
    layer(viewer, "gt").visible = False
    viewer.scene.camera.zoom *= 2
    viewer.dims.set_point(0, 2660)
    zoom, center = viewer.scene.camera.zoom, viewer.scene.camera.center
    session.select(dataset="val_east")
    assert layer(viewer, "raw").contrast_limits == [0, 1]
    session.select(dataset="val_west")
    assert layer(viewer, "raw").contrast_limits == [0.25, 0.5]
    assert not layer(viewer, "gt").visible
    assert viewer.scene.camera.zoom == pytest.approx(zoom)
    assert viewer.scene.camera.center == pytest.approx(center)
    assert viewer.dims.point[0] == pytest.approx(2660)


def test_another_run_takes_the_place_of_all_others_and_of_nothing_else(
    session: Session, viewer: ViewerModel, demo_store: Path
) -> None:
    viewer.add_image(np.zeros((4, 4, 4)), name="my own")
    open_run(session, demo_store, "mito_distance")
    session.show("side by side")
    session.select_run("cell_affinities")
    assert places(viewer) == {("mito_distance", "val_west")}
    session.show("stacked")
    assert {run for run, _ in places(viewer)} == {"cell_affinities"}
    assert "my own" in viewer.layers
    assert not viewer.canvas.grid.enabled


@pytest.mark.long
def test_others_are_kept_for_who_wants_to_compare(
    session: Session, viewer: ViewerModel, demo_store: Path
) -> None:
    session.screen.keeps_others = True
    open_run(session, demo_store, "mito_distance")
    session.show("stacked")
    session.select(dataset="val_east")
    assert places(viewer) == {("mito_distance", "val_west"), ("mito_distance", "val_east")}
    session.select_run("cell_affinities")
    session.show("stacked")
    assert {run for run, _ in places(viewer)} == {"mito_distance", "cell_affinities"}
    session.screen.keeps_others = False
    session.show("stacked")
    assert {run for run, _ in places(viewer)} == {"cell_affinities"}


def test_a_run_that_was_left_side_by_side_comes_back_as_a_stack_as_it_was(
    session: Session, viewer: ViewerModel, demo_store: Path
) -> None:
    open_run(session, demo_store, "mito_distance")
    session.show("stacked")
    layer(viewer, "segmentation").opacity = 0.3
    session.show("side by side")
    session.select_run("cell_affinities")
    session.show("stacked")
    session.select_run("mito_distance")
    session.show("stacked")
    assert layer(viewer, "segmentation").opacity == pytest.approx(0.3)
    assert layer(viewer, "gt").contour > 0
    assert not viewer.canvas.grid.enabled


def test_a_run_is_closed_and_comes_back_as_it_was(
    session: Session, viewer: ViewerModel, demo_store: Path
) -> None:
    viewer.add_image(np.zeros((4, 4, 4)), name="my own")
    open_run(session, demo_store, "mito_distance")
    session.show("stacked")
    layer(viewer, "raw").opacity = 0.5
    told: list[bool] = []
    session.screen.changed.connect(lambda: told.append(session.screen.shows(session.selection)))
    session.close_run()
    assert [each.name for each in viewer.layers] == ["my own"]
    assert (told[-1], session.screen.notes) == (False, ())
    session.step(-1)
    assert len(viewer.layers) == 1
    session.show("stacked")
    assert layer(viewer, "raw").opacity == pytest.approx(0.5)


@pytest.mark.long
def test_all_runs_are_closed(session: Session, viewer: ViewerModel, demo_store: Path) -> None:
    session.screen.keeps_others = True
    for run in ("mito_distance", "cell_affinities"):
        open_run(session, demo_store, run)
        session.show("stacked")
    session.close_all_runs()
    assert len(viewer.layers) == 0


def test_closing_a_run_ends_its_opening(
    later: tuple[Session, Later], viewer: ViewerModel, demo_store: Path
) -> None:
    session, start = later
    session.open_store(str(demo_store))
    start.run_all()
    session.select_run("mito_distance")
    start.run_all()
    session.show("stacked")
    session.close_run()
    start.run_all()
    assert len(viewer.layers) == 0
    assert session.busy == ""


def test_why_nothing_can_be_shown_stays_to_be_read(
    session: Session, viewer: ViewerModel, stores: Path
) -> None:
    open_run(session, stores / "main", "never_trained")
    session.failed.disconnect()
    told: list[str] = []
    session.failed.connect(told.append)
    session.show("stacked")
    assert len(told) == 1
    assert session.screen.notes == tuple(told)
    session.select_run("snapshot")
    assert session.screen.notes == ()


def test_in_neuroglancer_another_run_takes_the_place_of_the_first_which_comes_back_as_it_was(
    session: Session, demo_store: Path, browser: list[str]
) -> None:
    open_run(session, demo_store, "mito_distance")
    session.use_backend("neuroglancer")
    session.show("stacked")
    backend = session.screen.backend
    view = backend.get_view()
    looks = [replace(each, opacity=0.25, visible=False) for each in view.layers]
    backend.set_view(replace(view, layers=tuple(looks), zoom=view.zoom * 2))
    session.select_run("cell_affinities")
    session.show("stacked")
    assert {volume.identity.run for volume in backend.shown()} == {"cell_affinities"}
    session.select_run("mito_distance")
    session.show("stacked")
    assert {volume.identity.run for volume in backend.shown()} == {"mito_distance"}
    again = backend.get_view()
    assert {each.visible for each in again.layers} == {False}
    assert {each.opacity for each in again.layers} == {0.25}
    assert again.zoom == pytest.approx(view.zoom * 2)
    session.close_run()
    assert backend.shown() == []
