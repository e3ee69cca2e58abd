"""Predictions computed anew are those that DaCapo stored.

On the processor that wrote the stores the difference is 0; other processors
sum in another order. Against the same network in double precision, stored and
recomputed predictions are equally close.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from napari_dacapo.models import predict
from napari_dacapo.runs import open_store

TESTED = Path(__file__).parents[1] / "data" / "stores"
CASES = [
    pytest.param(*path.relative_to(TESTED).parts[:2], int(path.parts[-3]), path.parts[-2])
    for path in sorted(TESTED.glob("*/*/validation.zarr/*/*/prediction"))
]
# A few units in the last place of float32, of predictions around 1.
TOLERANCE = 5e-6
GPU_TOLERANCE = 5e-3


def recomputed_difference(
    store: Path,
    run_name: str,
    iteration: int,
    folder: str,
    device: str = "cpu",
    *,
    half: bool = False,
) -> float:
    run = open_store(store).run(run_name)
    dataset = folder.removeprefix("ds_")
    raw = run.dataset(dataset).copy("raw")
    stored = run.prediction(dataset, iteration)
    assert raw is not None
    assert stored is not None
    volume = predict(run, iteration, raw, roi=stored.roi, device=device, half=half)
    assert volume.shape == stored.shape
    assert volume.offset == stored.offset
    assert volume.voxel_size == stored.voxel_size
    assert volume.channel_names == stored.channel_names
    return float(np.abs(np.asarray(volume.data) - np.asarray(stored.data)).max())


def test_all_stored_validations_are_tested() -> None:
    assert len(CASES) == 49


@pytest.mark.long
@pytest.mark.parametrize(("store", "run", "iteration", "folder"), CASES)
def test_stored(stores: Path, store: str, run: str, iteration: int, folder: str) -> None:
    assert recomputed_difference(stores / store, run, iteration, folder) <= TOLERANCE


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize(("store", "run", "iteration", "folder"), CASES)
def test_stored_on_a_gpu(
    stores: Path, store: str, run: str, iteration: int, folder: str, half: bool
) -> None:
    """As torch does unless told otherwise, GPUs convolve with 10 bits of fraction either way."""
    difference = recomputed_difference(stores / store, run, iteration, folder, "cuda", half=half)
    assert difference <= GPU_TOLERANCE


@pytest.mark.long
@pytest.mark.parametrize(("run", "iteration"), [("mito_distance", 1500), ("cell_affinities", 1350)])
@pytest.mark.parametrize("folder", ["ds_val_west", "ds_val_east"])
def test_samples(demo_store: Path, run: str, iteration: int, folder: str) -> None:
    assert recomputed_difference(demo_store, run, iteration, folder) <= TOLERANCE
