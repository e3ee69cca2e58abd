"""The files of an array's chunks, looked at before anything opens them.

Whoever made a store can put anything in the place of a chunk: a link to a file
of the reader's, a pipe that blocks for ever, four kilobytes that claim to be two
gigabytes. TensorStore and zarr-python would open them all.
"""

from __future__ import annotations

import os
import stat
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_dacapo.errors import BrokenFileError
from napari_dacapo.volumes.blosc_headers import check_file

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_dacapo.store.paths import Roots
    from napari_dacapo.volumes.array_metadata import ArrayMetadata

__all__ = ["ChunkFiles"]

_MOST_BOXES = 64
_MOST_FOLDERS = 2**16
# Over a network each look takes a round trip: many are made at the same time.
_SERIAL, _THREADS = 256, 16

Cells = range | list[int]


class ChunkFiles:
    """Finds out whether the files of chunks are what they should be.

    Each must be a plain file in the array's folder or, by way of links, in one
    of the allowed folders. What was seen is remembered while the array is
    open: whether it is rewritten is asked for when it is opened again.

    Parameters
    ----------
    array : ArrayMetadata
        Whose files they are.
    roots : Roots
        Where links may lead.
    headers : bool
        Whether to read what Blosc chunks say of their size, too.
    """

    def __init__(self, array: ArrayMetadata, roots: Roots, *, headers: bool) -> None:
        self.folder = str(array.path)
        self.layout = array.files
        self.roots = roots
        self.blosc = array.files.blosc if headers else None
        self.chunk_bytes = prod(array.chunks) * array.dtype.itemsize
        self._forget()

    def _forget(self) -> None:
        self._seen: deque[list[range]] = deque(maxlen=_MOST_BOXES)
        self._folders = {self.folder}

    def __getstate__(self) -> dict[str, Any]:
        return {k: v for k, v in self.__dict__.items() if k not in ("_seen", "_folders")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._forget()

    def check(self, index: Sequence[int | slice]) -> None:
        """Look at the files that a part of the array is read from.

        Parameters
        ----------
        index : sequence of int and slice
            One entry per axis, in the order in which files are named, within
            bounds, steps positive.

        Raises
        ------
        UnsafeFileError
            If one is a link that leads out of the allowed folders.
        BrokenFileError
            If one is no plain file, or holds more than a chunk.
        """
        inner = self.blosc.inner if self.blosc is not None else None
        units = [_cells(i, size) for i, size in zip(index, inner or self.layout.sizes, strict=True)]
        if any(_holds(box, units) for box in reversed(self._seen)):
            return
        cells = units
        if inner is not None:
            cells = [_cells(i, size) for i, size in zip(index, self.layout.sizes, strict=True)]
        files = list(product(*cells))
        if len(files) <= _SERIAL:
            self._look(files, units)
        else:
            size = -(-len(files) // _THREADS)
            parts = [files[start : start + size] for start in range(0, len(files), size)]
            with ThreadPoolExecutor(_THREADS) as pool:
                list(pool.map(self._look, parts, [units] * len(parts)))
        if all(isinstance(unit, range) for unit in units):
            self._seen.append([unit for unit in units if isinstance(unit, range)])

    def _look(self, files: Sequence[tuple[int, ...]], units: Sequence[Cells]) -> None:
        for cell in files:
            name = self.layout.prefix + self.layout.separator.join(map(str, cell))
            path = f"{self.folder}/{name}"
            if self._folder_is_there(path.rpartition("/")[0]):
                self._look_at(path, cell, units)

    def _folder_is_there(self, folder: str) -> bool:
        """Tell whether there is a folder, which must not be a link to elsewhere."""
        if folder in self._folders:
            return True
        if not self._folder_is_there(folder.rpartition("/")[0]):
            return False
        found = self._find(folder)
        if found is None:
            return False
        if not stat.S_ISDIR(found[1]):
            raise BrokenFileError(f"{folder} is no folder.", path=folder)
        if len(self._folders) > _MOST_FOLDERS:
            self._folders = {self.folder}
        self._folders.add(folder)
        return True

    def _look_at(self, path: str, cell: tuple[int, ...], units: Sequence[Cells]) -> None:
        found = self._find(path)
        if found is None:
            return
        if not stat.S_ISREG(found[1]):
            raise BrokenFileError(f"{path} is no plain file.", path=path)
        if self.blosc is None:
            return
        inner, counts = [], []
        for unit, i, size, part in zip(
            units, cell, self.layout.sizes, self.blosc.inner or (), strict=False
        ):
            first, count = i * size // part, size // part
            inner.append([u - first for u in unit if first <= u < first + count])
            counts.append(count)
        try:
            check_file(found[0], self.blosc, self.chunk_bytes, inner, counts)
        except OSError:
            return  # whoever reads it says why that cannot be

    def _find(self, path: str) -> tuple[str, int] | None:
        """Return where a path really leads, and to what kind of thing; None for nothing."""
        try:
            mode = os.lstat(path).st_mode
            if stat.S_ISLNK(mode):
                path = os.path.realpath(self.roots.check(Path(path)))
                mode = os.lstat(path).st_mode
        except OSError:
            return None
        return path, mode


def _cells(entry: int | slice, size: int) -> Cells:
    """Return the files, or chunks, along one axis that a part of it touches."""
    if isinstance(entry, int):
        return range(entry // size, entry // size + 1)
    places = range(entry.start or 0, entry.stop, entry.step or 1)
    if not places:
        return range(0)
    if places.step > size:
        return [place // size for place in places]
    return range(places[0] // size, places[-1] // size + 1)


def _holds(box: Sequence[range], cells: Sequence[Cells]) -> bool:
    return all(
        isinstance(cell, range) and b.start <= cell.start and cell.stop <= b.stop
        for b, cell in zip(box, cells, strict=True)
    )
