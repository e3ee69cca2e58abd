"""Channels that are layers of their own, and the place where each stands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from napari_dacapo.viewers.neuroglancer.channels import (
    layer_channel,
    place_of_channel,
    split_channels,
)
from napari_dacapo.viewers.neuroglancer.layers import layers_json

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_dacapo.volumes import Volume

AXES = ("c^", "z", "y", "x")


@pytest.mark.parametrize(
    ("n_channels", "role", "apart", "count"),
    [
        (3, "segmentation", False, 3), (1, "segmentation", False, 0), (16, "gt", False, 16),
        (17, "gt", False, 0), (3, "prediction", False, 0), (3, "prediction", True, 3),
        (1, "prediction", True, 0),
    ],
)  # fmt: skip
def test_which_channels_are_layers(
    volume: Callable[..., Volume], n_channels: int, role: str, apart: bool, count: int
) -> None:
    shown = volume(np.ones((n_channels, 4, 4, 4), "u1"), AXES, role=role)
    assert len(split_channels(shown, apart=apart)) == count
    layers = layers_json(shown, [{"url": "http://x"}], apart=apart)
    assert len(layers) == max(count, 1)
    if count:
        assert [layer_channel(layer, shown) for layer in layers] == list(range(count))
        assert len({layer["name"] for layer in layers}) == count
    else:
        assert layer_channel(layers[0], shown) is None


def test_other_axes_stand_in_the_middle(volume: Callable[..., Volume]) -> None:
    shown = volume(np.ones((5, 3, 4, 4), "u1"), ("t^", "c^", "y", "x"), role="segmentation")
    assert place_of_channel(shown, 2) == {
        "localDimensions": {"t'": [1, ""], "c'": [1, ""]}, "localPosition": [2.5, 2.5],
    }  # fmt: skip
    assert layer_channel(place_of_channel(shown, 1), shown) == 1


@pytest.mark.parametrize(
    "place",
    [
        {}, {"localDimensions": {}, "localPosition": []}, {"localPosition": [1.5]},
        {"localDimensions": {"c'": [1, ""]}}, {"localDimensions": {"c'": 1}, "localPosition": []},
        {"localDimensions": {"c'": 1}, "localPosition": ["1"]},
        {"localDimensions": {"c'": 1}, "localPosition": [float("inf")]},
        {"localDimensions": {"c'": 1}, "localPosition": [-0.5]},
        {"localDimensions": {"c'": 1}, "localPosition": [3.5]},
        {"localDimensions": ["c'"], "localPosition": [1.5]},
    ],
)  # fmt: skip
def test_a_place_that_is_none(volume: Callable[..., Volume], place: dict[str, Any]) -> None:
    shown = volume(np.ones((3, 4, 4, 4), "u1"), AXES, role="segmentation")
    assert layer_channel(place, shown) is None
