"""What tells that files of a run have changed, and that they could not be looked at."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from tests.runs.stale import StaleFiles

from napari_dacapo.errors import UnsafeFileError
from napari_dacapo.runs.marks import fingerprint, look_at

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NAME = "affs_same_iso0"


@pytest.fixture
def store(copy_run: Callable[..., Path]) -> Path:
    return copy_run("pypi-0.3.5", NAME)


def test_sizes_and_times_are_those_of_the_files(store: Path) -> None:
    marks = look_at(store, NAME)
    assert not marks.failed
    assert os.path.relpath(marks.config, store) == f"configs/runs/{NAME}.yaml"
    for path, mark in marks.found.items():
        status = os.stat(path)
        assert mark == (status.st_size, status.st_mtime_ns)
    shown = {os.path.relpath(path, store) for path in marks.found}
    # The newest validation is looked at in more detail.
    assert f"{NAME}/validation.zarr/60/ds_iso0_val_a/output" in shown
    assert not any("validation.zarr/20" in path for path in shown)


@pytest.mark.parametrize(
    "path",
    [
        f"configs/runs/{NAME}.yaml", f"stats/training_stats/{NAME}",
        f"stats/validation_scores/{NAME}", f"{NAME}/checkpoints/iterations/80",
        f"{NAME}/validation.zarr/80/ds_iso0_val_a/prediction/.zarray",
        f"{NAME}/validation.zarr/60/ds_iso0_val_b/output/x/.zarray",
    ],
)  # fmt: skip
def test_they_change_with_the_run(store: Path, path: str) -> None:
    before = fingerprint(store, NAME)
    assert before == fingerprint(store, NAME)
    (store / path).parent.mkdir(parents=True, exist_ok=True)
    with open(store / path, "ab") as file:
        file.write(b"more")
    after = fingerprint(store, NAME)
    assert after is not None
    assert after != before


def test_what_is_not_there_is_no_failure(store: Path) -> None:
    (store / "stats/training_stats" / NAME).unlink()
    marks = look_at(store, NAME)
    assert marks.found[f"{store}/stats/training_stats/{NAME}"] is None
    assert not marks.failed
    assert fingerprint(store, NAME) is not None
    (store / "configs/runs" / f"{NAME}.yaml").unlink()
    assert fingerprint(store, NAME) is None
    assert not look_at(store, "nobody").failed


@pytest.mark.parametrize("part", [".yaml", "stats", "validation.zarr", "60/ds_iso0_val_a"])
def test_what_cannot_be_looked_at_is_not_said_to_be_absent(
    store: Path, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    whole = look_at(store, NAME)
    stale = StaleFiles(monkeypatch, store)
    with stale.when(lambda path: part in path):
        marks = look_at(store, NAME)
        assert fingerprint(store, NAME) is None
    assert marks.failed
    assert marks.found.items() <= whole.found.items()
    assert look_at(store, NAME) == whole


def test_names_do_not_lead_out(store: Path) -> None:
    with pytest.raises(UnsafeFileError):
        look_at(store, f"../{store.name}/{NAME}")
    assert fingerprint(store, f"../{store.name}/{NAME}") is None
