"""Pickles: plain values out of anything, nothing imported, nothing exhausted."""

from __future__ import annotations

import math
import os
import pickle
import pickletools
import struct
import tracemalloc
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_dacapo.errors import BrokenFileError, UnsafeFileError
from napari_dacapo.store import load_pickle, pickle_program

STATS = sorted((Path(__file__).parents[1] / "data" / "stores").glob("*/stats/*/*"))


def _same(ours: object, theirs: object) -> bool:
    """Compare, NaN being equal to NaN and numpy scalars to numbers."""
    if isinstance(theirs, dict):
        return (
            isinstance(ours, dict)
            and list(ours) == list(theirs)
            and all(_same(ours[key], theirs[key]) for key in theirs)
        )
    if isinstance(theirs, list):
        return isinstance(ours, list) and len(ours) == len(theirs) and all(map(_same, ours, theirs))
    if isinstance(theirs, float):
        return type(ours) is float and (ours == theirs or (math.isnan(ours) and math.isnan(theirs)))
    return type(ours) is type(theirs) and ours == theirs


@pytest.mark.parametrize("path", STATS, ids=lambda path: "/".join(path.parts[-4:]))
def test_real_files_read_as_with_pickle(path: Path) -> None:
    # These files are our own, so Python's unpickler may read them.
    with path.open("rb") as file:
        theirs = pickle.load(file)
    assert _same(load_pickle(path), theirs)


def test_real_files_hold_both_spellings_of_numpy(stores: Path) -> None:
    affinities = (stores / "pypi-0.3.5/stats/validation_scores/affs_same_iso0").read_bytes()
    assert b"numpy.core.multiarray" in affinities
    renamed = affinities.replace(
        b"\x8c\x15numpy.core.multiarray", b"\x8c\x16numpy._core.multiarray"
    )
    # The frame is one byte longer now.
    length = struct.unpack_from("<Q", renamed, 3)[0]
    renamed = renamed[:3] + struct.pack("<Q", length + 1) + renamed[11:]
    assert load_pickle(renamed) == load_pickle(affinities)


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**100), 2**100)
    | st.floats()
    | st.text()
    | st.text(min_size=250, max_size=300),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=5),
    max_leaves=30,
)


@given(values, st.sampled_from([2, 3, 4, 5]))
def test_what_pickle_writes_comes_back(value: object, protocol: int) -> None:
    content = pickle.dumps(value, protocol)
    assert _same(load_pickle(content), pickle.loads(content))


@given(values)
def test_optimised_pickles_come_back(value: object) -> None:
    content = pickletools.optimize(pickle.dumps(value, 4))
    assert _same(load_pickle(content), pickle.loads(content))


@pytest.mark.parametrize(
    "code", ["f8", ">f8", "f4", ">f4", "f2", "i1", "i2", ">i4", "i8", "u1", "u2", "u4", "u8", "?"]
)
def test_numpy_scalars(code: str) -> None:
    for number in (0, 1, 100 if code != "?" else True):
        scalar = (
            np.dtype(code).type(number).astype(code)
            if code[0] != ">"
            else np.array(number, code)[()]
        )
        content = pickle.dumps([scalar], 4)
        (value,) = load_pickle(content)
        assert type(value) is type(scalar.item())
        assert value == scalar.item()


@pytest.mark.parametrize(
    "value",
    [
        np.arange(3),
        np.complex128(1j),
        np.datetime64("2024-01-01"),
        np.str_("x"),
        [np.dtype("f8")],
        {1, 2},
        (1, 2),
        [(1, 2)],
        1 + 2j,
        Path("/x"),
        os.system,
        print,
        len,
        {1: 2},
        {(1, 2): 3},
        10**400,
        bytearray(b"x"),
        object(),
        ValueError("x"),
    ],
    ids=lambda value: type(value).__name__,
)
@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_other_things_are_refused(value: object, protocol: int) -> None:
    with pytest.raises(BrokenFileError):
        load_pickle(pickle.dumps(value, protocol))


class _Evil:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, ...]:
        return os.system, (f"touch {self.target}",)


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5])
def test_code_is_never_run(tmp_path: Path, protocol: int) -> None:
    target = tmp_path / "touched"
    file = tmp_path / "evil"
    file.write_bytes(pickle.dumps([{"iteration": 0, "loss": _Evil(target)}], protocol))
    with pytest.raises(BrokenFileError, match="evil"):
        load_pickle(file)
    assert not target.exists()


