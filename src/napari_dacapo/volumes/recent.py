"""What was computed last, kept for those who ask for the same again."""

from __future__ import annotations

from collections import OrderedDict
from concurrent.futures import Future
from threading import Lock
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from numpy.typing import NDArray

__all__ = ["Recent"]


class Recent:
    """Arrays by key, the last ones used; left behind when it is pickled.

    Viewers ask for the same plane or block again and again, from several
    threads. It is computed by the first who asks, while the others wait.

    Parameters
    ----------
    max_bytes : int
        Bytes to keep at most. A larger array is handed out but not kept.
    most : int
        Arrays to keep at most, however small they are.
    """

    def __init__(self, max_bytes: int, most: int = 256) -> None:
        self._max_bytes, self._most = max_bytes, most
        self._arrays: OrderedDict[Hashable, NDArray[Any]] = OrderedDict()
        self._n_bytes = 0
        self._lock = Lock()
        self._running: dict[Hashable, Future[NDArray[Any] | None]] = {}

    def __reduce__(self) -> tuple[type[Recent], tuple[int, int]]:
        return Recent, (self._max_bytes, self._most)

    @property
    def max_bytes(self) -> int:
        """Bytes that may be kept."""
        return self._max_bytes

    @property
    def n_bytes(self) -> int:
        """Size of the arrays that are kept now."""
        return self._n_bytes

    def keys(self) -> list[Hashable]:
        """Return the keys of all arrays that are at hand now."""
        with self._lock:
            return list(self._arrays)

    def peek(self, key: Hashable) -> NDArray[Any] | None:
        """Return an array if it is at hand; never computes or waits."""
        with self._lock:
            array = self._arrays.get(key)
            if array is not None:
                self._arrays.move_to_end(key)
            return array

    def get(self, key: Hashable, compute: Callable[[], NDArray[Any]]) -> NDArray[Any]:
        """Return the array of a key, computed unless it is at hand.

        Parameters
        ----------
        key : hashable
            Stands for the contents.
        compute : callable
            Called once at a time for each key. What it raises is raised to
            whoever called it; those who waited try it themselves, because it
            may have been cancelled on another's behalf.

        Returns
        -------
        numpy.ndarray
            Read-only: it is shared by all who ask for it.
        """
        while True:
            with self._lock:
                if key in self._arrays:
                    self._arrays.move_to_end(key)
                    return self._arrays[key]
                running = self._running.get(key)
                if running is None:
                    mine = self._running[key] = Future()
                    break
            found = running.result()
            if found is not None:
                return found
        array = None
        try:
            # A view, so that whoever made the array may go on writing to it.
            array = compute().view()
            array.flags.writeable = False
            return array
        finally:
            with self._lock:
                del self._running[key]
                if array is not None:
                    self._keep(key, array)
            mine.set_result(array)

    def set_size(self, max_bytes: int) -> None:
        """Change the bound; arrays beyond it are forgotten at once."""
        with self._lock:
            self._max_bytes = max_bytes
            self._trim()

    def clear(self) -> None:
        """Forget all arrays."""
        with self._lock:
            self._arrays.clear()
            self._n_bytes = 0

    def _keep(self, key: Hashable, array: NDArray[Any]) -> None:
        if array.nbytes <= self._max_bytes:
            self._arrays[key] = array
            self._n_bytes += array.nbytes
            self._trim()

    def _trim(self) -> None:
        while self._n_bytes > self._max_bytes or len(self._arrays) > self._most:
            _, dropped = self._arrays.popitem(last=False)
            self._n_bytes -= dropped.nbytes
