"""Arrays to read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from napari_dacapo.store.paths import Roots
from napari_dacapo.volumes.chunk_files import ChunkFiles
from napari_dacapo.volumes.metadata import ArrayMetadata, read_metadata
from napari_dacapo.volumes.sources import ZarrSource

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def zarr_source(path: Path) -> ZarrSource:
    """Let zarr-python read an array that TensorStore could read as well."""
    array = read_metadata(path)
    assert isinstance(array, ArrayMetadata)
    return ZarrSource(ChunkFiles(array, Roots([path]), headers=False))


def listing(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Return every path below a folder with its mtime and its bytes."""
    return {
        str(path.relative_to(folder)): (
            path.stat().st_mtime_ns,
            path.read_bytes() if path.is_file() else b"",
        )
        for path in sorted(folder.rglob("*"))
    }


@pytest.fixture(scope="session")
def numbers() -> np.ndarray:
    """A small volume in which every voxel is different."""
    return np.arange(13 * 17 * 19, dtype=np.uint16).reshape(13, 17, 19)


@pytest.fixture
def tree() -> Callable[[Path], dict[str, tuple[int, bytes]]]:
    return listing
