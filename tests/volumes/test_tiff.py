"""TIFF files that name other files."""

from __future__ import annotations

import json
import lzma
import os
import struct
import tracemalloc
import zlib

import numpy as np
import pytest
import tifffile

from napari_dacapo.errors import BrokenFileError, UnsafeFileError
from napari_dacapo.volumes import open_volume

OURS, OTHER = "urn:uuid:00000000-0000-0000-0000-000000000001", "urn:uuid:0-2"


def write_ome(path, planes, *, root=OURS):
    """Write OME-TIFF of one stored plane of ones; ``planes`` are (file name, uuid) of each."""
    data = "".join(
        f'<TiffData IFD="0" FirstZ="{z}" FirstC="0" FirstT="0" PlaneCount="1">'
        f'<UUID FileName="{name}">{uuid}</UUID></TiffData>'
        for z, (name, uuid) in enumerate(planes)
    )
    said = f' UUID="{root}"' if root else ""
    xml = (
        '<?xml version="1.0" encoding="UTF-8"?>'
        f'<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"{said}>'
        '<Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint8" '
        f'SizeX="16" SizeY="16" SizeZ="{len(planes)}" SizeC="1" SizeT="1">'
        f'<Channel ID="Channel:0:0" SamplesPerPixel="1"/>{data}</Pixels></Image></OME>'
    )
    tifffile.imwrite(path, np.ones((16, 16), np.uint8), description=xml, metadata=None)
    return path


@pytest.mark.parametrize("where", ["../private/secret.tif", "{private}/secret.tif", "secret.tif"])
@pytest.mark.parametrize("root", [OURS, None])
def test_planes_in_other_files_are_not_read(tmp_path, where, root):
    (tmp_path / "store").mkdir()
    (tmp_path / "private").mkdir()
    for folder in ("private", "store"):
        tifffile.imwrite(tmp_path / folder / "secret.tif", np.full((16, 16), 77, "u1"))
    name = where.format(private=tmp_path / "private")
    planes = [("a.ome.tif", OURS), (name, OTHER)]
    path = write_ome(tmp_path / "store/a.ome.tif", planes, root=root)
    with pytest.raises(UnsafeFileError, match=r"secret\.tif"):
        open_volume(path)


def test_pipes_that_are_named_are_not_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe.tif")
    path = write_ome(tmp_path / "a.ome.tif", [("pipe.tif", OTHER)])
    with pytest.raises(UnsafeFileError, match=r"pipe\.tif"):
        open_volume(path)


@pytest.mark.parametrize("root", [OURS, None])
@pytest.mark.parametrize("name", ["a.ome.tif", "A.OME.TIF"])
def test_a_file_may_name_itself(tmp_path, root, name):
    path = write_ome(tmp_path / "a.ome.tif", [(name, OURS)], root=root)
    assert (np.asarray(open_volume(path).data) == 1).all()


def test_a_file_that_was_renamed_is_itself(tmp_path):
    path = write_ome(tmp_path / "renamed.tif", [("a.ome.tif", OURS)])
    assert (np.asarray(open_volume(path).data) == 1).all()


def test_ome_tiff_of_one_file(tmp_path, numbers):
    tifffile.imwrite(tmp_path / "a.ome.tif", numbers, metadata={"axes": "ZYX"})
    np.testing.assert_array_equal(np.asarray(open_volume(tmp_path / "a.ome.tif").data), numbers)


def write_ndtiff(path, value):
    """Write a plane as Micro-Manager does, with what NDTiff wants between header and pixels."""
    summary = b"{}      "
    extra = struct.pack("<4I", 483729, 2, 2355492, len(summary)) + summary
    pixels, start = bytes([value]) * 256, 8 + len(extra)
    tags = [(256, 4, 1, 16), (257, 4, 1, 16), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1),
            (273, 4, 1, start), (277, 3, 1, 1), (278, 4, 1, 16), (279, 4, 1, 256),
            (51123, 2, len(summary), 24)]  # fmt: skip
    table = struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", *tag) for tag in tags)
    header = b"II*\0" + struct.pack("<I", start + 256)
    path.write_bytes(header + extra + pixels + table + bytes(4))
    return start


def test_the_index_beside_a_file_is_not_followed(tmp_path):
    """Micro-Manager's NDTiff: planes in whatever files an index names."""
    (tmp_path / "store").mkdir()
    (tmp_path / "private").mkdir()
    write_ndtiff(tmp_path / "private/secret.tif", 77)
    start = write_ndtiff(tmp_path / "store/a.tif", 1)
    entries = b""
    for z, name in enumerate([b"a.tif", b"../private/secret.tif"]):
        axes = json.dumps({"z": z}).encode()
        entries += struct.pack("<I", len(axes)) + axes + struct.pack("<I", len(name)) + name
        entries += struct.pack("<IiiiiIii", start, 16, 16, 0, 0, 0, 0, 0)
    (tmp_path / "store/NDTiff.index").write_bytes(entries)
    # What tifffile makes of it, so that the test means something.
    assert 77 in tifffile.imread(tmp_path / "store/a.tif")
    volume = open_volume(tmp_path / "store/a.tif")
    assert (np.asarray(volume.data) == 1).all()


def write_strip(path, compression, content):
    """Write a TIFF of 64 x 64 bytes in one compressed strip."""
    tags = [(256, 4, 1, 64), (257, 4, 1, 64), (258, 3, 1, 8), (259, 3, 1, compression),
            (262, 3, 1, 1), (273, 4, 1, 8), (277, 3, 1, 1), (278, 4, 1, 64),
            (279, 4, 1, len(content))]  # fmt: skip
    table = struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", *tag) for tag in tags)
    path.write_bytes(b"II*\0" + struct.pack("<I", 8 + len(content)) + content + table + bytes(4))
    return path


ONES, ZEROS = b"\x01" * 64**2, bytes(2**26)


@pytest.mark.parametrize(
    ("compression", "small", "large"),
    [
        (8, zlib.compress(ONES), zlib.compress(ZEROS)),
        (32946, zlib.compress(ONES), zlib.compress(ZEROS)),
        (34925, lzma.compress(ONES), lzma.compress(ZEROS)),
        (32773, b"\x81\x01" * 32, b"\x81\x00" * 2**15),
        (32773, b"\x80" + (b"\x3f" + b"\x01" * 64) * 64, b"\x81\x00" * 2**15),
    ],
    ids=["zlib", "old zlib", "lzma", "packed runs", "packed copies"],
)
def test_strips_inflate_to_no_more_than_they_hold(tmp_path, compression, small, large):
    volume = open_volume(write_strip(tmp_path / "small.tif", compression, small))
    np.testing.assert_array_equal(np.asarray(volume.data), np.ones((64, 64), "u1"))
    volume = open_volume(write_strip(tmp_path / "large.tif", compression, large))
    tracemalloc.start()
    try:
        with pytest.raises(BrokenFileError, match="inflate"):
            np.asarray(volume.data)
        assert tracemalloc.get_traced_memory()[1] < 2**24
    finally:
        tracemalloc.stop()
