from __future__ import annotations

import numpy as np
import pytest
import zarr
from napari.components import ViewerModel

import napari_dacapo
from napari_dacapo.errors import ArrayNotFoundError
from napari_dacapo.viewers import add_run
from napari_dacapo.viewers.napari.layers import METADATA_KEY, run_layer_data
from napari_dacapo.viewers.napari.legend import LEGEND


@pytest.fixture
def open_run(stores):
    def open_run(store, name):
        path_map = {"/nrs/demo/dacapo-data": str(stores / "data")}
        return napari_dacapo.open_store(stores / store, path_map=path_map).run(name)

    return open_run


def said(layer):
    return layer.metadata[METADATA_KEY]


def test_it_is_public():
    assert napari_dacapo.add_run is add_run


def test_a_run_in_its_place(viewer, open_run, stores):
    layers = add_run(viewer, open_run("main", "dist_aniso"))
    assert list(viewer.layers) == layers
    assert [said(layer)["role"] for layer in layers] == [
        "raw",
        "gt",
        "prediction",
        "segmentation",
    ]
    prediction = layers[2]
    assert prediction.name == "dist_aniso · aniso_val · prediction"
    path = stores / "main/dist_aniso/validation.zarr/20/ds_aniso_val/prediction"
    stored = zarr.open_array(str(path), mode="r")
    np.testing.assert_array_equal(np.asarray(prediction.data), stored[0])
    attrs = dict(stored.attrs)
    corner = prediction.data_to_world((-0.5,) * 3)
    np.testing.assert_allclose(corner, attrs["offset"])
    np.testing.assert_allclose(prediction.scale, attrs["voxel_size"])
    segmentation = layers[3]
    np.testing.assert_array_equal(np.asarray(segmentation.data), stored[0] > 0)
    assert said(segmentation)["variant"] == "computed"
    assert "Empty as stored" in viewer.canvas.overlays[LEGEND].text


def test_another_iteration_keeps_the_layers(viewer, open_run, stores):
    run = open_run("pypi-0.3.5-thresholds", "dist_thr_shim")
    before = add_run(viewer, run, iteration=30)
    after = add_run(viewer, run, iteration=90, parameters="threshold_0.2")
    assert after == before
    folder = stores / "pypi-0.3.5-thresholds/dist_thr_shim/validation.zarr/90/ds_iso0_val_a"
    stored = zarr.open_array(str(folder / "output/threshold_0.2"), mode="r")
    np.testing.assert_array_equal(np.asarray(after[3].data), stored[0])
    assert (said(after[3])["iteration"], said(after[3])["parameters"]) == (90, "threshold_0.2")
    assert "iteration 90" in viewer.canvas.overlays[LEGEND].text


def test_stored_and_computed_take_each_others_place(viewer, open_run):
    run = open_run("pypi-0.3.5-thresholds", "dist_thr_shim")
    stored = add_run(viewer, run, segmentation="stored")
    computed = add_run(viewer, run, segmentation="computed")
    assert stored == computed
    assert said(computed[3])["variant"] == "computed"


def test_datasets_have_layers_of_their_own(viewer, open_run):
    run = open_run("pypi-0.3.5", "affs_same_iso0")
    first = add_run(viewer, run, dataset="iso0_val_a")
    second = add_run(viewer, run, dataset="iso0_val_b")
    assert not set(first) & set(second)
    assert set(viewer.layers) == set(first) | set(second)


def test_affinities_are_named_by_their_offsets(viewer, open_run):
    layers = add_run(viewer, open_run("pypi-0.3.5", "affs_same_iso0"))
    names = [layer.name.split(" · ")[-1] for layer in layers if said(layer)["role"] == "prediction"]
    assert names == [
        "(1, 0, 0)",
        "(0, 1, 0)",
        "(0, 0, 1)",
        "(4, 0, 0)",
        "(0, 4, 0)",
        "(0, 0, 4)",
    ]


