"""Stores to read."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from napari_dacapo.options import Options

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def options(stores: Path) -> Callable[[str], Options]:
    """Options of a real store, by its name."""

    def make(name: str) -> Options:
        return Options(
            runs_base_dir=stores / name,
            path_map={"/nrs/demo/dacapo-data": str(stores / "data")},
        )

    return make


@pytest.fixture
def own(stores: Path, tmp_path: Path) -> Options:
    """A copy of the ``main`` store without its arrays, to be changed."""
    shutil.copytree(
        stores / "main", tmp_path / "store", ignore=shutil.ignore_patterns("[0-9]*.[0-9]*")
    )
    return Options(runs_base_dir=tmp_path / "store")
