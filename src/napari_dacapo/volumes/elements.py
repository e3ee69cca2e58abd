"""From checked metadata to a source that reads the elements."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dask.base import tokenize

from napari_dacapo.errors import NapariDacapoError, UnsupportedError
from napari_dacapo.volumes import chunk_cache
from napari_dacapo.volumes.chunk_files import ChunkFiles
from napari_dacapo.volumes.lazy_array import LazyArray
from napari_dacapo.volumes.sources import (
    Source,
    TensorStoreSource,
    TransposedSource,
    ZarrSource,
    reason_of,
)

if TYPE_CHECKING:
    from napari_dacapo.store.paths import Roots
    from napari_dacapo.volumes.metadata import ArrayMetadata

__all__ = ["open_elements"]

_DRIVERS = {"zarr2": "zarr", "zarr3": "zarr3", "n5": "n5"}


def open_elements(
    array: ArrayMetadata, revision: str, roots: Roots, order: tuple[int, ...] | None = None
) -> LazyArray:
    """Open an array's elements, read-only and without reading any.

    Parameters
    ----------
    array : ArrayMetadata
        Its sizes and codecs have been checked.
    revision : str
        Goes into the name in dask graphs.
    roots : Roots
        Where links among the files may lead.
    order : tuple of int, optional
        Order to bring the axes into.

    Raises
    ------
    UnsupportedError
        If neither TensorStore nor zarr-python knows the codecs.
    """
    source = _source(array, roots)
    if order is not None and order != tuple(range(len(order))):
        source = TransposedSource(source, order)
    name = f"{array.path.name}-{tokenize(str(array.path), revision, order)}"
    return LazyArray.from_source(source, name)


def _source(array: ArrayMetadata, roots: Roots) -> Source:
    spec = {
        "driver": _DRIVERS[array.format],
        "kvstore": {"driver": "file", "path": f"{array.path}/"},
        # Whether a chunk has changed is asked once for each opening, not for
        # each read: a changed array is opened anew, under another revision.
        "recheck_cached_data": "open",
    }
    try:
        if array.files.blosc_hidden:
            raise NotImplementedError("how large its chunks become does not show before decoding")
        store, _ = chunk_cache.open_store(spec)
        source: Source = TensorStoreSource(store, ChunkFiles(array, roots, headers=True))
    except (ValueError, NotImplementedError, TypeError) as error:
        source = _fallback(array, roots, error)
    if array.format == "n5":
        source = TransposedSource(source, tuple(range(len(array.shape)))[::-1])
    if source.shape != array.shape:
        raise UnsupportedError(
            f"{array.path} has the shape {array.shape}, but is read as {source.shape}.",
            path=array.path,
        )
    return source


def _fallback(array: ArrayMetadata, roots: Roots, error: Exception) -> Source:
    """Open what TensorStore cannot with zarr-python."""
    reason = reason_of(error)
    if array.format != "n5":
        try:
            return ZarrSource(ChunkFiles(array, roots, headers=False))
        except NapariDacapoError as second:
            reason = f"{reason} {second.message}"
    raise UnsupportedError(
        f"{array.path} cannot be read (codecs {', '.join(array.codecs) or 'none'}): {reason}",
        path=array.path,
    ) from error
