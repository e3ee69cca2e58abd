"""What a validation left behind, where folders cannot be looked through."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
from tests.runs.stale import StaleFiles

from napari_dacapo.store.paths import Roots
from napari_dacapo.store.stored_validation import StoredValidation, find_stored

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def folder(stores: Path, tmp_path: Path) -> Path:
    """A validation of two datasets."""
    source = stores / "pypi-0.3.5-thresholds/dist_thr_shim/validation.zarr/30"
    shutil.copytree(source, tmp_path / "30")
    return tmp_path / "30"


@pytest.fixture
def look(folder: Path) -> Callable[[], StoredValidation]:
    return lambda: find_stored(str(folder), 30, Roots([folder.parent]))


@pytest.mark.parametrize(
    ("part", "n_predictions", "n_outputs"),
    [
        ("", 0, 0),
        ("ds_iso0_val_a", 1, 1),
        ("ds_iso0_val_a/prediction", 1, 2),
        ("ds_iso0_val_a/output", 2, 1),
    ],
)
def test_what_cannot_be_read_is_said_and_the_rest_is_found(
    folder: Path,
    look: Callable[[], StoredValidation],
    monkeypatch: pytest.MonkeyPatch,
    part: str,
    n_predictions: int,
    n_outputs: int,
) -> None:
    whole = look()
    assert whole.problem is None
    assert (len(whole.predictions), len(whole.outputs)) == (2, 2)
    stale = StaleFiles(monkeypatch, folder.parent)
    with stale.when(lambda path: part in path):
        found = look()
    assert (len(found.predictions), len(found.outputs)) == (n_predictions, n_outputs)
    assert found.problem is not None
    assert found.problem.passing
    assert str(folder / part) in str(found.problem)
    assert look() == whole


def test_what_is_not_there_is_no_problem(
    folder: Path, look: Callable[[], StoredValidation]
) -> None:
    (folder / "ds_iso0_val_a/prediction/.zarray").unlink()
    shutil.rmtree(folder / "ds_iso0_val_b/output")
    found = look()
    assert found.problem is None
    assert (found.predictions, set(found.outputs)) == ({"ds_iso0_val_b"}, {"ds_iso0_val_a"})
    shutil.rmtree(folder)
    assert look() == StoredValidation(30)
    assert look().problem is None
