"""What goes wrong is said, and not once for each chunk."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import dask.array as da
import numpy as np
import pytest

from napari_dacapo.errors import BrokenFileError
from napari_dacapo.viewers.neuroglancer.reports import Reports
from napari_dacapo.viewers.neuroglancer.server import VolumeServer

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_dacapo.volumes import Volume


@pytest.fixture
def shown(volume: Callable[..., Volume]) -> Volume:
    return volume(np.ones((4, 4, 4), "u1"))


def warnings_in(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING]


def test_a_message_is_said_once_of_each_volume(
    shown: Volume, caplog: pytest.LogCaptureFixture
) -> None:
    reports = Reports()
    other = shown.with_(offset=(8.0, 8.0, 8.0))
    for _ in range(3):
        assert reports.tell(shown, BrokenFileError("It is torn.")) == "It is torn."
        assert reports.tell(shown, ValueError("no weights")) == "ValueError: no weights"
        reports.tell(other, BrokenFileError("It is torn."))
    assert warnings_in(caplog) == [
        "run · data · raw: It is torn.",
        "run · data · raw: ValueError: no weights",
        "run · data · raw: It is torn.",
    ]
    reports.forget(shown)
    reports.tell(shown, BrokenFileError("It is torn."))
    assert len(warnings_in(caplog)) == 4


def test_a_flood_of_messages_is_cut_off(shown: Volume, caplog: pytest.LogCaptureFixture) -> None:
    reports = Reports()
    for chunk in range(100):
        assert str(chunk) in reports.tell(shown, ValueError(f"chunk {chunk}"))
    said = warnings_in(caplog)
    assert said[:10] == [f"run · data · raw: ValueError: chunk {i}" for i in range(10)]
    assert said[10:] == [
        "run · data · raw: more is wrong, which is told at the level of debugging only"
    ]


def test_where_it_happened_is_for_debugging(
    shown: Volume, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        for _ in range(2):
            Reports().tell(shown, ValueError("no weights"))
    traced = [record.levelno for record in caplog.records if record.exc_info]
    assert traced == [logging.DEBUG] * 2


def test_chunks_that_fail_do_not_fill_the_log(
    volume: Callable[..., Volume], fetch: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    def fail(block: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        raise ValueError("no such weights")

    data = da.zeros((8, 8, 512), chunks=(8, 8, 64), dtype="f4").map_blocks(
        fail, dtype="f4", meta=np.empty((0, 0, 0))
    )
    with VolumeServer() as server:
        url = server.serve(volume(data)).partition("|")[0]
        assert [fetch(url, f"0/0/0/{x}").status for x in range(8)] == [500] * 8
    assert warnings_in(caplog) == ["run · data · raw: ValueError: no such weights"]
    assert "Traceback" not in caplog.text
