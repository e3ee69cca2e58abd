"""Opening a run whose raw is 4096^3 against one whose raw is 256^3; gt is the same."""

from __future__ import annotations

import statistics
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import zarr

from benchmarks.common import Row, mib, ms, resident, timed, write_run
from benchmarks.window import draw, new_viewer, step_times

if TYPE_CHECKING:
    from collections.abc import Iterable

TIMES = 7


def sparse_array(folder: Path, size: int) -> Path:
    """Make an array with a few chunks somewhere; the others are not on disk."""
    root = zarr.open_group(folder / f"{size}.zarr", mode="w", zarr_format=2)
    array = root.create_array("raw", shape=(size,) * 3, chunks=(64,) * 3, dtype="uint8")
    array.attrs.update(axis_names=["z", "y", "x"], voxel_size=[8, 8, 8], offset=[0, 0, 0])
    array[:64, :64, :64] = 100
    middle = size // 2
    array[middle : middle + 64, middle : middle + 64, middle : middle + 64] = 200
    return folder / f"{size}.zarr" / "raw"


def measure() -> Iterable[Row]:
    import napari_dacapo
    from napari_dacapo.volumes import cache_size

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        gt = sparse_array(folder / "gt", 256)
        for size in (256, 4096):
            for i in range(TIMES + 1):
                raw = sparse_array(folder / str(i), size)
                write_run(folder / "store", f"raw_{size}_{i}", raw, gt)
        store = napari_dacapo.open_store(folder / "store", path_map={name: name})
        viewer = new_viewer()

        def open_run(name: str) -> None:
            napari_dacapo.add_run(viewer, store.run(name))
            draw(viewer)

        times: dict[int, list[float]] = {256: [], 4096: []}
        for i in range(TIMES + 1):
            for size in times:
                seconds = timed(lambda size=size, i=i: open_run(f"raw_{size}_{i}"))  # type: ignore[misc]
                viewer.layers.clear()
                if i:  # the first one imports and compiles
                    times[size].append(seconds)
        small, large = (statistics.median(times[size]) for size in (256, 4096))
        ratio = large / small
        against = f"256^3: {ms(small)}"
        yield Row("open 4096^3", ms(large), against, ratio, "<= 1.3", ratio <= 1.3)

        before = resident()
        open_run("raw_4096_0")
        step_times(viewer, viewer.dims.ndim - 3, range(0, 4096, 64))
        grown, allowed = max(0, resident() - before), cache_size()
        yield Row(
            "memory after 64 steps through 4096^3",
            mib(grown),
            f"chunk cache: {mib(allowed)}",
            grown / allowed,
            "<= 1",
            grown <= allowed,
        )
        viewer.close()