def _text(text: str) -> bytes:
    return b"\x8c" + bytes([len(text)]) + text.encode()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        # Imports: by stack, by line, of near relatives of what is allowed.
        (b"\x80\x04" + _text("os") + _text("system") + b"\x93" + _text("x") + b"\x85R.", "os.sys"),
        (b"cos\nsystem\n(S'x'\ntR.", r"os\.system"),
        (b"\x80\x04" + _text("numpy") + _text("load") + b"\x93.", "numpy.load"),
        (b"\x80\x04" + _text("numpy.core.multiarray") + _text("_reconstruct") + b"\x93.", "_recon"),
        (b"\x80\x04" + _text("numpy") + _text("dtype.type.mro") + b"\x93.", "dtype.type"),
        (b"\x80\x04" + _text("builtins") + _text("getattr") + b"\x93.", "getattr"),
        (b"\x80\x04]" + _text("system") + b"\x93.", "import"),
        # Making of objects without a global name.
        (b"(ios\nsystem\n.", "INST"),
        (b"\x80\x02\x82\x01.", "EXT1"),
        (b"Pid\n.", "PERSID"),
        (b"\x80\x02]Q.", "BINPERSID"),
        (b"\x80\x02])\x81.", "NEWOBJ"),
        (b"\x80\x04])}\x92.", "NEWOBJ_EX"),
        # Calls and states of what is no numpy number.
        (b"\x80\x04]\x85R.", "not a stats|call"),
        (b"\x80\x04]}b.", "state"),
        (b"\x80\x04" + _text("x") + b"K\x01\x85R.", "call"),
        # Memos.
        (b"\x80\x04]r\xff\xff\xff\x7f.", "gaps"),
        (b"\x80\x04]r\xff\xff\xff\xff.", "gaps"),
        (b"\x80\x04]q\x05.", "gaps"),
        # Depth.
        (b"\x80\x04" + b"(" * 10_000 + b".", "deeper"),
        (b"\x80\x04" + b"]" * 5_000 + b"a" * 4_999 + b".", "deeper"),
        (b"\x80\x04" + b"]" * 50_000 + b"a" * 49_999 + b".", "more values"),
    ],
)
def test_malicious_programs(content: bytes, reason: str) -> None:
    with pytest.raises(UnsafeFileError if "not a stats" not in reason else BrokenFileError) as info:
        load_pickle(content)
    assert info.match(reason)


@pytest.mark.parametrize(
    "content",
    [
        b"\x80\x04]\x94h\x00a.",
        b"\x80\x04}\x94" + _text("a") + b"h\x00s.",
        b"\x80\x04(]\x94h\x00h\x00e.",
    ],
    ids=["list in itself", "mapping in itself", "list of one list twice"],
)
def test_cycles_and_expansion_are_refused(content: bytes) -> None:
    with pytest.raises(BrokenFileError, match="twice to the same"):
        load_pickle(content)


HUGE = {
    "BINUNICODE8": b"\x8d" + struct.pack("<Q", 2**62),
    "BINBYTES8": b"\x8e" + struct.pack("<Q", 2**40),
    "BINBYTES": b"B" + struct.pack("<I", 2**31),
    "BINUNICODE": b"X" + struct.pack("<I", 2**32 - 1),
    "SHORT_BINBYTES": b"C\xff",
    "BYTEARRAY8": b"\x96" + struct.pack("<Q", 2**40),
    "FRAME": b"\x95" + struct.pack("<Q", 2**63),
    "LONG1": b"\x8a\xff",
    "LONG4": b"\x8b" + struct.pack("<i", 2**31 - 1),
    "LONG_BINPUT": b"]r" + struct.pack("<I", 2**31),
    "LONG_BINGET": b"j" + struct.pack("<I", 2**31),
    "BUFFER": b"\x97",
}


@pytest.mark.parametrize("name", HUGE)
def test_claims_are_refused_before_anything_is_made(name: str) -> None:
    content = b"\x80\x04" + HUGE[name] + b"xyz."
    tracemalloc.start()
    with pytest.raises(BrokenFileError):
        load_pickle(content)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 200_000


@pytest.mark.parametrize(
    "body",
    [b"]" * 3_000_000, b"}" * 3_000_000, b"]\x94" * 1_500_000, b"(" * 3_000_000, b")" * 3_000_000],
    ids=["lists", "dicts", "memoized lists", "marks", "tuples"],
)
def test_many_small_things_cost_little(body: bytes) -> None:
    tracemalloc.start()
    with pytest.raises(BrokenFileError):
        load_pickle(b"\x80\x04" + body)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 15 * len(body)


@pytest.mark.long
def test_many_lists_in_batches_cost_little() -> None:
    batch = b"(" + b"]" * 1000 + b"e"
    tracemalloc.start()
    with pytest.raises(UnsafeFileError, match="more values"):
        load_pickle(b"\x80\x04]" + batch * 3000 + b".")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 60_000_000


