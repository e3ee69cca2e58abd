from __future__ import annotations

import struct
import sys
import zipfile
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import torch

from napari_dacapo.errors import CheckpointError
from napari_dacapo.models import load_checkpoint
from napari_dacapo.models.archive import open_archive, record_sizes

if TYPE_CHECKING:
    from pathlib import Path


def test_a_missing_record(kit: Any, real: Path) -> None:
    kit.rewrite(real, lambda name, content: None if name == "data/3" else content)
    with pytest.raises(CheckpointError, match="record of storage '3' is missing"):
        load_checkpoint(real)


def test_a_zip_bomb(real: Path) -> None:
    with zipfile.ZipFile(real, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x/data.pkl", b"\x80\x02}.")
        archive.writestr("x/data/0", bytes(10**7))
    assert real.stat().st_size < 20_000
    with pytest.raises(CheckpointError, match="compressed"):
        load_checkpoint(real)


def test_overlapping_records(real: Path) -> None:
    data = real.read_bytes()
    with zipfile.ZipFile(real) as archive:
        infos = archive.infolist()
    # The central directory names one large record many times, under other names.
    big = max(infos, key=lambda info: info.file_size)
    copies = []
    for i in range(1000):
        copy = zipfile.ZipInfo(f"20/data/{1000 + i}")
        copy.file_size = copy.compress_size = big.file_size
        copies.append(copy)
    with pytest.raises(CheckpointError, match="overlap"):
        record_sizes([*infos, *copies], len(data))


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_doubled_records(real: Path) -> None:
    with zipfile.ZipFile(real, "a") as archive:
        archive.writestr("20/data.pkl", b"\x80\x02}.")
    with pytest.raises(CheckpointError, match="doubled"):
        load_checkpoint(real)


def test_torchscript(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "trace.pt", "w") as archive:
        for name in ("data.pkl", "constants.pkl", "code/__torch__.py"):
            archive.writestr(f"trace/{name}", b"\x80\x02}.")
    with pytest.raises(CheckpointError, match="TorchScript"):
        load_checkpoint(tmp_path / "trace.pt")


@dataclass
class _Record:
    """A record of a zip archive, for archives that no writer would write."""

    name: str
    content: bytes
    method: int = 0
    size: int | None = None

    def written(self, offset: int) -> tuple[bytes, bytes]:
        """Return the record and its entry of the directory."""
        name = self.name.encode()
        size = len(self.content) if self.size is None else self.size
        plain = zlib.decompress(self.content, -15) if self.method else self.content
        common = struct.pack(
            "<HHHHHIIIHH", 20, 0, self.method, 0, 0, zlib.crc32(plain),
            len(self.content), size, len(name), 0,
        )  # fmt: skip
        entry = common + struct.pack("<HHHII", 0, 0, 0, 0, offset)
        return b"PK\3\4" + common + name + self.content, b"PK\1\2\x14\0" + entry + name


def written(records: list[_Record], begin: int) -> tuple[bytes, bytes]:
    """Return records that lie one after the other, and their directory."""
    body = directory = b""
    for record in records:
        content, entry = record.written(begin + len(body))
        body, directory = body + content, directory + entry
    return body, directory


def records_of(path: Path) -> list[_Record]:
    with zipfile.ZipFile(path) as archive:
        return [_Record(name, archive.read(name)) for name in archive.namelist()]


def two_in_one(first: list[_Record], second: list[_Record]) -> bytes:
    """Write two archives into one file, with two directories of the same length.

    The end names the offset of the first directory, and the second one lies
    directly before the end: readers differ in which of the two they take.
    """
    first = [*first, *(_Record(f"x/more/{i}", b"") for i in range(len(second) - len(first)))]
    second = [*second, *(_Record(f"x/more/{i}", b"") for i in range(len(first) - len(second)))]
    difference = len(written(first, 0)[1]) - len(written(second, 0)[1])
    shorter = second if difference > 0 else first
    shorter[-1].name += "x" * abs(difference)
    body, directory = written(first, 0)
    begin = len(body) + len(directory)
    length = len(written(second, 0)[0])
    # Readers that find the directory before the end count offsets from where it should begin.
    shift = begin + length - len(body)
    other, other_directory = written(second, begin - shift)
    assert len(directory) == len(other_directory)
    end = struct.pack("<HHHHIIH", 0, 0, len(first), len(first), len(directory), len(body), 0)
    return body + directory + other + other_directory + b"PK\5\6" + end


