from __future__ import annotations

import json
import pickle
import tracemalloc
from types import SimpleNamespace

import numpy as np
import pytest
import tifffile
import zarr

from napari_dacapo.errors import (
    ArrayFormatError,
    ArrayNotFoundError,
    NapariDacapoError,
    UnsupportedError,
)
from napari_dacapo.options import Options
from napari_dacapo.store.configs.arrays import ArrayConfig
from napari_dacapo.store.configs.base import structure
from napari_dacapo.store.safe_yaml import load_yaml
from napari_dacapo.volumes import Identity, LazyArray, volume_from_config

PLACE = {"voxel_size": [40, 4, 4], "offset": [1200, 800, 440], "axis_names": ["z", "y", "x"]}


def config(kind, **fields):
    """Make a config from what a YAML file would hold."""
    return structure(ArrayConfig, {"__type__": f"{kind}", "name": "a", **fields})


def of_zarr(path):
    container, dataset = path.parent, path.name
    return {
        "__type__": "ZarrArrayConfig", "name": "z", "file_name": str(container),
        "dataset": dataset, "snap_to_grid": None, "_axes": None, "mode": "a",
    }  # fmt: skip


@pytest.fixture
def raw(tmp_path, write_zarr, numbers):
    return of_zarr(
        write_zarr(tmp_path / "a.zarr/raw", (numbers % 251).astype("u1"), attributes=PLACE)
    )


@pytest.fixture
def labels(tmp_path, write_zarr, numbers):
    data = (numbers % 7).astype("u8")
    return of_zarr(write_zarr(tmp_path / "a.zarr/labels", data, attributes=PLACE))


def values(volume):
    """Read a volume in both ways, and a slice of it, and return all of it."""
    assert isinstance(volume.data, LazyArray)
    elements = np.asarray(volume.data)
    np.testing.assert_array_equal(elements, volume.data.compute(scheduler="sync"))
    np.testing.assert_array_equal(np.asarray(volume.data[..., 2, 1:]), elements[..., 2, 1:])
    assert elements.dtype == volume.dtype
    assert pickle.loads(pickle.dumps(volume.data)).name == volume.data.name
    return elements


def test_real_configs(stores):
    """Every array that a real run names, computed by hand from the zarr files."""
    options = Options(
        runs_base_dir=stores, path_map={"/nrs/demo/dacapo-data": str(stores / "data")}
    )
    seen = set()
    for path in sorted(stores.glob("*/configs/runs/*.yaml")):
        split = load_yaml(path)["datasplit_config"]
        for dataset in [*split.get("train_configs", ()), *split.get("validate_configs", ())]:
            for role in ("raw_config", "gt_config"):
                raw = dataset[role]
                volume = volume_from_config(structure(ArrayConfig, raw), options=options)
                inner = raw.get("source_array_config", raw)
                place = str(inner["file_name"]).replace(
                    "/nrs/demo/dacapo-data", str(stores / "data")
                )
                stored = zarr.open_array(f"{place}/{inner['dataset']}", mode="r")
                expected = stored[:]
                if raw["__type__"] == "IntensitiesArrayConfig":
                    expected = (expected - raw["min"]) / (raw["max"] - raw["min"])
                elif raw["__type__"] == "BinarizeArrayConfig":
                    expected = np.stack(
                        [
                            np.isin(expected, ids) if ids else expected != raw["background"]
                            for _, ids in raw["groupings"]
                        ]
                    ).astype("u1")
                np.testing.assert_array_equal(np.asarray(volume.data), expected)
                assert volume.dtype == expected.dtype
                assert volume.voxel_size == tuple(stored.attrs["voxel_size"])
                assert volume.offset == tuple(stored.attrs["offset"])
                seen.add(raw["__type__"])
    assert seen == {"IntensitiesArrayConfig", "BinarizeArrayConfig", "ZarrArrayConfig"}


def test_intensities_are_what_dacapo_stored(stores):
    """The raw that DaCapo copied into validation.zarr went through its own Intensities."""
    run = load_yaml(stores / "pypi-0.3.5/configs/runs/dist_same_iso0.yaml")
    (raw,) = {
        d["name"]: d["raw_config"]
        for d in run["datasplit_config"]["validate_configs"]
        if d["name"] == "iso0_val_b"
    }.values()
    options = Options(
        runs_base_dir=stores, path_map={"/nrs/demo/dacapo-data": str(stores / "data")}
    )
    volume = volume_from_config(structure(ArrayConfig, raw), options=options)
    copy = stores / "pypi-0.3.5/dist_same_iso0/validation.zarr/inputs/iso0_val_b/raw"
    np.testing.assert_array_equal(values(volume), zarr.open_array(copy, mode="r")[:])


