"""Configs and stats in MongoDB.

``mongomock`` stands for a database with documents in it; ``mockupdb`` serves the
wire protocol over a real socket, so that what is sent can be looked at.
"""

from __future__ import annotations

import pickle
import re
import select
import socket
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import yaml

pytest.importorskip("pymongo")
mongomock = pytest.importorskip("mongomock")
mockupdb = pytest.importorskip("mockupdb")

from napari_dacapo.errors import (  # noqa: E402
    BrokenFileError,
    ConfigNotFoundError,
    OptionsError,
    ReadOnlyError,
    RunNotFoundError,
    StoreNotFoundError,
    UnsafeFileError,
)
from napari_dacapo.options import Options  # noqa: E402
from napari_dacapo.store import (  # noqa: E402
    FileConfigStore,
    FileStatsStore,
    MongoConfigStore,
    MongoStatsStore,
    TrainingIteration,
    create_array_store,
    create_config_store,
    create_stats_store,
    mongo,
)
from napari_dacapo.store.config_store import WRITING as WRITING_CONFIGS  # noqa: E402
from napari_dacapo.store.stats_store import WRITING as WRITING_STATS  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FOLDERS = ("runs", "tasks", "architectures", "trainers", "datasplits")


def _options(folder: Path, host: str = "mongodb://nowhere") -> Options:
    return Options(type="mongo", runs_base_dir=folder, mongo_db_host=host, mongo_db_name="dacapo")


@pytest.fixture(scope="module", params=["main", "pypi-0.3.5"])
def filled(request: pytest.FixtureRequest, stores: Path) -> tuple[Path, Any]:
    """Fill a database with a real store, as DaCapo does."""
    folder = stores / request.param
    client = mongomock.MongoClient()
    database = client["dacapo"]
    for name in FOLDERS:
        for path in (folder / "configs" / name).glob("*.yaml"):
            database[name].insert_one(yaml.load(path.read_bytes(), yaml.FullLoader))
    for kind in ("training_stats", "validation_scores"):
        for path in (folder / "stats" / kind).iterdir():
            # Plain numbers: BSON knows no numpy.
            for record in reversed(pickle.loads(path.read_bytes())):
                database[kind].insert_one(_plain(record))
    return folder, client


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return float(value) if isinstance(value, float) else value


def test_the_same_configs_as_from_files(filled: tuple[Path, Any]) -> None:
    folder, client = filled
    store = MongoConfigStore(_options(folder), client)
    files = FileConfigStore(Options(runs_base_dir=folder))
    for kind in ("run", "task", "architecture", "trainer", "datasplit", "dataset", "array"):
        names = getattr(store, f"retrieve_{kind}_config_names")()
        assert names == getattr(files, f"retrieve_{kind}_config_names")()
        for name in names:
            ours = getattr(store, f"retrieve_{kind}_config")(name)
            theirs = getattr(files, f"retrieve_{kind}_config")(name)
            assert type(ours) is type(theirs)
            fields = type(ours).model_fields
            assert {f: repr(getattr(ours, f)) for f in fields} == {
                f: repr(getattr(theirs, f)) for f in fields
            }
            assert "_id" not in ours.to_dict()
            assert getattr(ours, "problem", None) is None


def test_the_same_stats_as_from_files_in_order(filled: tuple[Path, Any]) -> None:
    folder, client = filled
    store = MongoStatsStore(_options(folder), client)
    files = FileStatsStore(Options(runs_base_dir=folder))
    for path in (folder / "stats" / "training_stats").iterdir():
        stats = store.retrieve_training_stats(path.name)
        assert stats == files.retrieve_training_stats(path.name)
        assert store.last_training_iteration(path.name) == stats[-1]
        assert repr(store.retrieve_validation_iteration_scores(path.name)) == repr(
            files.retrieve_validation_iteration_scores(path.name)
        )


