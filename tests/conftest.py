"""Fixtures that all tests share."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from collections.abc import Iterator

# Slow machines are no reason to fail, and a build does not fail by chance. New examples are found
# with NAPARI_DACAPO_EXPLORE=1.
settings.register_profile(
    "napari-dacapo",
    deadline=None,
    derandomize=not os.environ.get("NAPARI_DACAPO_EXPLORE"),
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("napari-dacapo")

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

    return unpack_store(cache=tmp_path_factory.mktemp("samples"))


@pytest.fixture(autouse=True)
def _isolated_user(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Give each test a home, caches and napari settings of its own."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / ".cache"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / ".config"))
    monkeypatch.setenv("NAPARI_CONFIG", str(home / "settings.yaml"))
    for name in FORGOTTEN:
        monkeypatch.delenv(name, raising=False)


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
    settings._clear_plugin_settings_cache()
    yield
    settings._clear_plugin_settings_cache()
