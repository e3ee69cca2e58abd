"""Image layers as raw volumes: where they lie, and which of them cannot be used."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from napari.layers import Image

from napari_dacapo.errors import UnsupportedError
from napari_dacapo.viewers.napari.layer_sources import layer_source

ELEMENTS = np.arange(4 * 5 * 6, dtype=np.float32).reshape(4, 5, 6)


def image(elements: Any = ELEMENTS, **keywords: Any) -> Image:
    return Image(elements, name="mine", contrast_limits=(0, 255), **keywords)


def test_scale_and_units_are_the_voxel_size() -> None:
    source = layer_source(
        image(scale=(0.04, 0.004, 0.004), translate=(0.1, 0.002, 0), units="um"), 3
    )
    volume = source.volume
    assert volume is not None
    assert source.sized
    np.testing.assert_allclose(volume.voxel_size, (40, 4, 4))
    # The corner of the first voxel, where napari says its centre.
    np.testing.assert_allclose(volume.offset, (80, 0, -2), atol=1e-9)
    np.testing.assert_array_equal(np.asarray(volume.data), ELEMENTS)
    assert volume.identity.dataset == "mine"
    assert volume.axis_names == ("z", "y", "x")


def test_scale_without_units_is_in_nanometres() -> None:
    source = layer_source(image(scale=(8, 8, 8)), 3)
    assert source.sized
    assert source.volume is not None
    assert source.volume.voxel_size == (8, 8, 8)


def test_a_layer_that_says_nothing() -> None:
    assert not layer_source(image(), 3).sized


def test_channels_first() -> None:
    volume = layer_source(image(), 2).volume
    assert volume is not None
    assert volume.axis_names == ("c^", "y", "x")


def test_colours_are_channels() -> None:
    elements = np.arange(5 * 6 * 3, dtype=np.uint8).reshape(5, 6, 3)
    volume = layer_source(Image(elements, rgb=True), 2).volume
    assert volume is not None
    assert volume.axis_names == ("c^", "y", "x")
    np.testing.assert_array_equal(np.asarray(volume.data), np.moveaxis(elements, -1, 0))


def test_the_finest_level_of_a_pyramid() -> None:
    volume = layer_source(image([ELEMENTS, ELEMENTS[::2, ::2, ::2]]), 3).volume
    assert volume is not None
    assert volume.shape == ELEMENTS.shape


def test_the_same_layer_gives_the_same_volume() -> None:
    layer = image()
    first, again = layer_source(layer, 3).volume, layer_source(layer, 3).volume
    assert first is not None
    assert again is not None
    assert first.data.name == again.data.name
    layer.data = ELEMENTS * 2
    changed = layer_source(layer, 3).volume
    assert changed is not None
    assert changed.data.name != first.data.name
    np.testing.assert_array_equal(np.asarray(changed.data), ELEMENTS * 2)


@pytest.mark.filterwarnings("ignore:Non-orthogonal slicing")
@pytest.mark.parametrize(
    "keywords",
    [
        {"rotate": (10, 0, 0)},
        {"shear": (0.1, 0, 0)},
        {"scale": (1, -1, 1)},
        {"affine": np.diag([1, 2, 1, 1])},
    ],
)
def test_turned_layers_are_refused(keywords: dict[str, Any]) -> None:
    with pytest.raises(UnsupportedError, match="rotated, sheared or flipped"):
        layer_source(image(**keywords), 3)


@pytest.mark.parametrize("shape", [(3, 3), (2, 2, 3, 3, 3)])
def test_too_few_or_many_axes(shape: tuple[int, ...]) -> None:
    with pytest.raises(UnsupportedError, match="axes"):
        layer_source(image(np.zeros(shape)), 3)
