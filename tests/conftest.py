"""Fixtures that all tests share."""

from __future__ import annotations

import functools
import gc
import gzip
import json
import os
import struct
import tempfile
from itertools import count, product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

EXPLORES = bool(os.environ.get("NAPARI_DACAPO_EXPLORE"))

# Slow machines are no reason to fail, and a build does not fail by chance. New examples are found
# with NAPARI_DACAPO_EXPLORE=1.
settings.register_profile(
    "napari-dacapo",
    deadline=None,
    derandomize=not EXPLORES,
    max_examples=300 if EXPLORES else 40,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("napari-dacapo")

# Networks here are tiny, and several workers share the cores: threads of each would wait for each
# other, also in the processes that tests start.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# A layer touched from a wrong thread is an error here, not a rare crash at a user's.
os.environ.setdefault("NAPARI_ENSURE_PLUGIN_MAIN_THREAD", "1")

# napari reads where its settings are when it is imported, which may be while tests are collected.
os.environ["NAPARI_CONFIG"] = str(Path(tempfile.mkdtemp(prefix="napari-")) / "settings.yaml")

DATA = Path(__file__).parent / "data"
LONG_PAST = 1_700_000_000
FORGOTTEN = (
    "DACAPO_OPTIONS_FILE",
    "OPTIONS_FILE",
    "NAPARI_DACAPO_STORE",
    "NAPARI_DACAPO_PATH_MAP",
    "NAPARI_DACAPO_URL_MAP",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep windows on one worker: those that share a screen take the keyboard from each other."""
    for item in items:
        if item.get_closest_marker("xdist_group"):
            continue
        if item.get_closest_marker("window"):
            item.add_marker(pytest.mark.xdist_group("window"))
        elif item.get_closest_marker("browser"):
            item.add_marker(pytest.mark.xdist_group("browser"))


def pytest_collection_finish() -> None:
    """Spare the garbage collector what stays till the end: modules and thousands of tests."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def stores() -> Path:
    """Folder of real stores (see tests/data/README.md); never written.

    A checkout gives all files the time of the checkout, and runs whose files
    changed just now count as being trained: they get a time long past.
    """
    folder = DATA / "stores"
    for path in folder.rglob("*"):
        if path.stat().st_mtime != LONG_PAST:
            os.utime(path, (LONG_PAST, LONG_PAST))
    return folder


@pytest.fixture(scope="session")
def demo_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The store of the sample runs, as the package ships it; never written."""
    from napari_dacapo.samples import unpack_store

    base = tmp_path_factory.getbasetemp()
    # The folders of all workers are in one, so that what one unpacked is there for the others.
    shared = base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base
    return unpack_store(cache=shared / "caches" / "napari-dacapo")


@pytest.fixture
def user_samples(demo_store: Path, _isolated_user: None, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same store, as a user has it who looked at a sample before."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(demo_store.parents[2]))
    return demo_store


@pytest.fixture(scope="session")
def _homes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Folders that are not there yet; pytest would list all others to find a new one."""
    folder = tmp_path_factory.mktemp("homes")
    return (folder / str(number) for number in count())


@pytest.fixture(autouse=True)
def _isolated_user(_homes: Iterator[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """Give each test a home, caches and napari settings of its own."""
    home = next(_homes)
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / ".cache"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / ".config"))
    monkeypatch.setenv("NAPARI_CONFIG", str(home / "settings.yaml"))
    for name in FORGOTTEN:
        monkeypatch.delenv(name, raising=False)


@functools.cache
def _settings_models() -> Any:
    """What the manifests of plugins declare is the same for all tests, and takes long to read."""
    from napari.settings._plugin_config_generator import plugin_configuration_generator

    return plugin_configuration_generator()


@pytest.fixture
def own_preferences(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """Keep the preferences of each test in a file of its own.

    napari reads where they are once, when it is imported.
    """
    from napari import settings

    folder = tmp_path_factory.mktemp("preferences")
    monkeypatch.setattr(settings, "_CFG_PATH", str(folder / "settings.yaml"))
    monkeypatch.setattr(settings, "plugin_configuration_generator", _settings_models)
    settings._clear_plugin_settings_cache()
    yield
    settings._clear_plugin_settings_cache()


def make_zarr(path: Path, data: np.ndarray, **options: Any) -> Path:
    """Write an array with zarr-python; v2 with ``/`` unless told otherwise."""
    import zarr

    attributes = options.pop("attributes", None)
    options = {"chunks": tuple(max(1, n // 3 + 1) for n in data.shape), "zarr_format": 2} | options
    if options["zarr_format"] == 2:
        options.setdefault("chunk_key_encoding", {"name": "v2", "separator": "/"})
    zarr.create_array(path, data=data, attributes=attributes, **options)
    return path


def make_n5(
    path: Path, data: np.ndarray, block: tuple[int, ...], attributes: dict[str, Any]
) -> Path:
    """Write an N5 array byte by byte, as its specification says (x first, big endian)."""
    path.mkdir(parents=True)
    metadata = {
        "dimensions": list(data.shape[::-1]),
        "blockSize": list(block[::-1]),
        "dataType": data.dtype.name,
        "compression": {"type": "gzip"},
    }
    (path / "attributes.json").write_text(json.dumps(metadata | attributes))
    for cell in product(*(range(-(-n // b)) for n, b in zip(data.shape, block, strict=True))):
        part = data[tuple(slice(c * b, (c + 1) * b) for c, b in zip(cell, block, strict=True))]
        header = struct.pack(f">HH{part.ndim}I", 0, part.ndim, *part.shape[::-1])
        chunk = path.joinpath(*map(str, cell[::-1]))
        chunk.parent.mkdir(parents=True, exist_ok=True)
        swapped = np.ascontiguousarray(part).astype(part.dtype.newbyteorder(">"))
        chunk.write_bytes(header + gzip.compress(swapped.tobytes()))
    return path


@pytest.fixture
def write_zarr() -> Callable[..., Path]:
    return make_zarr


@pytest.fixture
def write_n5() -> Callable[..., Path]:
    return make_n5
