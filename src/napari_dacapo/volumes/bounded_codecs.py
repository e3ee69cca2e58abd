"""Codecs for zarr-python that decode no more than a chunk can hold.

A chunk of a few kilobytes can inflate to gigabytes, and numcodecs decodes
whatever comes. TensorStore stops by itself; what TensorStore does not know is
read by zarr-python, with the codecs that are made here.
"""

from __future__ import annotations

import asyncio
import bz2
import lzma
import zlib
from dataclasses import dataclass, replace
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
import zarr
from numcodecs.abc import Codec as NumCodec
from numcodecs.compat import ensure_bytes
from zarr.abc.codec import BytesBytesCodec
from zarr.codecs import ShardingCodec

from napari_dacapo.volumes.blosc_headers import claimed_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["bounded_array", "check_inflated"]

# Checksums, the lists of shards and the like take more than the elements alone.
_MORE_BYTES = 2**16
# What the decoder may take for its dictionary; the strongest preset makes one of 64 MiB.
_LZMA_MEMORY = 2**28
_DTYPES = ("dtype", "astype", "encode_dtype", "decode_dtype")


def bounded_array(array: Any) -> Any:
    """Return a zarr-python array whose codecs know how much a chunk can hold.

    Parameters
    ----------
    array : zarr.Array
        As opened. Nothing is read.
    """
    old = array.metadata
    # Filters may make larger elements of those of the array.
    codecs = (old.filters or ()) if old.zarr_format == 2 else old.codecs
    sizes = [np.dtype(c[key]).itemsize for c in map(_config, codecs) for key in _DTYPES if key in c]
    itemsize = max([array.dtype.itemsize, *sizes])
    if old.zarr_format == 2:
        limit = _limit(array.chunks, itemsize)
        compressor, *filters = (_bounded_v2(c, limit) for c in (old.compressor, *codecs))
        metadata = replace(old, compressor=compressor, filters=tuple(filters) or None)
        settings: Any = {"order": old.order}
    else:
        limit = _limit(array.shards or array.chunks, itemsize)
        metadata = replace(old, codecs=tuple(_bounded_v3(c, limit, itemsize) for c in codecs))
        settings = None
    return zarr.Array(zarr.AsyncArray(metadata, array.store_path, settings))


def check_inflated(codec: str, content: bytes, n_bytes: int) -> None:
    """Refuse bytes that would inflate to more than there is room for.

    Parameters
    ----------
    codec : str
        As :mod:`numcodecs` names it; others are not looked at.
    content : bytes
        What is to be decoded.
    n_bytes : int
        Size of the elements that it should hold.

    Raises
    ------
    ValueError
        If it is larger, or torn.
    """
    decode = _DECODERS.get(codec)
    if decode is not None:
        decode(content, {"format": lzma.FORMAT_AUTO}, _limit((n_bytes,), 1))


def _limit(shape: tuple[int, ...], itemsize: int) -> int:
    return 2 * prod(shape) * itemsize + _MORE_BYTES


def _config(codec: Any) -> dict[str, Any]:
    """Return a codec's settings, with its name among numcodecs' as ``id``."""
    if codec is None:
        return {}
    if isinstance(codec, NumCodec):
        return dict(codec.get_config())
    said = codec.to_dict()
    return {**said.get("configuration", {}), "id": said["name"].removeprefix("numcodecs.")}


def _bounded_v2(codec: Any, limit: int) -> Any:
    config = _config(codec)
    return _BoundedV2(codec, config, limit) if config.get("id") in _DECODERS else codec


def _bounded_v3(codec: Any, limit: int, itemsize: int) -> Any:
    if isinstance(codec, ShardingCodec):
        limit = _limit(codec.chunk_shape, itemsize)
        inner = tuple(_bounded_v3(c, limit, itemsize) for c in codec.codecs)
        return replace(codec, codecs=inner)
    config = _config(codec)
    is_bounded = isinstance(codec, BytesBytesCodec) and config["id"] in _DECODERS
    return _BoundedV3(codec, config, limit) if is_bounded else codec


class _BoundedV2(NumCodec):  # type: ignore[misc]  # numcodecs has no types
    """A codec of numcodecs that stops where a chunk ends."""

    codec_id = "bounded"

    def __init__(self, codec: Any, config: Mapping[str, Any], limit: int) -> None:
        self.codec, self.config, self.limit = codec, config, limit

    def get_config(self) -> dict[str, Any]:
        return dict(self.config)

    def encode(self, buf: Any) -> Any:
        raise NotImplementedError

    def decode(self, buf: Any, out: Any = None) -> Any:
        content = ensure_bytes(buf)
        decoded = _DECODERS[self.config["id"]](content, self.config, self.limit)
        return self.codec.decode(content) if decoded is None else decoded


