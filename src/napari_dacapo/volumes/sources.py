"""Where elements come from: the leaves of every lazy array.

A source has a shape, a dtype and natural blocks (``chunks``) and reads a
basic index. Sources are plain and picklable, so that the same lazy array
works in another process.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from napari_dacapo.errors import ArrayFormatError, BrokenFileError
from napari_dacapo.volumes import chunk_cache
from napari_dacapo.volumes.limits import check_decoding, count_chunks

if TYPE_CHECKING:
    import tensorstore as ts
    from numpy.typing import NDArray

    from napari_dacapo.volumes.chunk_files import ChunkFiles

__all__ = [
    "ConstantSource",
    "Source",
    "TensorStoreSource",
    "TransposedSource",
    "ZarrSource",
    "reading",
    "reason_of",
]


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


class TensorStoreSource:
    """An array that TensorStore reads.

    Parameters
    ----------
    store : tensorstore.TensorStore
        An open array. It is opened anew, read-only and through the
        process-wide chunk cache, wherever the source is used.
    files : ChunkFiles
        Looks at the files of its chunks before they are read.
    """

    def __init__(self, store: ts.TensorStore, files: ChunkFiles) -> None:
        self.spec: dict[str, Any] = store.spec(retain_context=False).to_json()
        # Attributes are part of it and may change while the elements stay the same.
        self.spec.pop("metadata", None)
        self.files = files
        self.path = files.folder
        self.shape = tuple(int(n) for n in store.shape)
        self.dtype = np.dtype(store.dtype.numpy_dtype)
        chunks = store.chunk_layout.read_chunk.shape or store.shape
        self.chunks = tuple(max(1, int(c or n)) for c, n in zip(chunks, self.shape, strict=True))
        self.chunk_bytes = prod(self.chunks) * self.dtype.itemsize
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

    def part(self, index: tuple[int | slice, ...]) -> ts.TensorStore:
        """Return a part that may be read: the files of its chunks have been looked at."""
        part: ts.TensorStore = self.store[index]
        n_chunks = count_chunks(index, self.chunks)
        check_decoding(n_chunks, self.chunk_bytes, part.size * self.dtype.itemsize, self.path)
        self.files.check(index)
        return part

    def read(self, index: tuple[int | slice, ...]) -> NDArray[Any]:
        """Read a part; see :class:`Source`."""
        with reading(self.path):
            return np.asarray(self.part(index).read().result())


class ZarrSource:
    """An array whose codecs TensorStore does not know, read by zarr-python.

    Parameters
    ----------
    files : ChunkFiles
        Of an array whose codecs have been found harmless; looks at the files
        of chunks before they are read.
    """

    def __init__(self, files: ChunkFiles) -> None:
        self.files = files
        self.path = files.folder
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

            from napari_dacapo.volumes.bounded_codecs import bounded_array

            with reading(self.path):
                self._array = bounded_array(zarr.open_array(self.path, mode="r"))
        return self._array

    def read(self, index: tuple[int | slice, ...]) -> NDArray[Any]:
        """Read a part; see :class:`Source`."""
        array = self._open()
        n_chunks = count_chunks(index, self.chunks)
        check_decoding(n_chunks, prod(self.chunks) * self.dtype.itemsize, 0, self.path)
        with reading(self.path):
            self.files.check(index)
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
