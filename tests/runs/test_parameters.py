"""Parameters as users name them, against those that real runs stored."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from napari_dacapo.errors import SelectionError
from napari_dacapo.runs import open_store
from napari_dacapo.runs.parameters import find_parameters

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from napari_dacapo.runs import Store

THRESHOLDS = ("pypi-0.3.5-thresholds", "dist_thr_shim", "iso0_val_a", 120)
WATERSHEDS = ("pypi-0.3.5", "affs_same_iso0", "iso0_val_a", 60)
CLASSES = ("pypi-0.3.5", "onehot_iso0", "iso0_val_a", 20)
BIAS = "WatershedPostProcessorParameters(id=2, bias=0.5, context=(32, 32, 32))"
Where = tuple[str, str, str, int]


@pytest.mark.parametrize(
    ("where", "given", "name"),
    [
        (THRESHOLDS, "threshold_0.2", "threshold_0.2"),
        (THRESHOLDS, "0.2", "threshold_0.2"),
        (THRESHOLDS, ".20", "threshold_0.2"),
        (THRESHOLDS, "-0.2", "threshold_-0.2"),
        (THRESHOLDS, "0", "threshold_0.0"),
        (THRESHOLDS, "threshold_0.20", "threshold_0.2"),
        # Not stored, but to be computed with.
        (THRESHOLDS, "0.7", "threshold_0.7"),
        (THRESHOLDS, "threshold_0.7", "threshold_0.7"),
        (THRESHOLDS, "127", "threshold_127"),
        (WATERSHEDS, BIAS, BIAS),
        (WATERSHEDS, "0.5", BIAS),
        (WATERSHEDS, "bias_0.5", BIAS),
        (WATERSHEDS, "0.6", "bias_0.6"),
        (WATERSHEDS, "bias_0.6", "bias_0.6"),
        (CLASSES, "argmax", "ArgmaxPostProcessorParameters(id=1)"),
    ],
)
def test_parameters_are_found(
    open_real: Callable[..., Store], where: Where, given: str, name: str
) -> None:
    store, run, dataset, iteration = where
    assert find_parameters(open_real(store).run(run), dataset, iteration, given) == name


@pytest.mark.parametrize(
    ("where", "given"),
    [
        (THRESHOLDS, "bogus"),
        (THRESHOLDS, ""),
        (THRESHOLDS, "nan"),
        (THRESHOLDS, "inf"),
        (THRESHOLDS, "threshold_"),
        (THRESHOLDS, BIAS),
        (WATERSHEDS, "threshold_0.5"),
        (CLASSES, "0.5"),
    ],
)
def test_others_are_refused_with_what_there_is(
    open_real: Callable[..., Store], where: Where, given: str
) -> None:
    store, run, dataset, iteration = where
    with pytest.raises(SelectionError, match=f"{run}.*{dataset}.*{iteration}") as refused:
        find_parameters(open_real(store).run(run), dataset, iteration, given)
    assert repr(given) in str(refused.value)
    stored = open_real(store).run(run).outputs(dataset, iteration)
    assert stored
    assert all(name in str(refused.value) for name in stored)


def test_what_another_iteration_stored_is_no_mistake(copy_run: Callable[..., Path]) -> None:
    folder = copy_run("pypi-0.3.5-thresholds", "dist_thr_shim")
    outputs = folder / "dist_thr_shim/validation.zarr/30/ds_iso0_val_a/output"
    (outputs / "threshold_0.2").rename(outputs / "odd")
    run = open_store(folder).run("dist_thr_shim")
    assert find_parameters(run, "iso0_val_a", 90, "odd") == "odd"
    with pytest.raises(SelectionError):
        find_parameters(run, "iso0_val_b", 90, "odd")
