"""get_viewer on 512^3 uint8 and uint64 from disk, against whole arrays in LocalVolume.

DaCapo's own function fails on the arrays that DaCapo uses; what it evidently
means to do is to turn each into numpy and hand it to LocalVolume. Both are
measured from after the import until the page and both arrays can be asked for.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import zarr

from benchmarks.common import Row, mib, ms, resident, timed

if TYPE_CHECKING:
    from collections.abc import Iterable

EDGE = 512
TIMES = 3


def make_arrays(folder: Path) -> None:
    rng = np.random.default_rng(0)
    raw = rng.integers(0, 256, (64,) * 3, "u1")
    labels = np.kron(np.arange(1, 65).reshape(4, 4, 4), np.ones((16,) * 3, int)).astype("u8")
    for name, block in (("raw", raw), ("labels", labels)):
        array = zarr.create_array(
            folder / f"{name}.zarr", shape=(EDGE,) * 3, chunks=(64,) * 3, dtype=block.dtype,
            zarr_format=2, attributes={"voxel_size": [8, 8, 8], "offset": [0, 0, 0]},
        )  # fmt: skip
        for z in range(0, EDGE, 64):
            array[z : z + 64] = np.tile(block, (1, EDGE // 64, EDGE // 64))


def opened(folder: Path) -> dict[str, Any]:
    return {name: zarr.open_array(folder / f"{name}.zarr", mode="r") for name in ("raw", "labels")}


def ours(folder: Path) -> tuple[float, int]:
    """Return the seconds until it is ready, and the bytes that it took."""
    from urllib.request import urlopen

    from napari_dacapo.view import get_viewer

    arrays = opened(folder)
    before = resident()

    def make() -> None:
        entries = {
            "raw": {"array": arrays["raw"]},
            "seg": {"array": arrays["labels"], "is_seg": True},
        }
        viewer = get_viewer(entries)
        urls = [layer.source[0].url.partition("|")[0] for layer in viewer.state.layers]
        for url in (viewer.get_viewer_url(), *(f"{url}0/0.0.0" for url in urls)):
            assert urlopen(url).read()

    return timed(make), peak() - before


def whole_arrays(folder: Path) -> tuple[float, int]:
    """Return the same of what DaCapo's function means to do."""
    import neuroglancer

    arrays = opened(folder)
    before = resident()

    def make() -> None:
        viewer = neuroglancer.Viewer()
        space = neuroglancer.CoordinateSpace(names=["z", "y", "x"], units="nm", scales=[8, 8, 8])
        with viewer.txn() as state:
            for name, kind in (("raw", "image"), ("labels", "segmentation")):
                elements = np.asarray(arrays[name][:])
                local = neuroglancer.LocalVolume(elements, space, volume_type=kind)
                layer = (
                    neuroglancer.ImageLayer if kind == "image" else (neuroglancer.SegmentationLayer)
                )
                state.layers[name] = layer(source=local)

    return timed(make), peak() - before


def peak() -> int:
    """Return the most bytes of memory that this process had so far."""
    status = Path("/proc/self/status")
    if status.exists():
        # getrusage counts what the parent had when it made this process, too.
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    import resource

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(most if sys.platform == "darwin" else most * 1024)


def in_child(what: str, folder: Path) -> tuple[float, int]:
    """Measure in a process of its own: the peak of memory never falls again."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.get_viewer", what, folder],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    seconds, n_bytes = json.loads(done.stdout)
    return float(seconds), int(n_bytes)


def measure() -> Iterable[Row]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_arrays(folder)
        found: dict[str, list[tuple[float, int]]] = {"ours": [], "whole": []}
        for _ in range(TIMES):
            for what, results in found.items():
                results.append(in_child(what, folder))
        (seconds, n_bytes), (whole_seconds, whole_bytes) = (
            tuple(float(np.median(values)) for values in zip(*results, strict=True))
            for results in found.values()
        )
        yield Row(
            f"get_viewer, {EDGE}^3 uint8 + uint64",
            ms(seconds), f"whole arrays: {ms(whole_seconds)}", seconds / whole_seconds,
            "< 1000 ms", seconds < 1,
        )  # fmt: skip
        yield Row(
            "memory above the import",
            mib(n_bytes), f"whole arrays: {mib(whole_bytes)}", n_bytes / whole_bytes,
            "< 100 MB", n_bytes < 100e6,
        )  # fmt: skip


if __name__ == "__main__":
    print(json.dumps((ours if sys.argv[1] == "ours" else whole_arrays)(Path(sys.argv[2]))))
