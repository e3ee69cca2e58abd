"""YAML: plain values out of anything, and nothing executed."""

from __future__ import annotations

import datetime
import math
import os
import tracemalloc
from contextlib import suppress
from pathlib import Path

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from napari_dacapo import plain_yaml
from napari_dacapo.errors import BrokenFileError, UnsafeFileError
from napari_dacapo.store import load_yaml

CONFIGS = sorted((Path(__file__).parents[1] / "data" / "stores").glob("*/configs/*/*.yaml"))

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats(allow_nan=False)
    | st.text()
    | st.dates()
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(st.text(), inner, max_size=4)
    ),
    max_leaves=25,
)


def _reference(text: bytes) -> object:
    """Read a trusted file with PyYAML's own full loader."""
    return yaml.load(text, yaml.FullLoader)


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: "/".join(path.parts[-4:]))
def test_real_files_read_as_with_pyyaml(path: Path) -> None:
    assert load_yaml(path) == _reference(path.read_bytes())


def test_there_are_real_files() -> None:
    assert len(CONFIGS) > 50


@given(values)
def test_what_yaml_dumps_comes_back(value: object) -> None:
    text = yaml.dump(value).encode()
    assert load_yaml(text) == _reference(text)


@given(values)
def test_pure_python_parser_gives_the_same(value: object) -> None:
    text = yaml.dump(value).encode()
    fast = plain_yaml._Parser
    try:
        plain_yaml._Parser = yaml.SafeLoader
        assert load_yaml(text) == _reference(text)
    finally:
        plain_yaml._Parser = fast


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", None),
        ("# only a comment", None),
        ("a: !!python/tuple [1, 2]", {"a": (1, 2)}),
        ("a: !!python/tuple []", {"a": ()}),
        ("a: !!python/tuple\n- !!python/tuple [blob, []]", {"a": (("blob", []),)}),
        ("a: .nan", None),
        ("a: -.inf", {"a": -math.inf}),
        ("a: '1'", {"a": "1"}),
        ("a: 0x10", {"a": 16}),
        ("a: 2024-01-02", {"a": datetime.date(2024, 1, 2)}),
        ("a: !!str 12", {"a": "12"}),
        ("a: !!int '12'", {"a": 12}),
        ("1: one", {1: "one"}),
        ("!!python/tuple [1, 2]: pair", {(1, 2): "pair"}),
        ("a: &x [1]\nb: *x", {"a": [1], "b": [1]}),
    ],
)
def test_values(text: str, expected: object) -> None:
    value = load_yaml(text.encode())
    if text == "a: .nan":
        assert isinstance(value, dict)
        assert math.isnan(value["a"])
    else:
        assert value == expected