def test_what_is_not_there(tmp_path: Path) -> None:
    client = mongomock.MongoClient()
    configs = MongoConfigStore(_options(tmp_path), client)
    stats = MongoStatsStore(_options(tmp_path), client)
    assert configs.retrieve_run_config_names() == []
    with pytest.raises(RunNotFoundError, match="no run 'x' in mongodb://nowhere/dacapo"):
        configs.retrieve_run_config("x")
    with pytest.raises(ConfigNotFoundError, match="no task config 'x'"):
        configs.retrieve_task_config("x")
    assert stats.retrieve_training_stats("x") == []
    assert stats.retrieve_training_stats("x", subsample=True) == []
    assert stats.retrieve_validation_iteration_scores("x") == []
    assert stats.last_training_iteration("x") is None
    # Neither databases nor indexes were made.
    assert client.list_database_names() == []


def test_repetitions_share_a_name(tmp_path: Path) -> None:
    client = mongomock.MongoClient()
    for repetition in (2, 0, 1):
        client["dacapo"]["runs"].insert_one({"name": "run", "repetition": repetition})
    store = MongoConfigStore(_options(tmp_path), client)
    assert store.retrieve_run_config_names() == ["run"]
    assert store.retrieve_run_config("run").repetition == 0


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"iteration": "x", "loss": 1.0, "time": 1.0},
        {"iteration": 0, "loss": {"a": 1}, "time": 1.0},
        {"iteration": 0, "loss": b"1", "time": 1.0},
    ],
)
def test_documents_of_the_wrong_shape(tmp_path: Path, document: dict[str, Any]) -> None:
    client = mongomock.MongoClient()
    client["dacapo"]["training_stats"].insert_one({"run_name": "run", **document})
    client["dacapo"]["validation_scores"].insert_one({"run_name": "run", "scores": document})
    client["dacapo"]["runs"].insert_many([{"name": 3}, {"x": 1}, {"name": "run", "task_config": 3}])
    stats = MongoStatsStore(_options(tmp_path), client)
    with pytest.raises(BrokenFileError, match="training_stats of run"):
        stats.retrieve_training_stats("run")
    with pytest.raises(BrokenFileError, match="validation_scores of run"):
        stats.retrieve_validation_iteration_scores("run")
    configs = MongoConfigStore(_options(tmp_path), client)
    assert configs.retrieve_run_config_names() == ["run"]
    problem = configs.retrieve_run_config("run").problem
    assert problem is not None
    assert "the task config should be a mapping" in problem


def test_names_are_never_operators(tmp_path: Path) -> None:
    client = mongomock.MongoClient()
    client["dacapo"]["runs"].insert_one({"name": "run"})
    client["dacapo"]["tasks"].insert_one({"name": "task"})
    store = MongoConfigStore(_options(tmp_path), client)
    with pytest.raises(UnsafeFileError, match="is not a name"):
        store.retrieve_run_config({"$ne": ""})  # type: ignore[arg-type]
    with pytest.raises(ConfigNotFoundError):
        store.retrieve_task_config({"$ne": ""})  # type: ignore[arg-type]


@pytest.mark.parametrize("name", [*WRITING_CONFIGS, *WRITING_STATS])
def test_nothing_is_written(tmp_path: Path, name: str) -> None:
    kind = MongoConfigStore if name in WRITING_CONFIGS else MongoStatsStore
    with pytest.raises(ReadOnlyError, match=name):
        getattr(kind(_options(tmp_path), mongomock.MongoClient()), name)("x")


def test_options_decide_which_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    client = mongomock.MongoClient()
    monkeypatch.setattr(mongo, "_client", lambda host: client)
    options = _options(tmp_path)
    assert isinstance(create_config_store(options), MongoConfigStore)
    assert isinstance(create_stats_store(options), MongoStatsStore)
    assert create_array_store(options).path == tmp_path


@pytest.mark.parametrize("field", ["mongo_db_host", "mongo_db_name"])
def test_a_database_must_be_named(tmp_path: Path, field: str) -> None:
    options = _options(tmp_path).model_copy(update={field: None})
    with pytest.raises(OptionsError, match="name no database"):
        MongoStatsStore(options)


@pytest.mark.parametrize("host", ["mongodb://", "http://x", "mongodb://a:b:c", "mongodb://[x"])
def test_addresses_that_make_no_sense(tmp_path: Path, host: str) -> None:
    with pytest.raises(OptionsError, match="no address of a MongoDB server"):
        MongoConfigStore(_options(tmp_path, host))


