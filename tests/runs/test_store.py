"""Stores: opening, listing, and what broken runs do to a list."""

from __future__ import annotations

import errno
import math
import os
import pickle
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import zarr
from tests.runs.conftest import CLUSTER, set_times
from tests.runs.stale import StaleFiles

from napari_dacapo.errors import ArrayNotFoundError, RunNotFoundError, StoreNotFoundError
from napari_dacapo.runs import RunRow, Store, open_store, row_cache

if TYPE_CHECKING:
    from collections.abc import Callable

# name: task, state, iterations done / to do, validated, checkpoints
EXPECTED = {
    "pypi-0.3.5": {
        "affs_same_iso0": ("AffinitiesTask", "finished", 60, 60, (20, 40, 60), (20, 40, 60)),
        "dist_2d": ("DistanceTask", "finished", 20, 20, (10, 20), (10, 20)),
        "dist_aniso": ("DistanceTask", "failed validations", 20, 20, (), (10, 20)),
        "dist_same_iso0": ("DistanceTask", "finished", 60, 60, (20, 40, 60), (20, 40, 60)),
        "dist_same_iso0_resumed": ("DistanceTask", "configured", 0, 20, (), ()),
        "hot_iso0": ("HotDistanceTask", "failed validations", 20, 20, (10, 20), (10, 20)),
        "never_trained": ("DistanceTask", "configured", 0, 20, (), ()),
        "no_validation": ("DistanceTask", "finished", 20, 20, (), (10, 20)),
        "onehot_iso0": ("OneHotTask", "finished", 20, 20, (10, 20), (10, 20)),
        "simple_split": ("AffinitiesTask", "finished", 20, 20, (10, 20), (10, 20)),
        "snapshot_crash": ("DistanceTask", "configured", 0, 60, (), ()),
        "snapshot_nomask": ("DistanceTask", "finished", 60, 60, (20, 40, 60), (20, 40, 60)),
    },
    "pypi-0.3.5-thresholds": {
        "dist_thr_shim": (
            "DistanceTask", "finished", 120, 120, (30, 60, 90, 120), (30, 60, 90, 120),
        ),
    },
    "main": {
        "dist_aniso": ("DistanceTask", "finished", 20, 20, (10, 20), (10, 20)),
        "dist_valid_iso": ("DistanceTask", "finished", 20, 20, (10, 20), (10, 20)),
        "hot_iso0": ("HotDistanceTask", "failed validations", 10, 20, (), (10,)),
        "never_trained": ("DistanceTask", "configured", 0, 20, (), ()),
        "no_validation": ("DistanceTask", "finished", 20, 20, (), (10, 20)),
        "snapshot": ("DistanceTask", "finished", 20, 20, (10, 20), (10, 20)),
    },
}  # fmt: skip
BROKEN = {
    "torn": b"architecture_config:\n  __type__: CNNectomeUNetConfig\n  name: [unet",
    "empty": b"",
    "list": b"- 1\n- 2\n",
    "binary": bytes(range(256)),
    "bomb": b"a: &a [x,x,x,x]\n" + b"b: &b [*a,*a,*a,*a,*a,*a,*a]\n" * 20,
    "malicious": b"name: malicious\ntask_config: !!python/object/apply:os.system ['touch owned']\n",
    "deep": b"[" * 100_000,
}


@pytest.mark.parametrize("store", EXPECTED)
@pytest.mark.parametrize("mapped", [True, False], ids=["with originals", "without originals"])
def test_every_run_has_its_row(
    open_real: Callable[..., Store], copy_run: Callable[..., Path], store: str, mapped: bool
) -> None:
    for name in EXPECTED[store]:
        folder = copy_run(store, name)
    set_times(folder, 1_600_000_000)
    rows = {row.name: row for row in open_store(folder).rows()}
    assert list(rows) == sorted(EXPECTED[store])
    for name, (task, state, done, to_do, validated, checkpoints) in EXPECTED[store].items():
        row = rows[name]
        assert (row.task, row.architecture) == (task, "CNNectomeUNet")
        assert (row.state, row.iteration, row.num_iterations) == (state, done, to_do), name
        assert (row.validated_iterations, row.checkpoints) == (validated, checkpoints), name
        assert (row.loss is None) == (done == 0), name


