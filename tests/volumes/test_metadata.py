from __future__ import annotations

import json
import os
import pickle

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_dacapo.errors import (
    ArrayFormatError,
    BrokenFileError,
    NapariDacapoError,
    UnsupportedError,
)
from napari_dacapo.volumes import open_volume
from napari_dacapo.volumes.metadata import read_metadata

GOOD2 = {
    "zarr_format": 2, "shape": [8, 8], "chunks": [4, 4], "dtype": "|u1", "compressor": None,
    "fill_value": 0, "filters": None, "order": "C", "dimension_separator": "/",
}  # fmt: skip
GOOD3 = {
    "zarr_format": 3, "node_type": "array", "shape": [8, 8], "data_type": "uint8",
    "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [4, 4]}},
    "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
    "fill_value": 0, "codecs": [{"name": "bytes"}], "attributes": {},
}  # fmt: skip
GOOD_N5 = {
    "dimensions": [8, 8], "blockSize": [4, 4], "dataType": "uint8",
    "compression": {"type": "gzip"},
}  # fmt: skip
NAMES = {".zarray": GOOD2, "zarr.json": GOOD3, "attributes.json": GOOD_N5}


def write(folder, name, metadata, attributes=None):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(json.dumps(metadata))
    if attributes is not None:
        (folder / ".zattrs").write_text(json.dumps(attributes))
    return folder


def sharding(chunk_shape, codecs=({"name": "bytes"},)):
    configuration = {
        "chunk_shape": chunk_shape,
        "codecs": list(codecs),
        "index_codecs": [{"name": "bytes", "configuration": {"endian": "little"}}],
    }
    return [{"name": "sharding_indexed", "configuration": configuration}]


@pytest.mark.parametrize("name", NAMES)
def test_good_ones_open(tmp_path, name):
    volume = open_volume(write(tmp_path / "a", name, NAMES[name]))
    assert volume.shape == (8, 8)
    assert not np.asarray(volume.data).any()


SIZES = [[-1, 8], [8.5, 8], ["8", 8], [2**70, 8], [True, 8], None, 8, "ab", [8] * 40, [], {"a": 1}]


@pytest.mark.parametrize("value", SIZES, ids=str)
@pytest.mark.parametrize("key", ["shape", "chunks"])
def test_absurd_sizes(tmp_path, key, value):
    with pytest.raises(ArrayFormatError):
        open_volume(write(tmp_path, ".zarray", GOOD2 | {key: value}))


@pytest.mark.parametrize("value", SIZES, ids=str)
def test_absurd_sizes_in_other_formats(tmp_path, value):
    grid = {"name": "regular", "configuration": {"chunk_shape": value}}
    for name, change in [
        ("zarr.json", {"shape": value}),
        ("zarr.json", {"chunk_grid": grid}),
        ("zarr.json", {"codecs": sharding(value)}),
        ("attributes.json", {"dimensions": value}),
        ("attributes.json", {"blockSize": value}),
    ]:
        with pytest.raises((ArrayFormatError, UnsupportedError)):
            open_volume(write(tmp_path / str(change)[:40], name, NAMES[name] | change))


@pytest.mark.parametrize("chunks", [[2**40, 1], [2**20, 2**20], [2**31, 2], [0, 4]], ids=str)
def test_huge_chunks_are_refused_before_anything_is_allocated(tmp_path, chunks):
    big = {"shape": [2**41, 8]}
    with pytest.raises(ArrayFormatError, match="chunk"):
        open_volume(write(tmp_path / "2", ".zarray", GOOD2 | big | {"chunks": chunks}))
    grid = {"name": "regular", "configuration": {"chunk_shape": chunks}}
    with pytest.raises(ArrayFormatError):
        open_volume(write(tmp_path / "3", "zarr.json", GOOD3 | big | {"chunk_grid": grid}))
    n5 = {"dimensions": [2**41, 8], "blockSize": chunks}
    with pytest.raises(ArrayFormatError, match="chunk"):
        open_volume(write(tmp_path / "n5", "attributes.json", GOOD_N5 | n5))


