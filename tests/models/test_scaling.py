from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dask.array as da
import numpy as np
import pytest
import torch

from napari_dacapo.models import predict
from napari_dacapo.models.prediction import explain
from napari_dacapo.models.raw_blocks import RawBlocks
from napari_dacapo.models.scaling import training_intensities
from napari_dacapo.models.tiling import Span
from napari_dacapo.runs import open_store
from napari_dacapo.store.configs import DataSplitConfig, structure
from napari_dacapo.volumes import Identity

if TYPE_CHECKING:
    from pathlib import Path

ZARR = {"__type__": "ZarrArrayConfig", "name": "raw", "file_name": "a.zarr", "dataset": "raw"}


def intensities(low: float, high: float, source: Any = ZARR) -> dict[str, Any]:
    return {
        "__type__": "IntensitiesArrayConfig",
        "name": "scaled",
        "source_array_config": source,
        "min": low,
        "max": high,
    }


def over(kind: str, source: Any, **others: Any) -> dict[str, Any]:
    return {"__type__": kind, "name": "over", "source_array_config": source, **others}


def concat(*sources: Any, default: Any = None, n_missing: int = 0) -> dict[str, Any]:
    names = [f"c{i}" for i in range(len(sources) + n_missing)]
    return {
        "__type__": "ConcatArrayConfig",
        "name": "stack",
        "channels": names,
        "source_array_configs": dict(zip(names, sources, strict=False)),
        "default_config": default,
    }


def split(raw_config: Any) -> Any:
    dataset = {"__type__": "RawGTDatasetConfig", "name": "train", "raw_config": raw_config}
    return structure(
        DataSplitConfig,
        {
            "__type__": "TrainValidateDataSplitConfig",
            "name": "split",
            "train_configs": [dataset],
            "validate_configs": [],
        },
    )


@pytest.mark.parametrize(
    ("store", "run", "expected"),
    [
        ("pypi-0.3.5", "dist_same_iso0", (0.0, 255.0)),
        ("pypi-0.3.5", "simple_split", (0.0, 255.0)),
        ("main", "dist_aniso", (0.0, 255.0)),
    ],
)
def test_of_real_runs(stores: Path, store: str, run: str, expected: Any) -> None:
    config = open_store(stores / store).run(run).config
    found = training_intensities(config.datasplit_config, "uint8")
    assert found is not None
    assert found.of_channels(1) == (expected,)


@pytest.mark.parametrize(
    ("raw_config", "n_channels", "expected"),
    [
        (ZARR, 1, ()),
        (intensities(10, 20), 1, ((10, 20),)),
        (intensities(10, 20), 3, ((10, 20),)),
        (over("CropArrayConfig", intensities(10, 20), roi=[[0], [8]]), 1, ((10, 20),)),
        (over("ResampledArrayConfig", intensities(10, 20)), 1, ((10, 20),)),
        # First to 0..1 between 10 and 20, and of that a quarter and a half to 0..1.
        (intensities(0.25, 0.5, intensities(10, 20)), 1, ((12.5, 15),)),
        (concat(intensities(0, 255), intensities(0, 255)), 2, ((0, 255),)),
        (concat(intensities(0, 255), intensities(1, 5)), 2, ((0, 255), (1, 5))),
        (concat(intensities(0, 255), ZARR), 2, ((0, 255), (0, 1))),
        (concat(intensities(0, 255), n_missing=1), 2, ((0, 255), (0, 1))),
        (
            concat(intensities(0, 255), default=intensities(1, 5), n_missing=1),
            2,
            ((0, 255), (1, 5)),
        ),
        (intensities(0, 0.5, concat(intensities(0, 10), ZARR)), 2, ((0, 5), (0, 0.5))),
        # Masks of labels are 0 and 1, whatever is below them.
        (over("BinarizeArrayConfig", intensities(10, 20), groupings=[["a", [1]]]), 1, ()),
    ],
)
def test_of_configs(raw_config: Any, n_channels: int, expected: Any) -> None:
    found = training_intensities(split(raw_config))
    assert (() if found is None else found.of_channels(n_channels)) == expected


@pytest.mark.parametrize(
    ("raw_config", "n_channels"),
    [
        # Two channels in training, one here.
        (concat(intensities(0, 255), intensities(1, 5)), 1),
        # What one array has to be for a sum of others is not known.
        (
            {
                "__type__": "SumArrayConfig",
                "name": "sum",
                "source_array_configs": [intensities(0, 9), intensities(0, 9)],
            },
            1,
        ),
    ],
)
def test_what_cannot_be_applied_is_not_guessed(raw_config: Any, n_channels: int) -> None:
    found = training_intensities(split(raw_config))
    assert found is not None
    assert found.of_channels(n_channels) is None


def scaled_run(kit: Any, folder: Path, raw_config: Any, n_channels: int = 1) -> Any:
    run = kit.TinyRun(folder, kit.unet(fmaps_in=n_channels))
    run.config = run.config.model_copy(update={"datasplit_config": split(raw_config)})
    return run


def foreign(kit: Any, *args: Any, **kwargs: Any) -> Any:
    """Raw that is not of the run."""
    return kit.make_raw(*args, **kwargs).with_(identity=Identity("", "elsewhere", "raw"))


