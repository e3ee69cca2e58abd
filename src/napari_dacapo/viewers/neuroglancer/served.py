"""A volume as files: what the server answers for each key of a zarr group.

Chunks of an array on disk are found and sent as they are, where the client
can read them; everything else is computed chunk by chunk and sent as plain
bytes. Methods may read disks and compute: they are called on worker threads.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from napari_dacapo.errors import UnsupportedError
from napari_dacapo.viewers.appearance import appearance
from napari_dacapo.viewers.neuroglancer.served_level import ServedLevel, dump_json
from napari_dacapo.viewers.neuroglancer.zarr_metadata import (
    ZarrFormat,
    client_axis_names,
    group_metadata,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_dacapo.viewers.neuroglancer.chunk_files import FilePieces
    from napari_dacapo.volumes import Volume

__all__ = ["ServedVolume", "client_dtype", "named_labels"]

_LEVEL = re.compile(r"[0-9]{1,2}")


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
            ServedLevel(data, source, dtype, names, self.zarr_format) for data, source in layers
        ]

    def answer(self, key: str) -> bytes | FilePieces | None:
        """Return what lies under a key of the group.

        Parameters
        ----------
        key : str
            Relative to the group, e.g. ``"0/.zarray"`` or ``"1/c/0/4/2"``.

        Returns
        -------
        bytes, FilePieces or None
            None if there is nothing: a chunk that was never written, or a key
            that this group does not have.

        Raises
        ------
        ArrayNotFoundError
            If the array has gone from the disk.
        BrokenFileError
            If a chunk is no plain file, or lies behind a link.
        OSError
            If it cannot be read.
        """
        if key == "classes/info":
            return self._classes()
        if self.zarr_format == 2 and key == ".zgroup":
            return dump_json({"zarr_format": 2})
        if self.zarr_format == 2 and key == ".zattrs":
            return dump_json(group_metadata(self.volume, 2))
        if self.zarr_format == 3 and key == "zarr.json":
            attributes = group_metadata(self.volume, 3)
            return dump_json({"zarr_format": 3, "node_type": "group", "attributes": attributes})
        level, rest = self._level(key)
        return None if level is None else level.answer(rest)

    def at_once(self, key: str) -> bytes | None:
        """Return a chunk that needs no waiting, or raise, as :meth:`ServedLevel.at_once`."""
        level, rest = self._level(key)
        return None if level is None else level.at_once(rest)

    def computes(self, key: str) -> bool:
        """Return whether answering may take computing, not only reading a file."""
        level, rest = self._level(key)
        return level is not None and level.computes and any(c.isdigit() for c in rest)

    def _level(self, key: str) -> tuple[ServedLevel | None, str]:
        """Return the level that a key is of, if any, and the rest of the key."""
        number, _, rest = key.partition("/")
        if not _LEVEL.fullmatch(number) or int(number) >= len(self._levels):
            return None, rest
        return self._levels[int(number)], rest

    def _classes(self) -> bytes | None:
        """Names of label values, as neuroglancer's segment properties."""
        names = named_labels(self.volume)
        if not names:
            return None
        inline = {
            "ids": [str(value) for value in names],
            "properties": [{"id": "label", "type": "label", "values": list(names.values())}],
        }
        return dump_json({"@type": "neuroglancer_segment_properties", "inline": inline})


def named_labels(volume: Volume) -> Mapping[int, str]:
    """Return the names of label values that a viewer shows; empty for instances."""
    return appearance(volume).class_names if volume.kind == "labels" else {}
