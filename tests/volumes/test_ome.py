from __future__ import annotations

import json

import numpy as np
import pytest
import zarr

from napari_dacapo.errors import ArrayFormatError, ArrayNotFoundError, NapariDacapoError
from napari_dacapo.volumes import open_volume


def write_image(path, levels, *, version="0.4", axes=None, unit="nanometer", extra=()):
    """Write an OME-Zarr image; ``levels`` are (data, scale, translation)."""
    axes = axes or [{"name": n, "type": "space", "unit": unit} for n in "zyx"]
    datasets = []
    zarr_format = 2 if version == "0.4" else 3
    group = zarr.open_group(path, mode="w", zarr_format=zarr_format)
    for i, (data, scale, translation) in enumerate(levels):
        group.create_array(f"s{i}", data=data, chunks=(4,) * data.ndim)
        transformations = [{"type": "scale", "scale": scale}]
        if translation is not None:
            transformations.append({"type": "translation", "translation": translation})
        datasets.append({"path": f"s{i}", "coordinateTransformations": transformations})
    image = {"version": version, "axes": axes, "datasets": datasets}
    if extra:
        image["coordinateTransformations"] = list(extra)
    if version == "0.4":
        group.attrs["multiscales"] = [image]
    else:
        group.attrs["ome"] = {"version": version, "multiscales": [image]}
    return path


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_levels_and_half_a_voxel(tmp_path, numbers, version):
    half = numbers[::2, ::2, ::2]
    write_image(
        tmp_path / "a.zarr",
        [(numbers, [40, 4, 4], [1220, 802, 442]), (half, [80, 8, 8], [1240, 804, 444])],
        version=version,
    )
    volume = open_volume(tmp_path / "a.zarr")
    np.testing.assert_array_equal(np.asarray(volume.data), numbers)
    assert volume.voxel_size == (40.0, 4.0, 4.0)
    assert volume.offset == (1200.0, 800.0, 440.0)
    (level,) = volume.levels
    np.testing.assert_array_equal(np.asarray(level.data), half)
    assert (level.voxel_size, level.offset) == ((80.0, 8.0, 8.0), (1200.0, 800.0, 440.0))
    assert level.source.path == tmp_path / "a.zarr/s1"


def test_one_scale_knows_its_image(tmp_path, numbers):
    half = numbers[::2, ::2, ::2]
    write_image(
        tmp_path / "a.zarr" / "raw",
        [(numbers, [4, 4, 4], [2, 2, 2]), (half, [8, 8, 8], [4, 4, 4]), (half, [8, 8, 8], None)],
    )
    volume = open_volume(tmp_path / "a.zarr", "raw/s1")
    assert volume.shape == half.shape
    assert (volume.voxel_size, volume.offset) == ((8.0, 8.0, 8.0), (0.0, 0.0, 0.0))
    assert [level.offset for level in volume.levels] == [(-4.0, -4.0, -4.0)]


def test_dacapo_takes_translations_for_corners(tmp_path, numbers):
    half, quarter = numbers[::2, ::2, ::2], numbers[::4, ::4, ::4]
    levels = [(numbers, [4] * 3, [2] * 3), (half, [8] * 3, [4] * 3), (quarter, [16] * 3, [8] * 3)]
    write_image(tmp_path / "a", levels)
    volume = open_volume(tmp_path / "a/s1", ome="corner")
    assert (volume.voxel_size, volume.offset) == ((8.0,) * 3, (4.0,) * 3)
    assert [level.offset for level in volume.levels] == [(4.0,) * 3]
    # The same translation for each level can only be meant as a corner.
    write_image(tmp_path / "b", [(data, scale, [80] * 3) for data, scale, _ in levels])
    volume = open_volume(tmp_path / "b/s0", ome="corner")
    assert [volume.offset, *(level.offset for level in volume.levels)] == [(80.0,) * 3] * 3


