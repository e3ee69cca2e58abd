"""Stepping through z in a real window: ours, the same arrays in memory, and ``da.from_zarr``."""

from __future__ import annotations

import statistics
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import zarr

from benchmarks.common import Row, ms, percentile, write_run
from benchmarks.window import new_viewer, step_times

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

SHAPE, CHUNK = (512, 512, 512), (64, 64, 64)
WARM_UP = 10
TURNS = [range(start, start + 5) for start in range(10, 80, 5)]  # crosses a border between chunks


def make_arrays(folder: Path) -> tuple[Path, Path]:
    """Write an image and labels that are neither empty nor noise: both compress as real ones do."""
    rng = np.random.default_rng(0)
    root = zarr.open_group(folder / "volume.zarr", mode="w", zarr_format=2)
    coarse = rng.integers(0, 255, (64, 64, 64), np.uint8)
    image = np.kron(coarse, np.ones((8, 8, 8), np.uint8)) // 2
    image += rng.integers(0, 100, SHAPE, np.uint8)
    ids = rng.integers(0, 2**40, (16, 16, 16)).astype(np.uint64)
    labels = np.kron(ids, np.ones((32, 32, 32), np.uint64))
    for name, data in (("raw", image), ("labels", labels)):
        array = root.create_array(name, shape=SHAPE, chunks=CHUNK, dtype=data.dtype)
        array[:] = data
        array.attrs.update(axis_names=["z", "y", "x"], voxel_size=[8, 8, 8], offset=[0, 0, 0])
    return folder / "volume.zarr" / "raw", folder / "volume.zarr" / "labels"


def look_alike(viewer: Any, layers: Iterable[Any], load: Callable[[Path], Any]) -> None:
    """Add the same layers over other arrays: what is drawn, and how, is the same."""
    from napari.layers import Layer

    from napari_dacapo.viewers.napari.layers import METADATA_KEY
    from napari_dacapo.viewers.napari.legend import update_legend

    for layer in layers:
        _, settings, kind = layer.as_layer_data_tuple()
        said = layer.metadata[METADATA_KEY]
        settings = {**settings, "metadata": {METADATA_KEY: said}}
        alike = Layer.create(load(Path(said["source"])), settings, kind)
        if kind == "labels":
            alike.contour = layer.contour  # which layer data cannot say
        viewer.add_layer(alike)
    viewer.canvas.overlays.scale_bar.visible = True
    update_legend(viewer)


def measure() -> Iterable[Row]:
    import dask.array as da

    import napari_dacapo

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        raw, labels = make_arrays(folder)
        write_run(folder / "store", "stepping", raw, labels)
        store = napari_dacapo.open_store(folder / "store", path_map={name: name})
        run = store.run("stepping")
        viewers = {key: new_viewer() for key in ("memory", "ours", "da.from_zarr")}
        layers = napari_dacapo.add_run(viewers["ours"], run)
        look_alike(viewers["memory"], layers, lambda path: zarr.open_array(path, mode="r")[:])
        look_alike(viewers["da.from_zarr"], layers, lambda path: da.from_zarr(str(path)))
        times: dict[str, list[float]] = {key: [] for key in viewers}
        for steps in TURNS:  # in turns, so that a busy moment of the machine hits all of them
            for key, viewer in viewers.items():
                times[key] += step_times(viewer, viewer.dims.ndim - 3, steps)
        for key, viewer in viewers.items():
            del times[key][:WARM_UP]
            viewer.close()
    medians = {key: statistics.median(values) for key, values in times.items()}
    late = {key: percentile(values, 95) for key, values in times.items()}
    for what, of, key, limit in (
        ("step in z, median", medians, "memory", 1.3),
        ("step in z, 95th percentile", late, "memory", 1.6),
        ("step in z, median", medians, "da.from_zarr", 0.7),
    ):
        ratio = of["ours"] / of[key]
        against = f"{key}: {ms(of[key])}"
        yield Row(what, ms(of["ours"]), against, ratio, f"<= {limit}", ratio <= limit)
