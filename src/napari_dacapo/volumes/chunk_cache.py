"""One chunk cache for the whole process.

Everything that TensorStore reads goes through it, so that the neighbouring
slice, another layer over the same array, and a computation over it all find
the decoded chunks in memory, under one limit.
"""

from __future__ import annotations

import threading
from typing import Any

import tensorstore as ts

__all__ = ["cache_size", "open_store", "set_cache_size", "state"]

_lock = threading.Lock()
_size: int | None = None
_context: ts.Context | None = None
_generation = 0


def cache_size() -> int:
    """Return how many bytes of decoded chunks are kept at most.

    A tenth of this machine's memory, unless :func:`set_cache_size` said otherwise.
    """
    global _size
    with _lock:
        if _size is None:
            import psutil

            _size = int(psutil.virtual_memory().total // 10)
        return _size


def set_cache_size(n_bytes: int | None) -> None:
    """Change the limit of the chunk cache; chunks kept so far are let go.

    Arrays that are open already read through the new cache from now on.

    Parameters
    ----------
    n_bytes : int or None
        Bytes of decoded chunks to keep at most; 0 keeps none, None is the default again.

    Raises
    ------
    ValueError
        If it is negative.
    """
    global _size, _context, _generation
    if n_bytes is not None and n_bytes < 0:
        raise ValueError(f"the chunk cache cannot have {n_bytes} bytes")
    with _lock:
        if n_bytes == _size and _context is not None:
            return
        _size, _context = n_bytes if n_bytes is None else int(n_bytes), None
        _generation += 1


def state() -> tuple[ts.Context, int]:
    """Return TensorStore's context with the cache, and a number that grows with each new cache."""
    global _context
    size = cache_size()
    with _lock:
        if _context is None:
            _context = ts.Context({"cache_pool": {"total_bytes_limit": size}})
        return _context, _generation


def open_store(spec: dict[str, Any]) -> tuple[ts.TensorStore, int]:
    """Open a TensorStore for reading, through the process-wide cache.

    Parameters
    ----------
    spec : dict
        A TensorStore spec as plain JSON values.

    Returns
    -------
    store : tensorstore.TensorStore
        Never writable.
    generation : int
        The cache that it reads through; compare with :func:`state`.
    """
    context, generation = state()
    store = ts.open(spec, context=context, open=True, read=True, write=False).result()
    return store, generation