def test_rows_say_what_is_wrong(open_real: Callable[..., Store]) -> None:
    problems = {row.name: row.problem for row in open_real("pypi-0.3.5").rows() if row.problem}
    assert problems.keys() == {"dist_aniso", "hot_iso0", "snapshot_crash"}
    assert "No validation is complete" in problems["dist_aniso"]
    assert "each evaluation failed" in problems["hot_iso0"]


def test_best_scores_of_rows(open_real: Callable[..., Store]) -> None:
    rows = {row.name: row for row in open_real("pypi-0.3.5-thresholds").rows()}
    best = rows["dist_thr_shim"].best_score
    assert best is not None
    assert (best.criterion, best.iteration, best.parameters) == ("f1_score", 90, "threshold_-0.2")
    # The mean of 0.891 and 0.845, the scores of the two datasets.
    assert best.value == pytest.approx((0.8913 + 0.8453) / 2, abs=1e-3)
    assert "specificity" in best.doubtful
    rows = {row.name: row for row in open_real("pypi-0.3.5").rows()}
    assert rows["dist_same_iso0"].best_score is None, "all of its f1 scores are NaN"
    assert rows["onehot_iso0"].best_score is None, "its scores are random"
    assert rows["hot_iso0"].best_score is None, "it has no scores"
    assert "f1_score is NaN everywhere" in rows["dist_same_iso0"].why_no_best
    assert "random numbers" in rows["onehot_iso0"].why_no_best
    assert rows["hot_iso0"].why_no_best == "No scores are stored."
    assert rows["never_trained"].why_no_best == ""


def test_a_warm_list_equals_the_cold_one(copy_run: Callable[..., Path]) -> None:
    folder = copy_run("pypi-0.3.5", "affs_same_iso0")
    copy_run("pypi-0.3.5", "hot_iso0")
    copy_run("pypi-0.3.5", "dist_aniso")
    set_times(folder, 1_600_000_000)
    cold = list(open_store(folder).rows())
    warm = list(open_store(folder).rows())
    assert warm == cold


