"""The keys under which the chunks of a zarr array lie."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_dacapo.viewers.neuroglancer.zarr_metadata import grid_shape

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["ChunkKeys"]

_LONGEST = 256
# Exactly the decimal that zarr writes: no sign, no zero in front, no other digits.
_NUMBER = re.compile(r"(?:0|[1-9][0-9]{0,17})")


@dataclass(frozen=True, slots=True)
class ChunkKeys:
    """Which keys an array's chunks have.

    Attributes
    ----------
    prefix, separator : str
        Before and between the numbers.
    grid : tuple of int
        How many chunks there are along each axis.
    """

    prefix: str
    separator: str
    grid: tuple[int, ...]

    @classmethod
    def of(cls, metadata: Mapping[str, Any], shape: Sequence[int]) -> ChunkKeys:
        """Return the keys of an array from its zarr metadata, of version 2 or 3."""
        if metadata["zarr_format"] == 2:
            chunks, prefix = metadata["chunks"], ""
            separator = metadata["dimension_separator"]
        else:
            chunks = metadata["chunk_grid"]["configuration"]["chunk_shape"]
            encoding = metadata["chunk_key_encoding"]
            is_default = encoding["name"] == "default"
            separator = (encoding.get("configuration") or {}).get(
                "separator", "/" if is_default else "."
            )
            prefix = f"c{separator}" if is_default else ""
        return cls(prefix, separator, grid_shape(shape, chunks))

    def index(self, key: str) -> tuple[int, ...] | None:
        """Return the grid position of a chunk; None if a key is not that of a chunk."""
        if len(key) > _LONGEST or not key.startswith(self.prefix):
            return None
        parts = key[len(self.prefix) :].split(self.separator)
        if len(parts) != len(self.grid) or not all(map(_NUMBER.fullmatch, parts)):
            return None
        index = tuple(map(int, parts))
        return index if all(i < n for i, n in zip(index, self.grid, strict=True)) else None
