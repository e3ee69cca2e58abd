"""Servers that can be reached from elsewhere: under which names, and under no others."""

from __future__ import annotations

import ipaddress
import socket
import sys
import warnings
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import numpy as np
import psutil
import pytest

from napari_dacapo.viewers.neuroglancer.server import VolumeServer
from napari_dacapo.viewers.neuroglancer.viewer import OwnViewer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from napari_dacapo.volumes import Volume

needs_127_0_0_2 = pytest.mark.skipif(
    sys.platform != "linux", reason="only there all of 127.0.0.0/8 is this machine"
)


def addresses_of_this_machine(family: int) -> set[str]:
    found = (entry for entries in psutil.net_if_addrs().values() for entry in entries)
    return {entry.address for entry in found if entry.family == family}


@pytest.fixture
def open_viewer() -> Iterator[Callable[[str], OwnViewer]]:
    """Make viewers that listen where other machines can reach them."""
    opened = []

    def make(address: str) -> OwnViewer:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            try:
                opened.append(OwnViewer(bind_address=address))
            except OSError as error:
                pytest.skip(f"this machine has no {address}: {error}")
        return opened[-1]

    yield make
    for viewer in opened:
        viewer.close()


def by_way_of(url: str, address: str) -> str:
    """Return a URL with another address in it, for a request that keeps to this machine."""
    return url.replace(urlsplit(url).netloc, f"{address}:{urlsplit(url).port}")


@pytest.mark.parametrize(
    ("bound", "family", "loopback"),
    [
        ("0.0.0.0", socket.AF_INET, "127.0.0.1"),
        ("", socket.AF_INET, "127.0.0.1"),
        ("::", socket.AF_INET6, "[::1]"),
    ],
)
def test_urls_hold_an_address_of_this_machine(
    open_viewer: Callable[[str], OwnViewer],
    volume: Callable[..., Volume],
    fetch: Callable[..., Any],
    bound: str,
    family: int,
    loopback: str,
) -> None:
    viewer = open_viewer(bound)
    data = viewer.volumes.serve(volume(np.ones((4, 4, 4), "u1"))).partition("|")[0]
    own = addresses_of_this_machine(family)
    reachable = {a for a in own if not ipaddress.ip_address(a).is_loopback and "%" not in a}
    for url, key in ((viewer.get_viewer_url(), ""), (viewer.link_prefix, ""), (data, ".zattrs")):
        host = urlsplit(url).hostname or ""
        assert host in (reachable or own)
        answer = fetch(by_way_of(url, loopback), key, Host=urlsplit(url).netloc)
        assert answer.status == 200


@needs_127_0_0_2
def test_the_address_that_was_asked_is_ours(
    open_viewer: Callable[[str], OwnViewer],
    volume: Callable[..., Volume],
    fetch: Callable[..., Any],
) -> None:
    """Whatever addresses this machine has, or has been given since."""
    viewer = open_viewer("0.0.0.0")
    data = viewer.volumes.serve(volume(np.ones((4, 4, 4), "u1"))).partition("|")[0]
    for url, key in ((viewer.get_viewer_url(), ""), (data, ".zattrs")):
        here = by_way_of(url, "127.0.0.2")
        for host in ("127.0.0.2", "127.0.0.2:80"):
            assert fetch(here, key, Host=host).status == 200
        # Names may be made to lead here by their owner, and other addresses are not ours.
        for host in (
            "127.0.0.3",
            "10.9.8.7",
            "evil.example",
            "127.0.0.2.evil.example",
            "2130706434",
        ):
            assert fetch(here, key, Host=host).status == 403


@needs_127_0_0_2
def test_the_page_of_that_address_may_read(
    open_viewer: Callable[[str], OwnViewer],
    volume: Callable[..., Volume],
    fetch: Callable[..., Any],
) -> None:
    viewer = open_viewer("0.0.0.0")
    port = urlsplit(viewer.get_viewer_url()).port
    data = viewer.volumes.serve(volume(np.ones((4, 4, 4), "u1"))).partition("|")[0]
    here = by_way_of(data, "127.0.0.2")
    assert port is not None
    for host in ("127.0.0.2", "localhost", "127.0.0.1", socket.gethostname().lower()):
        origin = f"http://{host}:{port}"
        answer = fetch(here, ".zattrs", Origin=origin)
        assert (answer.status, answer.headers["Access-Control-Allow-Origin"]) == (200, origin)
    for origin in (
        f"http://127.0.0.2:{port + 1}", "http://127.0.0.2", f"https://127.0.0.2:{port}",
        f"http://127.0.0.3:{port}", f"http://evil.example:{port}", f"http://127.0.0.2:{port}/",
        f"http://user@127.0.0.2:{port}", f"http://127.0.0.2:{port}.evil.example", "null",
    ):  # fmt: skip
        assert fetch(here, ".zattrs", Origin=origin).status == 403


@needs_127_0_0_2
def test_on_the_loopback_other_names_are_as_foreign_as_ever(
    volume: Callable[..., Volume], fetch: Callable[..., Any]
) -> None:
    with VolumeServer() as server:
        url = server.serve(volume(np.ones((4, 4, 4), "u1"))).partition("|")[0]
        for host in (socket.gethostname(), "127.0.0.2", "192.0.2.1"):
            assert fetch(url, ".zattrs", Host=host).status == (
                200 if host in ("localhost", "127.0.0.1") else 403
            )