def test_huge_shards_are_fine_but_not_of_countless_chunks(tmp_path):
    grid = {"name": "regular", "configuration": {"chunk_shape": [2**20, 2**20]}}
    big = GOOD3 | {"shape": [2**21, 2**21], "chunk_grid": grid}
    fine = write(tmp_path / "a", "zarr.json", big | {"codecs": sharding([2**10, 2**10])})
    assert not np.asarray(open_volume(fine).data[5, 2000:2010]).any()
    for inner in ([2, 2], [0, 4]):
        bad = write(tmp_path / "b", "zarr.json", big | {"codecs": sharding(inner)})
        with pytest.raises(ArrayFormatError):
            open_volume(bad)


@pytest.mark.parametrize("names", [["c^", "z", "y", "x"], None], ids=["said", "guessed"])
def test_countless_channels(tmp_path, names):
    change = {"shape": [2**30, 16, 16, 16], "chunks": [1, 16, 16, 16]}
    attributes = {"axis_names": names} if names else {}
    with pytest.raises(ArrayFormatError, match="1073741824 channels"):
        open_volume(write(tmp_path, ".zarray", GOOD2 | change, attributes))
    frames = open_volume(tmp_path, axis_names=["t^", "z", "y", "x"])
    assert frames.shape == (2**30, 16, 16, 16)
    assert not np.asarray(frames.data[2**29]).any()


def test_countless_files(tmp_path):
    change = {"shape": [2**19] * 3, "chunks": [1] * 3}
    with pytest.raises(ArrayFormatError, match="files"):
        open_volume(write(tmp_path, ".zarray", GOOD2 | change))


@pytest.mark.parametrize(
    "dtype",
    ["|O", "<M8[ns]", "<U10", "|S5", [["a", "<f4"]], "<c8", None, 5, "nonsense", "f4,f4", ""],
)
def test_elements_that_are_no_numbers(tmp_path, dtype):
    with pytest.raises(UnsupportedError):
        open_volume(write(tmp_path, ".zarray", GOOD2 | {"dtype": dtype}))


class Bomb:
    fired = False

    def __reduce__(self):
        return setattr, (Bomb, "fired", True)


@pytest.mark.parametrize("how", ["compressor", "filters"])
def test_codecs_that_execute_are_refused(tmp_path, how):
    codec = {"id": "pickle", "protocol": 4}
    change = {how: codec if how == "compressor" else [codec]}
    write(tmp_path, ".zarray", GOOD2 | change)
    (tmp_path / "0").mkdir()
    (tmp_path / "0/0").write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(UnsupportedError, match="pickle"):
        np.asarray(open_volume(tmp_path).data)
    assert not Bomb.fired


