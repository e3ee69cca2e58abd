"""What the metadata files of zarr v2, zarr v3 and N5 say of an array, checked."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dacapo.errors import ArrayFormatError, UnsupportedError
from napari_dacapo.volumes.array_metadata import ArrayMetadata, BloscPlace, FileLayout

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["n5_array", "zarr2_array", "zarr3_array"]

_MAX_AXES = 10
_MAX_ELEMENTS = 2**58
_MAX_FILES = 2**44
_MAX_CHUNK_BYTES = 2**31  # Blosc, and so any real zarr, ends there
_MAX_CHUNKS_PER_SHARD = 2**24

# Codecs that only turn bytes into numbers, and not into more of them than they should
# (see `bounded_codecs`). Others are refused before they can run: numcodecs' "pickle" executes
# whatever a chunk holds.
_HARMLESS = frozenset(
    "adler32 astype bitround blosc bytes bz2 bzip2 crc32 crc32c cast_value delta fixedscaleoffset "
    "fletcher32 gzip jenkins_lookup3 lz4 lzma packbits quantize raw scale_offset "
    "sharding_indexed shuffle transpose xz zlib zstd".split()
)


def zarr2_array(folder: Path, raw: dict[str, Any], attributes: dict[str, Any]) -> ArrayMetadata:
    """Read what ``.zarray`` says.

    Raises
    ------
    ArrayFormatError
        If it makes no sense.
    UnsupportedError
        If elements are not numbers or are coded in an unknown or unsafe way.
    """
    path = folder / ".zarray"
    filters = _list(raw.get("filters") or [], "filters", path)
    codecs = [
        _codec(codec, "id", path)
        for codec in (raw.get("compressor"), *filters)
        if codec is not None
    ]
    chunks = _sizes(raw.get("chunks"), "chunks", path)
    separator = _separator(raw.get("dimension_separator") or ".", path)
    blosc = BloscPlace() if codecs[:1] == ["blosc"] and not filters else None
    return _checked(
        path,
        ArrayMetadata(
            path=folder,
            format="zarr2",
            shape=_sizes(raw.get("shape"), "shape", path),
            chunks=chunks,
            dtype=_dtype(raw.get("dtype"), path),
            codecs=tuple(codecs),
            files=FileLayout(chunks, "", separator, blosc),
            fill_value=raw.get("fill_value"),
            attributes=attributes,
        ),
    )


def zarr3_array(folder: Path, raw: dict[str, Any]) -> ArrayMetadata:
    """Read what the ``zarr.json`` of an array says; raises as :func:`zarr2_array`."""
    path = folder / "zarr.json"
    shape = _sizes(raw.get("shape"), "shape", path)
    grid = _mapping(raw.get("chunk_grid"))
    if grid.get("name") != "regular":
        raise UnsupportedError(
            f"{folder} has chunks of kind {grid.get('name')!r:.80}, which is not known.", path=path
        )
    chunks = _sizes(_mapping(grid.get("configuration")).get("chunk_shape"), "chunk_shape", path)
    files = chunks
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
    blosc = _blosc_of_zarr3(raw["codecs"], codecs)
    return _checked(
        path,
        ArrayMetadata(
            path=folder,
            format="zarr3",
            shape=shape,
            chunks=chunks,
            dtype=_dtype(raw.get("data_type"), path),
            codecs=tuple(codecs),
            files=FileLayout(
                files,
                *_key_encoding(raw.get("chunk_key_encoding"), path),
                blosc=blosc,
                blosc_hidden=blosc is None and "blosc" in codecs,
            ),
            fill_value=raw.get("fill_value"),
            attributes=_mapping(raw.get("attributes")),
            dimension_names=tuple(n if isinstance(n, str) else None for n in names),
        ),
    )


def n5_array(folder: Path, raw: dict[str, Any]) -> ArrayMetadata:
    """Read what the ``attributes.json`` of an array says; raises as :func:`zarr2_array`."""
    path = folder / "attributes.json"
    compression = raw.get("compression", raw.get("compressionType"))
    if isinstance(compression, str):
        compression = {"type": compression}
    codec = _codec(compression, "type", path)
    blocks = _sizes(raw.get("blockSize"), "blockSize", path)
    # Before the elements stand mode, number of axes and the block's shape.
    blosc = BloscPlace(skipped=4 + 4 * len(blocks)) if codec == "blosc" else None
    return _checked(
        path,
        ArrayMetadata(
            path=folder,
            format="n5",
            shape=_sizes(raw.get("dimensions"), "dimensions", path)[::-1],
            chunks=blocks[::-1],
            dtype=_dtype(raw.get("dataType"), path),
            codecs=(codec,),
            files=FileLayout(blocks, "", "/", blosc),
            attributes=raw,
        ),
    )


def _walk_codecs(
    codecs: Any, path: Path, depth: int = 0
) -> Iterator[tuple[Any, tuple[int, ...] | None]]:
    """Yield each codec, those inside shards too, with the inner chunk shape of sharding."""
    if depth > 4:
        raise ArrayFormatError(f"{path} nests codecs too deeply.", path=path)
    for codec in _list(codecs, "codecs", path):
        configuration = _configuration(codec)
        if isinstance(codec, dict) and codec.get("name") == "sharding_indexed":
            yield codec, _sizes(configuration.get("chunk_shape"), "chunk_shape", path)
            for key in ("codecs", "index_codecs"):
                for inner, chunks in _walk_codecs(configuration.get(key, []), path, depth + 1):
                    yield inner, chunks if key == "codecs" else None
        else:
            yield codec, None


def _blosc_of_zarr3(codecs: list[Any], names: list[str]) -> BloscPlace | None:
    """Return where the headers of Blosc chunks are; None if there are none, or not plainly."""
    if "blosc" not in names:
        return None
    if names[0] != "sharding_indexed":
        return BloscPlace() if _blosc_is_outermost(names) else None
    configuration = _configuration(codecs[0])
    inner = [_name(codec) for codec in configuration.get("codecs", [])]
    index = [_name(codec) for codec in configuration.get("index_codecs", [])]
    endian = [_configuration(codec).get("endian") for codec in configuration["index_codecs"][:1]]
    location = configuration.get("index_location", "end")
    plain = (
        len(codecs) == 1
        and "sharding_indexed" not in inner
        and _blosc_is_outermost(inner)
        and index in (["bytes"], ["bytes", "crc32c"])
        and endian == ["little"]
        and location in ("end", "start")
    )
    if not plain:
        return None
    return BloscPlace(
        inner=tuple(configuration["chunk_shape"]),
        index_at_end=location == "end",
        index_extra=4 * (len(index) - 1),
    )


def _blosc_is_outermost(names: list[str]) -> bool:
    """Whether bytes begin as Blosc wrote them: only a checksum may follow."""
    after = names[names.index("blosc") + 1 :] if names.count("blosc") == 1 else ["blosc"]
    return all(name == "crc32c" for name in after)


def _key_encoding(value: Any, path: Path) -> tuple[str, str]:
    """Return prefix and separator of the names of chunks."""
    name = value.get("name") if isinstance(value, dict) else value
    if name not in ("default", "v2"):
        raise UnsupportedError(
            f"{path} names its chunks in the way {name!r:.80}, which is not known.", path=path
        )
    default = "/" if name == "default" else "."
    separator = _separator(_configuration(value).get("separator", default), path)
    return f"c{separator}" if name == "default" else "", separator


def _separator(value: Any, path: Path) -> str:
    if value not in (".", "/"):
        raise ArrayFormatError(f"{path}: the separator {value!r:.80} makes no sense.", path=path)
    return str(value)


def _configuration(codec: Any) -> dict[str, Any]:
    return _mapping(codec.get("configuration")) if isinstance(codec, dict) else {}


def _name(codec: Any) -> Any:
    return codec.get("name") if isinstance(codec, dict) else codec


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


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
    if min(array.chunks) < 1 or min(array.files.sizes) < 1:
        raise ArrayFormatError(f"{path}: chunks {array.chunks} are empty.", path=path)
    if prod(max(1, n) for n in array.shape) > _MAX_ELEMENTS:
        raise ArrayFormatError(f"{path}: no array has the shape {array.shape}.", path=path)
    files = array.files.sizes[::-1] if array.format == "n5" else array.files.sizes
    n_files = prod(-(-n // size) for n, size in zip(array.shape, files, strict=True))
    if n_files > _MAX_FILES:
        raise ArrayFormatError(f"{path} claims chunks in {n_files:,} files.", path=path)
    if prod(array.chunks) * array.dtype.itemsize > _MAX_CHUNK_BYTES:
        raise ArrayFormatError(
            f"{path}: a chunk of {array.chunks} {array.dtype} is larger than "
            f"{_MAX_CHUNK_BYTES // 2**30} GiB and is not read.",
            path=path,
        )
    return array
