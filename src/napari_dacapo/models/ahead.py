"""Work that is begun before it is asked for, so that a GPU need not wait for raw data."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

__all__ = ["Pipeline", "in_order"]

T = TypeVar("T")
R = TypeVar("R")


class Pipeline(Generic[T, R]):
    """Items whose results are taken in the order in which they were put in.

    Parameters
    ----------
    work : callable
        What is done with an item.
    at_once : int
        Items that are worked on at the same time. With 1, an item is begun
        when its result is taken, on the thread that takes it.
    """

    def __init__(self, work: Callable[[T], R], at_once: int) -> None:
        self._work = work
        self._at_once = at_once
        self._pool = ThreadPoolExecutor(at_once, "napari-dacapo blocks") if at_once > 1 else None
        self._waiting: deque[tuple[T, Future[R] | None]] = deque()

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def is_full(self) -> bool:
        """Whether as many items wait as are worked on at once."""
        return len(self._waiting) >= self._at_once

    def put(self, item: T) -> None:
        """Begin with an item."""
        future = None
        if self._pool is not None:
            # What asks whether the work is still wanted is in the context of the caller.
            future = self._pool.submit(copy_context().run, self._work, item)
        self._waiting.append((item, future))

    def take(self) -> tuple[T, R]:
        """Return the first item and its result, or raise what its work raised.

        Raises
        ------
        IndexError
            If there is none.
        """
        item, future = self._waiting.popleft()
        return item, self._work(item) if future is None else future.result()

    def clear(self) -> None:
        """Forget all items; what is worked on is finished all the same, in silence."""
        for _, future in self._waiting:
            if future is not None:
                future.cancel()
        self._waiting.clear()

    def close(self) -> None:
        """Forget all items, and wait for those that are worked on."""
        self.clear()
        if self._pool is not None:
            self._pool.shutdown()


def in_order(work: Callable[[T], R], items: Iterable[T], at_once: int) -> Iterator[tuple[T, R]]:
    """Yield each item with its result, in order, while the next ones are worked on."""
    pipeline = Pipeline(work, at_once)
    try:
        for item in items:
            if pipeline.is_full:
                yield pipeline.take()
            pipeline.put(item)
        while len(pipeline):
            yield pipeline.take()
    finally:
        pipeline.close()
