"""Stores to read and stores to change."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest

from napari_dacapo.runs import Store, open_store

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CLUSTER = "/nrs/demo/dacapo-data"


@pytest.fixture
def open_real(stores: Path) -> Callable[..., Store]:
    """Open a real store, with or without the original volumes."""

    def open_it(name: str, *, mapped: bool = True) -> Store:
        path_map = {CLUSTER: str(stores / "data")} if mapped else None
        return open_store(stores / name, path_map=path_map)

    return open_it


@pytest.fixture
def copy_run(stores: Path, tmp_path: Path) -> Callable[..., Path]:
    """Copy one run of a real store into a store of its own; return the store's folder."""

    def copy(store: str, run: str, *, name: str | None = None, into: str = "store") -> Path:
        name, target = name or run, tmp_path / into
        config = (stores / store / "configs" / "runs" / f"{run}.yaml").read_text()
        (target / "configs" / "runs").mkdir(parents=True, exist_ok=True)
        (target / "configs" / "runs" / f"{name}.yaml").write_text(
            config.replace(f"\nname: {run}\n", f"\nname: {name}\n")
        )
        for kind in ("training_stats", "validation_scores"):
            source = stores / store / "stats" / kind / run
            if source.exists():
                (target / "stats" / kind).mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, target / "stats" / kind / name)
        if (stores / store / run).exists():
            shutil.copytree(stores / store / run, target / name)
        return target

    return copy


def set_times(folder: Path, seconds: float) -> None:
    """Give everything in a folder, and the folder, one modification time."""
    for path in [*folder.rglob("*"), folder]:
        os.utime(path, (seconds, seconds), follow_symlinks=False)
