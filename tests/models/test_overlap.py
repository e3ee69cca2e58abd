"""Tiles that overlap: as one large tile where that can be, blended where it cannot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from napari_dacapo.models import predict, predict_to_zarr
from napari_dacapo.models.prediction import explain, source_of
from napari_dacapo.volumes import open_volume

if TYPE_CHECKING:
    from pathlib import Path


def run_on(network: torch.nn.Module, elements: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        return network(torch.from_numpy(elements.astype(np.float32))[None, None])[0].numpy()


def amplify(network: torch.nn.Module) -> None:
    """Make what differs between tiles large."""
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if name.endswith("weight"):
                parameter.mul_(2)


@pytest.mark.long
@pytest.mark.parametrize(
    ("factors", "input_shape", "overlap"),
    [
        (((2, 2),) * 3, (64, 64), "auto"),
        (((3, 3),), (48, 48), "auto"),
        (((3, 3),), (48, 48), 64),
        (((2, 2), (1, 3)), (32, 24), "auto"),
    ],
)
def test_padding_networks_have_no_seams(
    kit: Any, tmp_path: Path, factors: Any, input_shape: Any, overlap: Any
) -> None:
    config = kit.unet(downsample_factors=factors, input_shape=input_shape)
    run = kit.TinyRun(tmp_path, config, spoil=amplify)
    raw = kit.make_raw((240, 240))
    volume = predict(run, 1, raw, overlap=overlap, roi=raw.roi)
    assert np.prod(volume.data.numblocks) > 4
    assert not any("seams" in note for note in volume.notes)
    # DaCapo crops the output of networks that pad, too, and pooling begins as much earlier.
    out = run.network.compute_output_shape(input_shape)[1]
    z, x = ((n - m) // 2 for n, m in zip(input_shape, out, strict=True))
    padded = np.zeros((288, 288), np.float32)
    padded[z : z + 240, x : x + 240] = raw.data
    whole = run_on(run.network, padded)[:, :240, :240]
    inner = (slice(None), slice(64, -64), slice(64, -64))
    np.testing.assert_allclose(np.asarray(volume.data)[inner], whole[inner], atol=1e-5)
    assert np.ptp(whole[inner]) > 0.05


@pytest.mark.long
def test_networks_that_raise_the_resolution(kit: Any, tmp_path: Path) -> None:
    """What their last convolutions eat is no whole step of pooling."""
    config = kit.unet(
        input_shape=(48, 48), downsample_factors=((2, 2), (2, 2)), upsample_factors=((2, 2),),
        padding="valid",
    )  # fmt: skip
    run = kit.TinyRun(tmp_path, config, spoil=amplify)
    raw = kit.make_raw((120, 120))
    whole = run_on(run.network, np.asarray(raw.data))
    plain = predict(run, 1, raw)
    assert any("seams" in note for note in plain.notes)
    volume = predict(run, 1, raw, overlap="auto")
    assert not any("seams" in note for note in volume.notes)
    size = volume.spatial_shape
    lead = tuple((n - m) // 2 for n, m in zip(whole.shape[1:], size, strict=True))
    expected = whole[:, lead[0] : lead[0] + size[0], lead[1] : lead[1] + size[1]]
    np.testing.assert_allclose(np.asarray(volume.data), expected, atol=1e-5)


@pytest.fixture
def attentive(kit: Any, tmp_path: Path) -> Any:
    config = kit.unet(use_attention=True, input_shape=(48, 48), downsample_factors=((2, 2),))
    return kit.TinyRun(tmp_path / "run", config, spoil=amplify)


def test_attention_is_blended(kit: Any, attentive: Any) -> None:
    raw = kit.make_raw((40, 100))
    plain = predict(attentive, 1, raw, roi=raw.roi)
    assert any("attention" in note and "there are seams" in note for note in plain.notes)
    volume = predict(attentive, 1, raw, overlap=8, roi=raw.roi)
    note = next(note for note in volume.notes if "attention" in note)
    assert "blended over 8 voxels" in note
    assert "other blocks would give other values" in note
    assert explain(volume)["blend"] == [8, 8]
    tiling = source_of(volume).tiling
    stride, context = tiling.stride[1], tiling.context[1]
    padded = np.zeros((40 + 200, 100 + 200), np.float32)
    padded[100:140, 100:200] = raw.data
    tiles = []
    for i in range(2):
        # 48 voxels, 8 cut off each side and 8 of the next tile.
        begin = 100 + i * stride - context
        part = padded[100 - context : 100 - context + 72, begin : begin + 72]
        tiles.append(run_on(attentive.network, part)[:, tiling.lead[0] :, tiling.lead[1] :])
    read = np.asarray(volume.data)
    np.testing.assert_allclose(read[:, :, :stride], tiles[0][:, :40, :stride], atol=1e-6)
    rising = (np.arange(8) + 0.5) / 8
    expected = tiles[0][:, :40, stride : stride + 8] * (1 - rising) + tiles[1][:, :40, :8] * rising
    np.testing.assert_allclose(read[:, :, stride : stride + 8], expected, atol=1e-5)
    np.testing.assert_allclose(
        read[:, :, stride + 8 : 2 * stride], tiles[1][:, :40, 8:stride], atol=1e-5
    )
    assert np.abs(tiles[0][:, :40, stride : stride + 8] - tiles[1][:, :40, :8]).max() > 1e-4


@pytest.mark.long
@pytest.mark.parametrize("padding", ["same", "valid"])
def test_blending_is_the_same_however_it_is_read(kit: Any, tmp_path: Path, padding: str) -> None:
    config = kit.unet(use_attention=True, input_shape=(24, 24, 24), padding=padding)
    run = kit.TinyRun(tmp_path / "run", config)
    raw = kit.make_raw((40, 44, 36))
    volume = predict(run, 1, raw, overlap="auto")
    assert any("blended" in note for note in volume.notes)
    read = np.asarray(volume.data)
    assert np.isfinite(read).all()
    np.testing.assert_array_equal(np.asarray(volume.data[:, 5, 3:-2:3]), read[:, 5, 3:-2:3])
    path = predict_to_zarr(volume, tmp_path / "out.zarr", workers=2)
    np.testing.assert_array_equal(np.asarray(open_volume(path).data), read)


def test_attention_in_one_block_has_no_seams(kit: Any, attentive: Any) -> None:
    raw = kit.make_raw((40, 40))
    notes = predict(attentive, 1, raw, roi=((0, 0), (160, 160))).notes
    assert not any("attention" in note for note in notes)
