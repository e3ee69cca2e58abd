"""What the tests of the neuroglancer backend share: volumes, plain HTTP, a real browser."""

from __future__ import annotations

import http.client
import io
import shutil
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import dask.array as da
import numpy as np
import pytest

from napari_dacapo.volumes import Identity, Volume

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import BrowserContext

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
_FLAGS = (
    "--no-sandbox", "--enable-unsafe-swiftshader", "--disable-dev-shm-usage", "--disable-quic",
    "--no-first-run", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--hide-scrollbars",
)  # fmt: skip


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


@pytest.fixture(scope="session")
def fetch() -> Callable[..., Answer]:
    """Ask for exactly a path, without the help of a library that would tidy it up."""

    def ask(url: str, path: str = "", method: str = "GET", **headers: str) -> Answer:
        parts = urlsplit(url)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=20)
        try:
            connection.putrequest(
                method, parts.path + path, skip_host="Host" in headers, skip_accept_encoding=True
            )
            for name, value in headers.items():
                connection.putheader(name.replace("_", "-"), value)
            connection.endheaders()
            response = connection.getresponse()
            return Answer(response.status, dict(response.getheaders()), response.read())
        finally:
            connection.close()

    return ask


def make_volume(
    data: Any,
    axis_names: tuple[str, ...] = ("z", "y", "x"),
    *,
    role: Any = "raw",
    iteration: int | None = None,
    **more: Any,
) -> Volume:
    n_spatial = sum(1 for name in axis_names if not name.endswith("^"))
    settings: dict[str, Any] = {
        "voxel_size": (8.0,) * n_spatial,
        "offset": (0.0,) * n_spatial,
        "identity": Identity("run", "data", role, iteration),
        "kind": "labels" if role in ("gt", "segmentation") else "image",
    }
    array = data if isinstance(data, da.Array) else da.from_array(data, name=False)
    return Volume(array, axis_names, **{**settings, **more})


@pytest.fixture(scope="session")
def volume() -> Callable[..., Volume]:
    """Make a volume out of an array."""
    return make_volume


@pytest.fixture
def aniso_volumes(stores: Path) -> list[Volume]:
    """Raw, gt, prediction and segmentation of a run with anisotropic voxels, far from 0."""
    from napari_dacapo.runs import open_store

    store = open_store(stores / "main", path_map={"/nrs/demo/dacapo-data": str(stores / "data")})
    return store.run("dist_aniso").volumes()


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrowserContext]:
    """One headless Chromium for all tests that need a browser."""
    if CHROMIUM is None:
        pytest.skip("there is no Chromium on this machine (apt-get install chromium)")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            str(tmp_path_factory.mktemp("chromium")),
            executable_path=CHROMIUM,
            headless=True,
            viewport={"width": 900, "height": 700},
            args=list(_FLAGS),
        )
        yield context
        context.close()


@pytest.fixture
def screenshot() -> Callable[[Any], np.ndarray[Any, Any]]:
    """Return the picture in a viewer's page, when everything visible is loaded."""

    def take(viewer: Any, deadline: float = 60.0) -> np.ndarray[Any, Any]:
        from PIL import Image

        taken: list[Any] = []
        ready = threading.Event()

        def keep(reply: Any) -> None:
            taken.append(reply)
            ready.set()

        viewer.async_screenshot(keep)
        assert ready.wait(deadline), "neuroglancer did not load everything in time"
        image = Image.open(io.BytesIO(taken[0].screenshot.image))
        return np.asarray(image.convert("RGB"))

    return take
