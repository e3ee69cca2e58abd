"""The loopback server: what it gives, and to whom."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import threading
from typing import TYPE_CHECKING, Any

import dask.array as da
import numpy as np
import pytest
import tensorstore as ts
import zarr

from napari_dacapo.viewers.neuroglancer.server import VolumeServer
from napari_dacapo.volumes import ArraySource, Level, open_volume

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from napari_dacapo.volumes import Volume


@pytest.fixture
def server() -> Iterator[VolumeServer]:
    with VolumeServer(origins=["http://127.0.0.1:1234/v/abc/"]) as server:
        yield server


def read(url: str, level: int = 0) -> np.ndarray[Any, Any]:
    """Read a level as the client would, with the metadata that the server makes."""
    address, _, kind = url.partition("|")
    spec = {"driver": {"zarr2:": "zarr", "zarr3:": "zarr3"}[kind], "kvstore": f"{address}{level}/"}
    return np.asarray(ts.open(spec, open=True, read=True).result())


def at(url: str, key: str = "") -> str:
    return url.partition("|")[0] + key


PREDICTION = "main/dist_aniso/validation.zarr/20/ds_aniso_val/prediction"


def test_sends_the_stored_chunks_untouched(
    server: VolumeServer, stores: Path, fetch: Callable[..., Any]
) -> None:
    path = stores / PREDICTION
    url = server.serve(open_volume(path))
    files = [file for file in path.rglob("*") if file.is_file() and not file.name.startswith(".")]
    assert files
    for file in files:
        answer = fetch(at(url, f"0/{file.relative_to(path).as_posix()}"))
        assert (answer.status, answer.body) == (200, file.read_bytes())
    np.testing.assert_array_equal(read(url), zarr.open_array(path, mode="r")[:])


def test_places_the_volume_by_voxel_centres(
    server: VolumeServer, stores: Path, fetch: Callable[..., Any]
) -> None:
    url = server.serve(open_volume(stores / PREDICTION))
    (image,) = json.loads(fetch(at(url, ".zattrs")).body)["multiscales"]
    assert [axis["name"] for axis in image["axes"]] == ["c^", "z", "y", "x"]
    scale, translation = image["datasets"][0]["coordinateTransformations"]
    assert scale["scale"] == [1.0, 40.0, 4.0, 4.0]
    assert translation["translation"][1:] == [1200 + 20, 800 + 2, 440 + 2]


@pytest.mark.parametrize("name", ["raw", "gt"])
def test_reencodes_what_the_client_cannot_read(
    server: VolumeServer, stores: Path, name: str
) -> None:
    path = stores / "main/dist_aniso/validation.zarr/inputs/aniso_val" / name
    stored = zarr.open_array(path, mode="r")[:]
    assert stored.dtype in (np.float64, np.bool_)
    shown = read(server.serve(open_volume(path, kind="labels" if name == "gt" else "image")))
    assert shown.dtype in (np.float32, np.uint8)
    np.testing.assert_array_equal(shown, stored.astype(shown.dtype))


def test_channels_in_chunks_of_their_own_are_brought_together(
    server: VolumeServer, stores: Path, fetch: Callable[..., Any]
) -> None:
    path = stores / "pypi-0.3.5/affs_same_iso0/validation.zarr/20/ds_iso0_val_a/prediction"
    stored = zarr.open_array(path, mode="r")
    assert stored.chunks[0] < stored.shape[0]
    url = server.serve(open_volume(path))
    assert json.loads(fetch(at(url, "0/.zarray")).body)["chunks"][0] == stored.shape[0]
    np.testing.assert_array_equal(read(url), stored[:])


DTYPES = ["?", "u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", "f2", "f4", "f8", ">u2", ">f4"]


@pytest.mark.parametrize(
    ("kind", "dtype", "on_disk"),
    [
        (kind, dtype, on_disk)
        for kind in ("image", "labels")
        for dtype in DTYPES
        for on_disk in (2, 3, None)
        # Labels are integers, and zarr v3 says byte order in a codec.
        if not (kind == "labels" and "f" in dtype) and not (on_disk == 3 and ">" in dtype)
    ],
)
def test_every_type_of_element_arrives(
    server: VolumeServer,
    volume: Callable[..., Volume],
    tmp_path: Path,
    kind: str,
    dtype: str,
    on_disk: int | None,
) -> None:
    values = (np.arange(5 * 6 * 70).reshape(5, 6, 70) % 120).astype(dtype)
    if on_disk is None:
        shown = volume(values, role="gt" if kind == "labels" else "raw")
    else:
        zarr.create_array(tmp_path / "a.zarr", data=values, chunks=(2, 4, 32), zarr_format=on_disk)
        shown = open_volume(tmp_path / "a.zarr", kind=kind)  # type: ignore[arg-type]
    assert shown.kind == kind
    arrived = read(server.serve(shown))
    assert arrived.dtype.name in {
        "uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "float32",
    }  # fmt: skip
    np.testing.assert_array_equal(arrived.astype("f8"), values.astype("f8"))


@pytest.mark.parametrize("order", ["C", "F"])
def test_fortran_order_and_separators(server: VolumeServer, tmp_path: Path, order: Any) -> None:
    values = np.random.default_rng(0).integers(0, 255, (9, 10, 11), "u1")
    array = zarr.create_array(
        tmp_path / "a.zarr", shape=values.shape, dtype="u1", chunks=(4, 5, 6), order=order,
        zarr_format=2, chunk_key_encoding={"name": "v2", "separator": "."},
    )  # fmt: skip
    array[:] = values
    np.testing.assert_array_equal(read(server.serve(open_volume(tmp_path / "a.zarr"))), values)


def test_shards_are_read_by_ranges(
    server: VolumeServer, tmp_path: Path, fetch: Callable[..., Any]
) -> None:
    values = np.random.default_rng(0).integers(0, 2**16, (40, 40, 40), "u2")
    path = tmp_path / "sharded.zarr"
    zarr.create_array(path, data=values, chunks=(10, 10, 10), shards=(20, 20, 20), zarr_format=3)
    url = server.serve(open_volume(path))
    shard = (path / "c/0/0/0").read_bytes()
    for header, expected in [
        ("bytes=0-99", shard[:100]),
        ("bytes=100-", shard[100:]),
        ("bytes=-64", shard[-64:]),
        (f"bytes=5-{len(shard) * 2}", shard[5:]),
    ]:
        answer = fetch(at(url, "0/c/0/0/0"), Range=header)
        assert (answer.status, answer.body) == (206, expected)
        assert answer.headers["Content-Range"].endswith(f"/{len(shard)}")
    assert fetch(at(url, "0/c/0/0/0"), Range=f"bytes={len(shard)}-").status == 416
    head = fetch(at(url, "0/c/0/0/0"), method="HEAD")
    assert (head.status, head.body) == (200, b"")
    assert int(head.headers["Content-Length"]) == len(shard)
    np.testing.assert_array_equal(read(url), values)


def test_a_large_file_is_sent_whole(
    server: VolumeServer, tmp_path: Path, fetch: Callable[..., Any]
) -> None:
    values = np.random.default_rng(0).integers(0, 255, (220, 220, 220), "u1")
    path = tmp_path / "large.zarr"
    zarr.create_array(path, data=values, chunks=values.shape, zarr_format=2, compressors=None)
    url = server.serve(open_volume(path))
    file = (path / "0.0.0") if (path / "0.0.0").exists() else path / "0/0/0"
    key = file.relative_to(path).as_posix()
    assert fetch(at(url, f"0/{key}")).body == values.tobytes()
    assert (
        fetch(at(url, f"0/{key}"), Range="bytes=5000000-9000000").body
        == (values.tobytes()[5000000:9000001])
    )


def test_n5_is_reencoded(server: VolumeServer, tmp_path: Path) -> None:
    values = np.random.default_rng(0).integers(0, 2**16, (20, 30, 40), "u2")
    spec = {
        "driver": "n5",
        "kvstore": f"file://{tmp_path}/a.n5/raw/",
        "metadata": {
            "dimensions": [40, 30, 20], "blockSize": [16, 16, 16], "dataType": "uint16",
            "compression": {"type": "gzip"},
        },
    }  # fmt: skip
    ts.open(spec, create=True).result()[...] = values.T
    shown = open_volume(tmp_path / "a.n5", "raw")
    np.testing.assert_array_equal(read(server.serve(shown)), np.asarray(shown.data))


def test_levels_are_served_with_places_of_their_own(
    server: VolumeServer, volume: Callable[..., Volume], fetch: Callable[..., Any]
) -> None:
    fine = np.random.default_rng(0).integers(0, 255, (64, 64, 64), "u1")
    level = Level(da.from_array(fine[::2, ::2, ::2], name=False), (16.0,) * 3, (100.0,) * 3)
    url = server.serve(volume(fine, offset=(100.0,) * 3, levels=(level,)))
    (image,) = json.loads(fetch(at(url, ".zattrs")).body)["multiscales"]
    assert [d["coordinateTransformations"][1]["translation"] for d in image["datasets"]] == [
        [104.0] * 3,
        [108.0] * 3,
    ]
    np.testing.assert_array_equal(read(url, 1), fine[::2, ::2, ::2])


def test_a_chunk_of_zeros_is_not_sent(
    server: VolumeServer, volume: Callable[..., Volume], fetch: Callable[..., Any]
) -> None:
    url = server.serve(volume(np.zeros((10, 10, 10), "f8")))
    assert fetch(at(url, "0/0/0/0")).status == 404
    assert not read(url).any()


def test_a_rewritten_array_has_a_new_address(server: VolumeServer, tmp_path: Path) -> None:
    path = tmp_path / "a.zarr"
    zarr.create_array(path, data=np.ones((8, 8, 8), "u1"), zarr_format=2)
    before = server.serve(open_volume(path))
    assert server.serve(open_volume(path)) == before
    zarr.create_array(path, data=np.full((8, 8, 8), 7, "u1"), zarr_format=2, overwrite=True)
    os.utime(path / ".zarray", ns=(1, 1))
    after = server.serve(open_volume(path))
    assert after != before
    assert read(after).max() == 7


def test_computing_does_not_hold_up_other_answers(
    server: VolumeServer, volume: Callable[..., Volume], fetch: Callable[..., Any]
) -> None:
    begun, finish = threading.Event(), threading.Event()

    def slow(block: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        begun.set()
        assert finish.wait(30)
        return block + 1

    data = da.zeros((16, 16, 16), chunks=16, dtype="u1").map_blocks(
        slow, dtype="u1", meta=np.empty((0,) * 3)
    )
    slow_url = server.serve(volume(data, role="prediction"))
    quick_url = server.serve(volume(np.ones((8, 8, 8), "u1")))
    answers: list[Any] = []
    waiting = threading.Thread(target=lambda: answers.append(fetch(at(slow_url, "0/0/0/0"))))
    waiting.start()
    assert begun.wait(30)
    assert fetch(at(quick_url, "0/0/0/0")).status == 200
    assert not answers
    finish.set()
    waiting.join(30)
    assert set(answers[0].body) == {1}


def test_what_goes_wrong_is_said_and_not_shown_as_nothing(
    volume: Callable[..., Volume], fetch: Callable[..., Any]
) -> None:
    said: list[tuple[Any, str]] = []

    def fail(block: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        raise ValueError("no such weights")

    data = da.zeros((8, 8, 8), dtype="f4").map_blocks(fail, dtype="f4", meta=np.empty((0, 0, 0)))
    shown = volume(data, role="prediction")
    with VolumeServer(on_error=lambda volume, text: said.append((volume, text))) as server:
        answer = fetch(at(server.serve(shown), "0/0/0/0"))
    assert answer.status == 500
    assert b"no such weights" in answer.body
    assert said == [(shown, "ValueError: no such weights")]


def test_a_store_that_went_away_is_no_chunk_of_zeros(
    server: VolumeServer, tmp_path: Path, fetch: Callable[..., Any]
) -> None:
    path = tmp_path / "a.zarr"
    zarr.create_array(path, data=np.ones((8, 8, 8), "u1"), chunks=(4, 8, 8), zarr_format=2)
    url = server.serve(open_volume(path))
    assert fetch(at(url, "0/.zarray")).status == 200
    key = "0/1/0/0" if json.loads(fetch(at(url, "0/.zarray")).body)["dimension_separator"] == "/" \
        else "0/1.0.0"  # fmt: skip
    assert fetch(at(url, key)).status == 200
    path.rename(tmp_path / "b.zarr")
    answer = fetch(at(url, key))
    assert answer.status == 410
    assert b"no longer there" in answer.body


@pytest.mark.parametrize("text", [b"", b"{", b"[1]", b"\xff\xfe", b"[" * 100_000, b" " * 2**21])
def test_broken_metadata_is_said(
    server: VolumeServer,
    volume: Callable[..., Volume],
    tmp_path: Path,
    fetch: Callable[..., Any],
    text: bytes,
) -> None:
    (tmp_path / ".zarray").write_bytes(text)
    shown = volume(np.ones((4, 4, 4), "u1"), source=ArraySource(tmp_path, "zarr2"))
    answer = fetch(at(server.serve(shown), "0/.zarray"))
    assert answer.status == 500
    assert b"is not zarr metadata" in answer.body


# -- who may ask ---------------------------------------------------------------------------------


@pytest.fixture(params=["at once", "on a thread"])
def secret(
    server: VolumeServer, tmp_path: Path, fetch: Callable[..., Any], request: pytest.FixtureRequest
) -> str:
    """Address of a volume that may be read; what was read before is answered at once."""
    inside = tmp_path / "served.zarr"
    zarr.create_array(
        inside, data=np.ones((8, 8, 8), "u1"), chunks=(4, 8, 8), zarr_format=2,
        chunk_key_encoding={"name": "v2", "separator": "/"},
    )  # fmt: skip
    outside = tmp_path / "outside.zarr"
    zarr.create_array(outside, data=np.full((8, 8, 8), 9, "u1"), zarr_format=2)
    (tmp_path / "password").write_text("hunter2")
    url = at(server.serve(open_volume(inside)))
    if request.param == "at once":
        assert fetch(url, "0/.zarray").status == 200
        assert fetch(url, "0/0/0/0").status == 200
    return url


def test_the_right_request_is_answered(secret: str, fetch: Callable[..., Any]) -> None:
    answer = fetch(secret, "0/0/0/0")
    assert answer.status == 200
    assert answer.headers["Cache-Control"] == "no-store"


def test_the_token_has_256_bits(server: VolumeServer) -> None:
    assert len(server.token) == 43  # base64 without padding
    assert server.url.endswith(server.token)


@pytest.mark.parametrize("token", ["", "x", "A" * 43, "%00", ".."])
def test_no_or_a_wrong_token_is_refused(
    server: VolumeServer, secret: str, fetch: Callable[..., Any], token: str
) -> None:
    wrong = secret.replace(f"/{server.token}/", f"/{token}/")
    assert fetch(wrong, "0/0/0/0").status == 404
    assert fetch(secret.replace(f"/{server.token}/", "/"), "0/0/0/0").status == 404
    assert fetch(wrong, "0/0/0/0", method="OPTIONS").status == 404


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "", "[::", "10.0.0.1"]
)
def test_a_foreign_host_is_refused(secret: str, fetch: Callable[..., Any], host: str) -> None:
    answer = fetch(secret, "0/0/0/0", Host=host)
    assert answer.status in (400, 403)
    assert b"\x01" not in answer.body


@pytest.mark.parametrize("host", ["127.0.0.1:80", "localhost", "LOCALHOST:1", "[::1]:5"])
def test_all_names_of_the_loopback_are_ours(
    secret: str, fetch: Callable[..., Any], host: str
) -> None:
    assert fetch(secret, "0/0/0/0", Host=host).status == 200


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://127.0.0.1:1235", "https://127.0.0.1:1234"]
)
def test_a_foreign_page_is_refused(secret: str, fetch: Callable[..., Any], origin: str) -> None:
    for method in ("GET", "HEAD", "OPTIONS"):
        answer = fetch(secret, "0/0/0/0", method=method, Origin=origin)
        assert answer.status == 403
        assert "Access-Control-Allow-Origin" not in answer.headers


def test_the_neuroglancer_page_may_read(secret: str, fetch: Callable[..., Any]) -> None:
    origin = "http://127.0.0.1:1234"
    answer = fetch(secret, "0/0/0/0", Origin=origin)
    assert answer.status == 200
    assert answer.headers["Access-Control-Allow-Origin"] == origin
    asked = fetch(secret, "0/0/0/0", method="OPTIONS", Origin=origin)
    assert asked.status == 204
    assert asked.headers["Access-Control-Allow-Methods"] == "GET, HEAD"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "TRACE", "CONNECT"])
def test_only_reading_is_possible(secret: str, fetch: Callable[..., Any], method: str) -> None:
    assert fetch(secret, "0/0/0/0", method=method).status in (400, 405)


@pytest.mark.parametrize(
    "key",
    [
        "0/../../password", "0/..%2f..%2fpassword", "0/%2e%2e/%2e%2e/password",
        "0/..%252f..%252fpassword", "../password", "0/0/0/0/../../../../password",
        "0//etc/passwd", "/etc/passwd", "0/0/0/%00", "0/0/0/0%00.zattrs", "0/.zattrs/../password",
        "0\\..\\..\\password", "0/0/0/-1", "0/0/0/+0", "0/0/0/00", "0/0/0/%D9%A0", "0/0/0/1e0",
        "0/2/0/0", "0/0/0", "0/0/0/0/0", "0/0.0.0", "1/.zarray", "99999/.zarray", "-0/.zarray",
        "0/.zgroup", "password", "0/password", "classes/info", "0/" + "9" * 5000,
    ],
)  # fmt: skip
def test_nothing_else_can_be_reached(secret: str, fetch: Callable[..., Any], key: str) -> None:
    answer = fetch(secret, key)
    assert answer.status in (400, 404)
    assert b"hunter2" not in answer.body


def test_links_that_lead_out_of_the_array_are_refused(
    secret: str, tmp_path: Path, fetch: Callable[..., Any]
) -> None:
    inside = tmp_path / "served.zarr"
    assert fetch(secret, "0/1/0/0").status == 200
    (inside / "1/0/0").unlink()
    (inside / "1/0/0").symlink_to(tmp_path / "password")
    answer = fetch(secret, "0/1/0/0")
    assert (answer.status, b"hunter2" in answer.body) == (500, False)

    (inside / "1/0/0").unlink()
    (inside / "1/0").rmdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/0").write_text("hunter2")
    (inside / "1/0").symlink_to(tmp_path / "elsewhere")
    answer = fetch(secret, "0/1/0/0")
    assert (answer.status, b"hunter2" in answer.body) == (500, False)


def test_what_is_no_file_is_refused(secret: str, tmp_path: Path, fetch: Callable[..., Any]) -> None:
    chunk = tmp_path / "served.zarr/1/0/0"
    chunk.unlink()
    os.mkfifo(chunk)
    assert fetch(secret, "0/1/0/0").status == 500


def test_an_array_that_is_itself_a_link_is_served(
    server: VolumeServer, secret: str, tmp_path: Path
) -> None:
    (tmp_path / "link.zarr").symlink_to(tmp_path / "served.zarr")
    assert read(server.serve(open_volume(tmp_path / "link.zarr"))).max() == 1


def test_only_volumes_handed_over_are_served(
    server: VolumeServer, volume: Callable[..., Volume], fetch: Callable[..., Any]
) -> None:
    shown = volume(np.ones((4, 4, 4), "u1"))
    other = volume(np.ones((4, 4, 4), "u1"), role="prediction")
    with VolumeServer() as elsewhere:
        foreign = at(elsewhere.serve(other)).replace(elsewhere.url, server.url)
        assert fetch(foreign, ".zattrs").status == 410
    url = at(server.serve(shown))
    assert fetch(url, ".zattrs").status == 200
    server.withdraw(shown)
    assert fetch(url, ".zattrs").status == 410


def test_closing_ends_everything(volume: Callable[..., Volume], fetch: Callable[..., Any]) -> None:
    server = VolumeServer()
    url = at(server.serve(volume(np.ones((4, 4, 4), "u1"))))
    assert fetch(url, ".zattrs").status == 200
    server.close()
    assert server.closed
    with pytest.raises(ConnectionRefusedError):
        fetch(url, ".zattrs")
    server.close()


def test_closing_does_not_wait_for_what_is_being_computed(
    volume: Callable[..., Volume], fetch: Callable[..., Any]
) -> None:
    begun, finish = threading.Event(), threading.Event()

    def slow(block: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        begun.set()
        finish.wait(30)
        return block

    data = da.zeros((8, 8, 8), dtype="u1").map_blocks(slow, dtype="u1", meta=np.empty((0,) * 3))
    server = VolumeServer()
    url = at(server.serve(volume(data)))

    def ask() -> None:
        with contextlib.suppress(OSError, http.client.HTTPException):
            fetch(url, "0/0/0/0")

    waiting = threading.Thread(target=ask)
    waiting.start()
    assert begun.wait(30)
    server.close()
    assert server.closed
    finish.set()
    waiting.join(30)


def test_another_address_is_warned_of(volume: Callable[..., Volume]) -> None:
    with pytest.warns(UserWarning, match="whoever has the link can read"):
        server = VolumeServer(bind_address="0.0.0.0")
    server.close()
    assert not server.loopback


def test_a_port_in_use_is_an_error() -> None:
    with VolumeServer() as server, pytest.raises(OSError, match="in use"):
        VolumeServer(bind_port=server.port)