def test_without_ome_metadata_dacapo_sees_voxels_of_one(tmp_path, numbers):
    levels = [(numbers, [40, 4, 4], [220, 2, 2]), (numbers[::2, ::2, ::2], [80, 8, 8], [240, 4, 4])]
    write_image(tmp_path / "a", levels, unit="micrometer")
    volume = open_volume(tmp_path / "a/s0", ome="ignored")
    assert (volume.voxel_size, volume.offset) == ((1.0,) * 3, (0.0,) * 3)
    assert "OME" in volume.notes[-1]
    (level,) = volume.levels
    assert (level.voxel_size, level.offset) == ((2.0,) * 3, (0.0,) * 3)


def test_arrays_with_a_place_of_their_own_have_levels_too(tmp_path, numbers):
    half, quarter = numbers[:12:2, :16:2, :18:2], numbers[:12:4, :16:4, :16:4]
    levels = [
        (numbers, [4] * 3, [2] * 3),
        (half, [8] * 3, [4] * 3),
        (quarter, [16] * 3, [8] * 3),
    ]
    path = write_image(tmp_path / "a", levels)
    own = {"voxel_size": [80, 8, 8], "offset": [800, 80, 0], "axis_names": ["z", "y", "x"]}
    zarr.open_array(path / "s0", mode="r+").attrs.update(own)
    zarr.open_array(path / "s2", mode="r+").attrs.update(own | {"voxel_size": [320, 32, 32]})
    volume = open_volume(path / "s0")
    assert (volume.voxel_size, volume.offset) == ((80.0, 8.0, 8.0), (800.0, 80.0, 0.0))
    assert [level.voxel_size for level in volume.levels] == [(160, 16, 16), (320, 32, 32)]
    assert [level.offset for level in volume.levels] == [(800.0, 80.0, 0.0)] * 2
    np.testing.assert_array_equal(np.asarray(volume.levels[1].data), quarter)


@pytest.mark.parametrize(
    "own",
    [
        {"voxel_size": [8, 8, 8], "offset": [10_000, 0, 0]},
        {"voxel_size": [80, 8, 8], "offset": [0, 0, 0]},
        {"voxel_size": [4, 4, 4], "offset": [0, 0, 0]},
        {"voxel_size": "torn", "offset": [0, 0, 0]},
        {"voxel_size": [8, 8], "offset": [0, 0], "axis_names": ["c^", "y", "x"]},
    ],
    ids=str,
)
def test_levels_that_lie_elsewhere_are_left_out(tmp_path, numbers, own):
    path = write_image(
        tmp_path / "a", [(numbers, [4] * 3, None), (numbers[::2, ::2, ::2], [8] * 3, None)]
    )
    place = {"voxel_size": [4, 4, 4], "offset": [0, 0, 0], "axis_names": ["z", "y", "x"]}
    zarr.open_array(path / "s0", mode="r+").attrs.update(place)
    assert len(open_volume(path / "s0").levels) == 1
    zarr.open_array(path / "s1", mode="r+").attrs.update(own)
    assert open_volume(path / "s0").levels == ()


def test_coarser_levels_that_cannot_be_read_keep_nothing_from_being_shown(tmp_path, numbers):
    half = numbers[::2, ::2, ::2]
    levels = [(numbers, [4] * 3, [2] * 3), (half, [8] * 3, [4] * 3), (half, [9] * 3, [4] * 3)]
    path = write_image(tmp_path / "a", levels)
    (path / "s1/.zarray").write_text("{")
    for place in (path, path / "s0"):
        assert [level.voxel_size for level in open_volume(place).levels] == [(9.0, 9.0, 9.0)]


def test_levels_of_n5(tmp_path, write_n5, numbers):
    half = numbers[::2, ::2, ::2]
    resolution = {"pixelResolution": {"dimensions": [4, 4, 40], "unit": "nm"}}
    write_n5(tmp_path / "a.n5/raw/s0", numbers, (4, 4, 4), resolution)
    write_n5(tmp_path / "a.n5/raw/s1", half, (4, 4, 4), {})
    axes = {"axes": ["z", "y", "x"], "units": ["nm"] * 3}
    datasets = [
        {"path": "s0", "transform": axes | {"scale": [40, 4, 4], "translate": [0, 0, 0]}},
        {"path": "s1", "transform": axes | {"scale": [80, 8, 8], "translate": [20, 2, 2]}},
    ]
    group = tmp_path / "a.n5/raw/attributes.json"
    group.write_text(json.dumps({"multiscales": [{"datasets": datasets}]}))
    volume = open_volume(tmp_path / "a.n5", "raw/s0")
    assert (volume.voxel_size, volume.offset) == ((40.0, 4.0, 4.0), (0.0, 0.0, 0.0))
    (level,) = volume.levels
    assert (level.voxel_size, level.offset) == ((80.0, 8.0, 8.0), (0.0, 0.0, 0.0))
    np.testing.assert_array_equal(np.asarray(level.data), half)


