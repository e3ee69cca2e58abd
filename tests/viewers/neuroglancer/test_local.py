"""Arrays in memory as LocalVolume: types, slices, places."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dask.array as da
import numpy as np
import pytest

from napari_dacapo.errors import UnsupportedError
from napari_dacapo.viewers.neuroglancer.local import LocalArray, local_source, local_volume

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_dacapo.volumes import Volume

VALUES = np.arange(6 * 7 * 8).reshape(6, 7, 8)


@pytest.mark.parametrize(
    ("dtype", "role", "seen"),
    [
        ("?", "raw", "uint8"), ("?", "gt", "uint8"), ("f2", "raw", "float32"),
        ("f8", "raw", "float32"), ("i8", "gt", "uint64"), ("i8", "raw", "float32"),
        ("i4", "gt", "uint32"), (">u2", "raw", "uint16"), ("u8", "gt", "uint64"),
    ],
)  # fmt: skip
def test_elements_have_types_that_the_client_shows(
    volume: Callable[..., Volume], dtype: str, role: str, seen: str
) -> None:
    values = VALUES.astype(dtype)
    array = LocalArray(volume(values, role=role))
    assert array.dtype == seen
    assert array.shape == values.shape
    part = array[1:3, 2:, 4]
    assert part.dtype == seen
    np.testing.assert_array_equal(part, values[1:3, 2:, 4:5].astype("f8"))
    np.testing.assert_array_equal(array.transpose(), values.T.astype("f8"))


def test_nothing_is_read_before_it_is_asked_for(volume: Callable[..., Volume]) -> None:
    read: list[int] = []

    def compute(block: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        read.append(1)
        return block

    data = da.from_array(VALUES, chunks=(2, 7, 8), name=False).map_blocks(compute, meta=VALUES[:0])
    local = local_volume(volume(data))
    local_source(volume(data), local)
    assert read == []
    np.testing.assert_array_equal(local.data[2:4, 0:7, 0:8], VALUES[2:4])
    assert len(read) == 1


def test_fractions_of_a_voxel_are_kept(volume: Callable[..., Volume]) -> None:
    shown = volume(VALUES, voxel_size=(40.0, 4.0, 4.0), offset=(1210.0, -801.0, 2.0))
    local = local_volume(shown)
    assert list(local.voxel_offset) == [0, 0, 0]
    matrix = np.asarray(local_source(shown, local).transform.matrix)
    np.testing.assert_allclose(matrix[:, -1], [1210 / 40, -801 / 4, 2 / 4])


def test_channels_of_images_are_told_apart_from_those_of_labels(
    volume: Callable[..., Volume],
) -> None:
    axes = ("c^", "y", "x")
    image, labels = (volume(VALUES.astype("u1"), axes, role=role) for role in ("raw", "gt"))
    assert list(local_volume(image).dimensions.names) == ["c^", "y", "x"]
    assert list(local_volume(labels).dimensions.names) == ["c'", "y", "x"]
    assert local_volume(image).volume_type == "image"
    assert local_volume(labels).volume_type == "segmentation"


def test_what_cannot_be_shown_is_refused(volume: Callable[..., Volume]) -> None:
    with pytest.raises(UnsupportedError, match="complex64"):
        local_volume(volume(VALUES.astype("c8")))
    with pytest.raises(UnsupportedError, match="float32"):
        local_volume(volume(VALUES.astype("f4"), role="gt"))
