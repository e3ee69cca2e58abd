"""Fixtures that all tests share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

# Settings and caches of the person who runs the tests are neither read nor written.
os.environ.setdefault("NAPARI_ENSURE_PLUGIN_MAIN_THREAD", "1")

DATA = Path(__file__).parent / "data"


@pytest.fixture(scope="session")
def stores() -> Path:
    """Folder of real stores (see tests/data/README.md); never written."""
    return DATA / "stores"


@pytest.fixture(autouse=True)
def _isolated_user(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give each test a home, caches and napari settings of its own."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / ".cache"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / ".config"))
    monkeypatch.setenv("NAPARI_CONFIG", str(home / "settings.yaml"))
    for name in ("DACAPO_OPTIONS_FILE", "OPTIONS_FILE", "NAPARI_DACAPO_STORE", "NAPARI_DACAPO_PATH_MAP"):
        monkeypatch.delenv(name, raising=False)
