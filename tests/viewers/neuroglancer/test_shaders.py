"""Shaders carry what they show, and give it back."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_dacapo.viewers.colormaps import COLORMAPS
from napari_dacapo.viewers.neuroglancer.shaders import (
    ChannelLook,
    channel_looks,
    color_stops,
    controls_json,
    image_shader,
    shader_range,
)

numbers = st.floats(-1e6, 1e6).filter(lambda x: x == 0 or abs(x) > 1e-6)
looks = st.lists(
    st.builds(
        ChannelLook,
        colormap=st.sampled_from(["gray", "magenta", *COLORMAPS]),
        contrast_limits=st.tuples(numbers, numbers),
        gamma=st.floats(0.02, 9),
        visible=st.booleans(),
    ),
    min_size=1,
    max_size=16,
)


@given(looks, st.booleans(), st.booleans())
def test_looks_come_back_from_the_code_and_from_the_controls(
    given_looks: list[ChannelLook], has_axis: bool, multiply: bool
) -> None:
    plain = [ChannelLook("gray", (0.0, 1.0))] * len(given_looks)
    code = image_shader(given_looks, has_channel_axis=has_axis, dtype="float32", multiply=multiply)
    assert [look.colormap for look in channel_looks(code, {})] == [
        look.colormap for look in given_looks
    ]
    code_of_others = image_shader(plain, has_channel_axis=has_axis, dtype="float32", multiply=False)
    back = channel_looks(code_of_others, controls_json(given_looks, "float32"))
    for look, wanted in zip(back, given_looks, strict=True):
        assert look.contrast_limits == wanted.contrast_limits
        assert look.gamma == pytest.approx(wanted.gamma)
        assert look.visible == (wanted.visible or len(given_looks) == 1)
    for look, wanted in zip(channel_looks(code, None), given_looks, strict=True):
        assert look.contrast_limits == pytest.approx(wanted.contrast_limits)
        assert look.gamma == pytest.approx(wanted.gamma, abs=1e-5)


def test_colours_come_back_from_the_code() -> None:
    stops = ((0.0, (0.0, 0.0, 0.0, 0.0)), (0.3, (1.0, 0.5, 0.0, 1.0)), (1.0, (0.1, 0.2, 0.3, 0.4)))
    looks = [ChannelLook("mine", (0.0, 1.0), stops=stops), ChannelLook("dacapo signed", (0.0, 1.0))]
    code = image_shader(looks, has_channel_axis=True, dtype="uint8", multiply=False)
    mine, ours = channel_looks(code, {})
    assert mine.stops == stops
    assert ours.stops == (), "known by its name"
    for broken in (
        code.replace("0.3) / 0.7", "0.3) / 0.2"), code.replace("vec4(1.0, 0.5", "vec4(7.0, 0.5"),
        code.replace("vec4(1.0, 0.5", "vec4(x, 0.5"), code.replace("  c = mix", "  c = max"),
    ):  # fmt: skip
        assert channel_looks(broken, {})[0].stops == ()


@given(st.text(max_size=60))
def test_a_colormaps_name_cannot_become_code(name: str) -> None:
    code = image_shader(
        [ChannelLook(name, (0.0, 1.0))], has_channel_axis=False, dtype="uint8", multiply=False
    )
    body = code.split("\n", 1)[1]
    assert code.startswith("// channel 0: ")
    assert body.startswith("#uicontrol invlerp contrast_0(range=[0, 1])\n")
    assert not re.search(r"[^\x20-\x7e\n]", body)


@given(st.one_of(st.none(), st.integers(), st.text(max_size=200)), st.one_of(st.none(), st.text()))
def test_code_of_others_says_nothing(shader: Any, controls: Any) -> None:
    assert channel_looks(shader, controls) == ()


@given(
    st.dictionaries(
        st.sampled_from(["contrast_0", "gamma_0", "show_0"]),
        st.one_of(st.none(), st.text(), st.floats(), st.lists(st.floats(), max_size=3),
                  st.dictionaries(st.just("range"), st.lists(st.floats() | st.text(), max_size=3))),
    )
)  # fmt: skip
def test_nonsense_in_controls_gives_the_defaults(controls: dict[str, Any]) -> None:
    code = image_shader(
        [ChannelLook("gray", (0.0, 1.0))], has_channel_axis=False, dtype="uint8", multiply=False
    )
    (look,) = channel_looks(code, controls)
    assert all(abs(value) < float("inf") for value in (*look.contrast_limits, look.gamma))


@pytest.mark.parametrize(
    ("limits", "dtype", "expected"),
    [
        ((0.2, 0.9), "float32", (0.2, 0.9)), ((0.4, 200.6), "uint8", (0, 201)),
        ((-5, 300), "uint8", (0, 255)), ((7, 7), "uint16", (7, 8)),
        ((0, 1e30), "uint64", (0, 2**64 - 1)), ((300, 400), "uint8", (254, 255)),
        ((-1.0, 1.0), "int8", (-1, 1)),
    ],
)  # fmt: skip
def test_ranges_fit_the_type(limits: Any, dtype: str, expected: Any) -> None:
    assert shader_range(limits, dtype) == expected


def test_colormaps_of_napari_are_sampled_and_unknown_ones_are_gray() -> None:
    assert 2 < len(color_stops("viridis")) < 64
    assert color_stops("viridis")[-1][1][:3] == pytest.approx((0.993, 0.906, 0.144), abs=0.01)
    assert color_stops("nobody knows it") == color_stops("gray")
    assert color_stops("dacapo signed") is COLORMAPS["dacapo signed"]
