"""What is in a stored array: whether it shows anything, and whether anyone can show it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_dacapo.errors import NapariDacapoError

if TYPE_CHECKING:
    from napari_dacapo.volumes import Volume

__all__ = ["has_content", "why_not_shown"]

# Reading all of a mask to find out whether it is empty must not take long.
_MAX_READ_BYTES = 64 * 2**20


def has_content(volume: Volume) -> bool:
    """Return whether a mask shows anything; taken for granted of a large one, or a torn one."""
    from napari_dacapo.volumes import is_empty

    try:
        empty = is_empty(volume)
        if empty is None and volume.data.nbytes <= _MAX_READ_BYTES:
            empty = is_empty(volume, read=True)
    except NapariDacapoError:
        return True  # whoever looks at it is told what is wrong
    return not empty


def why_not_shown(volume: Volume) -> str | None:
    """Return what keeps a volume from being shown: what is stored can be anything."""
    where = volume.source.path if volume.source is not None else "Its array"
    if volume.kind == "labels" and volume.dtype.kind == "f":
        return f"{where} has elements of type {volume.dtype}, which cannot be labels."
    if not 2 <= len(volume.spatial_axes) <= 3:
        return f"{where} has the spatial axes {', '.join(volume.spatial_axes)}, not two or three."
    return None
