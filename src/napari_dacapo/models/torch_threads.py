"""The threads that run networks.

torch's own threads belong to the thread that calls it. Called by many threads
in turn it has a team of them for each, and teams that wait for more to do keep
the cores busy for a while: half of them for nothing. So networks run on few
threads, which stay.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Executor

__all__ = ["network_thread", "run_with_threads_of_caller", "several_network_threads"]

T = TypeVar("T")


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


def run_with_threads_of_caller(
    executor: Executor, function: Callable[..., T], *arguments: Any
) -> T:
    """Call a function on another thread, with as many of torch's threads as the caller has.

    OpenMP remembers a number for each thread, and knows nothing of what was set
    on another one.
    """
    count = torch.get_num_threads()

    def call() -> T:
        if torch.get_num_threads() != count:
            torch.set_num_threads(count)
        return function(*arguments)

    return executor.submit(call).result()
