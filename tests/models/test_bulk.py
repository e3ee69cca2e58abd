from __future__ import annotations

import datetime
import json
import os
import shutil
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import zarr

from napari_dacapo import open_volume
from napari_dacapo.analysis import segment
from napari_dacapo.errors import PredictionError, UnsupportedError
from napari_dacapo.models import predict, predict_to_zarr
from napari_dacapo.models.engines import on_threads
from napari_dacapo.models.journal import JOURNAL, Journal
from napari_dacapo.models.ome_output import plan_image
from napari_dacapo.store.configs import AffinitiesTaskConfig

if TYPE_CHECKING:
    from pathlib import Path


# Each of them predicts a volume; `test_predict_command.py` has a little of all.
pytestmark = pytest.mark.long


@pytest.fixture
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shards of one block each, and levels from 16 voxels on."""
    from napari_dacapo.models import ome_output

    monkeypatch.setattr(ome_output, "_SHARD_BYTES", 1)
    monkeypatch.setattr(ome_output, "_CHUNK_SIDE", 8)
    monkeypatch.setattr(ome_output, "_LEAST_CHUNK_SIDE", 2)


@pytest.fixture
def prediction(kit: Any, tiny: Any) -> Any:
    # 3 x 3 x 3 blocks of 12 voxels, the last ones cut.
    return predict(tiny, 1, kit.make_raw((28, 36, 30), offset=800))


def files_of(output: Path) -> dict[str, tuple[int, int]]:
    """Inode and time of each shard: a shard that was written again has other ones."""
    return {
        str(path.relative_to(output)): (path.stat().st_ino, path.stat().st_mtime_ns)
        for path in output.rglob("c/**/*")
        if path.is_file()
    }


@pytest.mark.usefixtures("small_shards")
@pytest.mark.parametrize("workers", [1, 3])
def test_equals_the_lazy_prediction(prediction: Any, tmp_path: Path, workers: int) -> None:
    stages = []
    output = predict_to_zarr(
        prediction,
        tmp_path / "out.zarr",
        workers=workers,
        progress=lambda *counts: stages.append(counts),
    )
    expected = np.asarray(prediction.data)
    np.testing.assert_array_equal(zarr.open_array(output / "image" / "s0", mode="r")[:], expected)
    assert stages[0] == ("prediction", 0, 36)
    assert stages[-1] == ("prediction", 36, 36)
    assert [done for _, done, _ in stages] == sorted(done for _, done, _ in stages)


@pytest.mark.usefixtures("small_shards")
def test_opens_at_the_right_place(prediction: Any, tmp_path: Path) -> None:
    output = predict_to_zarr(prediction, tmp_path / "out.zarr")
    volume = open_volume(output)
    assert volume.offset == prediction.offset == (800, 800, 800)
    assert volume.voxel_size == (8, 8, 8)
    assert volume.axis_names == ("c^", "z", "y", "x")
    np.testing.assert_array_equal(np.asarray(volume.data), np.asarray(prediction.data))
    level, coarsest = volume.levels
    assert coarsest.data.shape == (1, 7, 9, 8)
    assert coarsest.offset == (800, 800, 800)
    assert level.voxel_size == (16, 16, 16)
    assert level.offset == (800, 800, 800)
    blocks = np.asarray(prediction.data).reshape(1, 14, 2, 18, 2, 15, 2)
    np.testing.assert_allclose(np.asarray(level.data), blocks.mean(axis=(2, 4, 6)), atol=1e-6)


@pytest.mark.usefixtures("small_shards")
def test_metadata_is_ome_zarr_0_5(prediction: Any, tmp_path: Path) -> None:
    output = predict_to_zarr(prediction, tmp_path / "out.zarr", provenance={"input": "raw.zarr"})
    attributes = dict(zarr.open_group(output, mode="r").attrs)
    ome = attributes["ome"]
    assert ome["version"] == "0.5"
    (image,) = ome["multiscales"]
    assert [axis["name"] for axis in image["axes"]] == ["c", "z", "y", "x"]
    assert image["axes"][1] == {"name": "z", "type": "space", "unit": "nanometer"}
    scale, translation = image["datasets"][0]["coordinateTransformations"]
    assert scale == {"type": "scale", "scale": [1, 8, 8, 8]}
    # Centres of voxels.
    assert translation == {"type": "translation", "translation": [0, 804, 804, 804]}
    for dataset in image["datasets"]:
        array = zarr.open_array(output / dataset["path"], mode="r")
        assert array.metadata.zarr_format == 3
        assert array.shards is not None
        assert array.metadata.dimension_names == ("c", "z", "y", "x")
    ours = attributes["napari-dacapo"]
    assert ours["complete"] is True
    assert ours["input"] == "raw.zarr"
    assert ours["prediction"]["run"] == "tiny"
    assert ours["prediction"]["iteration"] == 1
    assert len(ours["prediction"]["checkpoint_sha256"]) == 64
    assert ours["prediction"]["architecture"]["num_fmaps"] == 3
    assert {"napari-dacapo", "torch", "numpy"} <= ours["versions"].keys()


@pytest.mark.parametrize("parameters", [True, "threshold_0.05"])
@pytest.mark.usefixtures("small_shards")
def test_segmentation(prediction: Any, tiny: Any, tmp_path: Path, parameters: Any) -> None:
    output = predict_to_zarr(prediction, tmp_path / "out.zarr", segment=parameters)
    value = 0.05 if isinstance(parameters, str) else 0
    labels = open_volume(output / "labels" / "segmentation", kind="labels")
    np.testing.assert_array_equal(np.asarray(labels.data), np.asarray(prediction.data) > value)
    assert labels.offset == prediction.offset
    group = zarr.open_group(output / "labels", mode="r")
    assert group.attrs["ome"] == {"version": "0.5", "labels": ["segmentation"]}
    inner = zarr.open_group(output / "labels" / "segmentation", mode="r").attrs
    assert "image-label" in inner["ome"]
    assert inner["napari-dacapo"]["parameters"]
    # Coarser labels are labels, too.
    assert set(np.unique(np.asarray(labels.levels[0].data))) <= {0, 1}


def test_watershed(kit: Any, tmp_path: Path) -> None:
    offsets = ((1, 0, 0), (0, 1, 0), (0, 0, 1), (3, 0, 0), (0, 3, 0), (0, 0, 3))
    run = kit.TinyRun(tmp_path / "run", task=AffinitiesTaskConfig(neighborhood=offsets))
    volume = predict(run, 1, kit.make_raw((20, 20, 20)))
    output = predict_to_zarr(volume, tmp_path / "out.zarr", segment=True)
    expected = segment(volume, run.config.task_config).data.compute()
    labels = open_volume(output / "labels" / "segmentation")
    assert labels.kind == "labels"
    assert labels.axis_names == ("z", "y", "x")
    np.testing.assert_array_equal(np.asarray(labels.data), expected)


@pytest.mark.usefixtures("small_shards")
def test_resume_keeps_what_is_finished(prediction: Any, tmp_path: Path) -> None:
    output = tmp_path / "out.zarr"
    n_done = 0

    def count(_stage: str, done: int, _total: int) -> None:
        nonlocal n_done
        n_done = done

    with pytest.raises(PredictionError, match="Cancelled"):
        predict_to_zarr(prediction, output, progress=count, cancelled=lambda: n_done >= 10)
    before = files_of(output)
    assert 10 <= len(before) < 27
    assert zarr.open_group(output, mode="r").attrs["napari-dacapo"]["complete"] is False
    journalled = len((output / JOURNAL).read_bytes().splitlines()) - 1
    assert journalled >= 10

    predict_to_zarr(prediction, output, resume=True)
    after = files_of(output)
    kept = [name for name, state in before.items() if after[name] == state]
    assert len(kept) >= journalled
    np.testing.assert_array_equal(
        zarr.open_array(output / "image" / "s0", mode="r")[:], np.asarray(prediction.data)
    )
    finished = files_of(output)
    predict_to_zarr(prediction, output, resume=True)
    assert files_of(output) == finished


@pytest.mark.usefixtures("small_shards")
def test_torn_and_lost_shards_are_done_again(prediction: Any, tmp_path: Path) -> None:
    output = predict_to_zarr(prediction, tmp_path / "out.zarr")
    before = files_of(output)
    torn, lost = output / "image/s0/c/0/1/1/1", output / "image/s0/c/0/0/2/0"
    torn.write_bytes(torn.read_bytes()[:100])
    lost.unlink()
    journal = output / JOURNAL
    # The last line is torn: its shard is finished, but nobody knows.
    journal.write_bytes(journal.read_bytes()[:-5])
    predict_to_zarr(prediction, output, resume=True)
    np.testing.assert_array_equal(
        zarr.open_array(output / "image" / "s0", mode="r")[:], np.asarray(prediction.data)
    )
    changed = {name for name, state in files_of(output).items() if before[name] != state}
    assert len(changed) == 3
    assert {"image/s0/c/0/1/1/1", "image/s0/c/0/0/2/0"} < changed


def test_resuming_nothing_begins(prediction: Any, tmp_path: Path) -> None:
    output = predict_to_zarr(prediction, tmp_path / "out.zarr", resume=True)
    assert open_volume(output).shape == prediction.shape


def test_what_is_in_the_way(kit: Any, tiny: Any, prediction: Any, tmp_path: Path) -> None:
    output = predict_to_zarr(prediction, tmp_path / "out.zarr")
    with pytest.raises(PredictionError, match=r"exists and is not empty.*--resume"):
        predict_to_zarr(prediction, output)
    other = predict(tiny, 1, kit.make_raw((28, 36, 30), offset=800), overlap=2)
    with pytest.raises(PredictionError, match="holds another prediction"):
        predict_to_zarr(other, output, resume=True)
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (foreign / "notes.txt").write_text("mine")
    for resume in (False, True):
        with pytest.raises(PredictionError, match=r"not empty|was not written by this command"):
            predict_to_zarr(prediction, foreign, resume=resume)
    assert [path.name for path in foreign.iterdir()] == ["notes.txt"]


@pytest.mark.parametrize(
    "place",
    ["out.zarr", "dist_aniso/out.zarr", "dist_aniso/validation.zarr/20/x", "configs/runs/out"],
)
def test_stores_are_never_written(prediction: Any, store_copy: Any, place: str) -> None:
    folder = store_copy("main").options.runs_base_dir
    before = sorted(folder.rglob("*"))
    with pytest.raises(PredictionError, match="stores are never written"):
        predict_to_zarr(prediction, folder / place)
    assert sorted(folder.rglob("*")) == before


def test_a_link_into_a_store(prediction: Any, store_copy: Any, tmp_path: Path) -> None:
    folder = store_copy("main").options.runs_base_dir
    (tmp_path / "elsewhere").symlink_to(folder)
    with pytest.raises(PredictionError, match="stores are never written"):
        predict_to_zarr(prediction, tmp_path / "elsewhere" / "out.zarr")


@pytest.mark.usefixtures("small_shards")
def test_wrong_parameters_are_said_before_anything_is_computed(
    prediction: Any, tmp_path: Path
) -> None:
    stages: list[Any] = []
    with pytest.raises(UnsupportedError, match="bogus"):
        predict_to_zarr(
            prediction,
            tmp_path / "out.zarr",
            segment="bogus",
            progress=lambda *counts: stages.append(counts),
        )
    assert not stages
    assert not (tmp_path / "out.zarr").exists()


@pytest.mark.usefixtures("small_shards")
def test_a_segmentation_can_be_added(prediction: Any, tmp_path: Path) -> None:
    output = predict_to_zarr(prediction, tmp_path / "out.zarr")
    before = files_of(output)
    predict_to_zarr(prediction, output, segment="threshold_0.05", resume=True)
    after = files_of(output)
    assert {name: after[name] for name in before} == before
    labels = zarr.open_array(output / "labels" / "segmentation" / "s0", mode="r")[:]
    np.testing.assert_array_equal(labels, np.asarray(prediction.data) > 0.05)
    # Without, it stays as it is; with others, it is not mixed.
    predict_to_zarr(prediction, output, resume=True)
    with pytest.raises(PredictionError, match=r"with threshold_0\.05, not with threshold_0\.1"):
        predict_to_zarr(prediction, output, segment="threshold_0.1", resume=True)
    assert files_of(output) == after
    shutil.rmtree(output / "labels" / "segmentation")
    predict_to_zarr(prediction, output, segment="threshold_0.1", resume=True)
    labels = zarr.open_array(output / "labels" / "segmentation" / "s0", mode="r")[:]
    np.testing.assert_array_equal(labels, np.asarray(prediction.data) > 0.1)


@pytest.mark.parametrize("resume", [True, False])
def test_a_file_in_the_way(prediction: Any, tmp_path: Path, resume: bool) -> None:
    (tmp_path / "out.zarr").write_text("mine")
    with pytest.raises(PredictionError, match="is no folder"):
        predict_to_zarr(prediction, tmp_path / "out.zarr", resume=resume)
    assert (tmp_path / "out.zarr").read_text() == "mine"


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_arrays_are_never_written_into(prediction: Any, tmp_path: Path, zarr_format: Any) -> None:
    zarr.create_array(
        tmp_path / "raw.zarr" / "em", shape=(4, 4), chunks=(4, 4), dtype="u1",
        zarr_format=zarr_format,
    )  # fmt: skip
    for place in ("raw.zarr/em/out.zarr", "raw.zarr/em"):
        with pytest.raises(PredictionError, match="lies in the array"):
            predict_to_zarr(prediction, tmp_path / place, resume=True)
    predict_to_zarr(prediction, tmp_path / "raw.zarr" / "out.zarr")


def test_provenance_is_json(prediction: Any, tmp_path: Path) -> None:
    given = {
        "config": {"when": datetime.date(2024, 5, 1), 7: (1, 2.5), "nan": float("nan")},
        "ends": [float("inf"), -float("inf"), True, None],
    }
    output = predict_to_zarr(prediction, tmp_path / "out.zarr", provenance=given)

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    text = (output / "zarr.json").read_text()
    ours = json.loads(text, parse_constant=refuse)["attributes"]["napari-dacapo"]
    assert ours["config"] == {"when": "2024-05-01", "7": [1, 2.5], "nan": "NaN"}
    assert ours["ends"] == ["Infinity", "-Infinity", True, None]


def test_one_process_at_a_time(prediction: Any, tmp_path: Path) -> None:
    with (
        Journal(tmp_path / "out.zarr", "x", resume=False),
        pytest.raises(PredictionError, match="Another process"),
        Journal(tmp_path / "out.zarr", "x", resume=True),
    ):
        pass


def test_a_place_that_cannot_be_written(prediction: Any, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(PredictionError, match="Cannot write"):
        predict_to_zarr(prediction, tmp_path / "file" / "out.zarr")


def test_a_broken_checkpoint_ends_it(kit: Any, tiny: Any, prediction: Any, tmp_path: Path) -> None:
    kit.TinyRun(tiny.folder, seed=9)
    with pytest.raises(PredictionError, match="not the file that it was"):
        predict_to_zarr(prediction, tmp_path / "out.zarr", workers=2)


def test_workers(prediction: Any, tmp_path: Path) -> None:
    with pytest.raises(PredictionError, match="at least one worker"):
        predict_to_zarr(prediction, tmp_path / "out.zarr", workers=0)


def test_threads_stop_when_nobody_asks_any_more() -> None:
    done = []
    work = on_threads(
        lambda part: done.append(part) or 1, range(10_000), 2, cancelled=lambda: False
    )
    next(work)
    work.close()
    assert len(done) < 10_000


KILLED = """
import sys
from pathlib import Path
from napari_dacapo.models import ome_output, predict, predict_to_zarr
from napari_dacapo.runs import open_store
ome_output._SHARD_BYTES = 1
if __name__ == "__main__":
    run = open_store(sys.argv[1]).run("dist_valid_iso")
    raw = run.dataset("iso_val_b").copy("raw")
    volume = predict(run, 20, raw, roi=raw.roi, device="cpu")
    predict_to_zarr(volume, sys.argv[2], resume=True, progress=lambda *c: print(*c, flush=True))
