"""What somebody asked for by name is there, or is said not to be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import zarr

from napari_dacapo.errors import ArrayNotFoundError, ConfigNotFoundError, NapariDacapoError
from napari_dacapo.runs.selection import select_asked

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_dacapo.runs import Store


def test_nothing_asked_is_what_a_run_shows(open_real: Callable[..., Store]) -> None:
    run = open_real("main").run("dist_aniso")
    found = select_asked(run).volumes
    assert [volume.key for volume in found] == [volume.key for volume in run.volumes()]
    assert found[-1].identity.variant == "computed", "its stored masks are empty"


def test_parameters_that_are_stored_are_taken_as_they_are_stored(
    open_real: Callable[..., Store],
) -> None:
    run = open_real("main").run("dist_aniso")
    segmentation = select_asked(run, parameters="threshold_127").volumes[-1]
    assert segmentation.identity.variant == "stored"
    assert segmentation.source is not None
    stored = zarr.open_array(segmentation.source.path, mode="r")
    np.testing.assert_array_equal(np.asarray(segmentation.data), stored[:])
    assert any("empty" in note for note in segmentation.notes)
    computed = select_asked(run, parameters="threshold_127", segmentation="computed").volumes[-1]
    assert computed.identity.variant == "computed"
    other = select_asked(run, parameters="threshold_0.1").volumes[-1]
    assert (other.identity.variant, other.source) == ("computed", None)


@pytest.mark.parametrize(
    ("asked", "error", "said"),
    [
        ({"dataset": "nope"}, ConfigNotFoundError, "no dataset 'nope'; there is: aniso_val"),
        ({"iteration": 99}, ArrayNotFoundError, "at iteration 99; validated iterations: 10, 20"),
        ({"parameters": "nonsense"}, ArrayNotFoundError, "segmentation: .*nonsense"),
        (
            {"parameters": "threshold_9", "segmentation": "stored"}, ArrayNotFoundError,
            "threshold_9 is not stored at iteration 20; stored: threshold_127",
        ),
        ({"dataset": "aniso_train", "iteration": 20}, ArrayNotFoundError, "a training dataset"),
        ({"dataset": "aniso_train", "parameters": "a_1"}, ArrayNotFoundError, "a training"),
    ],
)  # fmt: skip
def test_what_is_not_there_is_said(
    open_real: Callable[..., Store], asked: dict[str, Any], error: type, said: str
) -> None:
    run = open_real("main").run("dist_aniso")
    with pytest.raises(error, match=said) as raised:
        select_asked(run, **asked)
    assert isinstance(raised.value, NapariDacapoError)


def test_a_training_dataset_has_raw_and_gt(open_real: Callable[..., Store]) -> None:
    run = open_real("main").run("dist_aniso")
    roles = [volume.role for volume in select_asked(run, dataset="aniso_train").volumes]
    assert roles == ["raw", "gt"]
