"""TIFF files as lazy volumes."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np
from dask.base import tokenize

from napari_dacapo.errors import (
    ArrayFormatError,
    ArrayNotFoundError,
    UnsafeFileError,
    UnsupportedError,
)
from napari_dacapo.volumes.array_metadata import ArrayMetadata, FileLayout
from napari_dacapo.volumes.bounded_codecs import check_inflated
from napari_dacapo.volumes.coordinates import from_attributes
from napari_dacapo.volumes.lazy_array import LazyArray
from napari_dacapo.volumes.limits import check_channels
from napari_dacapo.volumes.revision import revision_of
from napari_dacapo.volumes.sources import reading
from napari_dacapo.volumes.volume import Identity, Kind, Volume

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["TiffSource", "open_tiff"]

_MAX_ELEMENTS = 2**48
_MAX_CHUNK_BYTES = 2**31
# Numbers of compressions in TIFF files. Without imagecodecs, which stops by itself where a tile
# ends, tifffile decodes whatever comes; it knows no others then.
_CODECS = {
    8: "zlib", 32946: "zlib", 50013: "zlib", 34925: "lzma", 34926: "zstd", 50000: "zstd",
    32773: "tiff_packbits",
}  # fmt: skip


class TiffSource:
    """The first image of a TIFF file, read tile by tile (or strip by strip).

    Parameters
    ----------
    path : Path
        Opened for each read and closed again, so that the source pickles and
        leaves no file open.
    """

    def __init__(self, path: Path) -> None:
        self.path = str(path)
        with reading(self.path), _zarr_of(self.path) as array:
            self.shape = tuple(int(n) for n in array.shape)
            self.dtype = np.dtype(array.dtype).newbyteorder("=")
            self.chunks = tuple(max(1, int(n)) for n in array.chunks)
            names = array.attrs.get("_ARRAY_DIMENSIONS", [])
            self.axes = tuple(str(name) for name in names)

    def read(self, index: tuple[int | slice, ...]) -> NDArray[Any]:
        """Read a part; see :class:`~napari_dacapo.volumes.sources.Source`."""
        with reading(self.path), _zarr_of(self.path) as array:
            return np.asarray(array[index], self.dtype)


class _zarr_of:
    """The first image of a TIFF file as a zarr array, while the file is open.

    Some kinds of TIFF spread an image over files. Which these are, the file
    says itself, or an index beside it: they could be any file of the reader's.
    """

    def __init__(self, path: str) -> None:
        self.path = path

    def __enter__(self) -> Any:
        import tifffile
        import zarr

        self.file = tifffile.TiffFile(
            self.path, _multifile=False, is_mmstack=False, is_ndtiff=False
        )
        try:
            others = _other_files(self.file.ome_metadata, self.file.filename)
            if others:
                raise UnsafeFileError(
                    f"{self.path} has parts in other files ({', '.join(others)}), which are not "
                    "read.",
                    todo="Write the image into one file.",
                    path=self.path,
                )
            _bound(self.file.series[0].keyframe)
            self.store = self.file.aszarr(level=0)
        except BaseException:
            self.file.close()
            raise
        return zarr.open_array(self.store, mode="r")

    def __exit__(self, *error: object) -> None:
        self.store.close()
        self.file.close()


def _bound(page: Any) -> None:
    """Let a page decode no more than a tile or strip of it can hold."""
    codec = _CODECS.get(int(page.compression))
    if codec is None or find_spec("imagecodecs") is not None:
        return
    decode: Callable[..., Any] = page.decode
    n_bytes = int(np.prod(page.chunks, dtype=object)) * page.dtype.itemsize

    def bounded(content: bytes | None, *args: Any, **keywords: Any) -> Any:
        if content is not None:
            check_inflated(codec, content, n_bytes)
        return decode(content, *args, **keywords)

    page.decode = bounded


def _other_files(ome: str | None, own_name: str) -> list[str]:
    """Return the names of some other files that OME-XML names."""
    from xml.etree import ElementTree

    try:
        root = ElementTree.fromstring(ome or "<OME/>")
    except ElementTree.ParseError:
        return []  # then it is no OME-TIFF for tifffile either
    own_id = root.attrib.get("UUID")
    named = {
        element.attrib["FileName"]
        for element in root.iter()
        if element.tag.endswith("UUID")
        and "FileName" in element.attrib
        and (own_id is None or element.text != own_id)
    }
    return sorted(name[:200] for name in named if name.lower() != own_name.lower())[:3]


def open_tiff(
    path: Path,
    *,
    identity: Identity | None = None,
    kind: Kind | None = None,
    voxel_size: Sequence[float] | None = None,
    offset: Sequence[float] | None = None,
    axis_names: Sequence[str] | None = None,
) -> Volume:
    """Open a TIFF file as a lazy volume.

    Where it lies in the world is what the arguments say; voxel size 1 and
    offset 0 otherwise, for what TIFF files say themselves is unreliable.

    Parameters
    ----------
    path : Path
        A ``.tif`` or ``.tiff`` file that holds all of the image.
    identity, kind, voxel_size, offset, axis_names
        See :func:`~napari_dacapo.volumes.open_volume`.

    Raises
    ------
    ArrayNotFoundError
        If there is no file.
    UnsafeFileError
        If it says that parts of the image are in other files.
    BrokenFileError, ArrayFormatError, UnsupportedError
        If it cannot be read, claims an absurd shape or holds no numbers.
    """
    from napari_dacapo.volumes.opening import default_kind, value_range

    if not path.is_file():
        raise ArrayNotFoundError(f"{path} does not exist or is no file.", path=path)
    source = TiffSource(path)
    if source.dtype.kind not in "biuf":
        raise UnsupportedError(f"{path} holds no numbers but {source.dtype}.", path=path)
    chunk_bytes = int(np.prod(source.chunks, dtype=object)) * source.dtype.itemsize
    if int(np.prod(source.shape, dtype=object)) > _MAX_ELEMENTS or chunk_bytes > _MAX_CHUNK_BYTES:
        raise ArrayFormatError(f"{path} claims the absurd shape {source.shape}.", path=path)
    coordinates = from_attributes(
        ArrayMetadata(
            path, "zarr2", source.shape, source.chunks, source.dtype, (), FileLayout(source.chunks)
        ),
        voxel_size=voxel_size,
        offset=offset,
        axis_names=axis_names,
    )
    if "c^" in coordinates.axis_names:
        check_channels(source.shape[coordinates.axis_names.index("c^")], str(path))
    revision = revision_of(path)
    identity = identity or Identity(run="", dataset=path.name, role="raw")
    kind = kind or default_kind(source.dtype, identity)
    return Volume(
        data=LazyArray.from_source(source, f"{path.name}-{tokenize(str(path), revision)}"),
        axis_names=coordinates.axis_names,
        voxel_size=coordinates.voxel_size,
        offset=coordinates.offset,
        identity=identity,
        kind=kind,
        revision=revision,
        value_range=value_range(source.dtype, kind),
        notes=coordinates.notes,
    )
