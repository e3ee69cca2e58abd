"""From a volume that is made of a stored array back to that array."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dask.array as da
import numpy as np
import pytest
import zarr

from napari_dacapo.options import Options
from napari_dacapo.runs import open_store
from napari_dacapo.store.configs.arrays import ArrayConfig
from napari_dacapo.store.configs.base import structure
from napari_dacapo.volumes import Identity, Volume, crop, open_volume, volume_from_config
from napari_dacapo.volumes.any_array import as_volume
from napari_dacapo.volumes.origins import origin_of

if TYPE_CHECKING:
    from pathlib import Path

PLACE = {"voxel_size": [40, 4, 4], "offset": [1200, 800, 440], "axis_names": ["z", "y", "x"]}


def stored(folder: Path, name: str, dtype: str, zarr_format: Any = 2) -> dict[str, Any]:
    """Write an array and return the config of it."""
    values = (np.arange(4 * 5 * 6) % 250).reshape(4, 5, 6).astype(dtype)
    zarr.create_array(
        folder / "a.zarr" / name, data=values, chunks=(2, 5, 6), attributes=PLACE,
        zarr_format=zarr_format,
    )  # fmt: skip
    return {
        "__type__": "ZarrArrayConfig", "name": "z", "file_name": str(folder / "a.zarr"),
        "dataset": name, "snap_to_grid": None, "_axes": None, "mode": "a",
    }  # fmt: skip


def made(folder: Path, kind: str, **fields: Any) -> Volume:
    config = structure(ArrayConfig, {"__type__": kind, "name": "a", **fields})
    return volume_from_config(
        config, options=Options(runs_base_dir=folder), identity=Identity("r", "d", "raw")
    )


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_scaled_raw(tmp_path: Path, zarr_format: int) -> None:
    source = stored(tmp_path, "raw", "u1", zarr_format)
    volume = made(tmp_path, "IntensitiesArrayConfig", source_array_config=source, min=50, max=250)
    origin = origin_of(volume)
    assert origin is not None
    assert (origin.low, origin.high) == (50, 250)
    found = origin.volume
    assert found.source is not None
    assert found.source.path == tmp_path / "a.zarr/raw"
    assert found.source.format == f"zarr{zarr_format}"
    assert (found.voxel_size, found.offset) == (volume.voxel_size, volume.offset)
    assert (found.identity, found.value_range) == (volume.identity, (50, 250))
    read = zarr.open_array(tmp_path / "a.zarr/raw", mode="r")[:]
    np.testing.assert_array_equal(np.asarray(found.data), read)
    np.testing.assert_allclose((read.astype(float) - 50) / 200, np.asarray(volume.data))


def test_masks_of_labels(tmp_path: Path) -> None:
    source = stored(tmp_path, "labels", "u8")
    volume = made(
        tmp_path, "BinarizeArrayConfig", source_array_config=source,
        groupings=[["a", [1, 2]], ["b", []]], background=0,
    )  # fmt: skip
    assert volume.axis_names == ("c^", "z", "y", "x")
    origin = origin_of(volume)
    assert origin is not None
    assert (origin.low, origin.high) == (None, None)
    assert origin.volume.axis_names == ("z", "y", "x")
    assert origin.volume.kind == "labels"
    read = zarr.open_array(tmp_path / "a.zarr/labels", mode="r")[:]
    np.testing.assert_array_equal(np.asarray(origin.volume.data), read)


def test_what_is_made_in_other_ways_has_none(tmp_path: Path) -> None:
    source = stored(tmp_path, "raw", "u1")
    other = stored(tmp_path, "other", "u1")
    scaled = made(tmp_path, "IntensitiesArrayConfig", source_array_config=source, min=0, max=250)
    part = crop(scaled, ((1240.0, 804.0, 444.0), (80.0, 8.0, 8.0)))
    inner = {"__type__": "IntensitiesArrayConfig", "name": "i", "source_array_config": source,
             "min": 0, "max": 200}  # fmt: skip
    twice = made(tmp_path, "IntensitiesArrayConfig", source_array_config=inner, min=0, max=1)
    summed = made(tmp_path, "SumArrayConfig", source_array_configs=[source, other])
    several = made(
        tmp_path, "ConcatArrayConfig", channels=["a", "b"],
        source_array_configs={"a": source, "b": other}, default_config=None,
    )  # fmt: skip
    numpy = as_volume(np.ones((4, 5, 6)), "a")
    dask = numpy.with_(data=da.ones((4, 5, 6)))
    assert origin_of(scaled) is not None
    for volume in (part, twice, summed, several, numpy, dask, open_volume(tmp_path / "a.zarr/raw")):
        assert origin_of(volume) is None


def test_segmentations_that_are_computed_have_none(stores: Path) -> None:
    run = open_store(stores / "pypi-0.3.5").run("dist_same_iso0")
    computed = run.volumes(segmentation="computed")[-1]
    assert computed.identity.variant == "computed"
    assert origin_of(computed) is None


def test_datasets_without_a_config_have_one_too(stores: Path) -> None:
    """Of ``SimpleDataset`` the run only says where it is."""
    store = open_store(
        stores / "pypi-0.3.5", path_map={"/nrs/demo/dacapo-data": str(stores / "data")}
    )
    raw = store.run("simple_split").volumes()[0]
    origin = origin_of(raw)
    assert origin is not None
    assert origin.volume.source is not None
    assert (origin.volume.source.path / ".zarray").is_file()
    assert (origin.low, origin.high) == (0, 255)