def test_of_two_archives_in_a_file_one_is_checked_and_loaded(kit: Any, tmp_path: Path) -> None:
    torch.save({"model": {"checked": torch.ones(2)}}, tmp_path / "checked")
    torch.save({"model": {"hidden": torch.ones(7)}}, tmp_path / "hidden")
    hidden, checked = records_of(tmp_path / "hidden"), records_of(tmp_path / "checked")
    path = tmp_path / "two"
    path.write_bytes(two_in_one(hidden, checked))
    # This is what torch makes of it.
    assert list(torch.load(path, weights_only=True)["model"]) == ["hidden"]
    assert list(load_checkpoint(path).model) == ["checked"]


def test_a_compressed_record_behind_a_second_directory(kit: Any, tmp_path: Path) -> None:
    torch.save({"model": {"checked": torch.ones(2)}}, tmp_path / "checked")
    n_bytes = 2**22
    size = kit.numbers((n_bytes // 4,))
    description = kit.described(kit.storage(kit.integer(n_bytes // 4)), size, kit.numbers((1,)))
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = packer.compress(bytes(n_bytes)) + packer.flush()
    hidden = [
        _Record("x/data.pkl", description), _Record("x/byteorder", b"little"),
        _Record("x/version", b"3"), _Record("x/data/0", packed, 8, n_bytes),
    ]  # fmt: skip
    path = tmp_path / "two"
    path.write_bytes(two_in_one(hidden, records_of(tmp_path / "checked")))
    assert path.stat().st_size < 2**14
    assert list(load_checkpoint(path).model) == ["checked"]


def test_a_copy_has_what_was_checked_only(kit: Any, real: Path) -> None:
    with zipfile.ZipFile(real, "a") as archive:
        archive.writestr("20/data/1000", bytes(1000))
    with open_archive(real) as archive:
        fresh = archive.copy(archive.description(), ["0", "3"])
    with zipfile.ZipFile(real) as archive, zipfile.ZipFile(fresh) as copy:
        assert {name.partition("/")[2] for name in copy.namelist()} == {
            "data.pkl", "byteorder", "version", "data/0", "data/3",
        }  # fmt: skip
        for name in ("data.pkl", "data/0", "data/3"):
            assert copy.read(f"checkpoint/{name}") == archive.read(f"20/{name}")


def sparse(path: Path, size: int) -> Path:
    """Make a file larger than any disk, of which nothing is on disk but its ends."""
    with path.open("r+b") as file:
        content = file.read()
        file.seek(size - len(content))
        file.write(content)
    return path


@pytest.mark.skipif(sys.platform == "win32", reason="files have no holes there")
def test_a_file_with_a_hole_is_not_read(real: Path) -> None:
    with pytest.raises(CheckpointError, match="its records only"):
        load_checkpoint(sparse(real, 2**40))


@pytest.mark.skipif(sys.platform == "win32", reason="files have no holes there")
@pytest.mark.parametrize("n_bytes", [2**40, 2**43])
def test_a_record_larger_than_the_memory_is_not_read(
    kit: Any, tmp_path: Path, n_bytes: int
) -> None:
    size, one = kit.numbers((n_bytes // 4,)), kit.numbers((1,))
    description = kit.described(kit.storage(kit.integer(n_bytes // 4)), size, one)
    path = tmp_path / "x"
    # zipfile would write all of it: the directory is made of a small one's.
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x/data.pkl", description)
        with archive.open("x/data/0", "w", force_zip64=True) as record:
            record.write(b"0")
        assert archive.fp is not None
        archive.fp.seek(n_bytes - 1, 1)
        archive.start_dir = archive.fp.tell()
        info = archive.getinfo("x/data/0")
        info.file_size = info.compress_size = n_bytes
    with pytest.raises(CheckpointError, match=r"needs \d+\.0 GiB of memory"):
        load_checkpoint(path)


def test_a_directory_that_claims_gigabytes(real: Path) -> None:
    data = real.read_bytes()
    end = data[-22:-10] + (2**31).to_bytes(4, "little") + bytes(4) + bytes(2)
    locator = data[-42:-22]
    assert locator.startswith(b"PK\6\7")
    # No record of 64-bit sizes, so that those of the end count.
    real.write_bytes(data[:-42] + bytes(20) + end)
    sparse(real, 2**33)
    with pytest.raises(CheckpointError, match="absurdly long"):
        load_checkpoint(real)


def test_a_file_that_changes_meanwhile(real: Path) -> None:
    with open_archive(real) as archive:
        with real.open("ab") as file:
            file.write(b"more")
        with pytest.raises(CheckpointError, match="changed while it was read"):
            archive.copy(archive.description(), ["0"])
