"""Chunks that inflate to far more than an array's chunks are."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import struct
import zlib

import numcodecs
import numpy as np
import pytest
import zarr
from numcodecs import LZMA, Delta

from napari_dacapo.errors import BrokenFileError
from napari_dacapo.volumes import open_volume
from napari_dacapo.volumes.sources import TensorStoreSource, ZarrSource

BOMB = bytes(2**24)
DELTA = {"id": "delta", "dtype": "|u1", "astype": "|u1"}
BLOSC = numcodecs.Blosc("zstd").encode(BOMB)


def write_chunk(folder, compressor, content, filters=None):
    """Write an array of 16 x 16 x 16 bytes in one chunk, byte by byte."""
    (folder / "0/0").mkdir(parents=True)
    (folder / ".zarray").write_text(
        json.dumps(
            {"zarr_format": 2, "shape": [16] * 3, "chunks": [16] * 3, "dtype": "|u1",
             "compressor": compressor, "fill_value": 0, "order": "C", "filters": filters,
             "dimension_separator": "/"}
        )
    )  # fmt: skip
    (folder / "0/0/0").write_bytes(content)
    return folder


@pytest.mark.parametrize(
    ("compressor", "content", "filters"),
    [
        ({"id": "lzma", "format": 1}, lzma.compress(BOMB, preset=0), None),
        ({"id": "lzma", "format": 3, "filters": [{"id": lzma.FILTER_LZMA2, "preset": 1}]},
         lzma.compress(BOMB, lzma.FORMAT_RAW, filters=[{"id": lzma.FILTER_LZMA2, "preset": 1}]),
         None),
        ({"id": "gzip", "level": 1}, gzip.compress(BOMB), [DELTA]),
        ({"id": "gzip", "level": 1}, gzip.compress(BOMB[: 2**12]) * 4096, [DELTA]),
        ({"id": "zlib", "level": 1}, zlib.compress(BOMB), [DELTA]),
        ({"id": "bz2", "level": 1}, bz2.compress(BOMB, 1), [DELTA]),
        ({"id": "zstd", "level": 1}, numcodecs.Zstd(1).encode(BOMB), [DELTA]),
        ({"id": "lz4", "acceleration": 1}, struct.pack("<I", 2**31 - 1) + bytes(50), None),
        ({"id": "blosc", "cname": "zstd", "clevel": 5, "shuffle": 0}, BLOSC, [DELTA]),
        (None, gzip.compress(BOMB), [{"id": "gzip", "level": 1}]),
        ({"id": "lzma", "format": 1}, lzma.compress(gzip.compress(BOMB)),
         [DELTA, {"id": "gzip", "level": 1}]),
    ],
    ids=lambda value: str(value)[:40] if isinstance(value, dict) else "",
)  # fmt: skip
def test_chunks_for_zarr_python_do_not_inflate(tmp_path, compressor, content, filters):
    volume = open_volume(write_chunk(tmp_path / "a", compressor, content, filters))
    assert isinstance(volume.data.lazy_view.source, ZarrSource)
    with pytest.raises(BrokenFileError, match="inflate"):
        np.asarray(volume.data)


def test_a_size_that_is_not_said(tmp_path):
    """A frame of zstd without the size of its contents (RFC 8878, 3.1.1.1)."""
    raw_block = struct.pack("<I", 4096 << 3 | 1)[:3] + bytes(4096)
    frame = b"\x28\xb5\x2f\xfd" + bytes([0b0000_0000, 0x58]) + raw_block
    volume = open_volume(write_chunk(tmp_path / "a", {"id": "zstd", "level": 1}, frame, [DELTA]))
    with pytest.raises(BrokenFileError, match="how large"):
        np.asarray(volume.data)


@pytest.mark.parametrize(
    "compressor",
    [LZMA(), numcodecs.GZip(), numcodecs.Zlib(), numcodecs.BZ2(), numcodecs.Zstd(),
     numcodecs.LZ4(), numcodecs.Blosc("zstd"), None],
    ids=str,
)  # fmt: skip
@pytest.mark.parametrize("filters", [[Delta("u2")], [Delta("u2", "i8")]], ids=str)
@pytest.mark.parametrize("order", ["C", "F"])
def test_sound_chunks_are_decoded(tmp_path, write_zarr, numbers, compressor, filters, order):
    path = write_zarr(tmp_path / "a", numbers, compressors=compressor, filters=filters, order=order)
    volume = open_volume(path)
    assert isinstance(volume.data.lazy_view.source, ZarrSource)
    np.testing.assert_array_equal(np.asarray(volume.data), numbers)


def write_v3(path, data, inner, chunks, shards=None):
    """Write zarr v3 with a codec that only zarr-python knows, within shards or not."""
    metadata = {
        "zarr_format": 3, "node_type": "array", "shape": list(data.shape), "data_type": "uint8",
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": shards or chunks}},
        "chunk_key_encoding": {"name": "default"}, "fill_value": 0, "attributes": {},
    }  # fmt: skip
    codecs = [{"name": "bytes"}, *inner]
    if shards:
        little = [{"name": "bytes", "configuration": {"endian": "little"}}, {"name": "crc32c"}]
        configuration = {"chunk_shape": chunks, "codecs": codecs, "index_codecs": little}
        codecs = [{"name": "sharding_indexed", "configuration": configuration}]
    path.mkdir(parents=True)
    (path / "zarr.json").write_text(json.dumps(metadata | {"codecs": codecs}))
    with pytest.warns():  # such codecs are in no specification
        zarr.open_array(path, mode="r+")[...] = data
    return path


@pytest.mark.filterwarnings("ignore:Numcodecs codecs")
@pytest.mark.parametrize("shards", [None, [16, 16, 16]], ids=["chunks", "shards"])
def test_zarr_v3(tmp_path, shards):
    data = np.arange(16**3, dtype="u1").reshape(16, 16, 16)
    codec = [{"name": "numcodecs.zlib", "configuration": {"level": 1}}]
    path = write_v3(tmp_path / "a", data, codec, [8, 8, 8], shards)
    volume = open_volume(path)
    assert isinstance(volume.data.lazy_view.source, ZarrSource)
    np.testing.assert_array_equal(np.asarray(volume.data), data)

    large = write_v3(tmp_path / "b", np.zeros((2048, 64, 64), "u1") + 1, codec, [2048, 64, 64],
                     shards and [2048, 64, 64])  # fmt: skip
    small = json.loads((large / "zarr.json").read_text())
    small = json.loads(json.dumps(small).replace("2048", "8").replace("64", "8"))
    (large / "zarr.json").write_text(json.dumps(small))
    with pytest.raises(BrokenFileError, match="inflate"):
        np.asarray(open_volume(large).data)


class TestBloscByTensorStore:
    """TensorStore makes room for what a Blosc chunk claims: its header is read before."""

    def refused(self, path):
        volume = open_volume(path)
        source = getattr(volume.data.lazy_view.source, "source", volume.data.lazy_view.source)
        assert isinstance(source, TensorStoreSource)
        with pytest.raises(BrokenFileError, match="claims a chunk of"):
            np.asarray(volume.data)

    def test_zarr_v2(self, tmp_path):
        blosc = {"id": "blosc", "cname": "zstd", "clevel": 5, "shuffle": 0}
        self.refused(write_chunk(tmp_path / "a", blosc, BLOSC))

    def test_links_are_no_way_around(self, tmp_path):
        blosc = {"id": "blosc", "cname": "zstd", "clevel": 5, "shuffle": 0}
        path = write_chunk(tmp_path / "a", blosc, BLOSC)
        (path / "0/0/0").rename(path / "kept")
        (path / "0/0/0").symlink_to(path / "kept")
        self.refused(path)

    def test_n5(self, tmp_path):
        (tmp_path / "a/0/0").mkdir(parents=True)
        (tmp_path / "a/attributes.json").write_text(
            json.dumps(
                {"dimensions": [16] * 3, "blockSize": [16] * 3, "dataType": "uint8",
                 "compression": {"type": "blosc", "cname": "zstd", "clevel": 5, "shuffle": 0}}
            )
        )  # fmt: skip
        header = struct.pack(">HHIII", 0, 3, 16, 16, 16)
        (tmp_path / "a/0/0/0").write_bytes(header + BLOSC)
        self.refused(tmp_path / "a")

    @pytest.mark.parametrize("location", ["start", "end"])
    def test_shards(self, tmp_path, location):
        """Of two chunks in a shard one is sound; it can be read without the other."""
        codec = {
            "name": "sharding_indexed",
            "configuration": {
                "chunk_shape": [8, 16, 16],
                "codecs": [
                    {"name": "bytes"},
                    {"name": "blosc", "configuration": {"cname": "zstd", "clevel": 5,
                     "shuffle": "noshuffle", "typesize": 1, "blocksize": 0}},
                ],
                "index_codecs": [
                    {"name": "bytes", "configuration": {"endian": "little"}},
                    {"name": "crc32c"},
                ],
                "index_location": location,
            },
        }  # fmt: skip
        metadata = {
            "zarr_format": 3, "node_type": "array", "shape": [16] * 3, "data_type": "uint8",
            "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [16] * 3}},
            "chunk_key_encoding": {"name": "default"}, "fill_value": 0, "attributes": {},
            "codecs": [codec],
        }  # fmt: skip
        sound = numcodecs.Blosc("zstd").encode(np.ones(8 * 16 * 16, "u1"))
        index_size = 2 * 16 + 4
        first = index_size if location == "start" else 0
        index = struct.pack("<4Q", first, len(sound), first + len(sound), len(BLOSC))
        index += struct.pack("<I", google_crc32c(index))
        chunks = sound + BLOSC
        (tmp_path / "a/c/0/0").mkdir(parents=True)
        (tmp_path / "a/zarr.json").write_text(json.dumps(metadata))
        (tmp_path / "a/c/0/0/0").write_bytes(
            index + chunks if location == "start" else chunks + index
        )
        self.refused(tmp_path / "a")
        assert (np.asarray(open_volume(tmp_path / "a").data[:8]) == 1).all()

    @pytest.mark.parametrize("zarr_format", [2, 3])
    @pytest.mark.parametrize("shards", [None, (10, 12, 20)], ids=["chunks", "shards"])
    def test_sound_chunks_are_read(self, tmp_path, write_zarr, numbers, zarr_format, shards):
        if shards and zarr_format == 2:
            return
        blosc = zarr.codecs.BloscCodec() if zarr_format == 3 else numcodecs.Blosc()
        options = {"shards": shards} if shards else {}
        path = write_zarr(
            tmp_path / "a", numbers, zarr_format=zarr_format, compressors=blosc,
            chunks=(5, 4, 10), **options,
        )  # fmt: skip
        volume = open_volume(path)
        assert isinstance(volume.data.lazy_view.source, TensorStoreSource)
        np.testing.assert_array_equal(np.asarray(volume.data), numbers)
        np.testing.assert_array_equal(np.asarray(volume.data[7, 3:9]), numbers[7, 3:9])

    def test_below_another_compressor_zarr_python_reads(self, tmp_path, write_zarr, numbers):
        """A header within gzip does not show: not for TensorStore."""
        path = write_zarr(
            tmp_path / "a", numbers, zarr_format=3,
            compressors=[zarr.codecs.BloscCodec(), zarr.codecs.GzipCodec()],
        )  # fmt: skip
        volume = open_volume(path)
        assert isinstance(volume.data.lazy_view.source, ZarrSource)
        np.testing.assert_array_equal(np.asarray(volume.data), numbers)


def google_crc32c(content: bytes) -> int:
    """CRC-32C, bit by bit (RFC 3720, appendix B.4)."""
    value = 0xFFFFFFFF
    for byte in content:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
    return value ^ 0xFFFFFFFF
