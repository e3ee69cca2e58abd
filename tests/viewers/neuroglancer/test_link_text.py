"""Links and files of others: read with limits, refused with a reason."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import neuroglancer
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_dacapo.errors import LinkError
from napari_dacapo.viewers.neuroglancer.link_text import (
    capped,
    link_to,
    read_link,
    read_state_file,
    state_file_text,
)

if TYPE_CHECKING:
    from pathlib import Path

STATE = {
    "dimensions": {"x": [4e-9, "m"]},
    "position": [1.5],
    "layers": [{"type": "image", "source": "zarr2://s3://b/ü ·'\"_,&#!%", "name": "a_b, c"}],
}
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text()
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)  # fmt: skip


@given(st.dictionaries(st.text(), values, max_size=4))
def test_any_state_comes_back(state: dict[str, Any]) -> None:
    state.pop("layers", None)
    assert read_link(link_to(state, "https://x.example/")) == {**state, "layers": []}


def test_neuroglancer_reads_our_links_and_we_read_its() -> None:
    ours = link_to(STATE, "https://x.example/page/?a=b#!old")
    assert ours.startswith("https://x.example/page/?a=b#!%7B")
    theirs = neuroglancer.parse_url(ours)
    assert theirs.to_json() == STATE
    assert read_link(neuroglancer.to_url(theirs)) == STATE


def test_the_notation_of_old_links_is_read() -> None:
    old = "https://x.example/#!{'layers':{'a_b':{'type':'image'_'source':'s'}}_'position':[1_2]}"
    assert read_link(old) == {
        "layers": [{"type": "image", "source": "s", "name": "a_b"}],
        "position": [1, 2],
    }


HERE = "https://x.example/"


@pytest.mark.parametrize(
    ("link", "reason"),
    [
        ("", "no neuroglancer state"),
        (HERE, "no neuroglancer state"),
        (f"{HERE}#!", "no neuroglancer state"),
        (f"{HERE}#!{{", "not JSON"),
        (f"{HERE}#!%7B%22a%22%3A", "not JSON"),
        (f"{HERE}#!\udcff\x00", "not JSON"),
        (f'{HERE}#!{{"a":NaN}}', "not JSON"),
        (f'{HERE}#!{{"a":Infinity}}', "not JSON"),
        (f'{HERE}#!{{"a":-1{"0" * 400}}}', "too large"),
        (f'{HERE}#!{{"a":1{"0" * 5000}}}', "too large"),
        (f"{HERE}#![1]", "JSON object"),
        (f"{HERE}#!1", "JSON object"),
        (f"{HERE}#!null", "JSON object"),
        (f'{HERE}#!{{"layers":3}}', "not a list"),
        (f'{HERE}#!{{"layers":[3]}}', "not a list"),
        (f'{HERE}#!{{"layers":null}}', "not a list"),
        (f"{HERE}#!https://evil.example/state.json", "only points to"),
        (f"{HERE}#!gs://bucket/state.json", "only points to"),
        (f"{HERE}#!" + "[" * 100_000, "not JSON|nested"),
        (f"{HERE}#!" + '{"a":' * 200 + "1" + "}" * 200, "nested too deeply"),
        (f"{HERE}#!" + "a" * (5 * 2**20), "too long"),
        (f'{HERE}#!{{"layers":[' + ",".join(["{}"] * 2000) + "]}", "2,000 layers"),
    ],
    ids=lambda value: value[:40],
)
def test_what_is_no_state_is_refused(link: str, reason: str) -> None:
    with pytest.raises(LinkError, match=reason):
        read_link(link)


@settings(deadline=None)
@given(st.text(max_size=300))
def test_noise_is_refused_or_read(text: str) -> None:
    try:
        assert isinstance(read_link(f"https://x.example/#!{text}")["layers"], list)
    except LinkError:
        pass


def test_large_links_are_read_quickly_enough_to_be_read() -> None:
    layer = {"type": "segmentation", "segments": [str(i) for i in range(300_000)]}
    link = "https://x.example/#!" + json.dumps({"layers": [layer]})
    assert len(read_link(link)["layers"][0]["segments"]) == 300_000


def test_a_file_holds_a_whole_state(tmp_path: Path) -> None:
    (tmp_path / "s.json").write_text(state_file_text(STATE))
    assert read_state_file(tmp_path / "s.json") == STATE


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[]", b"3", b'{"a":NaN}', b"[" * 10**5])
def test_broken_files_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "s.json").write_bytes(content)
    with pytest.raises(LinkError):
        read_state_file(tmp_path / "s.json")
    with pytest.raises(LinkError, match="cannot be read"):
        read_state_file(tmp_path / "not there.json")
    with pytest.raises(LinkError, match="cannot be read"):
        read_state_file(tmp_path)


def test_selections_are_cut_without_touching_the_state() -> None:
    state = {"layers": [{"name": "a", "segments": ["1"]}, {"name": "b", "segments": ["2"] * 2000}]}
    short, notes = capped(state)
    assert [len(layer["segments"]) for layer in short["layers"]] == [1, 1000]
    assert len(state["layers"][1]["segments"]) == 2000
    assert len(notes) == 1
    assert "of 2,000 selected segments of b" in notes[0]
    assert capped({"layers": []}) == ({"layers": []}, ())


def test_what_json_cannot_say_is_refused() -> None:
    with pytest.raises(LinkError, match="cannot be written as JSON"):
        link_to({"a": float("nan")}, "https://x.example/")
    with pytest.raises(LinkError, match="cannot be written as JSON"):
        link_to({"a": object()}, "https://x.example/")
