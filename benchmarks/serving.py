"""The loopback server against LocalVolume and neuroglancer's own file server.

Chunks are asked for by a process of its own over as many connections as a
browser opens; the page is loaded in a headless Chromium, timed from the first
request for data to the last answer.
"""

from __future__ import annotations

import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import zarr

from benchmarks.common import Row

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

SIZE, CHUNK = 512, 64
CONNECTIONS = 6
ROUNDS = 7
# As little as a client can do, so that it is the servers that are measured.
CLIENT = """
import socket, sys, threading, time
host, port, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
paths = sys.stdin.read().split()
def work(mine):
    connection = socket.create_connection((host, port))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    buffer = bytearray(2**20)
    view = memoryview(buffer)
    for path in mine:
        request = "GET %s HTTP/1.1\\r\\nHost: %s:%d\\r\\n\\r\\n" % (path, host, port)
        connection.sendall(request.encode())
        count, end = 0, -1
        while end < 0:
            count += connection.recv_into(view[count:])
            end = buffer.find(b"\\r\\n\\r\\n", 0, count)
        head = bytes(buffer[:end]).lower()
        size = int(head.partition(b"content-length:")[2].partition(b"\\r\\n")[0])
        assert head.startswith(b"http/1.1 200") and size, (head, path)
        left = size - (count - end - 4)
        while left:
            left -= connection.recv_into(view[: min(left, len(view))])
threads = [threading.Thread(target=work, args=(paths[i::count],)) for i in range(count)]
start = time.perf_counter()
for thread in threads: thread.start()
for thread in threads: thread.join()
print(len(paths) / (time.perf_counter() - start))
"""


