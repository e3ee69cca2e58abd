"""Configs of a store of files."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
import yaml

from napari_dacapo.errors import (
    BrokenFileError,
    ConfigNotFoundError,
    ReadOnlyError,
    RunNotFoundError,
    StoreNotFoundError,
    UnsafeFileError,
)
from napari_dacapo.options import Options
from napari_dacapo.store import FileConfigStore, create_config_store
from napari_dacapo.store.config_store import WRITING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

STORES = ["main", "pypi-0.3.5", "pypi-0.3.5-thresholds"]
FOLDERS = {
    "run": "runs",
    "task": "tasks",
    "architecture": "architectures",
    "trainer": "trainers",
    "datasplit": "datasplits",
    "dataset": "datasets",
    "array": "arrays",
}


def test_names_of_runs(options: Callable[[str], Options]) -> None:
    assert create_config_store(options("main")).retrieve_run_config_names() == [
        "dist_aniso",
        "dist_valid_iso",
        "hot_iso0",
        "never_trained",
        "no_validation",
        "snapshot",
    ]


@pytest.mark.parametrize("store", STORES)
@pytest.mark.parametrize("kind", FOLDERS)
def test_every_config_of_every_store(
    options: Callable[[str], Options], stores: Path, store: str, kind: str
) -> None:
    reader = create_config_store(options(store))
    files = {path.stem: path for path in (stores / store / "configs" / FOLDERS[kind]).glob("*")}
    assert getattr(reader, f"retrieve_{kind}_config_names")() == sorted(files)
    for name, path in files.items():
        config = getattr(reader, f"retrieve_{kind}_config")(name)
        expected = yaml.load(path.read_bytes(), yaml.FullLoader)
        assert config.to_dict() == expected
        assert config.name == name
        assert config.type_name == expected.get("__type__", "")
        assert getattr(config, "problem", None) is None


def test_a_run_knows_its_store(options: Callable[[str], Options]) -> None:
    config = create_config_store(options("main")).retrieve_run_config("snapshot")
    assert config.options == options("main")


def test_without_options_the_environment_says_which(
    stores: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NAPARI_DACAPO_STORE", str(stores / "main"))
    assert "snapshot" in create_config_store().retrieve_run_config_names()


def test_what_is_not_there(options: Callable[[str], Options]) -> None:
    store = create_config_store(options("main"))
    with pytest.raises(RunNotFoundError, match=r"no run 'nothing' in .*main"):
        store.retrieve_run_config("nothing")
    with pytest.raises(ConfigNotFoundError, match="no task config 'nothing'"):
        store.retrieve_task_config("nothing")
    assert store.retrieve_dataset_config_names() == []


@pytest.mark.parametrize("kind", FOLDERS)
def test_a_store_that_is_not_there_is_not_empty(tmp_path: Path, kind: str) -> None:
    source = tmp_path / "dacapo.yaml"
    store = FileConfigStore(Options(runs_base_dir=tmp_path / "store", source=source))
    for ask in (
        getattr(store, f"retrieve_{kind}_config_names"),
        lambda: getattr(store, f"retrieve_{kind}_config")("x"),
    ):
        with pytest.raises(StoreNotFoundError, match="is not there") as info:
            ask()
        assert str(tmp_path / "store") in str(info.value)
        assert str(source) in str(info.value)


def test_store_without_any_folder(tmp_path: Path) -> None:
    store = FileConfigStore(Options(runs_base_dir=tmp_path))
    assert store.retrieve_run_config_names() == []
    with pytest.raises(RunNotFoundError):
        store.retrieve_run_config("x")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", WRITING)
def test_nothing_is_written(options: Callable[[str], Options], name: str) -> None:
    store = create_config_store(options("main"))
    with pytest.raises(ReadOnlyError, match=name):
        getattr(store, name)("snapshot")


@pytest.mark.parametrize("name", ["../runs/snapshot", "/etc/passwd", "..", "", "a/../snapshot"])
def test_names_stay_in_the_store(options: Callable[[str], Options], name: str) -> None:
    store = create_config_store(options("main"))
    for kind in FOLDERS:
        with pytest.raises(UnsafeFileError):
            getattr(store, f"retrieve_{kind}_config")(name)


def test_other_files_are_no_runs(own: Options) -> None:
    runs = own.runs_base_dir / "configs" / "runs"
    for name in (".DS_Store", "snapshot.yaml~", "x.yml", ".yaml", "notes.txt"):
        (runs / name).touch()
    (runs / ".hidden").mkdir()
    (runs / ".hidden" / "x.yaml").touch()
    assert len(FileConfigStore(own).retrieve_run_config_names()) == 6


def test_names_with_slashes(own: Options) -> None:
    runs = own.runs_base_dir / "configs" / "runs"
    (runs / "deep" / "er").mkdir(parents=True)
    raw = (runs / "snapshot.yaml").read_text().replace("name: snapshot", "name: deep/er/run")
    (runs / "deep" / "er" / "run.yaml").write_text(raw)
    (runs / "deep" / "loop").symlink_to(runs, target_is_directory=True)
    store = FileConfigStore(own)
    assert store.retrieve_run_config_names()[:1] == ["deep/er/run"]
    assert len(store.retrieve_run_config_names()) == 7
    assert store.retrieve_run_config("deep/er/run").problem is None


def test_names_that_are_no_text(own: Options) -> None:
    runs = os.fsencode(own.runs_base_dir / "configs" / "runs")
    os.rename(runs + b"/snapshot.yaml", runs + b"/\xff\n.yaml")
    store = FileConfigStore(own)
    (name,) = {n for n in store.retrieve_run_config_names() if n.endswith("\n")}
    assert store.retrieve_run_config(name).num_iterations == 20


def test_one_bad_run_leaves_the_others(own: Options, tmp_path: Path) -> None:
    runs = own.runs_base_dir / "configs" / "runs"
    outside = tmp_path / "outside.yaml"
    outside.write_text("name: secret")
    (runs / "empty.yaml").touch()
    (runs / "list.yaml").write_text("- 1")
    whole = (runs / "snapshot.yaml").read_text()
    (runs / "torn.yaml").write_text(whole[:200])
    (runs / "half.yaml").write_text(whole[: whole.index("datasplit_config")])
    (runs / "evil.yaml").write_text("a: !!python/object/apply:os.system ['true']")
    (runs / "binary.yaml").write_bytes(bytes(range(256)))
    (runs / "folder.yaml").mkdir()
    (runs / "link.yaml").symlink_to(outside)
    (runs / "dangling.yaml").symlink_to(runs / "nothing")
    os.mkfifo(runs / "pipe.yaml")
    store = FileConfigStore(own)
    results: dict[str, object] = {}
    for name in store.retrieve_run_config_names():
        try:
            results[name] = store.retrieve_run_config(name)
        except (BrokenFileError, RunNotFoundError) as error:
            results[name] = error
    bad = {"empty", "list", "evil", "binary", "folder", "link", "dangling", "pipe", "torn"}
    assert {name for name, value in results.items() if isinstance(value, Exception)} == bad
    for name in bad - {"dangling"}:
        assert f"{name}.yaml" in str(results[name])
    assert "secret" not in str(results["link"])
    assert isinstance(results["link"], UnsafeFileError)
    assert "may be being written right now" in str(results["torn"])
    # Half a file is often valid YAML; what is missing is said.
    half = store.retrieve_run_config("half")
    assert half.problem is not None
    assert "num_iterations is missing" in half.problem
    assert half.architecture_config.name == "unet_same"


def test_a_mapped_folder_may_be_linked_to(own: Options, tmp_path: Path) -> None:
    runs = own.runs_base_dir / "configs" / "runs"
    other = tmp_path / "other"
    other.mkdir()
    (runs / "snapshot.yaml").rename(other / "snapshot.yaml")
    (runs / "snapshot.yaml").symlink_to(other / "snapshot.yaml")
    with pytest.raises(UnsafeFileError, match="outside the store"):
        FileConfigStore(own).retrieve_run_config("snapshot")
    mapped = own.model_copy(update={"path_map": {str(other): str(other)}})
    assert FileConfigStore(mapped).retrieve_run_config("snapshot").num_iterations == 20