def test_zarr(raw, numbers):
    volume = volume_from_config(config("ZarrArrayConfig", **raw))
    np.testing.assert_array_equal(values(volume), numbers % 251)
    assert volume.source is not None
    assert volume.identity.dataset == "z"


def test_intensities(raw, numbers):
    volume = volume_from_config(
        config("IntensitiesArrayConfig", source_array_config=raw, min=10, max=60)
    )
    np.testing.assert_array_equal(values(volume), ((numbers % 251) - 10.0) / 50.0)
    assert volume.dtype == np.float64
    assert volume.value_range == (0.0, 1.0)
    assert volume.kind == "image"
    assert volume.source is None
    assert volume.offset == (1200.0, 800.0, 440.0)


def test_binarize(labels, numbers):
    groupings = [("some", [1, 3, 2**63, -5]), ("any", [])]
    volume = volume_from_config(
        config("BinarizeArrayConfig", source_array_config=labels, groupings=groupings, background=2)
    )
    ids = numbers % 7
    np.testing.assert_array_equal(values(volume), np.stack([np.isin(ids, [1, 3]), ids != 2]))
    assert volume.dtype == np.uint8
    assert volume.axis_names == ("c^", "z", "y", "x")
    assert volume.channel_names == ("some", "any")
    assert volume.kind == "labels"


def test_large_ids_are_told_apart(tmp_path, write_zarr):
    data = np.array([2**63 + 1, 2**63, 2**63 + 2], "u8")
    source = of_zarr(write_zarr(tmp_path / "a.zarr/labels", data))
    volume = volume_from_config(
        config("BinarizeArrayConfig", source_array_config=source, groupings=[("a", [2**63])])
    )
    np.testing.assert_array_equal(np.asarray(volume.data), [[0, 1, 0]])


def test_concat_follows_channels_and_fills_what_is_missing(raw, labels, numbers):
    fields = {"channels": ["l", "nothing", "r"], "source_array_configs": {"r": raw, "l": labels}}
    volume = volume_from_config(config("ConcatArrayConfig", **fields))
    expected = np.stack([numbers % 7, np.zeros_like(numbers), numbers % 251])
    np.testing.assert_array_equal(values(volume), expected)
    assert volume.channel_names == ("l", "nothing", "r")
    assert volume.axis_names == ("c^", "z", "y", "x")

    filled = volume_from_config(config("ConcatArrayConfig", **fields, default_config=raw))
    np.testing.assert_array_equal(np.asarray(filled.data[1]), numbers % 251)


def test_crop(raw, numbers):
    roi = ((1280, 804, 448), (120, 40, 20))
    volume = volume_from_config(config("CropArrayConfig", source_array_config=raw, roi=roi))
    np.testing.assert_array_equal(values(volume), (numbers % 251)[2:5, 1:11, 2:7])
    assert volume.roi == roi
    outside = ((0, 0, 0), (40, 4, 4))
    with pytest.raises(ArrayFormatError, match="outside"):
        volume_from_config(config("CropArrayConfig", source_array_config=raw, roi=outside))
    with pytest.raises(ArrayFormatError, match="fit"):
        volume_from_config(config("CropArrayConfig", source_array_config=raw, roi=((0, 0), (9, 9))))


def test_rois_are_in_the_unit_of_the_data(tmp_path, write_zarr, numbers):
    place = PLACE | {"units": ["um", "um", "nm"]}
    source = of_zarr(write_zarr(tmp_path / "a.zarr/um", numbers, attributes=place))
    roi = ((1280, 804, 448), (120, 40, 20))
    volume = volume_from_config(config("CropArrayConfig", source_array_config=source, roi=roi))
    np.testing.assert_array_equal(values(volume), numbers[2:5, 1:11, 2:7])
    assert volume.roi == ((1_280_000, 804_000, 448), (120_000, 40_000, 20))


def test_downsampled(raw, numbers):
    volume = volume_from_config(
        config("ResampledArrayConfig", source_array_config=raw, downsample=(1, 2, 3), upsample=None)
    )
    whole = (numbers % 251)[:, :16, :18].astype(float)
    expected = whole.reshape(13, 8, 2, 6, 3).mean(axis=(2, 4))
    np.testing.assert_allclose(values(volume), expected)
    assert volume.voxel_size == (40.0, 8.0, 12.0)
    assert volume.offset == (1200.0, 800.0, 440.0)


@pytest.mark.parametrize("order", [False, True])
def test_upsampled(raw, numbers, order):
    from scipy.ndimage import map_coordinates

    volume = volume_from_config(
        config("ResampledArrayConfig", source_array_config=raw, _upsample=(1, 2, 3),
               _downsample=None, interp_order=order)
    )  # fmt: skip
    data = (numbers % 251).astype("u1")
    if order:
        axes = [
            (np.arange(n * f) + 0.5) / f - 0.5 for n, f in zip(data.shape, (1, 2, 3), strict=True)
        ]
        expected = map_coordinates(
            data.astype(float), np.meshgrid(*axes, indexing="ij"), order=1, mode="nearest"
        )
    else:
        expected = data.repeat(2, axis=1).repeat(3, axis=2)
    np.testing.assert_allclose(values(volume), expected, atol=1e-9)
    assert volume.voxel_size == pytest.approx((40, 2, 4 / 3))


