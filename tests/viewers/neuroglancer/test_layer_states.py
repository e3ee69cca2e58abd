"""How layers look, in neuroglancer's words and in ours."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from napari_dacapo.viewers.neuroglancer.hints import without_hints, write_hints
from napari_dacapo.viewers.neuroglancer.layer_states import layer_states, with_layer_states
from napari_dacapo.viewers.neuroglancer.layers import layer_json
from napari_dacapo.viewers.view_state import LayerState

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_dacapo.volumes import Volume


@pytest.fixture
def channels(volume: Callable[..., Volume]) -> Volume:
    data = np.ones((3, 4, 4, 4), "f4")
    return volume(data, ("c^", "z", "y", "x"), role="prediction", channel_names=("a", "b", "c"))


@pytest.fixture
def labels(volume: Callable[..., Volume]) -> Volume:
    return volume(np.ones((4, 4, 4), "u8"), role="segmentation")


def test_channels_are_switched_one_by_one(channels: Volume) -> None:
    slot = channels.identity.slot
    states = [
        LayerState(
            slot, channel=i, visible=i != 1, gamma=1.0 + i / 4, contrast_limits=(0.0, i + 1.0)
        )
        for i in range(3)
    ]  # fmt: skip
    layer = with_layer_states(layer_json(channels, []), channels, states)
    assert "visible" not in layer
    assert [layer["shaderControls"][f"show_{i}"] for i in range(3)] == [True, False, True]
    back = layer_states(layer, channels)
    assert [state.visible for state in back] == [True, False, True]
    assert [state.gamma for state in back] == [1.0, 1.25, 1.5]
    hidden = [replace(state, visible=False) for state in states]
    layer = with_layer_states(layer, channels, hidden)
    assert layer["visible"] is False
    assert not any(state.visible for state in layer_states(layer, channels))


def test_a_change_in_the_page_wins_over_what_the_link_hinted(channels: Volume) -> None:
    slot = channels.identity.slot
    states = [LayerState(slot, channel=i, opacity=0.4, blending="minimum") for i in range(3)]
    layer = with_layer_states(layer_json(channels, []), channels, states)
    assert {state.blending for state in layer_states(layer, channels)} == {"minimum"}
    layer |= {"blend": "additive", "opacity": 0.8}
    changed = layer_states(layer, channels)
    assert {state.blending for state in changed} == {"additive"}
    assert {state.opacity for state in changed} == {0.8}
    layer["shader"] = without_hints(layer["shader"])
    assert {state.opacity for state in layer_states(layer, channels)} == {0.8}


def test_channels_are_blended_each_as_it_was(channels: Volume) -> None:
    blendings = ["minimum", "additive", "multiplicative"]
    states = [
        LayerState(channels.identity.slot, channel=i, blending=blending)
        for i, blending in enumerate(blendings)
    ]
    for shown in range(3):
        visible = [replace(state, visible=state.channel >= shown) for state in states]
        layer = with_layer_states(layer_json(channels, []), channels, visible)
        assert [state.blending for state in layer_states(layer, channels)] == blendings


def test_limits_between_whole_numbers_are_kept_until_they_are_changed(
    volume: Callable[..., Volume],
) -> None:
    raw = volume(np.ones((4, 4, 4), "u1"), role="raw")
    state = LayerState(raw.identity.slot, contrast_limits=(-25.5, 99.75))
    layer = with_layer_states(layer_json(raw, []), raw, [state])
    assert layer["shaderControls"]["contrast_0"]["range"] == [0, 100]
    assert layer_states(layer, raw)[0].contrast_limits == (-25.5, 99.75)
    # In the place of the array, what is made of it may be shown.
    (floats,) = layer_states(layer, volume(np.ones((4, 4, 4), "f4"), role="raw"))
    assert floats.contrast_limits == (-25.5, 99.75)
    layer["shaderControls"]["contrast_0"]["range"] = [0, 50]
    assert layer_states(layer, raw)[0].contrast_limits == (0, 50)


@pytest.mark.parametrize("number", [10**400, True, "1", None, float("nan")], ids=str)
def test_hints_of_the_wrong_kind_are_left_out(volume: Callable[..., Volume], number: Any) -> None:
    raw = volume(np.ones((4, 4, 4), "u1"), role="raw")
    layer = with_layer_states(
        layer_json(raw, []), raw, [LayerState(raw.identity.slot, contrast_limits=(1.0, 100.0))]
    )
    contrast = {"wanted": [number, 99.75], "taken": [1, 100]}
    write_hints(layer, states=[{"channel": None, "opacity": number, "contrast_limits": contrast}])
    (state,) = layer_states(layer, raw)
    assert (state.contrast_limits, state.opacity) == ((1.0, 100.0), 1.0)


def test_what_the_client_leaves_out_is_its_default(channels: Volume, labels: Volume) -> None:
    image = layer_json(channels, [])
    del image["opacity"]
    assert {state.opacity for state in layer_states(image, channels)} == {0.5}
    segmentation = layer_json(labels, [])
    del segmentation["selectedAlpha"]
    (state,) = layer_states(segmentation, labels)
    assert state.opacity == 0.5


@pytest.mark.parametrize(
    ("segments", "label", "only"),
    [
        (None, None, False), ([], None, False), (["7"], 7, True), ([7], 7, True),
        (["!7"], 7, False), (["!7", "3"], 3, True), (["x", -1, None, {}, "!2"], 2, False),
        (["18446744073709551615"], 2**64 - 1, True), (["1" * 30], None, False), ("7", None, False),
    ],
)  # fmt: skip
def test_selected_segments_become_the_picked_label(
    labels: Volume, segments: Any, label: int | None, only: bool
) -> None:
    (state,) = layer_states({**layer_json(labels, []), "segments": segments}, labels)
    assert (state.selected_label, state.show_selected_label) == (label, only)


def test_ground_truth_that_napari_draws_as_a_line_is_filled_faintly(
    volume: Callable[..., Volume],
) -> None:
    gt = volume(np.ones((4, 4, 4), "u8"), role="gt")
    state = LayerState(gt.identity.slot, opacity=0.5)
    layer = with_layer_states(layer_json(gt, []), gt, [state])
    assert layer["selectedAlpha"] == pytest.approx(0.2)
    assert layer_states(layer, gt)[0].opacity == pytest.approx(0.5)


def test_no_states_leave_the_layer_alone(labels: Volume) -> None:
    layer = layer_json(labels, [])
    assert with_layer_states(layer, labels, []) is layer
