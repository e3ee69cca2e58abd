"""Metadata of arrays on disk: read with suspicion, checked before use.

Whoever wrote the files may have been careless or hostile: sizes are checked
before anything is allocated, codecs before any of them runs, and nothing
that is not a regular file is opened.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from math import prod
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from napari_dacapo.errors import ArrayFormatError, BrokenFileError, UnsupportedError
from napari_dacapo.store.paths import read_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["ArrayMetadata", "GroupMetadata", "read_attributes", "read_metadata"]

_METADATA_BYTES = 2**25
_MAX_AXES = 10
_MAX_ELEMENTS = 2**58
_MAX_CHUNK_BYTES = 2**31  # Blosc, and so any real zarr, ends there
_MAX_CHUNKS_PER_SHARD = 2**24

# Codecs that only turn bytes into numbers. Others are refused before they can
# run: numcodecs' "pickle" executes whatever a chunk holds.
_HARMLESS = frozenset(
    "adler32 astype bitround blosc bytes bz2 bzip2 crc32 crc32c cast_value delta fixedscaleoffset "
    "fletcher32 gzip jenkins_lookup3 lz4 lzma packbits pcodec quantize raw scale_offset "
    "sharding_indexed shuffle transpose xz zfpy zlib zstd".split()
)


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
    fill_value: Any = 0
    attributes: dict[str, Any] = field(default_factory=dict)
    dimension_names: tuple[str | None, ...] = ()


@dataclass(frozen=True)
class GroupMetadata:
    """A folder that holds arrays, and its attributes."""

    path: Path
    attributes: dict[str, Any] = field(default_factory=dict)


def read_metadata(folder: Path) -> ArrayMetadata | GroupMetadata | None:
    """Read the metadata of an array or a group.

    Parameters
    ----------
    folder : Path
        Where ``.zarray``, ``zarr.json`` or ``attributes.json`` may lie.

    Returns
    -------
    ArrayMetadata, GroupMetadata or None
        None if there is no folder. A folder without any metadata counts as a
        group: DaCapo writes none for the groups of its containers.

    Raises
    ------
    BrokenFileError
        If a file is torn, is not JSON, is no regular file, or is too large.
    ArrayFormatError
        If it makes no sense: negative or absurd sizes, wrong types.
    UnsupportedError
        If elements are not numbers or are coded in an unknown or unsafe way.
    """
    if (zarray := _read_json(folder / ".zarray")) is not None:
        return _zarr2(folder, zarray)
    if (zarr3 := _read_json(folder / "zarr.json")) is not None:
        if zarr3.get("node_type") == "array":
            return _zarr3(folder, zarr3)
        return GroupMetadata(folder, _mapping(zarr3.get("attributes")))
    if (n5 := _read_json(folder / "attributes.json")) is not None:
        if "dimensions" in n5:
            return _n5(folder, n5)
        return GroupMetadata(folder, n5)
    if not folder.is_dir():
        return None
    return GroupMetadata(folder, _read_json(folder / ".zattrs") or {})


def read_attributes(folder: Path) -> dict[str, Any]:
    """Return the attributes of an array or group; empty if there are none."""
    found = read_metadata(folder)
    return found.attributes if found is not None else {}


def _read_json(path: Path) -> dict[str, Any] | None:
    try:
        content = read_file(path, _METADATA_BYTES)
    except FileNotFoundError:
        return None
    try:
        value = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise BrokenFileError(
            f"{path} is not valid JSON: {error}.",
            todo="If it is being written just now, try again later.",
            path=path,
        ) from error
    if not isinstance(value, dict):
        raise ArrayFormatError(f"{path} holds no JSON object.", path=path)
    return value


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _zarr2(folder: Path, raw: dict[str, Any]) -> ArrayMetadata:
    path = folder / ".zarray"
    codecs = [raw.get("compressor"), *_list(raw.get("filters") or [], "filters", path)]
    return _checked(
        path,
        ArrayMetadata(
            path=folder,
            format="zarr2",
            shape=_sizes(raw.get("shape"), "shape", path),
            chunks=_sizes(raw.get("chunks"), "chunks", path),
            dtype=_dtype(raw.get("dtype"), path),
            codecs=tuple(_codec(codec, "id", path) for codec in codecs if codec is not None),
            fill_value=raw.get("fill_value"),
            attributes=_read_json(folder / ".zattrs") or {},
        ),
    )


def _zarr3(folder: Path, raw: dict[str, Any]) -> ArrayMetadata:
    path = folder / "zarr.json"
    shape = _sizes(raw.get("shape"), "shape", path)
    grid = _mapping(raw.get("chunk_grid"))
    if grid.get("name") != "regular":
        raise UnsupportedError(
            f"{folder} has chunks of kind {grid.get('name')!r:.80}, which is not known.", path=path
        )
    chunks = _sizes(_mapping(grid.get("configuration")).get("chunk_shape"), "chunk_shape", path)
    codecs = []
    for codec, inner in _walk_codecs(raw.get("codecs"), path):
        codecs.append(_codec(codec, "name", path))
        if inner is not None and len(inner) == len(chunks):
            per_shard = prod(-(-c // max(1, i)) for c, i in zip(chunks, inner, strict=True))
            if per_shard > _MAX_CHUNKS_PER_SHARD:
                raise ArrayFormatError(f"{path} claims {per_shard} chunks in a shard.", path=path)
            chunks = inner
    names = raw.get("dimension_names")
    if not isinstance(names, list) or len(names) != len(shape):
        names = []
    return _checked(
        path,
        ArrayMetadata(
            path=folder,
            format="zarr3",
            shape=shape,
            chunks=chunks,
            dtype=_dtype(raw.get("data_type"), path),
            codecs=tuple(codecs),
            fill_value=raw.get("fill_value"),
            attributes=_mapping(raw.get("attributes")),
            dimension_names=tuple(n if isinstance(n, str) else None for n in names),
        ),
    )


def _walk_codecs(
    codecs: Any, path: Path, depth: int = 0
) -> Iterator[tuple[Any, tuple[int, ...] | None]]:
    """Yield each codec, those inside shards too, with the inner chunk shape of sharding."""
    if depth > 4:
        raise ArrayFormatError(f"{path} nests codecs too deeply.", path=path)
    for codec in _list(codecs, "codecs", path):
        configuration = _mapping(codec.get("configuration")) if isinstance(codec, dict) else {}
        if isinstance(codec, dict) and codec.get("name") == "sharding_indexed":
            yield codec, _sizes(configuration.get("chunk_shape"), "chunk_shape", path)
            for key in ("codecs", "index_codecs"):
                for inner, chunks in _walk_codecs(configuration.get(key, []), path, depth + 1):
                    yield inner, chunks if key == "codecs" else None
        else:
            yield codec, None


def _n5(folder: Path, raw: dict[str, Any]) -> ArrayMetadata:
    path = folder / "attributes.json"
    compression = raw.get("compression", raw.get("compressionType"))
    if isinstance(compression, str):
        compression = {"type": compression}
    return _checked(
        path,
        ArrayMetadata(
            path=folder,
            format="n5",
            shape=_sizes(raw.get("dimensions"), "dimensions", path)[::-1],
            chunks=_sizes(raw.get("blockSize"), "blockSize", path)[::-1],
            dtype=_dtype(raw.get("dataType"), path),
            codecs=(_codec(compression, "type", path),),
            attributes=raw,
        ),
    )


def _list(value: Any, name: str, path: Path) -> list[Any]:
    if not isinstance(value, list) or len(value) > 64:
        raise ArrayFormatError(f"{path}: {name} is no sensible list.", path=path)
    return value


def _sizes(value: Any, name: str, path: Path) -> tuple[int, ...]:
    sizes = _list(value, name, path)
    if len(sizes) > _MAX_AXES or not all(type(n) is int and n >= 0 for n in sizes):
        raise ArrayFormatError(f"{path}: {name} {value!r:.200} makes no sense.", path=path)
    return tuple(sizes)


def _dtype(value: Any, path: Path) -> np.dtype[Any]:
    if value == "bfloat16":
        import ml_dtypes

        bfloat16: np.dtype[Any] = np.dtype(ml_dtypes.bfloat16)
        return bfloat16
    try:
        named = isinstance(value, str) and len(value) < 32
        dtype: np.dtype[Any] | None = np.dtype(value) if named else None
    except (TypeError, ValueError, SyntaxError):
        dtype = None
    if dtype is None or dtype.kind not in "biuf" or dtype.itemsize > 8:
        raise UnsupportedError(f"{path}: elements of type {value!r:.80} are no numbers.", path=path)
    return dtype


def _codec(value: Any, key: str, path: Path) -> str:
    name = value.get(key) if isinstance(value, dict) else value
    if not isinstance(name, str):
        raise ArrayFormatError(f"{path} names a codec as {value!r:.80}.", path=path)
    if name.removeprefix("numcodecs.").lower() not in _HARMLESS:
        raise UnsupportedError(
            f"{path} needs the codec {name!r:.80}, which is unknown or unsafe.", path=path
        )
    return name


def _checked(path: Path, array: ArrayMetadata) -> ArrayMetadata:
    if not array.shape or len(array.chunks) != len(array.shape):
        raise ArrayFormatError(
            f"{path}: shape {array.shape} and chunks {array.chunks} do not fit.", path=path
        )
    if min(array.chunks) < 1:
        raise ArrayFormatError(f"{path}: chunks {array.chunks} are empty.", path=path)
    if prod(max(1, n) for n in array.shape) > _MAX_ELEMENTS:
        raise ArrayFormatError(f"{path}: no array has the shape {array.shape}.", path=path)
    if prod(array.chunks) * array.dtype.itemsize > _MAX_CHUNK_BYTES:
        raise ArrayFormatError(
            f"{path}: a chunk of {array.chunks} {array.dtype} is larger than "
            f"{_MAX_CHUNK_BYTES // 2**30} GiB and is not read.",
            path=path,
        )
    return array
