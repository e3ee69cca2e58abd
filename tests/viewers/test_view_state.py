from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from napari_dacapo.viewers.orientation import (
    IDENTITY_ORIENTATION,
    directions_from_orientation,
    orientation_from_directions,
)
from napari_dacapo.viewers.view_state import LayerState, ViewState

numbers = st.floats(-1e6, 1e6)
names = st.text(max_size=20)
colors = st.tuples(*[st.floats(0, 1)] * 4)
layer_states = st.builds(
    LayerState,
    slot=names,
    name=names,
    channel=st.none() | st.integers(0, 100),
    visible=st.booleans(),
    opacity=st.floats(0, 1),
    blending=st.sampled_from(["translucent", "additive", "opaque"]),
    contrast_limits=st.none() | st.tuples(numbers, numbers),
    gamma=st.none() | st.floats(0.1, 5),
    colormap=st.none() | names,
    selected_label=st.none() | st.integers(0, 2**64 - 1),
    show_selected_label=st.booleans(),
    color_stops=st.lists(st.tuples(numbers, colors), max_size=3).map(tuple),
    label_colors=st.lists(st.tuples(st.none() | st.integers(0, 99), colors), max_size=3).map(tuple),
)
view_states = st.sampled_from([("z", "y", "x"), ("y", "x")]).flatmap(
    lambda axes: st.builds(
        ViewState,
        axes=st.just(axes),
        position=st.tuples(*[numbers] * len(axes)),
        zoom=st.floats(1e-6, 1e6),
        ndisplay=st.sampled_from([2, 3]),
        order=st.permutations(axes).map(tuple),
        orientation=st.tuples(*[st.floats(-1, 1)] * 4),
        canvas_size=st.none() | st.tuples(st.integers(1, 5000), st.integers(1, 5000)),
        layers=st.lists(layer_states, max_size=4).map(tuple),
    )
)
vectors = st.tuples(*[st.floats(-1, 1)] * 3)


@settings(deadline=None)
@given(view_states)
def test_json_round_trip(state):
    assert ViewState.from_dict(json.loads(json.dumps(state.as_dict()))) == state


@settings(deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=3),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(
                st.sampled_from(
                    ["axes", "position", "zoom", "order", "layers", "orientation", "slot"]
                ),
                inner,
            )
        ),
    )
)
def test_hostile_values_are_one_kind_of_error(values):
    try:
        ViewState.from_dict(values)
    except ValueError:
        pass


@pytest.mark.parametrize(
    "change",
    [
        {"position": [1, 2]},
        {"position": [1, 2, float("nan")]},
        {"zoom": 0},
        {"zoom": float("inf")},
        {"ndisplay": 4},
        {"order": ["z", "y", "y"]},
        {"orientation": [0, 0, 1]},
        {"canvas_size": [3]},
        {"layers": [{"name": "no slot"}]},
        {"layers": [{"slot": "s", "contrast_limits": [1]}]},
        {"layers": 3},
    ],
)
def test_wrong_values_are_refused(change):
    good = {"axes": ["z", "y", "x"], "position": [1, 2, 3], "zoom": 2.0}
    assert ViewState.from_dict(good).order == ("z", "y", "x")
    with pytest.raises(ValueError, match=r"."):
        ViewState.from_dict(good | change)


def test_unknown_keys_are_ignored():
    state = ViewState.from_dict({"axes": ["y", "x"], "position": [0, 0], "zoom": 1, "new": 1})
    assert state == ViewState(("y", "x"), (0.0, 0.0), 1.0)


def test_layer_is_found_by_slot_and_channel():
    whole, second = LayerState("a"), LayerState("b", channel=1)
    state = ViewState(("y", "x"), (0, 0), 1, layers=(whole, second))
    assert state.layer("a") is whole
    assert state.layer("b", 1) is second
    assert state.layer("b") is None


def test_identity_looks_along_z_with_y_down():
    forward, up = directions_from_orientation(IDENTITY_ORIENTATION)
    assert forward == (0, 0, 1)
    assert up == (0, -1, 0)
    assert orientation_from_directions((0, 0, 1), (0, -1, 0)) == IDENTITY_ORIENTATION


@settings(deadline=None)
@given(vectors, vectors)
def test_directions_survive_the_quaternion(forward, up):
    f, u = np.array(forward), np.array(up)
    if np.linalg.norm(np.cross(f, u)) < 1e-3:
        return
    f = f / np.linalg.norm(f)
    u = u - (u @ f) * f
    u = u / np.linalg.norm(u)
    q = orientation_from_directions(forward, up)
    assert np.linalg.norm(q) == pytest.approx(1)
    assert q[3] >= 0
    found_forward, found_up = directions_from_orientation(q)
    np.testing.assert_allclose(found_forward, f, atol=1e-6)
    np.testing.assert_allclose(found_up, u, atol=1e-6)


@settings(deadline=None)
@given(st.tuples(*[st.floats(-1, 1)] * 4).filter(lambda q: np.linalg.norm(q) > 1e-2))
def test_quaternion_is_the_rotation_it_claims(q):
    matrix = Rotation.from_quat(q).as_matrix()
    forward, up = directions_from_orientation(q)
    np.testing.assert_allclose(forward, matrix[:, 2], atol=1e-9)
    np.testing.assert_allclose(up, -matrix[:, 1], atol=1e-9)


@pytest.mark.parametrize(("forward", "up"), [((0, 0, 0), (0, 1, 0)), ((0, 0, 1), (0, 0, -2))])
def test_no_direction_is_an_error(forward, up):
    with pytest.raises(ValueError, match="direction"):
        orientation_from_directions(forward, up)
