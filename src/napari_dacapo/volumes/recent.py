"""What was computed last, kept for those who ask for the same again at once."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from numpy.typing import NDArray

__all__ = ["Recent"]

_MOST = 256


class Recent:
    """A few arrays by key, the last ones used; left behind when it is pickled.

    Viewers ask for a plane several times while a layer is added and looked at.

    Parameters
    ----------
    limit : int
        Bytes to keep at most; never more than 256 arrays.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._size = 0
        self._arrays: OrderedDict[Hashable, NDArray[Any]] = OrderedDict()
        self._lock = Lock()

    def __reduce__(self) -> tuple[type[Recent], tuple[int]]:
        return Recent, (self._limit,)

    def get(self, key: Hashable, compute: Callable[[], NDArray[Any]]) -> NDArray[Any]:
        """Return the array of a key, computed unless it is at hand; not to be written to."""
        with self._lock:
            if key in self._arrays:
                self._arrays.move_to_end(key)
                return self._arrays[key]
        array = compute()
        if array.nbytes > self._limit:
            return array
        array.flags.writeable = False
        with self._lock:
            if key not in self._arrays:
                self._arrays[key] = array
                self._size += array.nbytes
            while self._size > self._limit or len(self._arrays) > _MOST:
                _, dropped = self._arrays.popitem(last=False)
                self._size -= dropped.nbytes
        return array
