from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import zarr
from napari.components import ViewerModel
from napari.utils.notifications import notification_manager

import napari_dacapo
from napari_dacapo.reader import get_reader, read_run

if TYPE_CHECKING:
    from pathlib import Path


def read(path: Path) -> list[Any]:
    reader = get_reader(str(path))
    assert reader is not None
    return reader(str(path))


def said() -> str:
    return "\n".join(record.message for record in notification_manager.records)


@pytest.fixture(autouse=True)
def _quiet() -> None:
    notification_manager.records.clear()


@pytest.mark.parametrize("part", ["", "mito_distance", "mito_distance/validation.zarr"])
def test_stores_runs_and_validations_are_ours(demo_store: Path, part: str) -> None:
    assert get_reader(str(demo_store / part)) is not None


@pytest.mark.parametrize(
    "part",
    ["mito_distance/validation.zarr/1500", "configs", "mito_distance/checkpoints", "gone", "/"],
)
def test_other_folders_are_not(demo_store: Path, part: str) -> None:
    assert get_reader(str(demo_store / part)) is None


def test_foreign_folders_are_not(tmp_path: Path, stores: Path) -> None:
    (tmp_path / "validation.zarr").mkdir()
    (tmp_path / "checkpoints").mkdir()
    assert get_reader(str(tmp_path)) is None
    assert get_reader(str(tmp_path / "validation.zarr")) is None
    assert get_reader(str(stores / "data" / "demo_val.zarr")) is None
    assert get_reader([str(tmp_path)]) is None
    assert get_reader("\0") is None
    assert get_reader("") is None


def test_a_run_becomes_layers(demo_store: Path) -> None:
    layers = read(demo_store / "mito_distance")
    assert [keywords["metadata"]["napari-dacapo"]["role"] for _, keywords, _ in layers] == [
        "raw", "gt", "prediction", "segmentation"
    ]  # fmt: skip
    path = demo_store / "mito_distance" / "validation.zarr" / "1500" / "ds_val_west" / "prediction"
    np.testing.assert_array_equal(np.asarray(layers[2][0]), zarr.open_array(path, mode="r")[0])
    assert said() == ""


def look(keywords: dict[str, Any]) -> dict[str, Any]:
    return {name: keywords[name] for name in ("name", "visible", "blending")}


@pytest.mark.parametrize("run", ["mito_distance", "cell_affinities"])
def test_layers_are_those_of_add_run(demo_store: Path, run: str) -> None:
    viewer = ViewerModel()
    shown = napari_dacapo.add_run(viewer, napari_dacapo.open_store(demo_store).run(run))
    read_layers = [keywords for _, keywords, _ in read(demo_store / run)]
    assert [look(keywords) for keywords in read_layers] == [
        {"name": layer.name, "visible": layer.visible, "blending": str(layer.blending)}
        for layer in shown
    ]


def test_gt_does_not_cover_the_rest_where_nobody_makes_it_a_line(demo_store: Path) -> None:
    for name in ("mito_distance", "cell_affinities"):
        for _, keywords, kind in read(demo_store / name):
            if kind == "labels":
                assert keywords["opacity"] < 0.5
    gt = next(k for _, k, _ in read(demo_store / "cell_affinities") if k["name"].endswith("gt"))
    colors = {tuple(color) for color in gt["colormap"].map(np.arange(1, 20, dtype="u8"))}
    assert len(colors) > 10, "cells cannot be told apart"


def test_missing_parts_go_with_the_layers(demo_store: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    shutil.copytree(demo_store, store)
    shutil.rmtree(store / "mito_distance/validation.zarr/inputs/val_west/gt")
    (_, raw, _), *others = read(store / "mito_distance")
    assert [k["metadata"]["napari-dacapo"]["role"] for _, k, _ in others] == [
        "prediction", "segmentation"
    ]  # fmt: skip
    (reason,) = raw["metadata"]["napari-dacapo"]["run_notes"]
    assert reason.startswith("gt: ")


def test_a_run_with_nothing_to_show_is_a_warning(stores: Path) -> None:
    assert read(stores / "pypi-0.3.5" / "dist_aniso") == [(None,)]
    assert "dist_aniso has nothing to show" in said()
    assert "/nrs/demo/dacapo-data/aniso_val.zarr" in said()
    assert "validations failed" in said()


def test_a_store_opens_the_run_that_changed_last_and_says_so(
    demo_store: Path, tmp_path: Path
) -> None:
    store = tmp_path / "store"
    shutil.copytree(demo_store, store)
    for name, when in (("mito_distance", 2e9), ("cell_affinities", 1e9)):
        for folder, _, files in os.walk(store):
            for file in files:
                path = os.path.join(folder, file)
                if name in path:
                    os.utime(path, (when, when))
    layers = read(store)
    assert {k["metadata"]["napari-dacapo"]["run"] for _, k, _ in layers} == {"mito_distance"}
    assert "mito_distance was opened" in said()
    assert "1 more" in said()


def test_broken_runs_are_a_notification(demo_store: Path, tmp_path: Path) -> None:
    shutil.copytree(demo_store / "configs", tmp_path / "configs")
    (tmp_path / "mito_distance" / "checkpoints").mkdir(parents=True)
    (tmp_path / "configs" / "runs" / "mito_distance.yaml").write_bytes(b"a: [")
    assert read(tmp_path / "mito_distance") == [(None,)]
    assert "mito_distance.yaml" in said()


def test_an_empty_store_is_a_notification(tmp_path: Path) -> None:
    (tmp_path / "configs" / "runs").mkdir(parents=True)
    assert read(tmp_path) == [(None,)]
    assert "No run" in said()


def test_a_watershed_that_takes_long_is_left_out(
    demo_store: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    store = tmp_path / "store"
    shutil.copytree(demo_store, store)
    for output in store.glob("cell_affinities/validation.zarr/*/*/output"):
        shutil.rmtree(output)
    roles = [
        k["metadata"]["napari-dacapo"]["role"] for _, k, _ in read_run(store, "cell_affinities")
    ]
    assert roles[-1] == "segmentation"
    monkeypatch.setattr("napari_dacapo.reader.SLOW", 10)
    layers = read_run(store, "cell_affinities")
    assert [k["metadata"]["napari-dacapo"]["role"] for _, k, _ in layers] == roles[:-1]
    assert "takes a while" in said()
