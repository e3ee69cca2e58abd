"""What somebody asked for by name is there, or is said not to be."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import zarr

from napari_dacapo.errors import NapariDacapoError, SelectionError
from napari_dacapo.runs import open_store
from napari_dacapo.runs.selection import volumes_asked_for, volumes_to_show

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from napari_dacapo.runs import Store


def test_nothing_asked_is_what_a_run_shows(open_real: Callable[..., Store]) -> None:
    run = open_real("main").run("dist_aniso")
    found = volumes_asked_for(run).volumes
    assert [volume.key for volume in found] == [volume.key for volume in run.volumes()]
    assert found[-1].identity.variant == "computed", "its stored masks are empty"


def test_parameters_that_are_stored_are_taken_as_they_are_stored_when_preferred(
    open_real: Callable[..., Store],
) -> None:
    run = open_real("main").run("dist_aniso")
    for given in ("threshold_127", "127"):
        volumes = volumes_asked_for(run, parameters=given, prefer_stored=True).volumes
        segmentation = volumes[-1]
        assert segmentation.identity.variant == "stored"
        assert segmentation.source is not None
        stored = zarr.open_array(segmentation.source.path, mode="r")
        np.testing.assert_array_equal(np.asarray(segmentation.data), stored[:])
        assert any("empty" in note for note in segmentation.notes)
    for asked in (
        {"parameters": "threshold_127", "segmentation": "computed", "prefer_stored": True},
        {"parameters": "threshold_0.1", "prefer_stored": True},
        {"parameters": "threshold_127"},
    ):
        computed = volumes_asked_for(run, **asked).volumes[-1]
        assert (computed.identity.variant, computed.source) == ("computed", None)


@pytest.mark.parametrize("prefer_stored", [True, False])
@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"dataset": "nope"}, "no dataset 'nope'; there is: aniso_val"),
        ({"iteration": 99}, "not validated at iteration 99.*: 10, 20"),
        ({"parameters": "nonsense"}, "no parameters 'nonsense'.*stored: threshold_127"),
        (
            {"parameters": "threshold_9", "segmentation": "stored"},
            "threshold_9 is not stored at iteration 20; stored: threshold_127",
        ),
        ({"dataset": "aniso_train", "iteration": 20}, "its training dataset aniso_train"),
        ({"dataset": "aniso_train", "parameters": "a_1"}, "its training dataset aniso_train"),
    ],
)
def test_what_is_not_there_is_said(
    open_real: Callable[..., Store], asked: dict[str, Any], said: str, prefer_stored: bool
) -> None:
    run = open_real("main").run("dist_aniso")
    with pytest.raises(SelectionError, match=said) as raised:
        volumes_asked_for(run, prefer_stored=prefer_stored, **asked)
    assert isinstance(raised.value, NapariDacapoError)


def test_a_training_dataset_has_raw_and_gt(open_real: Callable[..., Store]) -> None:
    run = open_real("main").run("dist_aniso")
    roles = [volume.role for volume in volumes_asked_for(run, dataset="aniso_train").volumes]
    assert roles == ["raw", "gt"]


@pytest.mark.parametrize("kind", ["WrappedArchitectureConfig", "ModelZooConfig", ""])
def test_checkpoints_of_networks_of_others_cannot_predict(
    stores: Path, tmp_path: Path, kind: str
) -> None:
    shutil.copytree(stores / "pypi-0.3.5", tmp_path / "store")
    store = tmp_path / "store"
    shutil.rmtree(store / "dist_same_iso0" / "validation.zarr")
    config = store / "configs" / "runs" / "dist_same_iso0.yaml"
    if kind:
        text = config.read_text().replace("CNNectomeUNetConfig", kind)
        config.write_text(text)
    mapped = {"/nrs/demo/dacapo-data": str(stores / "data")}
    chosen = volumes_to_show(open_store(store, path_map=mapped).run("dist_same_iso0"))
    (said,) = (text for text in chosen.missing if "nothing is stored of dataset" in text)
    assert ("can still predict" in said) == (kind == "")
