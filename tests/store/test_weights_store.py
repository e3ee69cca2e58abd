"""Where checkpoints are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from napari_dacapo.errors import BrokenFileError, CheckpointError, ReadOnlyError, UnsafeFileError
from napari_dacapo.options import Options
from napari_dacapo.store import CheckpointFiles

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.mark.parametrize("store", ["main", "pypi-0.3.5", "pypi-0.3.5-thresholds"])
def test_checkpoints_of_every_run(
    options: Callable[[str], Options], stores: Path, store: str
) -> None:
    files = CheckpointFiles(options(store))
    for config in (stores / store / "configs" / "runs").iterdir():
        run = config.stem
        folder = stores / store / run / "checkpoints" / "iterations"
        expected = sorted(int(path.name) for path in folder.glob("*"))
        assert files.iterations(run) == expected
        assert files.latest_iteration(run) == (expected[-1] if expected else None)
        for iteration in expected:
            assert files.checkpoint_path(run, iteration) == folder / str(iteration)
            assert files.named_checkpoint(run, str(iteration)) == folder / str(iteration)


def test_what_is_not_there(options: Callable[[str], Options]) -> None:
    files = CheckpointFiles(options("pypi-0.3.5"))
    with pytest.raises(
        CheckpointError, match=r"no checkpoint of iteration 30\. It has: 20, 40, 60"
    ):
        files.checkpoint_path("dist_same_iso0", 30)
    with pytest.raises(CheckpointError, match="It has: none"):
        files.checkpoint_path("never_trained", 30)
    with pytest.raises(CheckpointError, match="no checkpoint 'best'"):
        files.named_checkpoint("dist_same_iso0", "best")
    with pytest.raises(CheckpointError, match="no stored best"):
        files.retrieve_best("dist_same_iso0", "iso0_val_a", "f1_score")
    for iteration in ("20", None, True, 2.0):
        with pytest.raises(CheckpointError, match="no iteration"):
            files.checkpoint_path("dist_same_iso0", iteration)  # type: ignore[arg-type]


@pytest.mark.parametrize("place", ["val/f1.json", "f1/val.json"])
def test_a_stored_best_is_read_either_way_round(tmp_path: Path, place: str) -> None:
    path = tmp_path / "run" / "checkpoints" / place
    path.parent.mkdir(parents=True)
    path.write_text('{"iteration": 40}')
    files = CheckpointFiles(Options(runs_base_dir=tmp_path))
    assert files.retrieve_best("run", "val", "f1") == 40


def test_a_stored_best_without_dataset(tmp_path: Path) -> None:
    path = tmp_path / "run" / "checkpoints" / "f1.json"
    path.parent.mkdir(parents=True)
    path.write_text('{"iteration": 40}')
    assert CheckpointFiles(Options(runs_base_dir=tmp_path)).retrieve_best("run", None, "f1") == 40


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "3", '{"iteration": "40"}', '{"iteration": -1}', '{"iteration": true}', "{}",
     '{"iteration": NaN}', "[" * 60_000, "\ufffe"],
)  # fmt: skip
def test_a_broken_best(tmp_path: Path, text: str) -> None:
    path = tmp_path / "run" / "checkpoints" / "val" / "f1.json"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    with pytest.raises(BrokenFileError, match=r"f1\.json names no iteration"):
        CheckpointFiles(Options(runs_base_dir=tmp_path)).retrieve_best("run", "val", "f1")


@pytest.mark.parametrize("name", ["..", "../x", "/etc/passwd", ""])
def test_names_stay_in_the_store(tmp_path: Path, name: str) -> None:
    files = CheckpointFiles(Options(runs_base_dir=tmp_path))
    calls: list[Callable[[], object]] = [
        lambda: files.iterations(name),
        lambda: files.checkpoint_path(name, 1),
        lambda: files.named_checkpoint("run", name),
        lambda: files.retrieve_best("run", name, "f1"),
        lambda: files.retrieve_best("run", "val", name),
    ]
    for call in calls:
        with pytest.raises(UnsafeFileError):
            call()


def test_a_link_out_of_the_store(tmp_path: Path) -> None:
    folder = tmp_path / "store" / "run" / "checkpoints" / "iterations"
    folder.mkdir(parents=True)
    (tmp_path / "other").write_bytes(b"x")
    (folder / "10").symlink_to(tmp_path / "other")
    with pytest.raises(UnsafeFileError, match="outside the store"):
        CheckpointFiles(Options(runs_base_dir=tmp_path / "store")).checkpoint_path("run", 10)


@pytest.mark.parametrize("name", ["store_weights", "store_best", "remove"])
def test_nothing_is_written(tmp_path: Path, name: str) -> None:
    with pytest.raises(ReadOnlyError, match=name):
        getattr(CheckpointFiles(Options(runs_base_dir=tmp_path)), name)("run", 1)
