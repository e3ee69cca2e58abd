"""Whether the client can read stored chunks as they are, and what to tell it of them.

Elements of one type can often be read as another: bool as uint8, signed
integers as unsigned ones. Metadata of files is not to be trusted: whatever is
not understood is a no.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from napari_dacapo.viewers.neuroglancer.zarr_metadata import itemsize

__all__ = ["MAX_CHUNK_BYTES", "override_v2", "override_v3"]

#: A stored chunk that is larger than this is cut into smaller ones for the browser.
MAX_CHUNK_BYTES = 64 * 2**20

_V2_COMPRESSORS = {"blosc", "gzip", "zlib", "zstd"}
_V2_TYPES = {
    "b1": "bool", "u1": "uint8", "u2": "uint16", "u4": "uint32", "u8": "uint64",
    "i1": "int8", "i2": "int16", "i4": "int32", "i8": "int64", "f4": "float32",
}  # fmt: skip
_V3_TYPES = {"uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "float32"}
_V3_CODECS = {"blosc", "bytes", "crc32c", "gzip", "sharding_indexed", "transpose", "zstd"}


def override_v2(
    stored: Mapping[str, Any], shape: Sequence[int], dtype: str, whole_axes: Sequence[int]
) -> dict[str, Any] | None:
    """Return stored zarr v2 metadata so that the client can read the stored chunks.

    Parameters
    ----------
    stored : mapping
        Contents of ``.zarray``.
    shape : sequence of int
        What the volume's shape is; must be the stored one.
    dtype : str
        Numpy name of the type that the client shall see. A stored bool may
        be seen as ``uint8``, a signed integer as the unsigned one.
    whole_axes : sequence of int
        Axes along which one chunk must reach from end to end.

    Returns
    -------
    dict or None
        The metadata; None if the client cannot read the chunks as they are.
    """
    chunks: Any = stored.get("chunks")
    typestr = stored.get("dtype")
    if stored.get("shape") != list(shape) or not _fits(chunks, shape, whole_axes):
        return None
    if not isinstance(typestr, str) or not _same_bytes(_V2_TYPES.get(typestr[1:]), dtype):
        return None
    size = int(typestr[2])
    separator, compressor = stored.get("dimension_separator", "."), stored.get("compressor")
    readable = (
        typestr[0] in "<>|"
        and not stored.get("filters")
        and stored.get("order") in ("C", "F")
        and separator in (".", "/")
        and (compressor is None or _id(compressor) in _V2_COMPRESSORS)
        and math.prod(chunks) * size <= MAX_CHUNK_BYTES
    )
    fill = stored.get("fill_value")
    fill = _fill_value(0 if fill is None else fill, dtype)
    if not readable or fill is None:
        return None
    order = "|" if size == 1 else typestr[0]
    return {
        "zarr_format": 2,
        "shape": list(shape),
        "chunks": list(chunks),
        "dtype": f"{order}{dtype[0]}{size}",
        "compressor": compressor,
        "fill_value": fill,
        "order": stored["order"],
        "filters": None,
        "dimension_separator": separator,
    }


def override_v3(
    stored: Mapping[str, Any], shape: Sequence[int], dtype: str, whole_axes: Sequence[int]
) -> dict[str, Any] | None:
    """Return stored zarr v3 metadata so that the client can read the stored chunks.

    Parameters and meaning are those of :func:`override_v2`, for ``zarr.json``.
    """
    try:
        grid, encoding, codecs = (
            stored["chunk_grid"],
            stored["chunk_key_encoding"],
            stored["codecs"],
        )
        chunks = grid["configuration"]["chunk_shape"]
        read_chunks = _read_chunks(codecs, chunks)
        separator = _separator(encoding)
        known = grid["name"] == "regular" and separator in (".", "/")
    except (AttributeError, KeyError, TypeError):
        return None
    fill = _fill_value(stored.get("fill_value"), dtype)
    readable = (
        known
        and _same_bytes(stored.get("data_type"), dtype)
        and dtype in _V3_TYPES
        and fill is not None
        and stored.get("node_type") == "array"
        and not stored.get("storage_transformers")
        and stored.get("shape") == list(shape)
        and _fits(chunks, shape, ())
        and _fits(read_chunks, shape, whole_axes)
        and math.prod(read_chunks or ()) * itemsize(dtype) <= MAX_CHUNK_BYTES
    )
    if not readable:
        return None
    return {
        "zarr_format": 3,
        "node_type": "array",
        "shape": list(shape),
        "data_type": dtype,
        "chunk_grid": grid,
        "chunk_key_encoding": {
            "name": encoding["name"],
            "configuration": {"separator": separator},
        },
        "fill_value": fill,
        "codecs": codecs,
        "attributes": {},
    }


def _read_chunks(codecs: Sequence[Mapping[str, Any]], chunks: Any) -> Any:
    """Shape of what the client reads at once; None if a codec is unknown to it."""
    names = [codec["name"] for codec in codecs]
    if not set(names) <= _V3_CODECS:
        return None
    if "sharding_indexed" not in names:
        return chunks
    if len(names) > 1:
        return None  # a transposed shard would count its chunks along other axes
    inner = codecs[0]["configuration"]
    if _read_chunks(inner["index_codecs"], chunks) is None:
        return None
    return _read_chunks(inner["codecs"], inner["chunk_shape"])


def _separator(encoding: Mapping[str, Any]) -> Any:
    """Return what stands between the numbers of a chunk's key; None if the keys are unknown."""
    usual = {"default": "/", "v2": "."}.get(encoding["name"])
    configuration = encoding.get("configuration")
    return usual if usual is None or not configuration else configuration.get("separator", usual)


def _same_bytes(stored: Any, dtype: str) -> bool:
    """Whether elements of a stored type can be read as another type as they are."""
    return stored == dtype or (stored, dtype) == ("bool", "uint8") or f"u{stored}" == dtype


def _fill_value(value: Any, dtype: str) -> float | str | None:
    """Return the fill value as the client reads it; None if it cannot."""
    if isinstance(value, bool):
        return int(value)
    if dtype == "float32":
        if value in ("NaN", "Infinity", "-Infinity"):
            return str(value)
        return float(value) if isinstance(value, int | float) and math.isfinite(value) else None
    if not isinstance(value, int | float) or not float(value).is_integer():
        return None
    # It comes as a JavaScript number, which is exact up to here only.
    low = 0 if dtype.startswith("u") else -(2**53)
    return int(value) if low <= value < 2**53 else None


def _fits(chunks: Any, shape: Sequence[int], whole_axes: Sequence[int]) -> bool:
    if not isinstance(chunks, Sequence) or len(chunks) != len(shape):
        return False
    if not all(isinstance(c, int) and c > 0 for c in chunks):
        return False
    return all(chunks[axis] == shape[axis] for axis in whole_axes)


def _id(compressor: Any) -> str:
    return str(compressor.get("id")) if isinstance(compressor, Mapping) else ""