def test_the_cache_is_used_and_is_no_part_of_the_store(
    copy_run: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = copy_run("main", "dist_aniso")
    before = sorted(path.relative_to(folder) for path in folder.rglob("*"))
    store = open_store(folder)
    (cold,) = store.rows()

    def unread(name: str) -> None:
        raise AssertionError(f"{name} was read again")

    monkeypatch.setattr(store.config_store, "retrieve_run_config", unread)
    (warm,) = store.rows()
    assert warm == cold
    assert sorted(path.relative_to(folder) for path in folder.rglob("*")) == before


@pytest.mark.parametrize(
    "part", ["checkpoints", "validation.zarr", "validation.zarr/20", "training_stats", "scores"]
)
def test_what_cannot_be_read_for_a_moment_is_not_kept(
    copy_run: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    folder = copy_run("pypi-0.3.5", "affs_same_iso0")
    (right,) = open_store(folder).rows()
    (cache,) = Path(os.environ["XDG_CACHE_HOME"]).rglob("*.json")
    cache.unlink()
    stale = StaleFiles(monkeypatch, folder)
    store = open_store(folder)
    # Silent only after the run was looked up: until then a row could not be kept anyway.
    read = store.config_store.retrieve_run_config
    reading: list[str] = []

    def remember(name: str) -> object:
        reading.append(name)
        return read(name)

    monkeypatch.setattr(store.config_store, "retrieve_run_config", remember)
    with stale.when(lambda path: bool(reading) and part in path):
        (row,) = store.rows()
    assert row != right
    assert "Stale file handle" in str(row.problem)
    assert list(open_store(folder).rows()) == [right]


def test_a_new_checkpoint_shows_in_a_warm_list(copy_run: Callable[..., Path]) -> None:
    folder = copy_run("main", "dist_aniso")
    store = open_store(folder)
    list(store.rows())
    (folder / "dist_aniso" / "checkpoints" / "iterations" / "15").write_bytes(b"")
    (row,) = store.rows()
    assert row.checkpoints == (10, 15, 20)


def test_the_state_of_a_warm_row_goes_with_time(copy_run: Callable[..., Path]) -> None:
    folder = copy_run("main", "hot_iso0")
    set_times(folder, 1_600_000_000)
    (row,) = open_store(folder).rows()
    assert row.state == "failed validations"
    os.utime(folder / "hot_iso0")
    (row,) = open_store(folder).rows()
    assert row.state == "training"


@pytest.mark.parametrize(("store", "iterations"), [("main", 500), ("pypi-0.3.5", 100)])
def test_a_training_between_two_writes_of_its_stats_goes_on(
    copy_run: Callable[..., Path], store: str, iterations: int
) -> None:
    """DaCapo's main branch writes at validations only, 0.3.5 every 100 iterations, too."""
    folder = copy_run(store, "hot_iso0")
    config = folder / "configs" / "runs" / "hot_iso0.yaml"
    text = config.read_text().replace("num_iterations: 20", "num_iterations: 200000")
    config.write_text(text.replace("validation_interval: 10", "validation_interval: 500"))
    stats = [{"iteration": i, "loss": 0.5, "time": 4.0, "run_name": "hot_iso0"} for i in range(20)]
    (folder / "stats" / "training_stats" / "hot_iso0").write_bytes(pickle.dumps(stats))
    quiet = 3 * 4.0 * iterations
    for ago, goes_on in ((quiet - 60, True), (quiet + 60, False)):
        set_times(folder, time.time() - ago)
        (row,) = open_store(folder).rows()
        assert (row.state == "training") == goes_on
        assert open_store(folder).run("hot_iso0").state == row.state


def test_a_broken_config_is_read_once(
    copy_run: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = copy_run("main", "dist_aniso")
    config = folder / "configs" / "runs" / "dist_aniso.yaml"
    whole = config.read_bytes()
    config.write_bytes(whole[:500] + b"\n[")
    store = open_store(folder)
    (cold,) = store.rows()
    assert cold.state == "broken"
    assert str(config) in str(cold.problem)
    retrieve = store.config_store.retrieve_run_config

    def unread(name: str) -> None:
        raise AssertionError(f"{name} was read again")

    monkeypatch.setattr(store.config_store, "retrieve_run_config", unread)
    (warm,) = store.rows()
    assert warm == cold
    monkeypatch.setattr(store.config_store, "retrieve_run_config", retrieve)
    config.write_bytes(whole)
    (mended,) = store.rows()
    assert (mended.state, mended.problem) == ("finished", None)


def test_a_config_that_could_not_be_read_is_tried_again(
    copy_run: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file does not change when its server answers again."""
    folder = copy_run("main", "dist_aniso")
    store = open_store(folder)
    open_file = os.open

    def stale(path: Any, flags: int, *more: Any, **options: Any) -> int:
        if str(path).endswith("dist_aniso.yaml"):
            raise OSError(errno.ESTALE, os.strerror(errno.ESTALE), str(path))
        return open_file(path, flags, *more, **options)

    with monkeypatch.context() as patched:
        patched.setattr(os, "open", stale)
        (row,) = store.rows()
    assert row.state == "broken"
    assert "Stale" in str(row.problem)
    (row,) = store.rows()
    assert row.state == "finished"


def test_rows_of_another_version_are_read_anew(
    copy_run: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = copy_run("main", "dist_aniso")
    list(open_store(folder).rows())
    (cache,) = Path(os.environ["XDG_CACHE_HOME"]).rglob("*.json")
    cache.write_text(cache.read_text().replace('"DistanceTask"', '"OldTask"'))
    assert [row.task for row in open_store(folder).rows()] == ["OldTask"]
    monkeypatch.setattr(row_cache, "__version__", "99.0")
    assert [row.task for row in open_store(folder).rows()] == ["DistanceTask"]


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"version": 1, "rows": 3}', b"\xff\xfe"])
def test_a_broken_cache_costs_time_only(
    copy_run: Callable[..., Path], tmp_path: Path, content: bytes
) -> None:
    folder = copy_run("main", "dist_aniso")
    (cold,) = open_store(folder).rows()
    (cache,) = Path(os.environ["XDG_CACHE_HOME"]).rglob("*.json")
    cache.write_bytes(content)
    (again,) = open_store(folder).rows()
    assert again == cold


def test_a_cache_with_other_fields_costs_time_only(copy_run: Callable[..., Path]) -> None:
    folder = copy_run("main", "dist_aniso")
    (cold,) = open_store(folder).rows()
    (cache,) = Path(os.environ["XDG_CACHE_HOME"]).rglob("*.json")
    cache.write_text(cache.read_text().replace('"loss"', '"lost"'))
    (again,) = open_store(folder).rows()
    assert again == cold


def test_a_cache_that_cannot_be_written_is_done_without(
    copy_run: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = copy_run("main", "dist_aniso")
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert [row.name for row in open_store(folder).rows()] == ["dist_aniso"]


def test_removed_runs_leave_the_list(copy_run: Callable[..., Path]) -> None:
    folder = copy_run("main", "dist_aniso")
    copy_run("main", "never_trained")
    store = open_store(folder)
    assert len(list(store.rows())) == 2
    (folder / "configs" / "runs" / "never_trained.yaml").unlink()
    assert [row.name for row in store.rows()] == ["dist_aniso"]


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_config_is_a_row_among_others(
    copy_run: Callable[..., Path], name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = copy_run("main", "dist_aniso")
    (folder / "configs" / "runs" / f"{name}.yaml").write_bytes(BROKEN[name])
    rows = {row.name: row for row in open_store(folder).rows()}
    assert rows.keys() == {"dist_aniso", name}
    assert rows[name].state == "broken"
    assert name in str(rows[name].problem)
    assert rows["dist_aniso"].state in ("finished", "training")
    assert not (tmp_path / "owned").exists()


@pytest.mark.parametrize("kind", ["training_stats", "validation_scores"])
@pytest.mark.parametrize("damage", ["truncated", "flipped", "empty", "evil", "folder"])
def test_broken_stats_leave_the_run_usable(
    copy_run: Callable[..., Path], kind: str, damage: str, tmp_path: Path
) -> None:
    folder = copy_run("main", "dist_aniso")
    path = folder / "stats" / kind / "dist_aniso"
    content = path.read_bytes()
    path.unlink()
    if damage == "folder":
        path.mkdir()
    else:
        path.write_bytes(
            {
                "truncated": content[: len(content) // 2],
                "flipped": content[:11] + b"\xff" + content[12:],
                "empty": b"",
                "evil": b"cos\nsystem\n(S'touch " + str(tmp_path / "owned").encode() + b"'\ntR.",
            }[damage]
        )
    (row,) = open_store(folder).rows()
    assert str(path) in str(row.problem)
    assert row.checkpoints == (10, 20)
    assert row.iteration == 20, "the checkpoints say so"
    assert row.state == "finished"
    run = open_store(folder).run("dist_aniso")
    assert [volume.role for volume in run.volumes()] == ["raw", "gt", "prediction", "segmentation"]
    assert not (tmp_path / "owned").exists()


def test_names_that_lead_elsewhere_are_not_followed(
    copy_run: Callable[..., Path], tmp_path: Path
) -> None:
    folder = copy_run("main", "dist_aniso", into="store/inner")
    copy_run("main", "dist_valid_iso", into="store")
    store = open_store(folder)
    for name in ("../dist_valid_iso", "/etc/passwd", "", ".", "a/../../dist_valid_iso"):
        with pytest.raises((RunNotFoundError, ValueError)):
            store.run(name)
    outside = tmp_path / "elsewhere"
    outside.mkdir()
    (folder / "configs" / "runs" / "linked.yaml").symlink_to(outside / "secret.yaml")
    (outside / "secret.yaml").write_text("name: linked\n")
    rows = {row.name: row for row in store.rows()}
    assert "linked" not in rows or rows["linked"].state == "broken"


def test_a_run_whose_folders_lead_elsewhere_has_no_time(
    copy_run: Callable[..., Path], tmp_path: Path
) -> None:
    folder = copy_run("main", "never_trained")
    (tmp_path / "elsewhere" / "validation.zarr" / "10").mkdir(parents=True)
    (folder / "never_trained").symlink_to(tmp_path / "elsewhere")
    # Without its ending, the name of this file leads out of the folder of runs.
    shutil.copy(folder / "configs" / "runs" / "never_trained.yaml", folder / "configs/runs/...yaml")
    (dots, row) = open_store(folder).rows()
    assert (dots.name, dots.state, dots.last_change) == ("..", "broken", None)
    assert (row.name, row.state, row.last_change) == ("never_trained", "configured", None)


def test_a_listing_can_be_cancelled(open_real: Callable[..., Store]) -> None:
    seen: list[str] = []
    for row in open_real("pypi-0.3.5").rows(cancelled=lambda: len(seen) == 3):
        seen.append(row.name)
    assert len(seen) == 3
    event = threading.Event()
    rows = open_real("pypi-0.3.5").rows(cancelled=event)
    first = next(rows)
    assert isinstance(first, RunRow)
    event.set()
    assert list(rows) == []


def test_a_cancelled_listing_keeps_what_was_known(copy_run: Callable[..., Path]) -> None:
    folder = copy_run("main", "dist_aniso")
    copy_run("main", "dist_valid_iso")
    store = open_store(folder)
    complete = list(store.rows())
    assert list(store.rows(cancelled=lambda: True)) == []
    assert list(store.rows()) == complete


def test_store_is_a_collection_of_names(open_real: Callable[..., Store]) -> None:
    store = open_real("main")
    assert len(store) == 6
    assert "dist_aniso" in store
    assert "dist_2d" not in store
    assert list(store) == store.run_names() == sorted(EXPECTED["main"])
    assert store.name == "main"
    assert store.label.endswith("stores/main")


def test_unknown_runs_and_stores_are_said(open_real: Callable[..., Store], tmp_path: Path) -> None:
    with pytest.raises(RunNotFoundError, match="no_such_run"):
        open_real("main").run("no_such_run")
    with pytest.raises(StoreNotFoundError):
        open_store(tmp_path)


def test_run_folders_and_containers_lead_to_their_store(stores: Path) -> None:
    for path in ("main/dist_aniso", "main/dist_aniso/validation.zarr"):
        assert "dist_valid_iso" in open_store(stores / path)


def test_a_row_goes_through_plain_values() -> None:
    row = RunRow(name="a", loss=math.inf, validated_iterations=(1, 2), checkpoints=(2,))
    assert RunRow.from_dict(row.as_dict()) == row
    with pytest.raises(TypeError, match="fields"):
        RunRow.from_dict({"name": "a"})


def test_listing_imports_nothing_heavy(stores: Path) -> None:
    code = (
        "import sys\n"
        "from napari_dacapo.runs import open_store\n"
        f"assert len(list(open_store({str(stores / 'pypi-0.3.5')!r}).rows())) == 12\n"
        "heavy = {'tensorstore', 'dask', 'napari', 'torch', 'zarr', 'xarray', 'qtpy', 'scipy'}\n"
        "print(sorted(heavy & sys.modules.keys()))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_files_outside_of_store_and_path_map_are_not_read(
    copy_run: Callable[..., Path], stores: Path, tmp_path: Path
) -> None:
    """A config can name any file of this computer; only the user says which may be read."""
    outside = tmp_path / "outside"
    shutil.copytree(stores / "data" / "iso0_val_a.zarr", outside / "iso0_val_a.zarr")
    store = copy_run("pypi-0.3.5", "dist_same_iso0")
    shutil.rmtree(store / "dist_same_iso0" / "validation.zarr" / "inputs")
    config = store / "configs" / "runs" / "dist_same_iso0.yaml"
    config.write_text(config.read_text().replace(CLUSTER, str(outside)))

    dataset = open_store(store).run("dist_same_iso0").dataset("iso0_val_a")
    with pytest.raises(ArrayNotFoundError, match="path map") as error:
        _ = dataset.raw
    assert f"{outside}={outside}" in str(error.value).replace("/iso0_val_a.zarr", "")

    trusted = open_store(store, path_map={str(outside): str(outside)})
    raw = trusted.run("dist_same_iso0").dataset("iso0_val_a").raw
    expected = zarr.open_array(outside / "iso0_val_a.zarr" / "raw", mode="r")[:] / 255
    np.testing.assert_allclose(np.asarray(raw.data), expected)

    # A link in the store, or ``..``, does not lead out of it either.
    (store / "link.zarr").symlink_to(outside / "iso0_val_a.zarr")
    for name in ("link.zarr", "../outside/iso0_val_a.zarr"):
        config.write_text(
            config.read_text().replace(str(outside / "iso0_val_a.zarr"), str(store / name))
        )
        dataset = open_store(store).run("dist_same_iso0").dataset("iso0_val_a")
        with pytest.raises(ArrayNotFoundError, match="path map"):
            _ = dataset.raw
        config.write_text(
            config.read_text().replace(str(store / name), str(outside / "iso0_val_a.zarr"))
        )