def test_levels_outside_of_the_allowed_folders_are_not_read(tmp_path, numbers):
    path = write_image(
        tmp_path / "a", [(numbers, [4] * 3, None), (numbers[::2, ::2, ::2], [8] * 3, None)]
    )
    assert len(open_volume(path, "s0", roots=[tmp_path / "b"]).levels) == 1
    assert open_volume(path / "s0", roots=[tmp_path / "b"]).levels == ()


def test_channels_time_units_and_the_whole_images_transformation(tmp_path, numbers):
    axes = [
        {"name": "t", "type": "time", "unit": "second"},
        {"name": "channel", "type": "channel"},
        {"name": "z", "type": "space", "unit": "micrometer"},
        {"name": "y", "type": "space", "unit": "micrometer"},
        {"name": "x", "type": "space", "unit": "angstrom"},
    ]
    extra = [{"type": "scale", "scale": [1, 1, 2, 1, 1]}]
    data = numbers[None, None]
    write_image(
        tmp_path / "a",
        [(data, [3, 1, 0.02, 0.004, 40], [0, 0, 1, 0.5, 20])],
        axes=axes,
        extra=extra,
    )
    volume = open_volume(tmp_path / "a")
    assert volume.axis_names == ("t^", "c^", "z", "y", "x")
    assert volume.voxel_size == pytest.approx((40, 4, 4))
    assert volume.offset == pytest.approx((2000 - 20, 500 - 2, 2 - 2))


def test_attributes_of_the_array_itself_win(tmp_path, numbers):
    write_image(tmp_path / "a", [(numbers, [4, 4, 4], None)])
    zarr.open_array(tmp_path / "a/s0", mode="r+").attrs.update(
        {"voxel_size": [8, 8, 8], "offset": [80, 80, 80], "axis_names": ["z", "y", "x"]}
    )
    volume = open_volume(tmp_path / "a/s0")
    assert (volume.voxel_size, volume.offset) == ((8.0,) * 3, (80.0,) * 3)
    assert open_volume(tmp_path / "a").voxel_size == (4.0,) * 3


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"datasets": [{"path": "nowhere"}]}, ArrayNotFoundError),
        ({"datasets": [{"path": "../b"}]}, NapariDacapoError),
        ({"datasets": [{"path": 3}]}, ArrayFormatError),
        ({"datasets": [{"path": "s0"}] * 1000}, ArrayFormatError),
        ({"datasets": 3}, ArrayNotFoundError),
        ({"axes": ["y", "x"]}, ArrayFormatError),
        ({"coordinateTransformations": [{"type": "scale", "scale": [0, 1, 1]}]}, ArrayFormatError),
        ({"coordinateTransformations": [{"type": "scale", "scale": ["a"]}]}, ArrayFormatError),
        (
            {"coordinateTransformations": [{"type": "scale", "scale": [1e-300] * 3}]},
            ArrayFormatError,
        ),
        (
            {"coordinateTransformations": [{"type": "scale", "scale": [1e300] * 3}]},
            ArrayFormatError,
        ),
    ],
    ids=str,
)
def test_nonsense(tmp_path, numbers, change, error):
    path = write_image(tmp_path / "a", [(numbers, [4, 4, 4], None)])
    attributes = json.loads((path / ".zattrs").read_text())
    attributes["multiscales"][0].update(change)
    (path / ".zattrs").write_text(json.dumps(attributes))
    with pytest.raises(error):
        open_volume(path)