@pytest.mark.parametrize(
    "codecs",
    [
        [{"name": "numcodecs.pickle"}],
        [{"name": "bytes"}, {"name": "frobnicate"}],
        sharding([2, 2], [{"name": "numcodecs.pickle"}]),
        sharding([4, 4], sharding([2, 2], [{"name": "pickle"}])),
        [{"name": 5}],
        [None],
        "bytes",
        [],
        [{"name": "bytes"}] * 100,
    ],
    ids=lambda value: str(value)[:50],
)
def test_codecs_of_zarr3(tmp_path, codecs):
    with pytest.raises((UnsupportedError, ArrayFormatError)):
        open_volume(write(tmp_path, "zarr.json", GOOD3 | {"codecs": codecs}))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "content", [b"", b"{", b"[1, 2]", b"\xff\xfe\0", b"[" * 10**5, b'{"a": 1e', b"5"]
)
def test_broken_json(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises((BrokenFileError, ArrayFormatError), match=name):
        open_volume(tmp_path)


@pytest.mark.parametrize("name", [*NAMES, ".zattrs"])
def test_pipes_and_huge_files_are_not_read(tmp_path, name):
    write(tmp_path / "a", ".zarray", GOOD2)
    (tmp_path / "a" / name).unlink(missing_ok=True)
    if name != ".zattrs":
        (tmp_path / "a/.zarray").unlink(missing_ok=True)
    os.mkfifo(tmp_path / "a" / name)
    with pytest.raises(BrokenFileError):
        open_volume(tmp_path / "a")
    (tmp_path / "a" / name).unlink()
    with open(tmp_path / "a" / name, "wb") as file:
        file.truncate(2**40)
    with pytest.raises(BrokenFileError, match="bytes"):
        open_volume(tmp_path / "a")


def test_a_pipe_among_the_chunks(tmp_path):
    write(tmp_path, ".zarray", GOOD2)
    (tmp_path / "0").mkdir()
    os.mkfifo(tmp_path / "0/0")
    with pytest.raises(BrokenFileError, match="neither"):
        open_volume(tmp_path)


@pytest.mark.parametrize(
    "compressor",
    [None, {"id": "zlib", "level": 1}, {"id": "blosc", "cname": "lz4", "clevel": 5, "shuffle": 1}],
)
@pytest.mark.parametrize(
    "content", [b"", b"\0" * 7, b"x" * 100, b"\x02\x01!\x01\xff\xff\xff\x7f" * 4]
)
def test_torn_chunks(tmp_path, compressor, content):
    write(tmp_path, ".zarray", GOOD2 | {"compressor": compressor})
    (tmp_path / "0").mkdir()
    (tmp_path / "0/0").write_bytes(content)
    volume = open_volume(tmp_path)
    with pytest.raises(BrokenFileError, match=str(tmp_path)):
        np.asarray(volume.data)
    with pytest.raises(BrokenFileError):
        volume.data.sum().compute()
    assert not np.asarray(volume.data[4:, 4:]).any(), "other chunks are still there"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda children: (
        st.lists(children, max_size=4) | st.dictionaries(st.text(max_size=5), children, max_size=3)
    ),
    max_leaves=6,
)


@settings(deadline=None)
@given(data=st.data(), name=st.sampled_from(sorted(NAMES)))
def test_any_value_anywhere(tmp_path_factory, data, name):
    """Whatever stands in a file: a volume, or an error that says what is wrong."""
    good = NAMES[name]
    key = data.draw(st.sampled_from(sorted(good)))
    folder = write(tmp_path_factory.mktemp("any"), name, good | {key: data.draw(JSON)})
    try:
        volume = open_volume(folder)
        np.asarray(volume.data[:1, :1])
    except NapariDacapoError as error:
        said = f"{error} {error.path}"
    else:
        said = str(folder)
    assert str(folder) in said


ATTRIBUTES = ["voxel_size", "offset", "axis_names", "units", "resolution", "axes", "multiscales",
              "pixelResolution", "dimension_units", "_ARRAY_DIMENSIONS", "ome"]  # fmt: skip


@settings(deadline=None)
@given(attributes=st.dictionaries(st.sampled_from(ATTRIBUTES), JSON, max_size=4))
def test_any_attributes(tmp_path_factory, attributes):
    folder = write(tmp_path_factory.mktemp("any"), ".zarray", GOOD2, attributes)
    try:
        volume = open_volume(folder)
    except (ArrayFormatError, BrokenFileError):
        return
    n = len(volume.spatial_axes)
    assert len(volume.voxel_size) == len(volume.offset) == n
    assert all(0 < v < np.inf for v in volume.voxel_size)
    assert np.isfinite(volume.offset).all()


@settings(deadline=None, max_examples=60)
@given(
    flips=st.lists(st.integers(0, 8 * 400), min_size=1, max_size=4),
    name=st.sampled_from(sorted(NAMES)),
)
def test_flipped_bits(tmp_path_factory, flips, name):
    content = bytearray(json.dumps(NAMES[name]).encode())
    for bit in flips:
        content[bit // 8 % len(content)] ^= 1 << bit % 8
    folder = tmp_path_factory.mktemp("flipped")
    (folder / name).write_bytes(content)
    try:
        np.asarray(open_volume(folder).data[:1, :1])
    except NapariDacapoError:
        pass


def test_what_is_read_of_a_real_array(stores):
    path = stores / "data/aniso_val.zarr/raw"
    array, expected = read_metadata(path), zarr.open_array(path, mode="r")
    assert array.shape == expected.shape
    assert array.chunks == expected.chunks
    assert array.attributes == dict(expected.attrs)
    assert read_metadata(path / "nothing") is None
