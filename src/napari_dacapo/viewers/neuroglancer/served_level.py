"""One array of a served volume: stored chunks as they are, or computed ones.

Methods may read disks and compute: they are called on worker threads.
"""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dacapo.errors import BrokenFileError
from napari_dacapo.viewers.neuroglancer.blocks import read_region
from napari_dacapo.viewers.neuroglancer.chunk_files import ChunkFiles
from napari_dacapo.viewers.neuroglancer.chunk_keys import ChunkKeys
from napari_dacapo.viewers.neuroglancer.overrides import override_v2, override_v3
from napari_dacapo.viewers.neuroglancer.zarr_metadata import (
    ZarrFormat,
    array_metadata,
)

if TYPE_CHECKING:
    import dask.array as da

    from napari_dacapo.viewers.neuroglancer.chunk_files import FilePieces
    from napari_dacapo.volumes import ArraySource

__all__ = ["ServedLevel", "convert", "dump_json"]

_METADATA_FILES = {"zarr2": ".zarray", "zarr3": "zarr.json"}
_MAX_METADATA_BYTES = 2**20
_SERVED_EDGE = {1: 2**16, 2: 256, 3: 64}


class ServedLevel:
    """One array of a volume's group.

    Parameters
    ----------
    data : dask.array.Array
        The elements.
    source : ArraySource or None
        Where they lie on disk, if they do.
    dtype : str
        Type as which the client sees them.
    names : tuple of str
        The client's names of the axes.
    zarr_format : {2, 3}
        Which zarr the client is told to read.
    """

    def __init__(
        self,
        data: da.Array,
        source: ArraySource | None,
        dtype: str,
        names: tuple[str, ...],
        zarr_format: ZarrFormat,
    ) -> None:
        self._data = data
        self._shape = tuple(int(n) for n in data.shape)
        self._dtype = dtype
        self._format = zarr_format
        self._whole_axes = [i for i, name in enumerate(names) if name == "c^"]
        self._n_spatial = sum(1 for name in names if name[-1] not in "^'")
        wanted = f"zarr{zarr_format}"
        stored = source if source is not None and source.format == wanted else None
        self._files = None if stored is None else _chunk_files(stored)
        self._source = stored
        self._lock = threading.Lock()
        self._metadata: dict[str, Any] | None = None
        self._keys: ChunkKeys | None = None
        self._on_disk = False

    @property
    def computes(self) -> bool:
        """Whether a chunk is computed, as far as is known yet."""
        return self._source is None or (self._metadata is not None and not self._on_disk)

    def answer(self, key: str) -> bytes | FilePieces | None:
        """Return what lies under a key of the array, as :meth:`ServedVolume.answer`."""
        if key == (".zarray" if self._format == 2 else "zarr.json"):
            return dump_json(self._resolve()[0])
        if self._format == 2 and key == ".zattrs":
            return b"{}"
        index = self._resolve()[1].index(key)
        if index is None:
            return None
        if self._on_disk and self._files is not None:
            return self._files.read(key)
        return self._encoded_chunk(index)

    def at_once(self, key: str) -> bytes | None:
        """Return a stored chunk that the kernel has in memory; None if it takes waiting.

        Cheap enough for a thread that serves others, too. Raises as
        :meth:`ChunkFiles.at_once`.
        """
        files, keys = self._files, self._keys
        if not self._on_disk or files is None or keys is None or keys.index(key) is None:
            return None
        return files.at_once(key)

    def _resolve(self) -> tuple[dict[str, Any], ChunkKeys]:
        """Decide, once, whether the stored chunks can be sent as they are."""
        with self._lock:
            if self._metadata is None or self._keys is None:
                metadata = self._stored_metadata()
                on_disk = metadata is not None
                if metadata is None:
                    chunks = self._served_chunks()
                    metadata = array_metadata(self._shape, chunks, self._dtype, self._format)
                self._keys = ChunkKeys.of(metadata, self._shape)
                self._metadata, self._on_disk = metadata, on_disk
            return self._metadata, self._keys

    def _stored_metadata(self) -> dict[str, Any] | None:
        if self._source is None or self._files is None:
            return None
        text = self._files.read_metadata(_MAX_METADATA_BYTES + 1)
        try:
            if len(text) > _MAX_METADATA_BYTES:
                raise ValueError("it is too large")
            stored = json.loads(text)
            if not isinstance(stored, dict):
                raise ValueError("it is not a mapping")
        except (ValueError, RecursionError) as error:
            path = self._source.path / _METADATA_FILES[self._source.format]
            raise BrokenFileError(f"{path} is not zarr metadata: {error}.", path=path) from error
        override = override_v2 if self._format == 2 else override_v3
        return override(stored, self._shape, self._dtype, self._whole_axes)

    def _served_chunks(self) -> tuple[int, ...]:
        edge = _SERVED_EDGE.get(self._n_spatial, 32)
        first = len(self._shape) - self._n_spatial
        chunks = [1] * first + [max(1, min(edge, n)) for n in self._shape[first:]]
        for axis in self._whole_axes:
            chunks[axis] = self._shape[axis]
        return tuple(chunks)

    def _encoded_chunk(self, index: tuple[int, ...]) -> bytes | None:
        chunks = self._served_chunks()
        region = tuple(
            slice(i * c, min((i + 1) * c, n))
            for i, c, n in zip(index, chunks, self._shape, strict=True)
        )
        part = convert(read_region(self._data, region), self._dtype)
        if not part.any():
            return None  # the fill value
        if part.shape != chunks:
            whole = np.zeros(chunks, part.dtype)
            whole[tuple(slice(0, n) for n in part.shape)] = part
            part = whole
        return np.ascontiguousarray(part).tobytes()


def convert(part: np.ndarray[Any, Any], dtype: str) -> np.ndarray[Any, Any]:
    """Return elements as little-endian values of a type that the client shows."""
    target = np.dtype(dtype).newbyteorder("<")
    if part.dtype.kind == "f" and part.dtype.itemsize > 4:
        # What float32 cannot hold becomes infinite, which is no error here.
        with np.errstate(over="ignore"):
            return part.astype(target)
    return part.astype(target, copy=False)


def _chunk_files(source: ArraySource) -> ChunkFiles:
    return ChunkFiles(source.path, _METADATA_FILES[source.format])


def dump_json(value: dict[str, Any]) -> bytes:
    """Return plain values as compact JSON."""
    return json.dumps(value, separators=(",", ":")).encode()
