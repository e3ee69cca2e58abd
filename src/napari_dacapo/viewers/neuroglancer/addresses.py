"""Under which address a volume is served.

The client keeps what it once read from an address, and the server answers
each address out of one volume. So everything that an answer depends on is part
of it: the elements, but also as what they are shown and where they lie.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_dacapo.volumes import ArraySource, Volume

__all__ = ["slot_address", "volume_address"]


def volume_address(volume: Volume) -> tuple[str, str]:
    """Return the two parts of the path under which a volume is served.

    Returns
    -------
    slot : str
        The same for all volumes that take turns in one layer.
    generation : str
        Another one whenever any answer may be another one.
    """
    content = (
        volume.key,
        volume.revision,
        str(volume.data.name),
        _path(volume.source),
        volume.kind,
        volume.axis_names,
        _numbers(volume.voxel_size),
        _numbers(volume.offset),
        volume.channel_names,
        sorted(volume.class_names.items()),
        [
            (
                str(level.data.name),
                _path(level.source),
                _numbers(level.voxel_size),
                _numbers(level.offset),
            )
            for level in volume.levels
        ],
    )
    return slot_address(volume.identity.slot), _digest(repr(content))


def slot_address(slot: str) -> str:
    """Return the first part of the path of all volumes of a slot."""
    return _digest(slot)


def _numbers(values: tuple[float, ...]) -> list[float]:
    # numpy's numbers are written in another way than Python's.
    return [float(value) for value in values]


def _path(source: ArraySource | None) -> str:
    return "" if source is None else f"{source.format}:{source.path}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:20]
