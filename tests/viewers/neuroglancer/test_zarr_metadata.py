"""Metadata that the server makes up: overrides, grids, axis names."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tensorstore as ts
from hypothesis import given
from hypothesis import strategies as st

from napari_dacapo.viewers.neuroglancer.overrides import override_v2, override_v3
from napari_dacapo.viewers.neuroglancer.zarr_metadata import (
    MAX_CHANNELS,
    array_metadata,
    client_axis_names,
    grid_shape,
    group_metadata,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_dacapo.volumes import Volume

V2: dict[str, Any] = {
    "zarr_format": 2, "shape": [4, 8, 8], "chunks": [4, 4, 4], "dtype": "<u2", "order": "C",
    "compressor": {"id": "blosc", "cname": "lz4", "clevel": 5, "shuffle": 1, "blocksize": 0},
    "fill_value": 0, "filters": None, "dimension_separator": "/",
}  # fmt: skip
V3: dict[str, Any] = {
    "zarr_format": 3, "node_type": "array", "shape": [4, 8, 8], "data_type": "uint16",
    "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [4, 4, 4]}},
    "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
    "fill_value": 0, "attributes": {"secret": "stays here"},
    "codecs": [{"name": "bytes", "configuration": {"endian": "little"}}],
}  # fmt: skip
SHAPE = (4, 8, 8)


def sharded(inner: list[int], *before: dict[str, Any]) -> list[dict[str, Any]]:
    bytes_codec = {"name": "bytes", "configuration": {"endian": "little"}}
    configuration = {
        "chunk_shape": inner, "codecs": [bytes_codec], "index_location": "end",
        "index_codecs": [bytes_codec, {"name": "crc32c"}],
    }  # fmt: skip
    return [*before, {"name": "sharding_indexed", "configuration": configuration}]


def test_readable_arrays_stay_as_they_are() -> None:
    assert override_v2(V2, SHAPE, "uint16", []) == V2
    kept = override_v3(V3, SHAPE, "uint16", [])
    assert kept == {**V3, "attributes": {}}


@pytest.mark.parametrize(
    ("stored", "seen", "expected"),
    [("|b1", "uint8", "|u1"), ("<i8", "uint64", "<u8"), (">i4", "uint32", ">u4"),
     ("|i1", "int8", "|i1"), (">f4", "float32", ">f4")],
)  # fmt: skip
def test_types_of_the_same_bytes_are_renamed(stored: str, seen: str, expected: str) -> None:
    got = override_v2({**V2, "dtype": stored, "fill_value": False}, SHAPE, seen, [])
    assert got is not None
    assert (got["dtype"], got["fill_value"]) == (expected, 0)


@pytest.mark.parametrize(
    "change",
    [
        {"dtype": "<f8"}, {"dtype": "<f2"}, {"dtype": "<M8[ns]"}, {"dtype": [["a", "<u2"]]},
        {"dtype": None}, {"shape": [4, 8]}, {"shape": [4, 8, 9]}, {"shape": None}, {"chunks": None},
        {"chunks": [4, 4]}, {"chunks": [4, 4, 0]}, {"chunks": [4, 4, -1]}, {"chunks": "444"},
        {"chunks": [4.0, 4, 4]}, {"filters": [{"id": "delta"}]}, {"order": "X"}, {"order": None},
        {"compressor": {"id": "lzma"}}, {"compressor": "blosc"}, {"compressor": {}},
        {"dimension_separator": ":"}, {"fill_value": "NaN"}, {"fill_value": 0.5},
        {"fill_value": -1}, {"fill_value": [1]}, {"fill_value": 1e400},
        {"chunks": [4096, 4096, 4096]},
    ],
)  # fmt: skip
def test_what_the_client_cannot_read_is_reencoded(change: dict[str, Any]) -> None:
    assert override_v2({**V2, **change}, SHAPE, "uint16", []) is None


@pytest.mark.parametrize(
    "change",
    [
        {"data_type": "float64"}, {"data_type": {"name": "x"}}, {"data_type": None},
        {"node_type": "group"}, {"shape": [1]}, {"chunk_grid": None}, {"chunk_grid": []},
        {"chunk_grid": {"name": "rectangular", "configuration": {"chunk_shape": [4, 4, 4]}}},
        {"chunk_key_encoding": {"name": "hilbert"}}, {"chunk_key_encoding": "default"},
        {"chunk_key_encoding": {"name": "default", "configuration": {"separator": "/../"}}},
        {"chunk_key_encoding": {"name": "default", "configuration": {"separator": ""}}},
        {"chunk_key_encoding": {"name": "v2", "configuration": ["."]}},
        {"codecs": [{"name": "packbits"}]}, {"codecs": None}, {"codecs": [1]}, {"codecs": [{}]},
        {"storage_transformers": [{}]}, {"fill_value": None}, {"fill_value": "0x00"},
        {"codecs": sharded([2, 2])}, {"codecs": sharded([2, 2, 2], {"name": "transpose"})},
        {"codecs": [{"name": "sharding_indexed"}]},
    ],
)  # fmt: skip
def test_what_the_client_cannot_read_in_v3_is_reencoded(change: dict[str, Any]) -> None:
    assert override_v3({**V3, **change}, SHAPE, "uint16", []) is None


def test_channels_must_lie_in_one_chunk() -> None:
    shape = (3, 8, 8)
    whole = {**V2, "shape": [3, 8, 8], "chunks": [3, 4, 4]}
    assert override_v2(whole, shape, "uint16", [0]) is not None
    for n in (1, 2, 4):
        assert override_v2({**whole, "chunks": [n, 4, 4]}, shape, "uint16", [0]) is None
    in_shards = {**V3, "shape": [3, 8, 8], "codecs": sharded([3, 2, 2])}
    assert override_v3(in_shards, shape, "uint16", [0]) is not None
    assert override_v3({**in_shards, "codecs": sharded([1, 2, 2])}, shape, "uint16", [0]) is None


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(sorted(V2)), anything, max_size=3))
def test_nonsense_never_passes_for_metadata(change: dict[str, Any]) -> None:
    got = override_v2({**V2, **change}, SHAPE, "uint16", [])
    if got is not None:
        json.dumps(got, allow_nan=False)
        assert got["shape"] == list(SHAPE)


@given(st.dictionaries(st.sampled_from(sorted(V3)), anything, max_size=3))
def test_nonsense_never_passes_for_v3_metadata(change: dict[str, Any]) -> None:
    got = override_v3({**V3, **change}, SHAPE, "uint16", [])
    if got is not None:
        json.dumps(got, allow_nan=False)


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint64", "float32"])
def test_made_up_arrays_are_valid_zarr(tmp_path: Any, zarr_format: Any, dtype: str) -> None:
    metadata = array_metadata((5, 6), (2, 3), dtype, zarr_format)
    (tmp_path / (".zarray" if zarr_format == 2 else "zarr.json")).write_text(json.dumps(metadata))
    driver = "zarr" if zarr_format == 2 else "zarr3"
    store = ts.open({"driver": driver, "kvstore": f"file://{tmp_path}/"}).result()
    assert (store.shape, store.dtype.numpy_dtype) == ((5, 6), np.dtype(dtype))
    assert store.chunk_layout.read_chunk.shape == (2, 3)


@given(st.lists(st.tuples(st.integers(1, 10**6), st.integers(1, 10**3)), min_size=1, max_size=4))
def test_the_grid_covers_the_shape(sizes: list[tuple[int, int]]) -> None:
    shape, chunks = zip(*sizes, strict=True)
    for n, c, count in zip(shape, chunks, grid_shape(shape, chunks), strict=True):
        assert (count - 1) * c < n <= count * c


def test_axes_say_what_they_are(volume: Callable[..., Volume]) -> None:
    axes = ("iterations^", "b^", "c^", "y", "x")
    image = volume(np.ones((2, 1, 3, 4, 5), "u1"), axes, voxel_size=(4.0, 8.0), offset=(100.0, 0.0))
    assert client_axis_names(image) == ("iterations'", "b'", "c^", "y", "x")
    labels = image.with_(kind="labels")
    assert client_axis_names(labels) == ("iterations'", "b'", "c'", "y", "x")
    many = volume(np.ones((MAX_CHANNELS + 1, 4, 5), "u1"), ("c^", "y", "x"))
    assert client_axis_names(many) == ("c'", "y", "x")
    ome = group_metadata(image, 3)["ome"]
    assert ome["version"] == "0.5"
    (multiscale,) = ome["multiscales"]
    assert [axis.get("unit") for axis in multiscale["axes"]] == [None] * 3 + ["nanometer"] * 2
    _, translation = multiscale["datasets"][0]["coordinateTransformations"]
    assert translation["translation"] == [0.5, 0.5, 0.5, 102.0, 4.0]
