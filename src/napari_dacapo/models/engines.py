"""Who does the work: dask's threads in this process, or a dask.distributed cluster."""

from __future__ import annotations

import threading
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from napari_dacapo.errors import NapariDacapoError, PredictionError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

__all__ = ["on_cluster", "on_threads"]

T = TypeVar("T")

# Tasks that a scheduler holds at once, so that its graph stays small.
_BATCH = 1024
_TASKS_PER_THREAD = 2


def on_threads(
    work: Callable[[T], int],
    parts: Sequence[T],
    n_threads: int,
    *,
    cancelled: Callable[[], bool],
) -> Iterator[tuple[T, int]]:
    """Do all parts on threads; yield each with its result as soon as it is done.

    Parameters
    ----------
    work : callable
        What to do with a part.
    parts : sequence
        What is to be done.
    n_threads : int
        Parts that are done at once.
    cancelled : callable
        Asked before each part.
    """
    from queue import SimpleQueue

    from dask.threaded import get

    done: SimpleQueue[tuple[T, int] | BaseException | None] = SimpleQueue()
    stopped = threading.Event()

    def finish(quoted: _Quoted) -> None:
        check_cancelled(lambda: stopped.is_set() or cancelled())
        done.put((quoted.value, work(quoted.value)))

    def work_through(pool: ThreadPoolExecutor) -> None:
        try:
            rest = iter(parts)
            while batch := list(islice(rest, _BATCH)):
                graph = {("part", i): (finish, _Quoted(part)) for i, part in enumerate(batch)}
                get(graph, list(graph), pool=pool, num_workers=n_threads)
            done.put(None)
        except BaseException as error:  # raised by who waits for the parts
            done.put(error)

    with ThreadPoolExecutor(n_threads) as pool, ThreadPoolExecutor(1) as conductor:
        conductor.submit(work_through, pool)
        try:
            while (item := done.get()) is not None:
                if isinstance(item, BaseException):
                    raise item
                yield item
        finally:
            stopped.set()


def on_cluster(
    scheduler: Any,
    work: Callable[..., int],
    parts: Sequence[T],
    *shared: Any,
    cancelled: Callable[[], bool],
    timeout: str = "10s",
) -> Iterator[tuple[T, int]]:
    """Do all parts on the workers of a dask.distributed scheduler.

    Parameters
    ----------
    scheduler : str or distributed.Client
        Its address, or a client of it.
    work : callable
        Called as ``work(part, *shared)``; importable on the workers.
    parts : sequence
        What is to be done.
    *shared : object
        Sent once to every worker.
    cancelled : callable
        Asked after each part.
    timeout : str
        How long to wait for the scheduler to answer.
    """
    import distributed

    # Untyped there.
    connect: Any = distributed.Client
    as_completed: Any = distributed.as_completed
    own = isinstance(scheduler, str)
    try:
        client: Any = connect(scheduler, timeout=timeout) if own else scheduler
    except (OSError, ValueError) as error:
        raise PredictionError(
            f"There is no dask scheduler at {scheduler} ({error}).",
            todo="Start one with `dask scheduler` and `dask worker`.",
        ) from error
    try:
        waiting = deque(parts)
        common = [client.scatter(value, broadcast=True, hash=False) for value in shared]
        running: dict[Any, T] = {}

        def submit() -> Any:
            part = waiting.popleft()
            future = client.submit(work, part, *common, pure=False)
            running[future.key] = part
            return future

        n_threads = sum(client.nthreads().values()) or 1
        n_first = min(len(waiting), _TASKS_PER_THREAD * n_threads)
        sequence = as_completed([submit() for _ in range(n_first)])
        for future in sequence:
            part = running.pop(future.key)
            result = _result(future)
            yield part, result
            check_cancelled(cancelled)
            if waiting:
                sequence.add(submit())
    finally:
        if own:
            client.close()


def _result(future: Any) -> int:
    try:
        return int(future.result())
    except NapariDacapoError:
        raise
    except Exception as error:
        raise PredictionError(
            f"A worker failed: {type(error).__name__}: {str(error)[:300]}",
            todo="Do the workers see raw, checkpoint and output under the same paths, and have "
            "napari-dacapo installed?",
        ) from error


def check_cancelled(cancelled: Callable[[], bool]) -> None:
    """Raise PredictionError if the work is to end."""
    if cancelled():
        raise PredictionError("Cancelled.", todo="What is finished is kept; resume goes on.")


class _Quoted:
    """Keeps dask from looking for tasks in a part."""

    def __init__(self, value: Any) -> None:
        self.value = value
