"""A volume as files: what the server answers for each key of a zarr group.

Chunks of an array on disk are found and sent as they are, where the client
can read them; everything else is computed chunk by chunk and sent as plain
bytes. Methods may read disks and compute: they are called on worker threads.
"""

from __future__ import annotations

import json
import os
import re
import stat
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dacapo.errors import ArrayNotFoundError, BrokenFileError, UnsupportedError
from napari_dacapo.viewers.appearance import appearance
from napari_dacapo.viewers.neuroglancer.blocks import read_region
from napari_dacapo.viewers.neuroglancer.zarr_metadata import (
    ZarrFormat,
    array_metadata,
    client_axis_names,
    grid_shape,
    group_metadata,
    override_v2,
    override_v3,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import dask.array as da

    from napari_dacapo.volumes import ArraySource, Volume

__all__ = ["FileChunk", "ServedVolume", "client_dtype", "convert", "named_labels"]

_METADATA_FILES = {"zarr2": ".zarray", "zarr3": "zarr.json"}
_MAX_METADATA_BYTES = 2**20
_SERVED_EDGE = {1: 2**16, 2: 256, 3: 64}


@dataclass(frozen=True, slots=True)
class FileChunk:
    """A chunk that is sent as it lies on disk."""

    path: Path


def client_dtype(volume: Volume) -> str:
    """Return the numpy name of the type as which the client sees a volume.

    Returns
    -------
    str
        bool becomes uint8; int64 becomes uint64 in labels and float32 in
        images; float16 and float64 become float32; signed labels become
        unsigned ones of the same size.

    Raises
    ------
    UnsupportedError
        For types that cannot be shown (complex, text, objects).
    """
    kind, size = volume.dtype.kind, volume.dtype.itemsize
    if kind == "b":
        return "uint8"
    if kind == "f" and volume.kind == "image":
        return "float32"
    if kind in "ui" and size <= 8:
        if kind == "i" and volume.kind == "labels":
            return f"uint{8 * size}"
        if kind == "i" and size == 8:
            return "float32"
        if kind == "u" and size == 8 and volume.kind == "image":
            return "uint64"
        return volume.dtype.name
    raise UnsupportedError(
        f"neuroglancer cannot show {volume.identity.label}: its element type is {volume.dtype}.",
        todo="Convert it to an integer or float type.",
    )


class ServedVolume:
    """All that the client may ask of one volume.

    Parameters
    ----------
    volume : Volume
        The volume; nothing is read before it is asked for.

    Attributes
    ----------
    zarr_format : {2, 3}
        Which zarr the client is told to read.
    """

    def __init__(self, volume: Volume) -> None:
        self.volume = volume
        source = volume.source
        self.zarr_format: ZarrFormat = 3 if source is not None and source.format == "zarr3" else 2
        dtype = client_dtype(volume)
        names = client_axis_names(volume)
        layers = [(volume.data, volume.source)]
        layers += [(level.data, level.source) for level in volume.levels]
        self._levels = [
            _ServedLevel(data, source, dtype, names, self.zarr_format) for data, source in layers
        ]

    def answer(self, key: str) -> bytes | FileChunk | None:
        """Return what lies under a key of the group.

        Parameters
        ----------
        key : str
            Relative to the group, e.g. ``"0/.zarray"`` or ``"1/c/0/4/2"``.

        Returns
        -------
        bytes, FileChunk or None
            None if there is nothing: a chunk that was never written, or a key
            that this group does not have.

        Raises
        ------
        ArrayNotFoundError
            If the array has gone from the disk.
        BrokenFileError
            If a chunk cannot be read or leads out of its array.
        """
        if key == "classes/info":
            return self._classes()
        if self.zarr_format == 2 and key == ".zgroup":
            return _dump({"zarr_format": 2})
        if self.zarr_format == 2 and key == ".zattrs":
            return _dump(group_metadata(self.volume, 2))
        if self.zarr_format == 3 and key == "zarr.json":
            attributes = group_metadata(self.volume, 3)
            return _dump({"zarr_format": 3, "node_type": "group", "attributes": attributes})
        number, _, rest = key.partition("/")
        if not re.fullmatch(r"[0-9]{1,2}", number) or int(number) >= len(self._levels):
            return None
        return self._levels[int(number)].answer(rest)

    def computes(self, key: str) -> bool:
        """Return whether answering may take computing, not only reading a file."""
        number, _, rest = key.partition("/")
        if not re.fullmatch(r"[0-9]{1,2}", number) or not any(c.isdigit() for c in rest):
            return False
        return int(number) < len(self._levels) and self._levels[int(number)].computes

    def _classes(self) -> bytes | None:
        """Names of label values, as neuroglancer's segment properties."""
        names = named_labels(self.volume)
        if not names:
            return None
        inline = {
            "ids": [str(value) for value in names],
            "properties": [{"id": "label", "type": "label", "values": list(names.values())}],
        }
        return _dump({"@type": "neuroglancer_segment_properties", "inline": inline})


class _ServedLevel:
    """One array of the group."""

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
        self._source = source if source is not None and source.format == wanted else None
        self._lock = threading.Lock()
        self._metadata: dict[str, Any] | None = None
        self._on_disk = False
        self._real_paths: dict[str, str] = {}

    @property
    def computes(self) -> bool:
        return self._source is None or (self._metadata is not None and not self._on_disk)

    def answer(self, key: str) -> bytes | FileChunk | None:
        if key == (".zarray" if self._format == 2 else "zarr.json"):
            return _dump(self._resolve())
        if self._format == 2 and key == ".zattrs":
            return b"{}"
        index = self._chunk_index(key)
        if index is None:
            return None
        if self._on_disk and self._source is not None:
            return self._stored_chunk(self._source, key)
        return self._encoded_chunk(index)

    def _resolve(self) -> dict[str, Any]:
        """Decide, once, whether the stored chunks can be sent as they are."""
        with self._lock:
            if self._metadata is None:
                self._metadata = self._stored_metadata()
                self._on_disk = self._metadata is not None
            if self._metadata is None:
                chunks = self._served_chunks()
                self._metadata = array_metadata(self._shape, chunks, self._dtype, self._format)
            return self._metadata

    def _stored_metadata(self) -> dict[str, Any] | None:
        if self._source is None:
            return None
        path = self._source.path / _METADATA_FILES[self._source.format]
        try:
            with open(path, "rb") as file:
                text = file.read(_MAX_METADATA_BYTES + 1)
        except FileNotFoundError as error:
            raise _gone(self._source.path) from error
        try:
            if len(text) > _MAX_METADATA_BYTES:
                raise ValueError("it is too large")
            stored = json.loads(text)
            if not isinstance(stored, dict):
                raise ValueError("it is not a mapping")
        except (ValueError, RecursionError) as error:
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

    def _chunk_index(self, key: str) -> tuple[int, ...] | None:
        """Return the grid position of a chunk's key; None if it is not the key of a chunk."""
        metadata = self._resolve()
        if self._format == 2:
            chunks, prefix = metadata["chunks"], ""
            separator = metadata["dimension_separator"]
        else:
            chunks = metadata["chunk_grid"]["configuration"]["chunk_shape"]
            encoding = metadata["chunk_key_encoding"]
            default = "/" if encoding["name"] == "default" else "."
            separator = (encoding.get("configuration") or {}).get("separator", default)
            prefix = f"c{separator}" if encoding["name"] == "default" else ""
        if len(key) > 256 or not key.startswith(prefix):
            return None
        parts = key[len(prefix) :].split(separator)
        # Exactly the decimal that zarr writes: no sign, no zero in front, no other digits.
        if not all(re.fullmatch(r"(?:0|[1-9][0-9]{0,17})", part) for part in parts):
            return None
        index = tuple(int(part) for part in parts)
        grid = grid_shape(self._shape, chunks)
        if len(index) != len(grid) or any(i >= n for i, n in zip(index, grid, strict=True)):
            return None
        return index

    def _stored_chunk(self, source: ArraySource, key: str) -> FileChunk | None:
        """Find a chunk's file, which must be a plain file inside its array."""
        path = source.path / key
        root, parent = self._real(source.path), self._real(path.parent)
        if parent != root and not parent.startswith(root + os.sep):
            raise BrokenFileError(f"{path} leads out of its array.", path=path)
        try:
            mode = os.lstat(path).st_mode
        except (FileNotFoundError, NotADirectoryError):
            if not (source.path / _METADATA_FILES[source.format]).exists():
                raise _gone(source.path) from None
            return None
        if not stat.S_ISREG(mode):
            raise BrokenFileError(f"{path} is not a plain file.", path=path)
        return FileChunk(path)

    def _real(self, path: Path) -> str:
        text = str(path)
        if text not in self._real_paths:
            self._real_paths[text] = os.path.realpath(text)
        return self._real_paths[text]

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


def named_labels(volume: Volume) -> Mapping[int, str]:
    """Return the names of label values that a viewer shows; empty for instances."""
    return appearance(volume).class_names if volume.kind == "labels" else {}


def convert(part: np.ndarray[Any, Any], dtype: str) -> np.ndarray[Any, Any]:
    """Return elements as little-endian values of a type that the client shows."""
    target = np.dtype(dtype).newbyteorder("<")
    if part.dtype.kind == "f" and part.dtype.itemsize > 4:
        # What float32 cannot hold becomes infinite, which is no error here.
        with np.errstate(over="ignore"):
            return part.astype(target)
    return part.astype(target, copy=False)


def _gone(path: Path) -> ArrayNotFoundError:
    return ArrayNotFoundError(
        f"The array {path} is no longer there.", todo="Reload the run.", path=path
    )


def _dump(value: dict[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
