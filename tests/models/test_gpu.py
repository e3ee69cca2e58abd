"""What only a GPU can show; skipped where there is none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from napari_dacapo.models import predict
from napari_dacapo.models.block_cache import block_cache
from napari_dacapo.models.prediction import source_of
from napari_dacapo.runs import open_store

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")


def test_what_half_precision_cannot_hold_is_computed_in_single(kit: Any, tmp_path: Path) -> None:
    """Weights of the first layers that make values beyond 65504, the largest of a half."""

    def spoil(model: torch.nn.Module) -> None:
        first, *_, last = (m for m in model.modules() if isinstance(m, torch.nn.Conv3d))
        with torch.no_grad():
            first.weight.mul_(1e7)
            last.weight.mul_(1e-7)

    run = kit.TinyRun(tmp_path, spoil=spoil)
    raw = kit.make_raw((24, 24, 24))
    single = np.asarray(predict(run, 1, raw, device="cuda").data)
    volume = predict(run, 1, raw, device="cuda", half=True)
    half = np.asarray(volume.data)
    assert source_of(volume).network.load().overflows > 0
    assert np.isfinite(half).all()
    np.testing.assert_allclose(half, single, rtol=0, atol=1e-5)


@pytest.mark.parametrize("share", [0.7, 0.3])
def test_too_little_memory_halves_the_block(kit: Any, tmp_path: Path, share: float) -> None:
    architecture = kit.unet(num_fmaps=12, input_shape=(96,) * 3, padding="valid")
    volume = predict(
        kit.TinyRun(tmp_path, architecture), 1, kit.make_raw((96, 96, 96)), device="cuda"
    )
    network = source_of(volume).network.load()
    raw = np.random.default_rng(0).random((1, 96, 96, 96), np.float32)
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    whole = network.run(raw)
    assert network.splits == 0
    peak = torch.cuda.max_memory_allocated()
    total = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction(peak * share / total)
    try:
        parts = network.run(raw)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert network.splits > 0
    # Blocks of another shape are convolved in another order, with 10 bits of fraction.
    np.testing.assert_allclose(parts, whole, rtol=0, atol=1e-3)


def test_bulk_writes_the_same(kit: Any, tmp_path: Path) -> None:
    import zarr

    from napari_dacapo.models import predict_to_zarr

    volume = predict(kit.TinyRun(tmp_path / "run"), 1, kit.make_raw((36, 36, 36)), device="cuda")
    live = np.asarray(volume.data)
    block_cache.clear()
    output = predict_to_zarr(volume, tmp_path / "out.zarr", workers=2)
    ome: Any = zarr.open_group(output, mode="r").attrs["ome"]
    written = zarr.open_array(output / ome["multiscales"][0]["datasets"][0]["path"], mode="r")[:]
    np.testing.assert_allclose(written.reshape(live.shape), live, rtol=0, atol=1e-5)


def test_the_optimizer_moves_with_all_of_its_state(stores: Path) -> None:
    run = open_store(stores / "main").run("dist_valid_iso")
    run.model(torch.rand(1, 1, *run.model.eval_input_shape)).sum().backward()
    run.optimizer.step()
    run.model.to("cuda")
    run.move_optimizer("cuda", empty_cuda_cache=True)
    tensors = [v for s in run.optimizer.state.values() for v in s.values() if torch.is_tensor(v)]
    assert tensors
    assert {tensor.device.type for tensor in tensors} == {"cuda"}
