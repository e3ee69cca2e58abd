"""What is known of an array on disk before any element is read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np

__all__ = ["ArrayMetadata", "BloscPlace", "FileLayout", "GroupMetadata"]


@dataclass(frozen=True)
class BloscPlace:
    """Where the headers of Blosc chunks are, which say how large a chunk becomes.

    Attributes
    ----------
    skipped : int
        Bytes before the header, in a file of its own.
    inner : tuple of int or None
        Elements of a chunk along each axis, if files hold several (shards).
    index_at_end : bool
        Where a shard's list of its chunks is.
    index_extra : int
        Bytes of that list which are no positions (a checksum).
    """

    skipped: int = 0
    inner: tuple[int, ...] | None = None
    index_at_end: bool = True
    index_extra: int = 0


@dataclass(frozen=True)
class FileLayout:
    """How the elements of an array are cut into files.

    Attributes
    ----------
    sizes : tuple of int
        Elements of one file along each axis, in the order in which files are
        named (an N5 array's begin with x).
    prefix, separator : str
        A file is named by ``prefix`` and its place along each axis with
        ``separator`` in between.
    blosc : BloscPlace or None
        None if Blosc is not used.
    blosc_hidden : bool
        Whether Blosc is used in a way that does not show before decoding.
    """

    sizes: tuple[int, ...]
    prefix: str = ""
    separator: str = "/"
    blosc: BloscPlace | None = None
    blosc_hidden: bool = False


@dataclass(frozen=True)
class ArrayMetadata:
    """What is known of an array before any element is read.

    ``shape``, ``chunks`` and ``dimension_names`` are in the order in which
    axes are indexed in C order: an N5 array's are reversed.
    """

    path: Path
    format: Literal["zarr2", "zarr3", "n5"]
    shape: tuple[int, ...]
    chunks: tuple[int, ...]
    dtype: np.dtype[Any]
    codecs: tuple[str, ...]
    files: FileLayout
    fill_value: Any = 0
    attributes: dict[str, Any] = field(default_factory=dict)
    dimension_names: tuple[str | None, ...] = ()


@dataclass(frozen=True)
class GroupMetadata:
    """A folder that holds arrays, and its attributes."""

    path: Path
    attributes: dict[str, Any] = field(default_factory=dict)