@pytest.mark.long
@pytest.mark.parametrize("size", [2 * 10**8, 10**14])
@pytest.mark.parametrize("fields", [{"upsample": (1, 1, 1)}, {"upsample": (3, 1, 2)}], ids=str)
def test_upsampling_takes_no_memory_before_it_is_looked_at(tmp_path, size, fields):
    """The axis is claimed to be long; the elements are not there."""
    (tmp_path / ".zarray").write_text(
        json.dumps(
            {"zarr_format": 2, "shape": [size, 1, 1], "chunks": [2**20, 1, 1], "dtype": "|u1",
             "compressor": None, "fill_value": 7, "order": "C", "filters": None}
        )
    )  # fmt: skip
    source = of_zarr(tmp_path)
    tracemalloc.start()
    volume = volume_from_config(
        config("ResampledArrayConfig", source_array_config=source, interp_order=1, **fields)
    )
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 200 * 2**20
    factors = fields["upsample"]
    assert volume.shape == (size * factors[0], factors[1], factors[2])
    assert (np.asarray(volume.data[size : size + 5, 0]) == 7).all()


def test_upsampling_to_absurd_sizes_is_refused(tmp_path):
    metadata = {"zarr_format": 2, "shape": [2**50, 16, 16], "chunks": [2**20, 1, 1],
                "dtype": "|u1", "compressor": None, "fill_value": 0, "order": "C",
                "filters": None}  # fmt: skip
    (tmp_path / ".zarray").write_text(json.dumps(metadata))
    with pytest.raises(ArrayFormatError, match="upsampled"):
        volume_from_config(
            config("ResampledArrayConfig", source_array_config=of_zarr(tmp_path),
                   upsample=(2**16, 2, 2), interp_order=0)
        )  # fmt: skip


def test_ones_and_constant(raw, numbers):
    ones = volume_from_config(config("OnesArrayConfig", source_array_config=raw))
    np.testing.assert_array_equal(values(ones), np.ones_like(numbers, "u1"))
    assert ones.dtype == np.uint8
    constant = volume_from_config(
        config("ConstantArrayConfig", source_array_config=raw, constant=300)
    )
    np.testing.assert_array_equal(values(constant), np.full_like(numbers, 300))
    assert constant.offset == (1200.0, 800.0, 440.0)


def test_logical_or(labels, numbers):
    masks = {
        "__type__": "BinarizeArrayConfig", "name": "b", "source_array_config": labels,
        "groupings": [("a", [1]), ("b", [4, 5])], "background": 0,
    }  # fmt: skip
    volume = volume_from_config(config("LogicalOrArrayConfig", source_array_config=masks))
    np.testing.assert_array_equal(values(volume), np.isin(numbers % 7, [1, 4, 5]))
    assert volume.axis_names == ("z", "y", "x")
    with pytest.raises(ArrayFormatError, match="channels"):
        volume_from_config(config("LogicalOrArrayConfig", source_array_config=labels))


@pytest.mark.parametrize("kind", ["SumArrayConfig", "MergeInstancesArrayConfig"])
def test_sums(raw, labels, numbers, kind):
    volume = volume_from_config(config(kind, source_array_configs=[raw, labels, raw]))
    np.testing.assert_array_equal(values(volume), 2 * (numbers % 251) + numbers % 7)


def test_sources_are_cropped_to_the_box_they_share(tmp_path, raw, write_zarr, numbers):
    place = PLACE | {"offset": [1240, 808, 440]}
    other = of_zarr(write_zarr(tmp_path / "a.zarr/other", numbers, attributes=place))
    volume = volume_from_config(config("SumArrayConfig", source_array_configs=[raw, other]))
    expected = (numbers % 251)[1:, 2:] + numbers[:-1, :-2]
    np.testing.assert_array_equal(values(volume), expected)
    assert volume.offset == (1240.0, 808.0, 440.0)

    for wrong in ({"offset": [99999, 0, 0]}, {"voxel_size": [8, 8, 8]}):
        path = write_zarr(tmp_path / f"{wrong}.zarr/x", numbers, attributes=PLACE | wrong)
        with pytest.raises(ArrayFormatError):
            volume_from_config(config("SumArrayConfig", source_array_configs=[raw, of_zarr(path)]))