"""


def test_killed_and_resumed(stores: Path, tmp_path: Path) -> None:
    """Killed twice in the middle of its work, it ends with what it would have been."""
    from napari_dacapo.runs import open_store

    script = tmp_path / "run.py"
    script.write_text(KILLED)
    output = tmp_path / "out.zarr"
    command = [sys.executable, str(script), str(stores / "main"), str(output)]
    seen = []
    for n_lines in (2, 4):
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(n_lines)]
        os.kill(process.pid, signal.SIGKILL)
        process.wait(60)
        process.stdout.close()
        seen.append(int(lines[0].split()[1]))
    # Each begins with what those before had finished.
    assert seen == sorted(seen)
    assert seen[0] == 0 < seen[1]
    subprocess.run(command, check=True, capture_output=True)
    run = open_store(stores / "main").run("dist_valid_iso")
    raw = run.dataset("iso_val_b").copy("raw")
    expected = np.asarray(predict(run, 20, raw, roi=raw.roi, device="cpu").data)
    written = zarr.open_array(output / "image" / "s0", mode="r")[:]
    np.testing.assert_allclose(written, expected, atol=1e-6)
    assert not np.isnan(written).any()
    entries = [json.loads(line) for line in (output / JOURNAL).read_bytes().splitlines()[1:]]
    shards = [(entry["level"], tuple(entry["shard"])) for entry in entries]
    assert len(set(shards)) == len(shards)


@pytest.mark.usefixtures("small_shards")
@pytest.mark.filterwarnings("ignore")
def test_on_a_cluster_of_two_workers(stores: Path, tmp_path: Path) -> None:
    from distributed import Client, LocalCluster

    from napari_dacapo.runs import open_store

    run = open_store(stores / "main").run("dist_valid_iso")
    raw = run.dataset("iso_val_a").copy("raw")
    volume = predict(run, 20, raw, roi=raw.roi, device="cpu")
    with (
        LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
        ) as cluster,
        Client(cluster) as client,
    ):
        output = predict_to_zarr(
            volume, tmp_path / "a.zarr", scheduler=cluster.scheduler_address, segment=True
        )
        stage = []
        with pytest.raises(PredictionError, match="Cancelled"):
            predict_to_zarr(
                volume,
                tmp_path / "b.zarr",
                scheduler=client,
                progress=lambda *counts: stage.append(counts),
                cancelled=lambda: len(stage) > 2,
            )
        predict_to_zarr(volume, tmp_path / "b.zarr", scheduler=client, resume=True)
    expected = np.asarray(volume.data)
    for path in (output, tmp_path / "b.zarr"):
        written = np.asarray(open_volume(path).data)
        np.testing.assert_allclose(written, expected, atol=1e-6)
    labels = np.asarray(open_volume(output / "labels" / "segmentation").data)
    np.testing.assert_array_equal(labels, np.asarray(open_volume(output).data) > 0)


@pytest.mark.filterwarnings("ignore")
def test_no_scheduler_there(prediction: Any, tmp_path: Path) -> None:
    from napari_dacapo.models import engines

    with pytest.raises(PredictionError, match="no dask scheduler at"):
        list(
            engines.on_cluster(
                "tcp://127.0.0.1:9", print, [1], cancelled=lambda: False, timeout="1s"
            )
        )


def test_shards_hold_whole_blocks(kit: Any, tiny: Any, tmp_path: Path) -> None:
    volume = predict(tiny, 1, kit.make_raw((100, 200, 300)))
    image = plan_image(tmp_path, volume, (12, 12, 12))
    level = image.levels[0]
    assert all(shard % chunk == 0 for shard, chunk in zip(level.shard, level.chunk, strict=True))
    assert all(n % 12 == 0 for n in level.shard[1:])
    assert np.prod(level.shard) * 4 <= 16 * 2**20
    covered = np.zeros(level.shape, np.int8)
    for shard in level.shards():
        covered[level.region(shard)] += 1
    assert (covered == 1).all()
    assert [level.shape for level in image.levels] == [
        (1, 100, 200, 300),
        (1, 50, 100, 150),
        (1, 25, 50, 75),
    ]


def test_coarse_axes_are_not_reduced(kit: Any, tiny: Any, tmp_path: Path) -> None:
    raw = kit.make_raw((20, 300, 300)).with_(voxel_size=(40.0, 8.0, 8.0))
    image = plan_image(tmp_path, predict(tiny, 1, raw), (12, 12, 12))
    assert [level.voxel_size for level in image.levels] == [(40, 8, 8), (40, 16, 16), (40, 32, 32)]
