"""Finished blocks of predictions: in memory within a bound, on disk when asked.

A block is known by the name of its prediction, which has the checkpoint's
hash, the raw volume's revision and the tiling in it, and by its place.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from napari_dacapo.volumes.recent import Recent

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

__all__ = ["DISK_BYTES", "BlockCache", "block_cache", "disk_folder", "set_block_cache_size"]

Index = tuple[int, ...]
Key = tuple[str, Index]

_LEAST_MEMORY_BYTES = 512 * 2**20
DISK_BYTES = 8 * 2**30


def disk_folder() -> Path:
    """Return where blocks are kept on disk: in the user's cache folder."""
    import platformdirs

    return Path(platformdirs.user_cache_dir("napari-dacapo", appauthor=False)) / "blocks"


class BlockCache:
    """Blocks by name and place, computed once even if several threads ask.

    Parameters
    ----------
    max_bytes : int, optional
        Bytes to keep in memory; those that were not used longest go first.
        Default: a tenth of this machine's memory, or 512 MiB if that is more.
    """

    def __init__(self, max_bytes: int | None = None) -> None:
        size = _tenth_of_memory() if max_bytes is None else max_bytes
        self._blocks = Recent(size, most=sys.maxsize)

    @property
    def max_bytes(self) -> int:
        """Bytes that may be kept in memory."""
        return self._blocks.max_bytes

    @property
    def n_bytes(self) -> int:
        """Bytes kept in memory now."""
        return self._blocks.n_bytes

    def peek(self, key: Key) -> NDArray[np.float32] | None:
        """Return a block if it is in memory; never computes or waits."""
        return self._blocks.peek(key)

    def places(self, name: str) -> list[Index]:
        """Return the places of the blocks of a prediction that are in memory, in no order."""
        keys = cast("list[Key]", self._blocks.keys())
        return [place for owner, place in keys if owner == name]

    def get(
        self,
        key: Key,
        compute: Callable[[], NDArray[np.float32]],
        *,
        disk: tuple[int, ...] | None = None,
    ) -> NDArray[np.float32]:
        """Return a block (not to be written to) from memory, disk, or by computing it.

        Parameters
        ----------
        key : (str, tuple of int)
            Name of its prediction, and its place.
        compute : callable
            Computes it.
        disk : tuple of int, optional
            Its shape, if it is to be kept on disk; what is there must have it.
        """

        def load_or_compute() -> NDArray[np.float32]:
            block = None if disk is None else _load(key, disk)
            if block is None:
                block = compute()
                if disk is not None:
                    _save(key, block)
            return block

        return self._blocks.get(key, load_or_compute)

    def set_size(self, max_bytes: int) -> None:
        """Change how many bytes are kept; what is beyond goes at once."""
        self._blocks.set_size(max_bytes)

    def clear(self) -> None:
        """Forget all blocks in memory."""
        self._blocks.clear()


def _tenth_of_memory() -> int:
    import psutil

    return max(_LEAST_MEMORY_BYTES, int(psutil.virtual_memory().total // 10))


def _path(key: Key) -> Path:
    name, index = key
    folder = hashlib.sha256(name.encode()).hexdigest()[:40]
    return disk_folder() / folder / ("_".join(map(str, index)) + ".npy")


def _load(key: Key, shape: tuple[int, ...]) -> NDArray[np.float32] | None:
    path = _path(key)
    try:
        # Mapped: what a damaged header claims is compared before any memory is taken for it.
        mapped: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
        if mapped.shape != shape or mapped.dtype != np.float32:
            return None
        block = np.array(mapped)
        os.utime(path)
    except (OSError, ValueError, EOFError, OverflowError, MemoryError):
        return None
    return block


def _save(key: Key, block: NDArray[np.float32]) -> None:
    """Write a block whole or not at all; a full disk only costs the time to compute again."""
    path = _path(key)
    part = path.with_name(f"{path.name}.{os.getpid()}-{threading.get_ident()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as file:
            np.save(file, block, allow_pickle=False)
        part.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            part.unlink()
        return
    _limit_disk(block.nbytes)


_disk_lock = threading.Lock()
_unchecked = DISK_BYTES


def _limit_disk(n_bytes: int) -> None:
    """Delete the blocks that were not used longest, looking only once in a while."""
    global _unchecked
    with _disk_lock:
        _unchecked += n_bytes
        if _unchecked < DISK_BYTES // 16:
            return
        _unchecked = 0
        found = []
        for path in disk_folder().glob("*/*"):
            with contextlib.suppress(OSError):
                status = path.stat()
                found.append((status.st_mtime_ns, status.st_size, path))
        total = sum(size for _, size, _ in found)
        for _, size, path in sorted(found):
            if total <= DISK_BYTES:
                break
            with contextlib.suppress(OSError):
                path.unlink()
            total -= size


block_cache = BlockCache()


def set_block_cache_size(max_bytes: int) -> None:
    """Set how many bytes of predicted blocks this process keeps in memory.

    Parameters
    ----------
    max_bytes : int
        The bound; 0 keeps nothing.
    """
    block_cache.set_size(max_bytes)
