"""The threads that run networks.

torch's own threads belong to the thread that calls it. Called by many threads
in turn it has a team of them for each, and teams that wait for more to do keep
the cores busy for a while: half of them for nothing. So networks run on few
threads, which stay.
"""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Executor

__all__ = ["network_thread", "several_network_threads", "take_over_thread_count"]

_known = threading.local()


@cache
def network_thread() -> Executor:
    """Return the one thread of this process on which networks run, block after block.

    torch itself uses all cores for one block, and memory is needed for one
    block only.
    """
    return ThreadPoolExecutor(1, "networks of napari-dacapo")


@contextmanager
def several_network_threads(count: int, *, share_cores: bool) -> Iterator[Executor]:
    """Let several networks run at once; a single one runs on :func:`network_thread`.

    Parameters
    ----------
    count : int
        How many.
    share_cores : bool
        Whether they compute on the CPU: then each has its part of the cores.
    """
    if count == 1:
        yield network_thread()
        return
    before = torch.get_num_threads()
    if share_cores:
        torch.set_num_threads(max(1, (os.cpu_count() or 1) // count))
    try:
        with ThreadPoolExecutor(count, "networks of napari-dacapo") as pool:
            yield pool
    finally:
        torch.set_num_threads(before)


def take_over_thread_count() -> None:
    """Let torch use as many threads here as it was told, on whichever thread, to use.

    To be called on a thread before torch computes there: OpenMP remembers a
    number for each thread, and knows nothing of what was set on another.
    """
    count = torch.get_num_threads()
    if getattr(_known, "count", None) != count:
        torch.set_num_threads(count)
        _known.count = count
