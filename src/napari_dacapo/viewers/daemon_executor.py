"""A pool of threads that nobody has to wait for.

Python joins the threads of its own ``ThreadPoolExecutor`` before a process
ends. Chunks may take minutes to compute, or for ever to read from a file
server that does not answer; whoever closes the program wants it to end.
"""

from __future__ import annotations

import atexit
import itertools
import threading
import time
import weakref
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["DaemonExecutor"]

P = ParamSpec("P")
T = TypeVar("T")

# What is nearly done may end when the process does: a thread that is stopped in the middle of
# compiled code can take the process down with an error.
_GRACE_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class _Work:
    future: Future[Any]
    function: Callable[[], Any]

    def do(self) -> None:
        if not self.future.set_running_or_notify_cancel():
            return
        try:
            result = self.function()
        except BaseException as error:  # raised by who asks for the result, as futures do
            self.future.set_exception(error)
        else:
            self.future.set_result(result)


class DaemonExecutor(Executor):
    """Runs functions on daemon threads, which are started when they are needed.

    Parameters
    ----------
    max_workers : int
        How many threads there are at most.
    name : str
        What their names begin with.
    """

    def __init__(self, max_workers: int, name: str) -> None:
        if max_workers < 1:
            raise ValueError(f"There must be a thread at least, not {max_workers}.")
        self._max_workers = max_workers  # dask asks for it by this name
        self._names = map(f"{name}_{{}}".format, itertools.count())
        self._queue: SimpleQueue[_Work | None] = SimpleQueue()
        self._idle = threading.Semaphore(0)
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._closed = False
        weakref.finalize(self, self._queue.put, None).atexit = False
        _executors.add(self)

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Let a function be called on one of the threads; see :class:`Executor`.

        Raises
        ------
        RuntimeError
            After :meth:`shutdown`.
        """
        future: Future[T] = Future()
        with self._lock:
            if self._closed:
                raise RuntimeError("This executor was shut down.")
            self._queue.put(_Work(future, lambda: fn(*args, **kwargs)))
            if not self._idle.acquire(blocking=False) and len(self._threads) < self._max_workers:
                thread = threading.Thread(
                    target=_work, args=(self._queue, self._idle), name=next(self._names),
                    daemon=True,
                )  # fmt: skip
                self._threads.append(thread)
                thread.start()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more work; see :meth:`Executor.shutdown`. Threads end when theirs is done."""
        with self._lock:
            self._closed = True
            if cancel_futures:
                self._cancel_waiting()
            self._queue.put(None)
        if wait:
            self.join()

    def join(self, end: float | None = None) -> None:
        """Wait for the threads to end, but no longer than until ``time.monotonic()`` is `end`."""
        for thread in list(self._threads):
            thread.join(None if end is None else max(0.0, end - time.monotonic()))

    def _cancel_waiting(self) -> None:
        while True:
            try:
                work = self._queue.get_nowait()
            except Empty:
                return
            if work is not None:
                work.future.cancel()


def _work(queue: SimpleQueue[_Work | None], idle: threading.Semaphore) -> None:
    """Work until there is no more; knows nothing of the executor, which may be forgotten."""
    while True:
        try:
            work = queue.get_nowait()
        except Empty:
            idle.release()
            work = queue.get()
        if work is None:
            queue.put(None)  # for the next thread
            return
        work.do()
        del work  # what was computed is not kept until the next work comes


_executors: weakref.WeakSet[DaemonExecutor] = weakref.WeakSet()


@atexit.register
def _end() -> None:
    executors = list(_executors)
    for executor in executors:
        executor.shutdown(wait=False, cancel_futures=True)
    end = time.monotonic() + _GRACE_SECONDS
    for executor in executors:
        executor.join(end)
