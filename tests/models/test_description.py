from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_dacapo.errors import CheckpointError
from napari_dacapo.models import load_checkpoint
from napari_dacapo.models.description import check_description

if TYPE_CHECKING:
    from pathlib import Path


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=400))
def test_any_bytes(data: bytes) -> None:
    with suppress(CheckpointError):
        check_description(data, {})


@pytest.mark.long
@pytest.mark.parametrize(
    ("description", "reason"),
    [
        (b"\x80\x02}r\xff\xff\xff\x7f.", "numbers a value 2147483647"),
        (b"\x80\x02}q\xff.", "numbers a value 255"),
        (b"\x80\x02}p9999999999\n.", "instruction PUT"),
        (b"\x80\x05\x96\x00\x00\x00\x00\x01\x00\x00\x00abc.", "damaged|BYTEARRAY8"),
        (b"\x80\x05\x8e\x00\x00\x00\x00\x01\x00\x00\x00abc.", "damaged|BINBYTES8"),
        (b"\x80\x02\x8b\xff\xff\xff\x7fabc.", "damaged|LONG4"),
    ],
)
def test_a_few_bytes_do_not_claim_the_memory(
    kit: Any, tmp_path: Path, description: bytes, reason: str
) -> None:
    # Python's unpickler would reserve (and for the first, fill) many gigabytes.
    path = kit.archive_of(tmp_path / "x", description)
    code = (
        "import resource, sys; from napari_dacapo.models import load_checkpoint\n"
        "from napari_dacapo.errors import CheckpointError\n"
        "_, hard = resource.getrlimit(resource.RLIMIT_AS)\n"
        "import torch; torch.ones(1)\n"
        "resource.setrlimit(resource.RLIMIT_AS, (2**33, hard))\n"
        "try: load_checkpoint(sys.argv[1])\n"
        "except CheckpointError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert re.search(reason, done.stdout)
    assert "MemoryError" not in done.stdout


def test_a_tensor_described_by_hand_loads(kit: Any, tmp_path: Path) -> None:
    description = kit.described(
        kit.storage(kit.integer(6)), kit.numbers((2, 3)), kit.numbers((3, 1))
    )
    path = kit.archive_of(tmp_path / "x", description)
    assert load_checkpoint(path).model["w"].shape == (2, 3)


@pytest.mark.parametrize(
    ("numel", "size", "stride", "reason"),
    [
        (10**12, (2, 3), (3, 1), "claims 1000000000000 elements"),
        (7, (2, 3), (3, 1), "claims 7 elements"),
        (-1, (2, 3), (3, 1), "claims -1 elements"),
        (6, (10**6, 10**6), (0, 0), "claims 1000000000000 elements"),
        (6, (2, 4), (3, 1), "8 elements"),
        (6, (2, 3), (100, 1), "6 elements"),
        (6, (-2, 3), (3, 1), "impossible size"),
        (6, (2, 3), (3,), "impossible size"),
    ],
)
def test_size_claims(
    kit: Any, numel: int, size: tuple[int, ...], stride: tuple[int, ...], reason: str
) -> None:
    description = kit.described(
        kit.storage(kit.integer(numel)), kit.numbers(size), kit.numbers(stride)
    )
    with pytest.raises(CheckpointError, match=reason):
        check_description(description, {"data/0": 24})


def sharing(kit: Any) -> bytes:
    """Describe a tuple of twice the same tuple, sixty levels deep: 2**60 when unfolded."""
    return b"N\x85" + b"".join(b"q" + bytes([i]) + b"h" + bytes([i]) + b"\x86" for i in range(60))


@pytest.mark.parametrize("where", ["key", "numel", "size", "value", "call", "global", "state"])
def test_what_takes_for_ever_to_hash_or_to_write(kit: Any, where: str) -> None:
    tuples, one = sharing(kit), kit.numbers((6,))
    descriptions = {
        "key": b"\x80\x02}" + tuples + b"Ns.",
        "numel": kit.described(kit.storage(tuples), one, one),
        "size": kit.described(kit.storage(kit.integer(6)), b"(" + tuples + b"t", one),
        "value": b"\x80\x02}" + kit.text("model") + tuples + b"s.",
        "call": b"\x80\x02ccollections\nOrderedDict\n" + tuples + b"R.",
        "global": b"\x80\x02" + tuples + b")R.",
        "state": b"\x80\x02ccollections\nOrderedDict\n)R" + tuples + b"b.",
    }
    with pytest.raises(CheckpointError, match=r"twice to the same|nested too deeply"):
        check_description(descriptions[where], {"data/0": 24})


def test_a_size_of_many_huge_numbers(kit: Any) -> None:
    """Their product would have 25 million digits."""
    huge = b"\x8a\xff" + b"\xff" * 254 + b"\x7f"
    size = b"(" + huge + b"q\x01" + b"h\x01" * 100_000 + b"t"
    with pytest.raises(CheckpointError, match="more than 64 bits"):
        check_description(kit.described(kit.storage(kit.integer(6)), size, size), {"data/0": 24})
    many = kit.numbers((1,) * 100_000)
    with pytest.raises(CheckpointError, match="impossible size"):
        check_description(kit.described(kit.storage(kit.integer(6)), many, many), {"data/0": 24})


def test_a_storage_cannot_be_told_to_be_larger(kit: Any) -> None:
    state = b"}" + kit.text("numel") + kit.integer(2**31) + b"sb"
    size = kit.numbers((2**31,))
    description = kit.described(kit.storage(kit.integer(6), state), size, kit.numbers((1,)))
    with pytest.raises(CheckpointError, match="attributes to something that has none"):
        check_description(description, {"data/0": 24})


@pytest.mark.parametrize(
    ("description", "reason"),
    [
        # Tensors know how to fill themselves from a state, of any size.
        (b"ctorch._utils\n_rebuild_parameter\n)}b.", "attributes"),
        (b"ctorch\nFloatStorage\n)\x81.", "makes an object"),
        (b"ctorch\nFloatStorage\n(K\x09tR.", "makes a call"),
        (b"ccollections\nOrderedDict\n)R}X\x05\x00\x00\x00itemsNsb.", "attributes"),
        (b"ccollections\nOrderedDict\n(]tR.", "tuple in the description holds a list"),
        (b"}K\x01K\x02s}b.", "attributes"),
        (b"N}s.", "damaged"),
        (b"}}Ns.", "neither text nor a number"),
        (b"}\x88Ns.", "neither text nor a number"),
        (b"]q\x00h\x00a.", "twice to the same container"),
        (b"]K\x01K\x02s.", "has none"),
        (b"}K\x01a.", "is no list"),
        (b"\x8f.", "instruction EMPTY_SET"),
        (b"U\x01a.", "instruction SHORT_BINSTRING"),
        (b"K\x01Q.", "not a tensor's storage"),
        (b"h\x07.", "damaged"),
        (b".", "damaged"),
        (b"t.", "damaged"),
        (b"]" * 200_000 + b"a" * 199_999 + b".", "nested deeper"),
        (b"N" + b"\x85" * 200_000 + b".", "nested too deeply"),
        (b"N" * 2_000_010 + b".", "longer than that of any network"),
    ],
)
def test_what_no_checkpoint_says(description: bytes, reason: str) -> None:
    with pytest.raises(CheckpointError, match=reason):
        check_description(b"\x80\x02" + description, {})


def test_only_named_storages_are_returned(stores: Path) -> None:
    path = stores / "main" / "dist_aniso" / "checkpoints" / "iterations" / "20"
    with zipfile.ZipFile(path) as archive:
        sizes = {info.filename.partition("/")[2]: info.file_size for info in archive.infolist()}
        found = check_description(archive.read("20/data.pkl"), sizes)
    assert sorted(f"data/{key}" for key in found) == sorted(
        name for name in sizes if name.startswith("data/")
    )
