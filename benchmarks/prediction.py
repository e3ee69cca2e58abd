"""Live and bulk prediction against a bare torch loop over the same blocks.

The loop has weights and input in memory already and throws its results away;
ours read a zarr, cut tiles with context, and (bulk) write an OME-Zarr.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import zarr

from benchmarks.common import Row, mib, ms, timed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from napari_dacapo.store.configs import RunConfig

ROUNDS = 9


@dataclass(frozen=True)
class Size:
    """A network, its blocks, and how many of them there are along each axis."""

    input: int
    output: int
    fmap_inc_factor: int
    levels: int
    side: int


# What a CPU bears, and the blocks and maps of DaCapo's own examples, which want a GPU.
SIZES = {"cpu": Size(64, 48, 3, 1, 2), "cuda": Size(212, 120, 6, 3, 3)}


@dataclass
class BenchmarkRun:
    """A run as `predict` wants it."""

    name: str
    config: RunConfig
    checkpoint: Path
    input_voxel_size: tuple[float, ...] = (8.0, 8.0, 8.0)

    def checkpoint_path(self, _iteration: int) -> Path:
        """Return the one there is."""
        return self.checkpoint


def make_run(folder: Path, size: Size) -> BenchmarkRun:
    import torch

    from napari_dacapo.models import build_model
    from napari_dacapo.store.configs import CNNectomeUNetConfig, DistanceTaskConfig, RunConfig

    architecture = CNNectomeUNetConfig(
        name="unet",
        input_shape=(size.input,) * 3,
        fmaps_in=1,
        fmaps_out=12,
        num_fmaps=12,
        fmap_inc_factor=size.fmap_inc_factor,
        downsample_factors=((2, 2, 2),) * size.levels,
        padding="valid",
    )
    task = DistanceTaskConfig(name="task", channels=("a",), clip_distance=80, tol_distance=8)
    torch.manual_seed(0)
    model = build_model(architecture, task)
    assert model.compute_output_shape((size.input,) * 3)[1] == (size.output,) * 3
    checkpoint = folder / "checkpoint"
    torch.save({"model": model.state_dict(), "optimizer": {}}, checkpoint)
    config = RunConfig(name="bench", architecture_config=architecture, task_config=task)
    return BenchmarkRun("bench", config, checkpoint)


def make_raw(folder: Path, size: Size, blocks: tuple[int, ...]) -> Path:
    shape = tuple(n * size.output + size.input - size.output for n in blocks)
    path = folder / f"raw-{'x'.join(map(str, blocks))}.zarr"
    array = zarr.create_array(path, shape=shape, chunks=(64,) * 3, dtype="uint8")
    array.attrs.update(axis_names=["z", "y", "x"], voxel_size=[8, 8, 8], offset=[0, 0, 0])
    rng = np.random.default_rng(0)
    for z in range(0, shape[0], 64):
        part = array[z : z + 64].shape
        array[z : z + 64] = rng.integers(0, 256, part, dtype=np.uint8)
    return path


def predicted(run: BenchmarkRun, path: Path, device: str) -> Any:
    from napari_dacapo.models import predict
    from napari_dacapo.volumes import open_volume

    return predict(run, 1, open_volume(path), intensities=(0, 255), device=device)


def bare_loop(volume: Any, path: Path, device: str) -> Callable[[], None]:
    """Return a hand-written loop over the same blocks, with everything in memory."""
    import torch

    from napari_dacapo.models.prediction import source_of

    source = source_of(volume)
    model = source.network.load().model
    raw = torch.from_numpy(zarr.open_array(path, mode="r")[:].astype(np.float32) / 255)
    boxes = [
        tuple(
            slice(b, b + n)
            for b, n in zip(
                source.tiling.input(index).begin, source.tiling.input_shape, strict=True
            )
        )
        for index in np.ndindex(*source.tiling.grid)
    ]

    def loop() -> None:
        with torch.inference_mode():
            for box in boxes:
                model(raw[box][None, None].to(device)).to("cpu")

    return loop


def in_turns(*functions: Callable[[], object]) -> list[float]:
    """Return the least disturbed time of each, in turns so that a busy machine hits all alike."""
    times: list[list[float]] = [[] for _ in functions]
    for i in range(ROUNDS + 1):
        for function, seconds in zip(functions, times, strict=True):
            taken = timed(function)
            if i:  # the first one loads and compiles
                seconds.append(taken)
    return [min(seconds) for seconds in times]


def speed(folder: Path, device: str, size: Size) -> Iterable[Row]:
    from napari_dacapo.models import predict_to_zarr
    from napari_dacapo.models.block_cache import block_cache
    from napari_dacapo.models.prediction import source_of

    run, path = make_run(folder, size), make_raw(folder, size, (size.side,) * 3)
    volume = predicted(run, path, device)
    count = iter(range(10**6))

    def live() -> None:
        block_cache.clear()
        np.asarray(volume.data)

    def bulk() -> None:
        predict_to_zarr(volume, folder / f"out-{next(count)}.zarr")

    bare, live_time, bulk_time = in_turns(bare_loop(volume, path, device), live, bulk)
    against = f"bare torch loop: {ms(bare)}"
    for what, seconds in (("live", live_time), ("bulk", bulk_time)):
        ratio = bare / seconds
        name = f"{what} prediction, {device}, {size.side**3} blocks"
        yield Row(name, ms(seconds), against, ratio, ">= 0.90", ratio >= 0.9)

    network = source_of(volume).network.load()
    block = np.random.default_rng(0).random((1, *(size.input,) * 3), np.float32)

    def first() -> None:
        block_cache.clear()
        np.asarray(volume.data[(slice(None), *(slice(size.output),) * 3)])

    forward, first_time = in_turns(lambda: network.run(block), first)
    ratio = first_time / forward
    against = f"its forward pass: {ms(forward)}"
    yield Row(f"first live block, {device}", ms(first_time), against, ratio, "<= 1.5", ratio <= 1.5)


CHILD = """
import resource, sys
from pathlib import Path
import torch
from benchmarks.prediction import SIZES, make_run, predicted
from napari_dacapo.models import predict_to_zarr, set_block_cache_size
from napari_dacapo.volumes import set_cache_size
folder, path, n_threads, workers = Path(sys.argv[1]), Path(sys.argv[2]), *map(int, sys.argv[3:5])
torch.set_num_threads(n_threads)
set_block_cache_size(2**26)
set_cache_size(2**26)
run = make_run(folder, SIZES["cpu"])
volume = predicted(run, path, "cpu")
import time
volume.data[0, 0, 0, 0].compute()
start = time.perf_counter()
predict_to_zarr(volume, sys.argv[5], workers=workers)
taken = time.perf_counter() - start
print(taken, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
"""


def bulk_in_child(folder: Path, path: Path, n_threads: int, workers: int) -> tuple[float, int]:
    """Return seconds and peak memory of a bulk prediction in a process of its own."""
    with tempfile.TemporaryDirectory(dir=folder) as name:
        here = Path(name)
        command = [sys.executable, "-c", CHILD, here, path, n_threads, workers, here / "o.zarr"]
        # torch.set_num_threads does not reach convolutions on threads that come later; this does.
        environ = {**os.environ, "OMP_NUM_THREADS": str(n_threads)}
        done = subprocess.run(
            list(map(str, command)), check=True, capture_output=True, text=True, env=environ
        )
    seconds, peak = done.stdout.split()
    return float(seconds), int(peak)


def memory(folder: Path) -> Iterable[Row]:
    small = make_raw(folder, SIZES["cpu"], (1, 2, 2))
    large = make_raw(folder, SIZES["cpu"], (4, 4, 4))
    few = bulk_in_child(folder, small, os.cpu_count() or 1, 1)[1]
    many = bulk_in_child(folder, large, os.cpu_count() or 1, 1)[1]
    ratio = many / few
    yield Row(
        "peak memory of bulk, 64 blocks", mib(many), f"4 blocks: {mib(few)}", ratio, "<= 1.3",
        ratio <= 1.3,
    )  # fmt: skip


def scaling(folder: Path) -> Iterable[Row]:
    path = make_raw(folder, SIZES["cpu"], (4, 3, 3))
    pairs = [
        (bulk_in_child(folder, path, 1, 1)[0], bulk_in_child(folder, path, 1, 2)[0])
        for _ in range(3)
    ]
    one, two = (statistics.median(times) for times in zip(*pairs, strict=True))
    ratio = one / two
    enough = len(os.sched_getaffinity(0)) >= 2
    good = ratio >= 1.7 if enough else None
    yield Row("bulk with 2 workers", ms(two), f"1 worker: {ms(one)}", ratio, ">= 1.7", good)


def measure() -> Iterable[Row]:
    import torch

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for device in ("cpu", *(["cuda"] if torch.cuda.is_available() else [])):
            here = folder / device
            here.mkdir()
            yield from speed(here, device, SIZES[device])
        yield from memory(folder)
        yield from scaling(folder)