def make_pyramid(folder: Path) -> Path:
    """Write an image that is neither empty nor noise, with coarser copies, as OME-Zarr."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 255, (SIZE // 8,) * 3, np.uint8)
    image = np.kron(coarse, np.ones((8, 8, 8), np.uint8)) // 2
    image += rng.integers(0, 100, image.shape, np.uint8)
    root = zarr.open_group(folder / "volume.zarr", mode="w", zarr_format=2)
    datasets = []
    for level in range(4):
        array = root.create_array(
            f"s{level}", shape=image.shape, chunks=(CHUNK,) * 3, dtype=np.uint8,
            chunk_key_encoding={"name": "v2", "separator": "/"},
        )  # fmt: skip
        array[:] = image
        step = 2**level
        datasets.append(
            {
                "path": f"s{level}",
                "coordinateTransformations": [
                    {"type": "scale", "scale": [8.0 * step] * 3},
                    {"type": "translation", "translation": [4.0 * (step - 1)] * 3},
                ],
            }
        )
        n = image.shape[0] // 2
        image = image.reshape(n, 2, n, 2, n, 2).mean(axis=(1, 3, 5)).astype(np.uint8)
    axes = [{"name": name, "type": "space", "unit": "nanometer"} for name in "zyx"]
    root.attrs["multiscales"] = [{"version": "0.4", "axes": axes, "datasets": datasets}]
    return folder / "volume.zarr"


def chunks_per_second(address: str, paths: Sequence[str]) -> float:
    """Ask for all paths from another process."""
    host, _, port = address.removeprefix("http://").partition("/")[0].partition(":")
    command = [sys.executable, "-c", CLIENT, host, port, str(CONNECTIONS)]
    text = "\n".join(paths)
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=True)
    return float(done.stdout)


def grid() -> Iterator[tuple[int, int, int]]:
    yield from np.ndindex((SIZE // CHUNK,) * 3)


def path_of(url: str) -> str:
    return "/" + url.removeprefix("http://").partition("/")[2]


def measure_chunks(folder: Path) -> Iterable[Row]:
    import neuroglancer
    import tensorstore as ts
    from neuroglancer.static_file_server import StaticFileServer

    from napari_dacapo.viewers.neuroglancer.server import VolumeServer
    from napari_dacapo.volumes import open_volume

    volume = open_volume(folder / "s0")
    keys = ["/".join(map(str, index)) for index in grid()]
    store = ts.open({"driver": "zarr", "kvstore": f"file://{folder}/s0/"}, read=True).result()
    space = neuroglancer.CoordinateSpace(names=["z", "y", "x"], units="nm", scales=[8] * 3)
    local_volume = neuroglancer.LocalVolume(store, space, volume_type="image")
    viewer = neuroglancer.Viewer()
    with viewer.txn() as state:
        state.layers["raw"] = neuroglancer.ImageLayer(source=local_volume)
    begin = f"/neuroglancer/npz/{viewer.token}.{local_volume.token}/1,1,1"
    boxes = []
    for index in grid():
        low = ",".join(str(i * CHUNK) for i in index)
        high = ",".join(str((i + 1) * CHUNK) for i in index)
        boxes.append(f"{begin}/{low}/{high}")

    with (
        VolumeServer() as server,
        StaticFileServer(str(folder), bind_address="127.0.0.1", daemon=True) as url,
    ):
        base = path_of(server.serve(volume).partition("|")[0])
        # As a client does: the metadata first.
        chunks_per_second(server.url, [f"{base}0/.zarray"])
        asked = {
            "ours": (server.url, [f"{base}0/{key}" for key in keys]),
            "static": (url, [f"{path_of(url)}/s0/{key}" for key in keys]),
            "local": (neuroglancer.server.get_server_url(), boxes),
        }
        rates: dict[str, list[float]] = {name: [] for name in asked}
        for _ in range(ROUNDS):  # in turns, so that a busy moment of the machine hits all of them
            for name, (address, paths) in asked.items():
                rates[name].append(chunks_per_second(address, paths))
    neuroglancer.stop()
    ours, static, theirs = (statistics.median(rates[name]) for name in ("ours", "static", "local"))

    what = f"chunks of {CHUNK}^3 uint8 a second"
    ratio = ours / theirs
    yield Row(what, f"{ours:.0f}", f"LocalVolume: {theirs:.0f}", ratio, ">= 10", ratio >= 10)
    ratio = ours / static
    yield Row(what, f"{ours:.0f}", f"StaticFileServer: {static:.0f}", ratio, ">= 0.9", ratio >= 0.9)


def measure_page(folder: Path, chromium: str) -> Iterable[Row]:
    import neuroglancer
    import tensorstore as ts
    from playwright.sync_api import sync_playwright

    from napari_dacapo.viewers.neuroglancer.backend import NeuroglancerBackend
    from napari_dacapo.volumes import open_volume

    store = ts.open({"driver": "zarr", "kvstore": f"file://{folder}/s0/"}, read=True).result()
    space = neuroglancer.CoordinateSpace(names=["z", "y", "x"], units="nm", scales=[8] * 3)

    def with_local(scale: float) -> tuple[Any, Callable[[], None]]:
        viewer = neuroglancer.Viewer()
        with viewer.txn() as state:
            state.dimensions = space
            state.display_dimensions = ["x", "y", "z"]
            state.position = [SIZE / 2] * 3
            state.cross_section_scale, state.projection_scale = scale, SIZE * scale * 2
            state.layout = "4panel"
            state.layers["raw"] = neuroglancer.ImageLayer(
                source=neuroglancer.LocalVolume(store, space, volume_type="image")
            )
        return viewer, neuroglancer.stop

    def with_ours(scale: float) -> tuple[Any, Callable[[], None]]:
        backend = NeuroglancerBackend()
        backend.show([open_volume(folder)])
        backend.viewer.change(
            lambda state: {
                **state,
                "position": [SIZE / 2] * 3,
                "crossSectionScale": scale,
                "projectionScale": SIZE * scale * 2,
                "layout": "4panel",
            }
        )
        return backend.viewer, backend.close

    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as profile:
        context = playwright.chromium.launch_persistent_context(
            profile,
            executable_path=chromium,
            headless=True,
            viewport={"width": 1400, "height": 1000},
            args=["--no-sandbox", "--enable-unsafe-swiftshader", "--disable-dev-shm-usage"],
        )
        load(context, with_ours, 4.0)  # the first page compiles the client
        for what, scale, limit in (("full resolution", 1.0, 0.5), ("zoomed out", 8.0, 0.2)):
            ours = min(load(context, with_ours, scale) for _ in range(2))
            theirs = min(load(context, with_local, scale) for _ in range(2))
            ratio = ours / theirs
            yield Row(
                f"4 panels of {SIZE}^3 in Chromium, {what}",
                f"{ours:.2f} s",
                f"LocalVolume: {theirs:.2f} s",
                ratio,
                f"<= {limit:g}",
                ratio <= limit,
            )
        context.close()


def load(
    context: Any, make: Callable[[float], tuple[Any, Callable[[], None]]], scale: float
) -> float:
    """Return the seconds from the first request for data to the last answer."""
    viewer, close = make(scale)
    times: list[float] = []

    def is_data(url: str) -> bool:
        return "/neuroglancer/npz/" in url or re.search(r"(/\d+){4}$", url) is not None

    page = context.new_page()
    for event in ("request", "requestfinished", "requestfailed"):
        page.on(event, lambda r: times.append(time.perf_counter()) if is_data(r.url) else None)
    page.goto(viewer.get_viewer_url())
    done = threading.Event()
    viewer.async_screenshot(lambda _: done.set())
    for _ in range(1200):
        if done.is_set():
            break
        page.wait_for_timeout(50)
    page.close()
    close()
    return max(times) - min(times)


def measure() -> Iterable[Row]:
    with tempfile.TemporaryDirectory() as name:
        folder = make_pyramid(Path(name))
        yield from measure_chunks(folder)
        chromium = shutil.which("chromium") or shutil.which("chromium-browser")
        if chromium is None:
            yield Row("4 panels in Chromium", "not measured: there is no Chromium here")
            return
        yield from measure_page(folder, chromium)