FLOODS = {
    "nothing": b"N",
    "true": b"\x88",
    "small numbers": b"K\x01",
    "numbers": b"M\x01\x02",
    "long numbers": b"\x8a\x02ab",
    "floats": b"G" + b"\x40" * 8,
    "references": b"h\x00",
    "empty texts": b"\x8c\x00",
    "texts": b"\x8c\x02ab",
    "memo": b"\x94",
    "empty tuples": b")",
    "tuples": b"N\x85",
    "names": b"cnumpy\ndtype\n",
    "appended": b"Na",
    "appended texts": b"\x8c\x02aba",
    "batches": b"(" + b"N" * 1000 + b"e",
    "batches of numbers": b"(" + b"M\x01\x02" * 1000 + b"e",
    "batches of lists": b"(" + b"]\x94" * 1000 + b"e",
}


@pytest.mark.long
@pytest.mark.parametrize("flood", FLOODS)
def test_what_a_file_makes_is_held_to_its_size(flood: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Refused before a file of any size costs more than this one."""
    # A quarter of everything, for tracing takes its time.
    monkeypatch.setattr(pickle_program, "_FREE_VALUES", 75_000)
    begin = {"references": b"N\x94", "memo": b"N"}.get(flood, b"]")
    content = b"\x80\x04" + begin + FLOODS[flood] * (1_000_000 // len(FLOODS[flood])) + b"."
    tracemalloc.start()
    with pytest.raises(UnsafeFileError, match="more values"):
        load_pickle(content)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 15_000_000


@pytest.mark.long
def test_long_stats_are_not_taken_for_a_flood() -> None:
    """The densest that DaCapo writes: two scores of one set of parameters, and short records."""
    scores = [
        {"iteration": i, "scores": [[[i / 7, i / 3]] for _ in range(20)], "run_name": "r"}
        for i in range(3000)
    ]
    assert load_pickle(pickle.dumps(scores, protocol=4)) == scores
    empty = [{"iteration": i, "scores": [[] for _ in range(2)]} for i in range(20_000)]
    assert load_pickle(pickle.dumps(empty, protocol=4)) == empty
    losses = [{"iteration": 1, "loss": 1.5, "time": 0.5, "run_name": "r"} for _ in range(50_000)]
    for protocol in (2, 3, 4, 5):
        assert load_pickle(pickle.dumps(losses, protocol=protocol)) == losses
    affinities = [
        {"iteration": i, "scores": [[[np.float64(i), np.float64(1)] for _ in range(5)]]}
        for i in range(10_000)
    ]
    assert load_pickle(pickle.dumps(affinities, protocol=4)) == affinities


def test_deeply_nested_values_are_refused() -> None:
    value: list[object] = []
    for _ in range(200):
        value = [value]
    with pytest.raises(UnsafeFileError, match="deeper"):
        load_pickle(pickle.dumps(value))


@pytest.mark.parametrize("path", STATS[::3], ids=lambda path: "/".join(path.parts[-4:]))
def test_torn_files_say_that_they_may_be_being_written(path: Path, tmp_path: Path) -> None:
    content = path.read_bytes()
    file = tmp_path / "torn"
    cuts = {0, 1, 2, 5, 11, 12, *range(13, len(content), 37), len(content) - 1}
    for cut in sorted(cuts):
        file.write_bytes(content[:cut])
        with pytest.raises(BrokenFileError, match="may be being written right now") as info:
            load_pickle(file)
        assert not isinstance(info.value, UnsafeFileError)
        assert info.value.path == file
        assert str(file) in str(info.value)


def test_files_with_holes_say_so_too(stores: Path) -> None:
    content = (stores / "main/stats/training_stats/snapshot").read_bytes()
    for padded in (content[:400] + bytes(len(content) - 400), content + bytes(100)):
        with pytest.raises(BrokenFileError, match="may be being written right now"):
            load_pickle(padded)


@given(st.binary(max_size=300))
def test_any_bytes_give_a_value_or_our_error(content: bytes) -> None:
    with suppress(BrokenFileError):
        load_pickle(content)


@given(
    st.lists(
        st.sampled_from(
            [bytes([op]) for op in range(256)]
            + [b"\x8c\x05numpy", b"\x8c\x05dtype", b"\x8c\x02f8", b"h\x00", b"K\x01", b"C\x08" * 5]
        ),
        max_size=60,
    )
)
@settings(max_examples=150)
def test_any_programs_give_a_value_or_our_error(parts: list[bytes]) -> None:
    with suppress(BrokenFileError):
        load_pickle(b"\x80\x04" + b"".join(parts) + b".")


@settings(max_examples=150)
@given(st.data())
def test_damaged_real_files_give_a_value_or_our_error(data: st.DataObject) -> None:
    content = bytearray(data.draw(st.sampled_from(STATS)).read_bytes())
    for _ in range(data.draw(st.integers(1, 5))):
        content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with suppress(BrokenFileError):
        load_pickle(bytes(content))


def test_size_limit_is_checked_before_reading(tmp_path: Path) -> None:
    file = tmp_path / "huge"
    with file.open("wb") as out:
        out.truncate(10 * 2**40)
    with pytest.raises(BrokenFileError, match="bytes, more than"):
        load_pickle(file)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        load_pickle(tmp_path / "nothing")