@pytest.mark.parametrize(
    "text",
    [
        "!!python/object/apply:os.system ['touch {0}']",
        "a: !!python/object/apply:os.system ['touch {0}']",
        "a: !!python/object/new:os.system ['touch {0}']",
        "a: !!python/object:collections.OrderedDict {{}}",
        "a: !!python/name:os.system",
        "a: !!python/module:os",
        "a: !!python/object/apply:builtins.eval [\"open('{0}', 'w')\"]",
        "? !!python/object/apply:os.system ['touch {0}']\n: 1",
        "a: !!python/tuple {{}}",
        "a: !!python/tuple text",
    ],
)
def test_python_objects_are_refused_and_nothing_runs(tmp_path: Path, text: str) -> None:
    target = tmp_path / "touched"
    file = tmp_path / "evil.yaml"
    file.write_text(text.format(target))
    with pytest.raises(UnsafeFileError, match=r"evil\.yaml is not used: it asks to make a Python"):
        load_yaml(file)
    assert not target.exists()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a: 1\na: 2", "twice"),
        ("a: [1, 2", "not valid YAML in line"),
        ("a: 'x\nb: 2", "not valid YAML"),
        ("a: 1\n---\nb: 2", "more than one document"),
        ("a: *nothing", "names nothing"),
        ("? [1]\n: 2", "where a key should be"),
        ("? {a: 1}\n: 2", "where a key should be"),
        ("? !!python/tuple [[1]]\n: 2", "where a key should be"),
        ("a: !!binary aGVsbG8=", "never writes"),
        ("a: !mine 1", "never writes"),
        ("<<: {a: 1}", "never writes"),
        ("a: !!int x", "not valid YAML"),
        ("a: 2024-13-45", "not valid YAML"),
        ("\t- a", "not valid YAML"),
        ("\x00\x01", "not valid YAML"),
        ("[" * 150 + "]" * 150, "deeper"),
        ("[" * 100_000, "deeper"),
        ("- " * 100_000, "deeper"),
    ],
)
def test_broken_text_gets_a_reason(text: str, reason: str) -> None:
    with pytest.raises(BrokenFileError, match=reason):
        load_yaml(text.encode())


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"a: \xff", b"\x80abc", b"a: \x01"])
def test_bytes_that_are_no_text(content: bytes) -> None:
    with pytest.raises(BrokenFileError, match="not valid YAML"):
        load_yaml(content)


def test_alias_bomb_is_refused_without_being_expanded() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 12)]
    tracemalloc.start()
    with pytest.raises(UnsafeFileError, match="more than"):
        load_yaml("\n".join(lines).encode())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5_000_000


def test_aliases_of_a_long_text_are_no_way_around() -> None:
    text = f"a: &a {'x' * 1_000_000}\nb: [{', '.join(['*a'] * 100)}]"
    with pytest.raises(UnsafeFileError, match="more than"):
        load_yaml(text.encode())
    assert load_yaml(text.partition("\n")[0].encode()) == {"a": "x" * 1_000_000}


@pytest.mark.long
@pytest.mark.parametrize("item", [b"1,", b"[],", b"{},", b"? a,"])
def test_many_values_are_refused_early(item: bytes) -> None:
    with pytest.raises(BrokenFileError, match="more than 500000 values"):
        load_yaml(b"[" + item * 600_000 + b"1]")


def test_alias_to_itself_is_refused() -> None:
    with pytest.raises(UnsafeFileError, match="inside of what it names"):
        load_yaml(b"a: &a [1, *a]")


def test_size_limit_is_checked_before_reading(tmp_path: Path) -> None:
    file = tmp_path / "huge.yaml"
    with file.open("wb") as out:
        out.truncate(10 * 2**40)
    with pytest.raises(BrokenFileError, match="bytes, more than"):
        load_yaml(file)
    with pytest.raises(BrokenFileError, match="bytes, more than"):
        load_yaml(b"a" * 20, limit=10)


def test_pipe_does_not_block(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.yaml"
    os.mkfifo(pipe)
    with pytest.raises(BrokenFileError, match="is not a file"):
        load_yaml(pipe)


def test_folder_and_missing_file(tmp_path: Path) -> None:
    with pytest.raises(BrokenFileError):
        load_yaml(tmp_path)
    with pytest.raises(FileNotFoundError):
        load_yaml(tmp_path / "nothing.yaml")


@given(st.binary(max_size=200))
@example(b"%YAML 9.9\n---\n")
@example(b"&a &b c")
def test_any_bytes_give_a_value_or_our_error(content: bytes) -> None:
    with suppress(BrokenFileError):
        load_yaml(content)


@settings(max_examples=100)
@given(st.data())
def test_damaged_real_files_give_a_value_or_our_error(data: st.DataObject) -> None:
    content = bytearray(data.draw(st.sampled_from(CONFIGS)).read_bytes())
    for _ in range(data.draw(st.integers(0, 5))):
        content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    del content[data.draw(st.integers(0, len(content))) :]
    with suppress(BrokenFileError):
        load_yaml(bytes(content))
