from __future__ import annotations

import json

import numpy as np
import pytest
import zarr

from napari_dacapo.volumes import is_empty, open_volume, repair_offset
from napari_dacapo.volumes.functions import Greater

DEFECT = "pypi-0.3.5/dist_aniso/validation.zarr/inputs/aniso_val/raw"
GT_ROI = ((1200.0, 800.0, 440.0), (480.0, 256.0, 256.0))


def test_the_defect_of_a_real_store_is_repaired(stores):
    stored = json.loads((stores / DEFECT / ".zattrs").read_text())
    assert stored["offset"] == [28, 192, 102]
    volume = open_volume(stores / DEFECT)
    # main wrote the same array of the same run with the right offset.
    right = json.loads(
        (stores / "main/dist_aniso" / DEFECT.split("/", 2)[2] / ".zattrs").read_text()
    )
    for reference in (GT_ROI, None):
        repaired = repair_offset(volume, reference)
        assert repaired.offset == tuple(right["offset"]) == (1120, 768, 408)
        (note,) = repaired.notes
        assert "28, 192, 102" in note
        assert "1120, 768, 408" in note
        # Not twice, if asked again with the evidence at hand.
        assert repair_offset(repaired, GT_ROI).offset == repaired.offset


@pytest.mark.parametrize(
    "array", ["inputs/aniso_val/raw", "inputs/aniso_val/gt", "20/ds_aniso_val/prediction"]
)
@pytest.mark.parametrize("reference", [GT_ROI, None])
def test_right_offsets_are_left_alone(stores, array, reference):
    volume = open_volume(stores / "main/dist_aniso/validation.zarr" / array)
    assert repair_offset(volume, reference) is volume


def test_offset_zero_needs_no_repair(stores):
    volume = open_volume(
        stores / "pypi-0.3.5/dist_same_iso0/validation.zarr/20/ds_iso0_val_a/prediction"
    )
    assert repair_offset(volume) is volume


def test_0_3_0_wrote_world_offsets(tmp_path, write_zarr, numbers):
    attributes = {"resolution": [8, 8, 8], "offset": [80, 80, 80], "axes": ["z", "y", "x"]}
    volume = open_volume(write_zarr(tmp_path / "a", numbers, attributes=attributes))
    assert repair_offset(volume) is volume


def test_offsets_in_voxels_count_them_in_any_unit(tmp_path, write_zarr, numbers):
    stored = {"voxel_size": [40, 4, 4], "offset": [30, 200, 110], "axis_names": ["z", "y", "x"]}
    path = write_zarr(tmp_path / "a", numbers, attributes=stored | {"units": ["um"] * 3})
    assert repair_offset(open_volume(path)).offset == (1_200_000, 800_000, 440_000)


def test_the_reference_decides(tmp_path, write_zarr, numbers):
    attributes = {
        "voxel_size": [8] * 3,
        "offset": [100] * 3,
        "axis_names": ["z", "y", "x"],
        "types": [],
    }
    volume = open_volume(write_zarr(tmp_path / "a", numbers, attributes=attributes))
    size = volume.roi[1]
    assert repair_offset(volume, ((800.0,) * 3, size)).offset == (800.0,) * 3
    assert repair_offset(volume, ((100.0,) * 3, size)).offset == (100.0,) * 3
    assert repair_offset(volume, ((770.0,) * 3, (20.0,) * 3)).offset == (800.0,) * 3


def test_emptiness_of_real_arrays(stores):
    """Whether there is anything in each stored mask and prediction, as zarr-python reads it."""
    known = 0
    for path in sorted(stores.glob("*/*/validation.zarr/*/*/output/*/.zarray")):
        volume = open_volume(path.parent)
        expected = not zarr.open_array(path.parent, mode="r")[:].any()
        assert is_empty(volume, read=True) is expected, path
        told = is_empty(volume)
        assert told in (None, True)
        if told:
            known += 1
            assert expected
        has_chunks = any(f.is_file() and f.name[0] != "." for f in path.parent.rglob("*"))
        assert (told is None) == has_chunks
    assert known > 20
    # Chunks of zeros: only reading tells.
    zeros = next(stores.glob("pypi-0.3.5/onehot_iso0/validation.zarr/*/*/output/*"))
    assert is_empty(open_volume(zeros)) is None
    assert is_empty(open_volume(zeros), read=True) is True


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_fill_values_count(tmp_path, zarr_format):
    for fill, expected in [(0, True), (1, False)]:
        path = tmp_path / str(fill)
        zarr.create_array(
            path, shape=(9, 9), chunks=(4, 4), dtype="u1", fill_value=fill, zarr_format=zarr_format
        )
        assert is_empty(open_volume(path)) is (True if expected else None)
        assert is_empty(open_volume(path), read=True) is expected


def test_nothing_and_computed(tmp_path, write_zarr, numbers):
    zarr.create_array(tmp_path / "none", shape=(0, 4), chunks=(1, 4), dtype="u1")
    assert is_empty(open_volume(tmp_path / "none")) is True
    volume = open_volume(write_zarr(tmp_path / "a", numbers))
    assert is_empty(volume) is None
    assert is_empty(volume, read=True) is False
    above = volume.with_(data=volume.data.map(Greater(10**6)), source=None)
    assert is_empty(above) is None
    assert is_empty(above, read=True) is True
    last = np.zeros_like(numbers)
    last[-1, -1, -1] = 1
    assert is_empty(open_volume(write_zarr(tmp_path / "b", last)), read=True) is False
