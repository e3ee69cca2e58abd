from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import zarr

from napari_dacapo import open_volume
from napari_dacapo.cli import main
from napari_dacapo.models import bulk

if TYPE_CHECKING:
    from pathlib import Path


def command(*arguments: Any) -> int:
    with pytest.raises(SystemExit) as caught:
        main(["predict", *map(str, arguments)])
    return int(caught.value.code or 0)


@pytest.fixture
def given(stores: Path) -> list[Any]:
    """Run, store and input of a real run."""
    mapping = f"/nrs/demo/dacapo-data={stores / 'data'}"
    raw = stores / "data" / "aniso_val.zarr" / "raw"
    return ["dist_aniso", "--store", stores / "main", "-m", mapping, "--input", raw]


def test_equals_the_stored_prediction(
    given: list[Any], stores: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "out.zarr"
    roi = "1200:1680,800:1056,440:696"
    assert command(*given, "--output", output, "--iteration", 10, "--roi", roi, "--segment") == 0
    out, err = capsys.readouterr()
    assert f"Wrote {output}: dist_aniso at iteration 10, 12 × 64 × 64 voxels" in out
    assert "0 is seen as 0 and 255 as 1" in err
    stored = zarr.open_array(
        stores / "main/dist_aniso/validation.zarr/10/ds_aniso_val/prediction", mode="r"
    )[:]
    volume = open_volume(output)
    np.testing.assert_allclose(np.asarray(volume.data), stored, atol=5e-6)
    assert volume.offset == (1200, 800, 440)
    assert volume.voxel_size == (40, 4, 4)
    mask = open_volume(output / "labels" / "segmentation")
    np.testing.assert_array_equal(np.asarray(mask.data), np.asarray(volume.data) > 0)
    attributes = zarr.open_group(output, mode="r").attrs["napari-dacapo"]
    assert attributes["config"]["name"] == "dist_aniso"
    assert attributes["input"].endswith("aniso_val.zarr/raw")
    assert command(*given, "-o", output, "--iteration", 10, "--roi", roi, "--segment") == 1
    assert "not empty" in capsys.readouterr().err
    again = ["--iteration", 10, "--roi", roi, "--segment", "--resume"]
    assert command(*given, "-o", output, *again) == 0


def test_the_last_checkpoint_is_the_default(
    given: list[Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    roi = "1200:1240,800:840,440:480"
    options = ["--roi", roi, "--workers", 2, "--overlap", "auto", "--device", "cpu"]
    assert command(*given, "-o", tmp_path / "out.zarr", *options) == 0
    assert "at iteration 20, 1 × 10 × 10 voxels" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["--roi", "1:2"], 2, "one BEGIN:END in nm for each of the axes z, y, x"),
        (["--roi", "1:2,3:4,a:5"], 2, "'a' is no number"),
        (["--roi", "0:10,0:10,0:10"], 1, "does not touch"),
        (["--overlap", "-1"], 2, "no whole number"),
        (["--intensities", "5"], 2, "LOW:HIGH or none"),
        (["--channels", "0"], 2, "has no channels"),
        (["--device", "tpu"], 1, "no device 'tpu'"),
        (["--iteration", "7"], 1, "no checkpoint of iteration 7"),
        (["--voxel-size", "4,4"], 1, "2 spatial axes"),
    ],
)
def test_wrong_arguments(
    given: list[Any], tmp_path: Path, capsys: pytest.CaptureFixture[str],
    options: list[str], code: int, message: str,
) -> None:  # fmt: skip
    assert command(*given, "-o", tmp_path / "out.zarr", *options) == code
    err = capsys.readouterr().err
    assert message in err
    assert "Traceback" not in err
    assert not (tmp_path / "out.zarr").exists()


def test_channels_are_taken(
    stores: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = stores / "main"
    raw = stores / "data" / "iso_val_a.zarr" / "raw2c"
    run = ["dist_valid_iso", "--store", store, "--input", raw, "--device", "cpu"]
    assert command(*run, "-o", tmp_path / "a.zarr") == 1
    assert "2 channels, but the network of run dist_valid_iso takes 1" in capsys.readouterr().err
    roi = "160:200,160:200,160:200"
    assert command(*run, "-o", tmp_path / "a.zarr", "--channels", 0, "--roi", roi) == 0
    plain = [*run[:4], stores / "data" / "iso_val_a.zarr" / "raw", *run[5:]]
    assert command(*plain, "-o", tmp_path / "b.zarr", "--roi", roi) == 0
    first, second = (np.asarray(open_volume(tmp_path / n).data) for n in ("a.zarr", "b.zarr"))
    np.testing.assert_array_equal(first, second)
    assert command(*run, "-o", tmp_path / "c.zarr", "--channels", 2) == 2


def test_a_run_without_checkpoints(
    stores: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    raw = stores / "data" / "iso0_val_a.zarr" / "raw"
    options = ["never_trained", "--store", stores / "main", "-i", raw, "-o", tmp_path / "o"]
    assert command(*options) == 1
    assert "has no checkpoints" in capsys.readouterr().err


def test_a_device_of_the_cluster_is_not_looked_for_here(
    given: list[Any],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A head node has no GPU; here there is not even a scheduler."""
    monkeypatch.setattr(bulk, "on_cluster", partial(bulk.on_cluster, timeout="200ms"))
    options = ["--device", "cuda:99", "--scheduler", "tcp://127.0.0.1:9", "--workers", 2]
    assert command(*given, "-o", tmp_path / "out.zarr", *options) == 1
    err = " ".join(capsys.readouterr().err.split())
    assert "no dask scheduler" in err
    assert "--workers is not used with --scheduler" in err


def test_the_input_is_written_down_as_a_whole_path(
    given: list[Any], stores: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(stores / "data")
    given[-1] = "aniso_val.zarr/raw"
    roi = ["--roi", "1200:1240,800:840,440:480"]
    assert command(*given, "-o", tmp_path / "out.zarr", *roi) == 0
    ours = zarr.open_group(tmp_path / "out.zarr", mode="r").attrs["napari-dacapo"]
    assert ours["input"] == str(stores / "data" / "aniso_val.zarr" / "raw")
