"""What neuroglancer has no words for, in comments of code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_dacapo.viewers.neuroglancer.hints import (
    identity_in,
    name_volume,
    named_as,
    read_hints,
    without_hints,
    write_hints,
)
from napari_dacapo.volumes import Identity

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_dacapo.volumes import Volume

CODE = "// channel 0: gray\n#uicontrol invlerp contrast_0(range=[0, 1])\nvoid main() {}\n"
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


@given(values, values)
def test_hints_come_back_and_leave_the_code_as_it_was(first: Any, second: Any) -> None:
    layer: dict[str, Any] = {"type": "image", "shader": CODE}
    write_hints(layer, a=first, b=1)
    write_hints(layer, a=second)
    assert read_hints(layer) == {"a": second, "b": 1}
    assert without_hints(layer["shader"]) == CODE
    line, rest = layer["shader"].split("\n", 1)
    assert rest == CODE
    assert line.isascii()
    assert not line.endswith("\\"), "it would go on in the next line"


def test_segmentations_have_them_where_skeletons_would_be() -> None:
    layer: dict[str, Any] = {"type": "segmentation", "skeletonRendering": {"mode2d": "lines"}}
    write_hints(layer, a=1)
    assert layer["skeletonRendering"]["mode2d"] == "lines"
    assert "emitDefault();" in layer["skeletonRendering"]["shader"]
    assert read_hints(layer) == {"a": 1}
    own = {"type": "segmentation", "skeletonRendering": {"shader": CODE}}
    write_hints(own, a=2)
    assert without_hints(own["skeletonRendering"]["shader"]) == CODE


def test_an_image_whose_shader_is_the_clients_is_left_alone() -> None:
    layer: dict[str, Any] = {"type": "image"}
    write_hints(layer, a=1)
    assert layer == {"type": "image"}


@pytest.mark.parametrize(
    "line",
    [
        "// napari-dacapo: {", "// napari-dacapo: []", "// napari-dacapo: {\"a\": NaN}}",
        "// napari-dacapo: " + "{\"a\":" * 5000 + "1" + "}" * 5000, "x // napari-dacapo: {\"a\":1}",
        "//napari-dacapo: {}",
    ],
)  # fmt: skip
def test_nonsense_says_nothing(line: str) -> None:
    assert read_hints({"type": "image", "shader": f"{line}\n{CODE}"}) == {}


@pytest.mark.parametrize("code", [None, 5, ["// napari-dacapo: {}"], {}, ""])
def test_what_is_no_code_says_nothing(code: Any) -> None:
    assert read_hints({"type": "image", "shader": code}) == {}
    assert read_hints({"type": "segmentation", "skeletonRendering": code}) == {}
    assert read_hints({"type": "segmentation", "skeletonRendering": {"shader": code}}) == {}


def test_a_layer_says_what_it_shows(volume: Callable[..., Volume]) -> None:
    data = np.ones((2, 4, 4, 4), "u1")
    masks = volume(data, ("c^", "z", "y", "x"), role="segmentation", channel_names=("a", "b"))
    layer: dict[str, Any] = {"type": "segmentation", "name": "renamed"}
    name_volume(layer, masks)
    assert identity_in(layer) == masks.identity
    assert named_as(layer, masks.with_(channel_names=())).channel_names == ("a", "b")
    other = volume(np.ones((4, 4, 4), "u1"), role="segmentation")
    assert named_as(layer, other).channel_names == (), "it has no channels"
    classes = other.with_(class_names={0: "background", 3: "mito"})
    name_volume(layer, classes)
    assert named_as(layer, other).class_names == {0: "background", 3: "mito"}


@pytest.mark.parametrize(
    ("change", "valid"),
    [
        ({}, True), ({"role": "emperor"}, False), ({"iteration": "3"}, False),
        ({"iteration": True}, False), ({"run": None}, False), ({"run": "x" * 5000}, False),
        ({"parameters": 7}, False), ({"store": ["/"]}, False), ({"iteration": 7}, True),
    ],
)  # fmt: skip
def test_an_identity_is_one_or_none(change: dict[str, Any], valid: bool) -> None:
    identity = Identity("r", "d", "raw").as_dict() | change
    layer: dict[str, Any] = {"type": "image", "shader": CODE}
    write_hints(layer, identity=identity)
    assert (identity_in(layer) is not None) == valid


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("r · d · raw", Identity("r", "d", "raw")),
        ("r · d · prediction · er", Identity("r", "d", "prediction")),
        ("r · d · emperor", None), ("r · raw", None), ("raw", None), (None, None), (7, None),
    ],
)  # fmt: skip
def test_a_name_says_it_too(name: Any, expected: Identity | None) -> None:
    assert identity_in({"type": "image", "name": name}) == expected