def expected_of(run: Any, seen: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        x = torch.from_numpy(seen.astype(np.float32))
        return run.network(x[None] if x.ndim == 4 else x[None, None])[0].numpy()


def test_channels_are_scaled_one_by_one(kit: Any, tmp_path: Path) -> None:
    run = scaled_run(kit, tmp_path, concat(intensities(0, 255), intensities(-20, 80)), 2)
    raw = foreign(kit, (2, 12, 12, 12), dtype="uint8", channels=True)
    volume = predict(run, 1, raw)
    assert any("channel 0 from 0 to 255, channel 1 from -20 to 80" in n for n in volume.notes)
    elements = np.asarray(raw.data).astype(np.float64)
    seen = np.stack([elements[0] / 255, (elements[1] + 20) / 100])
    np.testing.assert_allclose(np.asarray(volume.data), expected_of(run, seen), atol=1e-6)
    assert explain(volume)["intensities"] == [[0, 255], [-20, 80]]


def test_resampled_integers_are_scaled(kit: Any, tmp_path: Path) -> None:
    """Voxels of 12 nm for a network of 8 nm: interpolation makes floats of the integers."""
    run = scaled_run(kit, tmp_path, intensities(0, 255))
    run.input_voxel_size = (8.0, 8.0, 8.0)
    raw = foreign(kit, (8, 8, 8), dtype="uint8", voxel_size=12.0)
    volume = predict(run, 1, raw)
    assert volume.spatial_shape == (12, 12, 12)
    assert any("0 is seen as 0 and 255 as 1" in note for note in volume.notes)
    seen = np.asarray(raw.data).astype(np.float64)
    coarse, fine = np.arange(8) * 12 + 6, np.arange(12) * 8 + 4
    for axis in range(3):
        seen = np.apply_along_axis(lambda line: np.interp(fine, coarse, line), axis, seen)
    np.testing.assert_allclose(np.asarray(volume.data), expected_of(run, seen / 255), atol=1e-5)


def test_floats_are_taken_as_they_are_and_that_is_said(kit: Any, tmp_path: Path) -> None:
    run = scaled_run(kit, tmp_path, intensities(0, 255))
    raw = foreign(kit, (12, 12, 12))
    volume = predict(run, 1, raw)
    notes = [note for note in volume.notes if "taken as it is" in note]
    assert len(notes) == 1
    assert "float32" in notes[0]
    assert "0 to 255" in notes[0]
    np.testing.assert_allclose(
        np.asarray(volume.data), expected_of(run, np.asarray(raw.data)), atol=1e-6
    )
    # The run's own raw is what training saw, and raw that says it lies between 0 and 1 fits.
    for fitting in (kit.make_raw((12, 12, 12)), raw.with_(value_range=(0.0, 1.0))):
        assert not any("taken as it is" in note for note in predict(run, 1, fitting).notes)
    assert predict(run, 1, raw, intensities=(0, 1)).data.name != volume.data.name


def test_the_runs_own_raw_is_never_scaled_again(kit: Any, tmp_path: Path) -> None:
    """A dataset whose raw is integers was seen by DaCapo's validation as it is."""
    run = scaled_run(kit, tmp_path, intensities(0, 255))
    raw = kit.make_raw((12, 12, 12), dtype="uint8")
    seen = np.asarray(raw.data)
    np.testing.assert_allclose(
        np.asarray(predict(run, 1, raw).data), expected_of(run, seen), rtol=1e-5
    )


def test_what_does_not_fit_is_said(kit: Any, tmp_path: Path) -> None:
    run = scaled_run(kit, tmp_path, concat(intensities(0, 255), intensities(1, 5)))
    volume = predict(run, 1, foreign(kit, (12, 12, 12), dtype="uint8"))
    assert any("taken as it is" in note and "give intensities" in note for note in volume.notes)


@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "int16", "bool"])
@pytest.mark.parametrize(
    "limits", [(0, 255), (3, 250), (-7, 4096), (0, 65535), (0.5, 200.25), (255, 0), (0, 2**22 + 1)]
)
def test_every_small_integer_is_scaled_as_in_double_precision(
    dtype: str, limits: tuple[float, float]
) -> None:
    if dtype == "bool":
        elements = np.array([False, True])
    else:
        info = np.iinfo(dtype)
        elements = np.arange(info.min, info.max + 1).astype(dtype)
    low, high = limits
    blocks = RawBlocks(da.from_array(elements), has_channels=False, intensities=(limits,))
    expected = ((elements.astype(np.float64) - low) / (high - low)).astype(np.float32)
    got = blocks.read(Span((0,), elements.shape))
    assert got.dtype == np.float32
    np.testing.assert_array_equal(got, expected[None])


def test_channels_have_limits_of_their_own() -> None:
    elements = np.arange(512, dtype=np.uint16).reshape(2, 256)
    limits = ((0.0, 255.0), (256.0, 300.0))
    blocks = RawBlocks(da.from_array(elements), has_channels=True, intensities=limits)
    expected = np.stack([elements[0] / 255, (elements[1] - 256.0) / 44]).astype(np.float32)
    np.testing.assert_array_equal(blocks.read(Span((0,), (256,))), expected)