def test_class_names_of_a_one_hot_run(viewer, open_run):
    layers = add_run(viewer, open_run("pypi-0.3.5", "onehot_iso0"))
    segmentation = layers[-1]
    assert list(segmentation.features["class"]) == ["bg", "odd", "even"]
    scores = [layer for layer in layers if said(layer)["role"] == "prediction"]
    assert [layer.name.split(" · ")[-1] for layer in scores] == ["bg", "odd", "even"]
    assert not any(layer.visible for layer in scores)


def test_missing_parts_are_said_on_the_canvas(viewer, open_run):
    layers = add_run(viewer, open_run("main", "no_validation"))
    assert [said(layer)["role"] for layer in layers] == ["raw", "gt"]
    add_run(viewer, open_run("pypi-0.3.5", "dist_aniso"))
    assert "validations failed" in " ".join(viewer.canvas.overlays[LEGEND].text.split())


def test_a_run_without_anything_to_show_says_why(viewer, stores):
    store = napari_dacapo.open_store(stores / "main", path_map={})
    with pytest.raises(ArrayNotFoundError, match=r"never_trained.*/nrs/demo/dacapo-data"):
        add_run(viewer, store.run("never_trained"))
    assert not len(viewer.layers)


def test_a_dataset_that_is_not_there(viewer, open_run):
    with pytest.raises(ValueError, match="aniso_val"):
        add_run(viewer, open_run("main", "dist_aniso"), dataset="no such dataset")


@pytest.mark.parametrize("segmentation", [None, "stored", "computed"])
def test_parameters_that_are_not_there(viewer, open_run, segmentation):
    run = open_run("pypi-0.3.5-thresholds", "dist_thr_shim")
    with pytest.raises(ValueError, match=r"'bogus'.*threshold_-0\.2"):
        add_run(viewer, run, parameters="bogus", segmentation=segmentation)
    assert not len(viewer.layers)


def test_a_segmentation_that_is_not_stored_is_said_on_the_canvas(viewer, open_run):
    run = open_run("pypi-0.3.5-thresholds", "dist_thr_shim")
    layers = add_run(viewer, run, parameters="0.7", segmentation="stored")
    assert said(layers[-1])["role"] == "prediction"
    assert "threshold_0.7 is not stored" in viewer.canvas.overlays[LEGEND].text


def test_layer_data_for_a_reader_are_those_layers(open_run):
    run = open_run("main", "dist_aniso")
    viewer = ViewerModel()
    shown = add_run(viewer, run)
    data = run_layer_data(run)
    assert [keywords["name"] for _, keywords, _ in data] == [layer.name for layer in shown]
    assert [kind for _, _, kind in data] == ["image", "labels", "image", "labels"]


def run_names(stores):
    for store in ("pypi-0.3.5", "pypi-0.3.5-thresholds", "main"):
        for path in sorted((stores / store / "configs/runs").glob("*.yaml")):
            yield store, path.stem


@pytest.mark.parametrize("mapped", [True, pytest.param(False, marks=pytest.mark.long)])
def test_every_run_opens_or_says_why_not(stores, mapped):
    path_map = {"/nrs/demo/dacapo-data": str(stores / "data")} if mapped else {}
    failed = {}
    for store, name in run_names(stores):
        viewer = ViewerModel()
        run = napari_dacapo.open_store(stores / store, path_map=path_map).run(name)
        try:
            layers = add_run(viewer, run)
        except ArrayNotFoundError as error:
            failed[store, name] = str(error)
            continue
        assert all(str(unit) == "nanometer" for unit in viewer.layers.units)
        for layer in layers:
            np.asarray(layer.data)
    # What was never validated has only the original arrays.
    old = ("dist_aniso", "dist_same_iso0_resumed", "never_trained", "no_validation")
    never = {("pypi-0.3.5", name) for name in (*old, "snapshot_crash")}
    never |= {("main", "never_trained"), ("main", "no_validation")}
    assert set(failed) == (set() if mapped else never)
    assert all("/nrs/demo/dacapo-data" in reason for reason in failed.values())