def test_missing_annotations_mask(tmp_path, write_zarr, numbers):
    def label(value, present, annotated):
        state = {"present": present, "annotated": annotated, "sparse": False}
        return {"value": value, "name": str(value), "annotationState": state}

    attributes = PLACE | {
        "labels": [label(1, True, True), label(2, True, False), label(3, False, False)]
    }
    source = of_zarr(
        write_zarr(tmp_path / "a.zarr/l", (numbers % 4).astype("u8"), attributes=attributes)
    )
    groupings = [("one", [1]), ("two", [1, 2]), ("three", [3])]
    volume = volume_from_config(
        config("MissingAnnotationsMaskConfig", source_array_config=source, groupings=groupings)
    )
    there = numbers % 4 > 0
    np.testing.assert_array_equal(values(volume), np.stack([there, there * 0, there]))


def test_missing_annotations_mask_needs_labels(labels):
    with pytest.raises(ArrayFormatError, match="labels"):
        volume_from_config(
            config(
                "MissingAnnotationsMaskConfig", source_array_config=labels, groupings=[("a", [1])]
            )
        )


def test_tiff(tmp_path, numbers):
    tifffile.imwrite(tmp_path / "a.tif", numbers)
    volume = volume_from_config(
        config("TiffArrayConfig", file_name=str(tmp_path / "a.tif"), offset=(0, 8, 16),
               voxel_size=(40, 4, 4), axis_names=["z", "y", "x"], units=["nm"] * 3)
    )  # fmt: skip
    np.testing.assert_array_equal(values(volume), numbers)
    assert (volume.offset, volume.voxel_size) == ((0.0, 8.0, 16.0), (40.0, 4.0, 4.0))


def test_units_of_a_tiff_are_those_of_its_config(tmp_path, numbers):
    tifffile.imwrite(tmp_path / "a.tif", numbers)
    volume = volume_from_config(
        config("TiffArrayConfig", file_name=str(tmp_path / "a.tif"), offset=(0, 8, 16),
               voxel_size=(40, 4, 4), axis_names=["z", "y", "x"], units=["um"] * 3)
    )  # fmt: skip
    assert (volume.offset, volume.voxel_size) == ((0, 8e3, 16e3), (4e4, 4e3, 4e3))


def test_dummy():
    volume = volume_from_config(config("DummyArrayConfig"))
    assert volume.shape == (100, 50, 50)
    assert not values(volume).any()


def test_dvid_and_unknown():
    with pytest.raises(UnsupportedError, match="not supported by DaCapo either"):
        volume_from_config(config("DVIDArrayConfig", source=("a", "b", "c")))
    with pytest.raises(UnsupportedError, match="FancyArrayConfig"):
        volume_from_config(config("FancyArrayConfig"))
    with pytest.raises(UnsupportedError, match="IntensitiesArrayConfig"):
        volume_from_config(config("IntensitiesArrayConfig", min="a"))


def test_what_is_not_here_is_named(tmp_path):
    missing = of_zarr(tmp_path / "nowhere.zarr/raw")
    with pytest.raises(ArrayNotFoundError, match=r"nowhere\.zarr"):
        volume_from_config(
            config("IntensitiesArrayConfig", source_array_config=missing, min=0, max=1)
        )


def test_kind_and_identity(labels):
    identity = Identity(run="r", dataset="d", role="gt")
    volume = volume_from_config(
        config("ZarrArrayConfig", **labels), identity=identity, kind="image"
    )
    assert (volume.identity, volume.kind) == (identity, "image")
    assert (
        volume_from_config(config("ZarrArrayConfig", **labels), identity=identity).kind == "labels"
    )


def test_revision_follows_source_and_config(raw):
    def revision(low):
        made = config("IntensitiesArrayConfig", source_array_config=raw, min=low, max=255)
        volume = volume_from_config(made)
        return volume.revision, volume.data.name

    before, other = revision(0), revision(1)
    assert before == revision(0)
    assert before[0] != other[0]
    assert before[1] != other[1]
    array = zarr.open_array(f"{raw['file_name']}/{raw['dataset']}", mode="r+")
    array[:] = 0
    assert revision(0)[0] != before[0]


@pytest.mark.parametrize(("low", "high"), [(1, 1), (0, float("nan")), (0, float("inf"))])
def test_intensities_that_make_no_sense(raw, low, high):
    with pytest.raises(NapariDacapoError):
        volume_from_config(
            config("IntensitiesArrayConfig", source_array_config=raw, min=low, max=high)
        )


def test_endless_nesting_is_refused(raw):
    made = config("ZarrArrayConfig", **raw)
    for _ in range(60):
        made = config("OnesArrayConfig", source_array_config=raw).model_copy(
            update={"source_array_config": made}
        )
    with pytest.raises(ArrayFormatError, match="deep"):
        volume_from_config(made)


def test_an_object_that_is_no_config():
    with pytest.raises(UnsupportedError):
        volume_from_config(SimpleNamespace(name="x"))