@dataclass(frozen=True)
class _BoundedV3(BytesBytesCodec):
    """A codec of zarr-python that stops where a chunk ends."""

    codec: Any
    config: Mapping[str, Any]
    limit: int
    is_fixed_size = False

    def to_dict(self) -> dict[str, Any]:
        as_dict: dict[str, Any] = self.codec.to_dict()
        return as_dict

    def compute_encoded_size(self, input_byte_length: int, chunk_spec: Any) -> int:
        size: int = self.codec.compute_encoded_size(input_byte_length, chunk_spec)
        return size

    async def _decode_single(self, chunk_bytes: Any, chunk_spec: Any) -> Any:
        decode = _DECODERS[self.config["id"]]
        decoded = await asyncio.to_thread(decode, chunk_bytes.to_bytes(), self.config, self.limit)
        if decoded is None:
            return await self.codec._decode_single(chunk_bytes, chunk_spec)
        return chunk_spec.prototype.buffer.from_bytes(decoded)


# Each returns the decoded bytes, or None where a look at what a chunk claims is enough.


def _zlib(content: bytes, config: Mapping[str, Any], limit: int) -> bytes:
    return _inflate(content, lambda: zlib.decompressobj(wbits=zlib.MAX_WBITS | 32), limit)


def _bz2(content: bytes, config: Mapping[str, Any], limit: int) -> bytes:
    return _inflate(content, bz2.BZ2Decompressor, limit)


def _lzma(content: bytes, config: Mapping[str, Any], limit: int) -> bytes:
    form = config.get("format", lzma.FORMAT_XZ)
    if form == lzma.FORMAT_RAW:
        filters = config.get("filters")
        return _inflate(content, lambda: lzma.LZMADecompressor(form, filters=filters), limit)
    return _inflate(content, lambda: lzma.LZMADecompressor(form, _LZMA_MEMORY), limit)


def _inflate(content: bytes, make: Callable[[], Any], limit: int) -> bytes:
    """Decode one stream after the other, as far as there is room."""
    parts: list[bytes] = []
    room = limit
    while content:
        decompressor = make()
        parts.append(decompressor.decompress(content, room + 1))
        room -= len(parts[-1])
        if room < 0:
            raise _too_large(limit)
        if not decompressor.eof:
            raise ValueError("a chunk ends before its end")
        content = decompressor.unused_data.lstrip(b"\0")  # padding, as gzip files may have it
    return b"".join(parts)


def _blosc(content: bytes, config: Mapping[str, Any], limit: int) -> None:
    _check(claimed_bytes(content), limit)


def _lz4(content: bytes, config: Mapping[str, Any], limit: int) -> None:
    _check(int.from_bytes(content[:4], "little"), limit)


def _zstd(content: bytes, config: Mapping[str, Any], limit: int) -> None:
    """Look at what the frame says of its size (RFC 8878, 3.1.1.1); it must say it."""
    if content[:4] != b"\x28\xb5\x2f\xfd" or len(content) < 5:
        return  # the decoder says that it is broken
    descriptor = content[4]
    single_segment = descriptor >> 5 & 1
    size_bytes = (1 if single_segment else 0, 2, 4, 8)[descriptor >> 6]
    if not size_bytes:
        raise ValueError("a chunk compressed with zstd does not say how large it is")
    start = 5 + (0 if single_segment else 1) + (0, 1, 2, 4)[descriptor & 3]
    claimed = int.from_bytes(content[start : start + size_bytes], "little")
    _check(claimed + (256 if size_bytes == 2 else 0), limit)


def _packbits(content: bytes, config: Mapping[str, Any], limit: int) -> None:
    """Add up the runs of bytes: TIFF's own codec (TIFF 6.0, section 9)."""
    place = size = 0
    while place < len(content):
        first = content[place]
        if first < 128:
            size, place = size + first + 1, place + first + 2
        else:
            size, place = size + (257 - first) % 129, place + (1 if first == 128 else 2)
    _check(size, limit)


def _check(claimed: int, limit: int) -> None:
    if claimed > limit:
        raise _too_large(limit)


def _too_large(limit: int) -> ValueError:
    return ValueError(f"a chunk would inflate to more than the {limit} bytes that it can hold")


_DECODERS: dict[str, Callable[[bytes, Mapping[str, Any], int], bytes | None]] = {
    "blosc": _blosc,
    "bz2": _bz2,
    "gzip": _zlib,
    "lz4": _lz4,
    "lzma": _lzma,
    "tiff_packbits": _packbits,
    "zlib": _zlib,
    "zstd": _zstd,
}