@pytest.mark.parametrize("scheme", ["mongodb://", "mongodb+srv://", ""])
@pytest.mark.parametrize(
    "password",
    ["qw/xy", "12/34", "qw?xy=1", "qw@xy", "qw:xy", "qw://xy", "qw%zz", "qw[x", "/", "@", "@/12"],
)
def test_nothing_of_a_password_that_is_not_escaped_is_told(
    tmp_path: Path, scheme: str, password: str
) -> None:
    with pytest.raises(OptionsError) as info:
        MongoConfigStore(_options(tmp_path, f"{scheme}me:{password}@server.example:port"))
    message = str(info.value)
    assert f"{scheme or 'mongodb://'}server.example:port " in message
    assert not re.search("me:|qw|xy|12|34|zz", message)


# Over a real socket.


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Serve the wire protocol."""
    # It looks whether it is to stop every second, else.
    hasty = {"select": lambda read, write, other, _: select.select(read, write, other, 0.02)}
    monkeypatch.setattr(mockupdb, "select", SimpleNamespace(**vars(select) | hasty))
    server = mockupdb.MockupDB(auto_ismaster={"maxWireVersion": 21, "minWireVersion": 0})
    server.run()
    yield server
    client = mongo._client(server.uri)
    client.close()
    mongo._client.cache_clear()
    server.stop()


def _answer(request: Any, *documents: dict[str, Any]) -> None:
    collection = request["find"]
    request.ok(cursor={"id": 0, "ns": f"dacapo.{collection}", "firstBatch": list(documents)})


def test_what_is_sent_for_names(server: Any, tmp_path: Path) -> None:
    store = create_config_store(_options(tmp_path, server.uri))
    future = mockupdb.go(store.retrieve_run_config_names)
    request = server.receives(timeout=10)
    assert dict(request.doc)["find"] == "runs"
    assert dict(request.doc)["filter"] == {}
    assert dict(request.doc)["projection"] == {"_id": False, "name": True}
    assert dict(request.doc)["$db"] == "dacapo"
    _answer(request, {"name": "b"}, {"name": "a"}, {"name": "b"})
    assert future() == ["a", "b"]


def test_a_real_run_over_the_wire(server: Any, tmp_path: Path, stores: Path) -> None:
    path = stores / "main/configs/runs/snapshot.yaml"
    store = create_config_store(_options(tmp_path, server.uri))
    future = mockupdb.go(store.retrieve_run_config, "snapshot")
    request = server.receives(timeout=10)
    assert dict(request.doc)["find"] == "runs"
    assert dict(request.doc)["filter"] == {"name": "snapshot"}
    assert dict(request.doc)["limit"] == 1
    assert dict(request.doc)["maxTimeMS"] > 0
    _answer(request, yaml.load(path.read_bytes(), yaml.FullLoader))
    config = future()
    assert config.problem is None
    assert config.architecture_config.input_shape == (24, 24, 24)
    assert config.num_iterations == 20


def test_stats_over_the_wire(server: Any, tmp_path: Path) -> None:
    from bson import Int64

    store = create_stats_store(_options(tmp_path, server.uri))
    future = mockupdb.go(store.retrieve_training_stats, "run")
    request = server.receives(timeout=10)
    assert dict(request.doc)["find"] == "training_stats"
    assert dict(request.doc)["filter"] == {"run_name": "run"}
    assert dict(dict(request.doc)["sort"]) == {"iteration": 1}
    assert dict(request.doc)["projection"] == {
        "_id": False, "iteration": True, "loss": True, "time": True,
    }  # fmt: skip
    # In batches, as a server sends them, and with 64-bit numbers.
    request.ok(
        cursor={
            "id": 7,
            "ns": "dacapo.training_stats",
            "firstBatch": [{"iteration": Int64(0), "loss": 0.5, "time": 0.1}],
        }
    )
    more = server.receives(timeout=10)
    assert dict(more.doc)["getMore"] == 7
    more.ok(
        cursor={
            "id": 0,
            "ns": "dacapo.training_stats",
            "nextBatch": [{"iteration": 1, "loss": 0.25, "time": 0.2}],
        }
    )
    assert future() == [TrainingIteration(0, 0.5, 0.1), TrainingIteration(1, 0.25, 0.2)]


def test_scores_and_last_iteration_over_the_wire(server: Any, tmp_path: Path) -> None:
    store = create_stats_store(_options(tmp_path, server.uri))
    future = mockupdb.go(store.retrieve_validation_iteration_scores, "run")
    request = server.receives(timeout=10)
    assert dict(request.doc)["find"] == "validation_scores"
    assert dict(dict(request.doc)["sort"]) == {"iteration": 1}
    _answer(request, {"iteration": 20, "scores": [[[0.5, float("nan")]], []]})
    (entry,) = future()
    assert (entry.iteration, repr(entry.scores)) == (20, "[[[0.5, nan]], []]")
    future = mockupdb.go(store.last_training_iteration, "run")
    request = server.receives(timeout=10)
    assert dict(dict(request.doc)["sort"]) == {"iteration": -1}
    assert dict(request.doc)["limit"] == 1
    _answer(request, {"iteration": 99, "loss": 0.5, "time": 0.1})
    assert future() == TrainingIteration(99, 0.5, 0.1)


def test_subsampling_is_done_by_the_database(server: Any, tmp_path: Path) -> None:
    store = create_stats_store(_options(tmp_path, server.uri))
    future = mockupdb.go(store.retrieve_training_stats, "run", subsample=True)
    _answer(server.receives(timeout=10), {"iteration": 2499, "loss": 1.0, "time": 0.1})
    request = server.receives(timeout=10)
    assert dict(request.doc)["filter"] == {"run_name": "run", "iteration": {"$mod": [3, 0]}}
    _answer(request, {"iteration": 0, "loss": 1.0, "time": 0.1})
    assert future() == [TrainingIteration(0, 1.0, 0.1)]


def test_only_reading_commands_are_sent(server: Any, tmp_path: Path) -> None:
    sent = set()

    def answer(request: Any) -> bool:
        command = next(iter(request.doc))
        if command in ("ismaster", "isMaster", "hello"):
            return False  # left to the server
        sent.add(command)
        _answer(request)
        return True

    server.autoresponds(mockupdb.Matcher(), answer)
    options = _options(tmp_path, server.uri)
    configs, stats = create_config_store(options), create_stats_store(options)
    for kind in ("run", "task", "architecture", "trainer", "datasplit", "dataset", "array"):
        assert getattr(configs, f"retrieve_{kind}_config_names")() == []
        with pytest.raises(ConfigNotFoundError):
            getattr(configs, f"retrieve_{kind}_config")("x")
    stats.retrieve_training_stats("run")
    stats.retrieve_training_stats("run", subsample=True)
    stats.retrieve_validation_iteration_scores("run")
    stats.last_training_iteration("run")
    assert sent == {"find"}


def test_errors_of_the_server_are_told(server: Any, tmp_path: Path) -> None:
    store = create_config_store(_options(tmp_path, server.uri))
    future = mockupdb.go(store.retrieve_run_config_names)
    server.receives(timeout=10).command_err(code=13, errmsg="not authorized on dacapo")
    with pytest.raises(StoreNotFoundError, match="does not answer: not authorized on dacapo"):
        future()


def test_garbage_from_the_server_is_told(server: Any, tmp_path: Path) -> None:
    store = create_stats_store(_options(tmp_path, server.uri))
    future = mockupdb.go(store.retrieve_training_stats, "run")
    server.receives(timeout=10).ok(cursor={"id": 0, "ns": "dacapo.x", "firstBatch": [{"a": 1}]})
    with pytest.raises(BrokenFileError, match="Record 0"):
        future()


def test_a_server_that_hangs_up_is_told(server: Any, tmp_path: Path) -> None:
    store = create_config_store(_options(tmp_path, server.uri))
    future = mockupdb.go(store.retrieve_run_config_names)
    # Reads are tried once more, as pymongo does.
    for _ in range(2):
        server.receives(timeout=10).hangup()
    with pytest.raises(StoreNotFoundError, match="does not answer"):
        future()


def test_nobody_there_and_no_password_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    monkeypatch.setattr(mongo, "_CONNECT_MS", 200)
    host = f"mongodb://user:secret@127.0.0.1:{port}"
    store = create_config_store(_options(tmp_path, host))
    with pytest.raises(StoreNotFoundError, match="does not answer") as info:
        store.retrieve_run_config_names()
    mongo._client(host).close()
    assert "secret" not in str(info.value)
    assert "secret" not in str(store)
