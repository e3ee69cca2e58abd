"""Runs whose configs and stats are in MongoDB: the same rows as from files."""

from __future__ import annotations

import pickle
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import yaml

pytest.importorskip("pymongo")
mongomock = pytest.importorskip("mongomock")

from napari_dacapo.errors import StoreNotFoundError, UnsafeFileError  # noqa: E402
from napari_dacapo.options import Options  # noqa: E402
from napari_dacapo.runs import RunWatcher, Store, open_store  # noqa: E402
from napari_dacapo.store import MongoConfigStore, MongoStatsStore  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return float(value) if isinstance(value, float) else value


@pytest.fixture
def in_database() -> Callable[[Path], Store]:
    """Put configs and stats of a store of files into a database; arrays stay where they are."""

    def fill(folder: Path) -> Store:
        client = mongomock.MongoClient()
        for path in (folder / "configs" / "runs").glob("*.yaml"):
            client["dacapo"]["runs"].insert_one(yaml.load(path.read_bytes(), yaml.FullLoader))
        for kind in ("training_stats", "validation_scores"):
            for path in (folder / "stats" / kind).iterdir():
                for record in pickle.loads(path.read_bytes()):
                    client["dacapo"][kind].insert_one(_plain(record))
        options = Options(
            type="mongo", runs_base_dir=folder, mongo_db_name="dacapo",
            mongo_db_host="mongodb://user:secret@server:27017",
        )  # fmt: skip
        store = Store(options)
        store.config_store = MongoConfigStore(options, client)
        store.stats_store = MongoStatsStore(options, client)
        return store

    return fill


def test_rows_are_those_of_the_files(stores: Path, in_database: Callable[[Path], Store]) -> None:
    # Written with numpy 2, whose pickles older numpys do not read.
    folder = stores / "pypi-0.3.5-thresholds"
    rows = [replace(row, last_change=None) for row in in_database(folder).rows()]
    files = [replace(row, last_change=None) for row in open_store(folder).rows()]
    assert rows == files


def test_volumes_are_those_of_the_files(stores: Path, in_database: Callable[[Path], Store]) -> None:
    run = in_database(stores / "pypi-0.3.5-thresholds").run("dist_thr_shim")
    assert [volume.role for volume in run.volumes()] == ["raw", "gt", "prediction", "segmentation"]


@pytest.mark.parametrize("name", ["a\0b", "../elsewhere/run", "/etc", "..", "a//b"])
def test_a_name_that_leads_out_of_the_store_is_a_broken_row(
    stores: Path, in_database: Callable[[Path], Store], tmp_path: Path, name: str
) -> None:
    folder = tmp_path / "store"
    shutil.copytree(stores / "pypi-0.3.5-thresholds", folder)
    (tmp_path / "elsewhere" / "run" / "validation.zarr" / "10" / "ds_a").mkdir(parents=True)
    store = in_database(folder)
    runs = store.config_store._database._client["dacapo"]["runs"]  # type: ignore[attr-defined]
    config = runs.find_one({}, {"_id": False})
    runs.insert_one({**config, "name": name})
    rows = {row.name: row for row in store.rows()}
    assert rows.keys() == {"dist_thr_shim", name}
    assert rows[name].state == "broken"
    assert repr(name) in str(rows[name].problem)
    assert rows[name].last_change is None
    assert rows["dist_thr_shim"].problem is None
    with pytest.raises(UnsafeFileError):
        store.run(name)


@pytest.mark.parametrize("password", ["secret", "se/cret", "se@cret", "se://cret"])
def test_a_label_is_without_password(tmp_path: Path, password: str) -> None:
    options = Options(
        type="mongo", runs_base_dir=tmp_path, mongo_db_name="dacapo",
        mongo_db_host=f"mongodb://user:{password}@server:27017",
    )  # fmt: skip
    assert Store(options).label == "mongodb://server:27017/dacapo"


def test_passwords_are_in_no_name(stores: Path, in_database: Callable[[Path], Store]) -> None:
    store = in_database(stores / "pypi-0.3.5-thresholds")
    assert store.label == "mongodb://server:27017/dacapo"
    assert store.name == "dacapo"
    volumes = store.run("dist_thr_shim").volumes()
    assert not any("secret" in volume.key for volume in volumes)


def test_a_run_in_a_database_is_watched(stores: Path, in_database: Callable[[Path], Store]) -> None:
    store = in_database(stores / "pypi-0.3.5-thresholds")
    watcher = RunWatcher(store.run("dist_thr_shim"))
    kinds = [event.kind for event in watcher.poll()]
    assert (kinds.count("validation"), kinds[-1]) == (4, "finished")
    assert watcher.poll() == []


def test_a_run_in_a_database_stalls_once(
    stores: Path, in_database: Callable[[Path], Store]
) -> None:
    store = in_database(stores / "pypi-0.3.5-thresholds")
    stats = store.stats_store._database._client["dacapo"]["training_stats"]  # type: ignore[attr-defined]
    last = list(stats.find({"iteration": {"$gte": 100}}, {"_id": False}))
    stats.delete_many({"iteration": {"$gte": 100}})
    checkpoints = store.checkpoints
    checkpoints.iterations = lambda name: [30, 60, 90]  # type: ignore[method-assign]
    now = [0.0]
    watcher = RunWatcher(
        store.run("dist_thr_shim"), history=False, stalled_after=100, clock=lambda: now[0]
    )
    told: list[tuple[str, int | None]] = []
    for _ in range(6):
        told += [(event.kind, event.iteration) for event in watcher.poll()]
        now[0] += 60
    assert told == [("stalled", 100)]
    stats.insert_many(last[:10])
    told = [(event.kind, event.iteration) for event in watcher.poll()]
    assert told == [("loss", 110)]
    now[0] += 101
    assert [(event.kind, event.iteration) for event in watcher.poll()] == [("stalled", 110)]


def test_a_database_may_be_out_of_reach_for_a_moment(
    stores: Path, in_database: Callable[[Path], Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    store = in_database(stores / "pypi-0.3.5-thresholds")
    watcher = RunWatcher(store.run("dist_thr_shim"))
    watcher.poll()

    def fail() -> list[str]:
        raise StoreNotFoundError("The database does not answer.")

    with monkeypatch.context() as patch:
        patch.setattr(store.config_store, "retrieve_run_config_names", fail)
        told = [watcher.poll() for _ in range(5)]
    assert [len(events) for events in told] == [0, 0, 1, 0, 0]
    assert "The database does not answer." in told[2][0].message  # type: ignore[attr-defined]
    assert [watcher.poll() for _ in range(3)] == [[], [], []]
