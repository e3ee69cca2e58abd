from __future__ import annotations

import pickle
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import napari_dacapo
from napari_dacapo.errors import CheckpointError, PredictionError
from napari_dacapo.models import predict
from napari_dacapo.models.block_cache import block_cache, disk_folder
from napari_dacapo.models.network import choose_device
from napari_dacapo.models.prediction import explain, source_of
from napari_dacapo.runs import open_store
from napari_dacapo.store.configs import AffinitiesTaskConfig
from napari_dacapo.volumes.any_array import as_volume

if TYPE_CHECKING:
    from pathlib import Path


def run_whole(model: Any, raw: Any) -> np.ndarray[Any, Any]:
    """Run a network over everything at once."""
    x = np.asarray(raw.data, np.float32)
    x = x if raw.channel_axis is not None else x[None]
    with torch.no_grad():
        return np.asarray(model(torch.from_numpy(x)[None])[0])


def by_hand(model: Any, raw: np.ndarray[Any, Any], side: int) -> np.ndarray[Any, Any]:
    """Predict as DaCapo does with a network that pads: tile by tile, zeros beyond the end."""
    shape = raw.shape
    result = np.zeros(shape, np.float32)
    padded = np.pad(raw, [(0, side)] * raw.ndim)
    for corner in np.ndindex(*(-(-n // side) for n in shape)):
        begin = [i * side for i in corner]
        box = tuple(slice(b, b + side) for b in begin)
        with torch.no_grad():
            y = model(torch.from_numpy(padded[box].astype(np.float32))[None, None])[0, 0]
        cut = tuple(slice(0, min(side, n - b)) for b, n in zip(begin, shape, strict=True))
        result[tuple(slice(b, b + side) for b in begin)] = y.numpy()[cut]
    return result


def test_tiles_of_a_network_that_pads(kit: Any, tiny: Any) -> None:
    raw = kit.make_raw((20, 30, 25), offset=80)
    volume = predict(tiny, 1, raw)
    expected = by_hand(tiny.network, np.asarray(raw.data), 12)
    np.testing.assert_array_equal(np.asarray(volume.data)[0], expected)
    np.testing.assert_array_equal(volume.data.compute()[0], expected)
    assert volume.data.chunks == ((1,), (12, 8), (12, 12, 6), (12, 12, 1))
    assert volume.dtype == np.float32
    assert volume.axis_names == ("c^", "z", "y", "x")
    assert volume.channel_names == ("a",)
    assert volume.role == "live"
    assert (volume.identity.run, volume.identity.iteration) == ("tiny", 1)
    assert (volume.offset, volume.voxel_size) == ((80, 80, 80), (8, 8, 8))


@pytest.fixture(scope="module")
def predicted(kit: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    run = kit.TinyRun(tmp_path_factory.mktemp("run"))
    volume = predict(run, 1, kit.make_raw((20, 30, 25)))
    return volume, np.asarray(volume.data)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.data())
def test_any_part_is_that_part_of_the_whole(predicted: Any, data: st.DataObject) -> None:
    volume, whole = predicted
    index: list[int | slice] = []
    for n in volume.shape:
        if data.draw(st.booleans()):
            index.append(data.draw(st.integers(-n, n - 1)))
        else:
            ends = st.none() | st.integers(-n - 2, n + 2)
            step = data.draw(st.sampled_from([None, 1, 2, 3, -1, -2]))
            index.append(slice(data.draw(ends), data.draw(ends), step))
    part = np.asarray(volume.data[tuple(index)])
    np.testing.assert_array_equal(part, whole[tuple(index)])


def test_only_what_is_looked_at_is_computed(kit: Any, tiny: Any) -> None:
    volume = predict(tiny, 1, kit.make_raw((24, 24, 24)))
    source = source_of(volume)
    assert block_cache.n_bytes == 0
    np.asarray(volume.data[0, 3, 13, :10])
    assert source.peek((0, 1, 0)) is not None
    assert source.peek((0, 0, 0)) is None
    assert block_cache.n_bytes == 12**3 * 4


@pytest.mark.long
def test_context_and_zeros_around_raw(kit: Any, tmp_path: Path) -> None:
    """Of a network that does not pad, tiles are parts of one run over all, zeros around raw."""
    run = kit.TinyRun(tmp_path, kit.unet(padding="valid", input_shape=(24, 24, 24)))
    raw = kit.make_raw((30, 30, 30))
    padded = np.pad(np.asarray(raw.data, np.float32), 8)
    with torch.no_grad():
        whole = run.network(torch.from_numpy(padded)[None, None])[0].numpy()
    inside = predict(run, 1, raw)
    assert inside.spatial_shape == (14, 14, 14)
    assert inside.offset == (64, 64, 64)
    np.testing.assert_allclose(np.asarray(inside.data), whole[:, 8:-8, 8:-8, 8:-8], atol=1e-6)
    everything = predict(run, 1, raw, roi=raw.roi)
    assert everything.spatial_shape == (30, 30, 30)
    np.testing.assert_allclose(np.asarray(everything.data), whole, atol=1e-6)
    assert inside.notes == everything.notes


@pytest.mark.parametrize(
    ("roi", "offset", "shape"),
    [
        (((80, 88, 96), (80, 40, 8)), (80, 88, 96), (10, 5, 1)),
        # Grown to whole voxels.
        (((81, 87, 96), (8, 1, 0.5)), (80, 80, 96), (2, 1, 1)),
        # Beyond raw on both sides.
        (((40, 80, 80), (280, 8, 8)), (40, 80, 80), (35, 1, 1)),
    ],
)
def test_roi(kit: Any, tiny: Any, roi: Any, offset: Any, shape: Any) -> None:
    volume = predict(tiny, 1, kit.make_raw((20, 20, 20), offset=80), roi=roi)
    assert volume.offset == offset
    assert volume.spatial_shape == shape


@pytest.mark.parametrize(
    ("roi", "reason"),
    [
        (((0, 0), (8, 8)), "needs offset and size along 3 axes"),
        (((0, 0, 0), (8, 8, 0)), "empty"),
        (((0, 0, 0), (8, 8, float("nan"))), "not finite"),
        (((0, 0, float("inf")), (8, 8, 8)), "not finite"),
        (((900, 0, 0), (8, 8, 8)), "does not touch"),
        (((-80, 0, 0), (8, 8, 8)), "does not touch"),
    ],
)
def test_impossible_rois(kit: Any, tiny: Any, roi: Any, reason: str) -> None:
    with pytest.raises(PredictionError, match=reason):
        predict(tiny, 1, kit.make_raw((20, 20, 20)), roi=roi)


@pytest.mark.parametrize("far", [1e7, 1e300, 1e308])
def test_a_roi_far_beyond_raw_is_cut(kit: Any, tiny: Any, far: float) -> None:
    raw = kit.make_raw((20, 20, 20), offset=800)
    volume = predict(tiny, 1, raw, roi=((880, -far, 800), (80, 1.79e308, far)))
    assert any("beyond raw" in note for note in volume.notes)
    # A block has 12 voxels of 8 nm.
    assert volume.offset == (880, 800 - 96, 800)
    assert volume.spatial_shape[0] == 10
    assert volume.spatial_shape[2] == 20 + 12
    assert volume.spatial_shape[1] <= 20 + 24
    assert np.isfinite(np.asarray(volume.data)).all()
    near = predict(tiny, 1, raw, roi=((800 - 80, 800, 800), (320, 160, 160)))
    assert near.spatial_shape == (40, 20, 20)
    assert not any("beyond raw" in note for note in near.notes)


def test_raw_smaller_than_the_context(kit: Any, tmp_path: Path) -> None:
    run = kit.TinyRun(tmp_path, kit.unet(padding="valid", input_shape=(24, 24, 24)))
    with pytest.raises(PredictionError, match=r"needs \(8, 8, 8\) on each side.*roi"):
        predict(run, 1, kit.make_raw((16, 30, 30)))


@pytest.mark.long
def test_seams_are_said_and_can_be_removed(kit: Any, tiny: Any) -> None:
    raw = kit.make_raw((40, 24, 24))
    plain = predict(tiny, 1, raw)
    assert any("seams" in note and "overlap of 10 voxels" in note for note in plain.notes)
    smooth = predict(tiny, 1, raw, overlap="auto")
    assert not any("seams" in note for note in smooth.notes)
    whole = run_whole(tiny.network, raw)
    # As far from raw's border as the network sees.
    inner = (slice(None), slice(10, -10), slice(10, -10), slice(10, -10))
    np.testing.assert_allclose(np.asarray(smooth.data)[inner], whole[inner], atol=1e-6)
    assert np.abs(np.asarray(plain.data)[inner] - whole[inner]).max() > 1e-3
    assert any("seams" in note for note in predict(tiny, 1, raw, overlap=2).notes)
    assert predict(tiny, 1, raw, overlap=3).data.numblocks == plain.data.numblocks


def test_one_tile_has_no_seams(kit: Any, tiny: Any) -> None:
    assert not any("seams" in note for note in predict(tiny, 1, kit.make_raw((12, 9, 8))).notes)


def test_networks_that_do_not_pad_need_no_overlap(kit: Any, tmp_path: Path) -> None:
    run = kit.TinyRun(tmp_path, kit.unet(padding="valid", input_shape=(24, 24, 24)))
    raw = kit.make_raw((40, 40, 40))
    assert source_of(predict(run, 1, raw, overlap="auto")).tiling.trim == (0, 0, 0)


def test_larger_blocks(kit: Any, tiny: Any) -> None:
    raw = kit.make_raw((24, 24, 24))
    volume = predict(tiny, 1, raw, input_shape=(24, 24, 24))
    assert volume.data.numblocks == (1, 1, 1, 1)
    np.testing.assert_allclose(np.asarray(volume.data), run_whole(tiny.network, raw), atol=1e-6)
    with pytest.raises(PredictionError, match="cannot take blocks of"):
        predict(tiny, 1, raw, input_shape=(13, 12, 12))


def test_channels(kit: Any, tmp_path: Path) -> None:
    run = kit.TinyRun(tmp_path, kit.unet(fmaps_in=2), kit.distance("a", "b", "c"))
    raw = kit.make_raw((2, 12, 12, 12), channels=True)
    volume = predict(run, 1, raw)
    assert volume.channel_names == ("a", "b", "c")
    np.testing.assert_allclose(np.asarray(volume.data), run_whole(run.network, raw), atol=1e-6)
    with pytest.raises(PredictionError, match=r"3 channels, but the network of run tiny takes 2"):
        predict(run, 1, kit.make_raw((3, 12, 12, 12), channels=True))
    with pytest.raises(PredictionError, match=r"1 channel, but"):
        predict(run, 1, kit.make_raw((12, 12, 12)))


def test_other_axes(kit: Any, tiny: Any) -> None:
    with pytest.raises(PredictionError, match="2 spatial axes"):
        predict(tiny, 1, kit.make_raw((12, 12)))
    times = kit.make_raw((3, 12, 12, 12), channels=True).with_(axis_names=("t^", "z", "y", "x"))
    with pytest.raises(PredictionError, match=r"axes t\^"):
        predict(tiny, 1, times)


def test_two_dimensions(kit: Any, tmp_path: Path) -> None:
    architecture = kit.unet(input_shape=(12, 12), downsample_factors=((2, 2),))
    run = kit.TinyRun(tmp_path, architecture)
    raw = kit.make_raw((30, 20))
    volume = predict(run, 1, raw)
    assert volume.axis_names == ("c^", "y", "x")
    np.testing.assert_array_equal(
        np.asarray(volume.data)[0], by_hand(run.network, np.asarray(raw.data), 12)
    )


def test_upsampled_output(kit: Any, tmp_path: Path) -> None:
    architecture = kit.unet(padding="valid", input_shape=(24,) * 3, upsample_factors=((1, 2, 2),))
    run = kit.TinyRun(tmp_path, architecture)
    raw = kit.make_raw((28, 40, 40))
    volume = predict(run, 1, raw)
    # Two convolutions at the raised resolution eat 2 raw voxels of z, 1 of y and x each side.
    assert volume.voxel_size == (8, 4, 4)
    assert volume.offset == (80, 72, 72)
    assert volume.spatial_shape == (8, 44, 44)
    whole = run_whole(run.network, raw)
    np.testing.assert_allclose(np.asarray(volume.data), whole, atol=1e-6)


def test_resampling_is_said(kit: Any, tiny: Any) -> None:
    tiny.input_voxel_size = (16.0, 16.0, 16.0)
    raw = kit.make_raw((24, 24, 24), offset=40)
    volume = predict(tiny, 1, raw)
    assert volume.voxel_size == (16, 16, 16)
    assert volume.spatial_shape == (12, 12, 12)
    assert any("of 8 × 8 × 8 nm was resampled to 16 × 16 × 16 nm" in n for n in volume.notes)
    halved = np.asarray(raw.data).reshape(12, 2, 12, 2, 12, 2).mean(axis=(1, 3, 5))
    with torch.no_grad():
        expected = tiny.network(torch.from_numpy(halved.astype(np.float32))[None, None])[0]
    np.testing.assert_allclose(np.asarray(volume.data), expected, atol=1e-5)
    plain = predict(tiny, 1, kit.make_raw((24, 24, 24), offset=40, lazy=False))
    np.testing.assert_allclose(np.asarray(plain.data), expected, atol=1e-5)


def test_an_unknown_voxel_size_is_said(kit: Any, tiny: Any) -> None:
    volume = predict(tiny, 1, kit.make_raw((12, 12, 12)))
    assert any("voxel size of the training is not known" in note for note in volume.notes)
    tiny.input_voxel_size = (8.0, 8.0, 8.0)
    assert predict(tiny, 1, kit.make_raw((12, 12, 12))).notes == ()


def test_intensities(kit: Any, tiny: Any) -> None:
    raw = kit.make_raw((12, 12, 12), dtype="uint8")
    elements = np.asarray(raw.data)
    scaled = ((elements.astype(np.float64) - 10) / 200).astype(np.float32)
    with torch.no_grad():
        expected = tiny.network(torch.from_numpy(scaled)[None, None])[0].numpy()
    volume = predict(tiny, 1, raw, intensities=(10, 210))
    np.testing.assert_array_equal(np.asarray(volume.data), expected)
    assert explain(volume)["intensities"] == [[10, 210]]
    as_is = predict(tiny, 1, raw, intensities=None)
    assert np.abs(np.asarray(as_is.data) - expected).max() > 0.1
    with pytest.raises(PredictionError, match="same for 0 and for 1"):
        predict(tiny, 1, raw, intensities=(3, 3))


def test_integers_are_scaled_as_in_training(stores: Path) -> None:
    run = open_store(
        stores / "pypi-0.3.5", path_map={"/nrs/demo/dacapo-data": str(stores / "data")}
    ).run("dist_same_iso0")
    original = napari_dacapo.open_volume(stores / "data" / "iso0_val_a.zarr", "raw")
    assert original.dtype == np.uint8
    volume = predict(run, 60, original)
    assert any("0 is seen as 0 and 255 as 1" in note for note in volume.notes)
    stored = run.prediction("iso0_val_a", 60)
    np.testing.assert_allclose(np.asarray(volume.data), np.asarray(stored.data), atol=5e-6)


def test_nan_weights_are_said(kit: Any, tmp_path: Path) -> None:
    def spoil(model: torch.nn.Module) -> None:
        with torch.no_grad():
            model.prediction_head.bias.fill_(float("nan"))

    run = kit.TinyRun(tmp_path, spoil=spoil)
    volume = predict(run, 1, kit.make_raw((12, 12, 12)))
    assert any("NaN" in note and "prediction_head.bias" in note for note in volume.notes)
    assert np.isnan(np.asarray(volume.data)).all()


def test_a_checkpoint_of_another_config(kit: Any, tmp_path: Path, tiny: Any) -> None:
    other = kit.TinyRun(tmp_path / "other", kit.unet(num_fmaps=4))
    other.config = tiny.config
    with pytest.raises(CheckpointError, match="does not fit the config"):
        predict(other, 1, kit.make_raw((12, 12, 12)))
    with pytest.raises(CheckpointError, match="no such file"):
        predict(tiny, 2, kit.make_raw((12, 12, 12)))


def test_configs_that_differ_in_what_weights_do_not_show(kit: Any, tiny: Any) -> None:
    raw = kit.make_raw((24, 24, 24))
    same = predict(tiny, 1, raw, input_shape=(24, 24, 24))
    padded = np.asarray(same.data)
    valid = kit.unet(padding="valid")
    tiny.config = tiny.config.model_copy(update={"architecture_config": valid})
    cropped = np.asarray(predict(tiny, 1, raw, input_shape=(24, 24, 24)).data)
    assert cropped.shape == (1, 8, 8, 8)
    np.testing.assert_allclose(cropped, padded[:, 8:-8, 8:-8, 8:-8], atol=1e-6)


def test_a_checkpoint_replaced_meanwhile(kit: Any, tmp_path: Path, tiny: Any) -> None:
    volume = predict(tiny, 1, kit.make_raw((12, 12, 12)))
    kit.TinyRun(tiny.folder, seed=5)
    with pytest.raises(PredictionError, match="is not the file that it was"):
        np.asarray(volume.data)


def test_devices() -> None:
    assert choose_device("cpu") == "cpu"
    assert choose_device("auto") in ("cpu", "cuda", "mps")
    for device in ("cuda:99", "tpu", "", "cpu:x"):
        with pytest.raises(PredictionError, match="no device"):
            choose_device(device)


def test_half_precision_is_for_gpus(kit: Any, tiny: Any) -> None:
    volume = predict(tiny, 1, kit.make_raw((12, 12, 12)), device="cpu", half=True)
    assert any("Half precision is for GPUs" in note for note in volume.notes)
    assert np.isfinite(np.asarray(volume.data)).all()


@pytest.mark.skipif(choose_device() != "cpu", reason="this machine has a GPU")
def test_half_precision_where_there_is_no_gpu_to_choose(kit: Any, tiny: Any) -> None:
    notes = predict(tiny, 1, kit.make_raw((12, 12, 12)), half=True).notes
    assert any("Half precision is for GPUs" in note for note in notes)


def test_names_change_with_the_contents(kit: Any, tiny: Any, tmp_path: Path) -> None:
    raw = kit.make_raw((24, 24, 24))
    first = predict(tiny, 1, raw)
    assert predict(tiny, 1, raw).data.name == first.data.name
    others = [
        predict(tiny, 1, raw, overlap=2),
        predict(tiny, 1, raw, roi=((0, 0, 0), (80, 80, 80))),
        predict(tiny, 1, raw, intensities=(0, 2)),
        predict(tiny, 1, raw.with_(revision="later")),
        predict(kit.TinyRun(tmp_path / "b", seed=1), 1, raw),
    ]
    names = {volume.data.name for volume in (first, *others)}
    assert len(names) == 6
    assert len({volume.revision for volume in (first, *others)}) == 6


@pytest.mark.long
def test_pickled_and_in_another_process(kit: Any, tiny: Any, tmp_path: Path, stores: Path) -> None:
    run = open_store(stores / "main").run("dist_aniso")
    raw = run.dataset("aniso_val").copy("raw")
    volume = predict(run, 20, raw)
    (tmp_path / "data").write_bytes(pickle.dumps(volume.data))
    code = (
        "import pickle, sys; data = pickle.load(open(sys.argv[1], 'rb'));"
        "assert 'torch' not in sys.modules or True; print(float(data[0, 3, 5, 7]))"
    )
    out = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "data")],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    assert float(out.stdout) == pytest.approx(float(np.asarray(volume.data[0, 3, 5, 7])), abs=1e-6)


def test_blocks_on_disk(kit: Any, tiny: Any) -> None:
    raw = kit.make_raw((20, 12, 12))
    volume = predict(tiny, 1, raw, cache="disk")
    first = np.asarray(volume.data)
    files = sorted(disk_folder().rglob("*.npy"))
    assert [file.name for file in files] == ["0_0_0.npy", "1_0_0.npy"]
    block_cache.clear()
    # What is on disk is what is read.
    np.save(files[1], np.full((1, 8, 12, 12), 5, np.float32))
    second = np.asarray(volume.data)
    np.testing.assert_array_equal(second[:, :12], first[:, :12])
    assert (second[:, 12:] == 5).all()
    # A torn file is computed again.
    block_cache.clear()
    files[1].write_bytes(files[1].read_bytes()[:50])
    np.testing.assert_array_equal(np.asarray(volume.data), first)


@pytest.mark.parametrize("shape", [(1, 7, 12, 12), (2, 8, 12, 12), (1, 10**6, 10**6, 10**6)])
def test_blocks_on_disk_of_another_shape(kit: Any, tiny: Any, shape: tuple[int, ...]) -> None:
    volume = predict(tiny, 1, kit.make_raw((20, 12, 12)), cache="disk")
    first = np.asarray(volume.data)
    file = sorted(disk_folder().rglob("*.npy"))[1]
    with file.open("wb") as damaged:
        header = {"descr": "<f4", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(damaged, header)
        damaged.write(bytes(4 * min(np.prod(shape), 2000)))
    block_cache.clear()
    np.testing.assert_array_equal(np.asarray(volume.data), first)
    # What was computed again replaces it.
    assert np.load(file).shape == (1, 8, 12, 12)


def test_blocks_of_arrays_in_memory_are_not_kept_on_disk(kit: Any, tiny: Any) -> None:
    elements = np.random.default_rng(0).random((12, 12, 12), np.float32)
    volume = predict(tiny, 1, as_volume(elements, "mine", voxel_size=(8, 8, 8)), cache="disk")
    assert any("not kept on disk" in note for note in volume.notes)
    np.asarray(volume.data)
    assert not list(disk_folder().rglob("*.npy"))


def test_affinities_are_between_0_and_1(kit: Any, tmp_path: Path) -> None:
    task = AffinitiesTaskConfig(neighborhood=((1, 0, 0), (0, 1, 0)))
    volume = predict(kit.TinyRun(tmp_path, task=task), 1, kit.make_raw((12, 12, 12)))
    elements = np.asarray(volume.data)
    assert 0 < elements.min()
    assert elements.max() < 1
    assert volume.value_range == (0, 1)
    assert volume.channel_names == ("(1, 0, 0)", "(0, 1, 0)")


def test_a_live_prediction_can_be_segmented(kit: Any, tiny: Any) -> None:
    from napari_dacapo.analysis import segment

    volume = predict(tiny, 1, kit.make_raw((20, 20, 20)))
    mask = segment(volume, tiny.config.task_config, "threshold_0.01")
    np.testing.assert_array_equal(mask.data.compute(), np.asarray(volume.data) > 0.01)


def test_source_of_other_volumes(kit: Any, tiny: Any) -> None:
    raw = kit.make_raw((20, 20, 20))
    with pytest.raises(PredictionError, match="not a whole live prediction"):
        source_of(raw)
    volume = predict(tiny, 1, raw)
    with pytest.raises(PredictionError, match="not a whole live prediction"):
        source_of(volume.with_(data=volume.data[:, :5]))


def test_looking_at_runs_needs_no_torch(stores: Path) -> None:
    code = (
        "import sys; from napari_dacapo.runs import open_store; import napari_dacapo.models;"
        f"store = open_store({str(stores / 'main')!r}); run = store.run('dist_aniso');"
        "list(store.rows()); run.volumes(); run.checkpoints; run.checkpoint_path(20);"
        "napari_dacapo.models.create_weights_store(store.options).iterations('dist_aniso');"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
