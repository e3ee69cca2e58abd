"""Where elements come from: the leaves of every lazy array.

A source has a shape, a dtype and natural blocks (``chunks``) and reads a
basic index. Sources are plain and picklable, so that the same lazy array
works in another process.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from napari_dacapo.errors import ArrayFormatError, ArrayTooLargeError, BrokenFileError
from napari_dacapo.volumes import chunk_cache

if TYPE_CHECKING:
    import tensorstore as ts
    from numpy.typing import NDArray

__all__ = [
    "ConstantSource",
    "Source",
    "TensorStoreSource",
    "TransposedSource",
    "ZarrSource",
    "check_memory",
    "reading",
    "reason_of",
]

_CHECK_ABOVE = 2**28


class Source(Protocol):
    """What a lazy array needs of the thing that holds the elements."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of elements along each axis."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Data type of the elements."""

    @property
    def chunks(self) -> tuple[int, ...]:
        """Shape of what is read at once."""

    def read(self, index: tuple[int | slice, ...]) -> NDArray[Any]:
        """Read; one entry per axis, within bounds, steps positive."""


def check_memory(n_bytes: int, what: str) -> None:
    """Refuse to read more at once than there is free memory.

    Raises
    ------
    ArrayTooLargeError
        Before anything is allocated.
    """
    if n_bytes <= _CHECK_ABOVE:
        return
    import psutil

    free = psutil.virtual_memory().available
    if n_bytes > free:
        raise ArrayTooLargeError(
            f"{what or 'The array'} would need {n_bytes / 2**30:.0f} GiB at once, "
            f"but {free / 2**30:.0f} GiB are free.",
            todo="Look at a part of it, or check that its metadata is right.",
            path=what or None,
        )


class TensorStoreSource:
    """An array that TensorStore reads.

    Parameters
    ----------
    store : tensorstore.TensorStore
        Any open store. It is opened anew, read-only and through the
        process-wide chunk cache, wherever the source is used.
    path : str
        What to call it in messages.
    """

    def __init__(self, store: ts.TensorStore, path: str = "") -> None:
        store = store.translate_to[(0,) * store.ndim]
        self.spec: dict[str, Any] = store.spec(retain_context=False).to_json()
        # Attributes are part of it and may change while the elements stay the same.
        self.spec.pop("metadata", None)
        self.path = path
        self.shape = tuple(int(n) for n in store.shape)
        self.dtype = np.dtype(store.dtype.numpy_dtype)
        chunks = store.chunk_layout.read_chunk.shape or store.shape
        self.chunks = tuple(max(1, int(c or n)) for c, n in zip(chunks, self.shape, strict=True))
        self._opened: tuple[ts.TensorStore, int] | None = None

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_opened": None}

    @property
    def store(self) -> ts.TensorStore:
        """The open TensorStore, reading through the present chunk cache."""
        opened = self._opened
        if opened is None or opened[1] != chunk_cache.state()[1]:
            with reading(self.path):
                opened = self._opened = chunk_cache.open_store(self.spec)
        return opened[0]

    def read(self, index: tuple[int | slice, ...]) -> NDArray[Any]:
        """Read a part; see :class:`Source`."""
        with reading(self.path):
            return np.asarray(self.store[index].read().result())


class ZarrSource:
    """An array whose codecs TensorStore does not know, read by zarr-python.

    Parameters
    ----------
    path : str
        Folder of the array. Its codecs must have been found harmless.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._array: Any = None
        array = self._open()
        self.shape = tuple(int(n) for n in array.shape)
        self.dtype = np.dtype(array.dtype).newbyteorder("=")
        self.chunks = tuple(max(1, int(n)) for n in array.chunks)

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_array": None}

    def _open(self) -> Any:
        if self._array is None:
            import zarr

            with reading(self.path):
                self._array = zarr.open_array(self.path, mode="r")
        return self._array

    def read(self, index: tuple[int | slice, ...]) -> NDArray[Any]:
        """Read a part; see :class:`Source`."""
        array = self._open()
        with reading(self.path):
            return np.asarray(array[index], self.dtype)


@dataclass(frozen=True)
class ConstantSource:
    """An array with one value everywhere; takes no memory."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    chunks: tuple[int, ...]
    value: float = 0

    def read(self, index: tuple[int | slice, ...]) -> NDArray[Any]:
        """Read a part; see :class:`Source`."""
        pairs = zip(index, self.shape, strict=True)
        shape = [len(range(n)[i]) for i, n in pairs if isinstance(i, slice)]
        return np.full(shape, self.value, self.dtype)


@dataclass(frozen=True)
class TransposedSource:
    """A source with its axes in another order: ``order[i]`` is the source's axis at ``i``."""

    source: Source
    order: tuple[int, ...]

    @property
    def path(self) -> str:
        """What to call it in messages."""
        return getattr(self.source, "path", "")

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of elements along each axis."""
        return tuple(self.source.shape[axis] for axis in self.order)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Data type of the elements."""
        return self.source.dtype

    @property
    def chunks(self) -> tuple[int, ...]:
        """Shape of what is read at once."""
        return tuple(self.source.chunks[axis] for axis in self.order)

    def read(self, index: tuple[int | slice, ...]) -> NDArray[Any]:
        """Read a part; see :class:`Source`."""
        inner = [index[self.order.index(axis)] for axis in range(len(index))]
        kept = [axis for axis, entry in enumerate(inner) if isinstance(entry, slice)]
        wanted = [axis for axis in self.order if axis in kept]
        return self.source.read(tuple(inner)).transpose([kept.index(axis) for axis in wanted])


def reason_of(error: Exception) -> str:
    """Return what an error says, without TensorStore's notes to its developers."""
    text = re.split(r" \[(?:source locations|tensorstore_spec)", str(error))[0].strip()
    return text[:500].rstrip(".") + "." if text else f"{type(error).__name__}."


class reading:
    """Turn what a library raises on broken files into this package's errors."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, ArrayFormatError | BrokenFileError):
            return
        if isinstance(error, Exception):
            raise BrokenFileError(
                f"Cannot read {self.path or 'the array'}: {reason_of(error)}",
                todo="If it is being written just now, try again later.",
                path=self.path or None,
            ) from error
