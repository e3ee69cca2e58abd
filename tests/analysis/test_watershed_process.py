"""The watershed in a process of its own: the same segments, and an end when nobody waits."""

from __future__ import annotations

import subprocess
import sys
import threading
from typing import Any

import numpy as np
import psutil
import pytest

from napari_dacapo.analysis import methods, watershed_process
from napari_dacapo.analysis.cancelling import check_cancelled, stop_when
from napari_dacapo.analysis.watershed_process import watershed
from napari_dacapo.errors import AnalysisError, CancelledError

OFFSETS = ((1, 0, 0), (0, 1, 0), (0, 0, 1), (4, 0, 0), (0, 4, 0), (0, 0, 4))


def affinities(*shape: int, dtype: str = "f4") -> np.ndarray[Any, Any]:
    return np.random.default_rng(0).random((len(OFFSETS), *shape)).astype(dtype)


def processes() -> list[psutil.Process]:
    """Return the processes of ours that compute a watershed."""
    found = []
    for child in psutil.Process().children():
        try:
            if "watershed_process" in " ".join(child.cmdline()):
                found.append(child)
        except psutil.Error:
            continue
    return found


@pytest.mark.parametrize("dtype", ["f4", ">f4", "f8", "u1"])
def test_the_segments_are_the_same(dtype: str) -> None:
    values = affinities(26, 24, 28, dtype=dtype)[:, :, ::1]
    segments = watershed(values, OFFSETS, 0.5)
    expected = methods.watershed(values, OFFSETS, 0.5)
    np.testing.assert_array_equal(segments, expected)
    assert segments.dtype == np.uint64
    segments[0, 0, 0] = 1  # ids of blocks are moved in place
    assert not processes()


def test_views_are_sent_as_they_look() -> None:
    values = affinities(56, 30, 30).transpose(0, 3, 1, 2)[:, ::-1, ::2]
    np.testing.assert_array_equal(
        watershed(values, OFFSETS, 0.3), methods.watershed(values, OFFSETS, 0.3)
    )


def test_this_process_never_computes_a_large_one() -> None:
    code = (
        "import sys, numpy as np\n"
        "from napari_dacapo.analysis.watershed_process import watershed\n"
        "ones = np.ones((1, 30, 30, 30), 'f4')\n"
        "assert len(np.unique(watershed(ones, [(1, 0, 0)], .5))) > 1\n"
        "assert 'mwatershed' not in sys.modules\n"
        "watershed(ones[:, :4], [(1, 0, 0)], .5)\n"
        "assert 'mwatershed' in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_it_ends_when_nobody_waits() -> None:
    asked, seen, raised = threading.Event(), threading.Event(), []

    def cancelled() -> bool:
        if processes():
            seen.set()
        return asked.is_set()

    def work() -> None:
        # Much more than is done before it is cancelled.
        with stop_when(cancelled), pytest.raises(CancelledError) as caught:
            watershed(affinities(150, 150, 150), OFFSETS, 0.5)
        raised.append(caught.value)

    thread = threading.Thread(target=work)
    thread.start()
    assert seen.wait(60)
    asked.set()
    thread.join(60)
    assert raised
    assert not processes()


def test_it_does_not_begin_when_nobody_waits() -> None:
    with stop_when(lambda: True), pytest.raises(CancelledError):
        watershed(affinities(30, 30, 30), OFFSETS, 0.5)
    check_cancelled()  # outside, nothing is cancelled


def test_what_goes_wrong_there_is_said_here(monkeypatch: pytest.MonkeyPatch) -> None:
    values = affinities(30, 30, 30)
    values[3, 2, 2, 2] = np.nan
    with pytest.raises(AnalysisError, match=r"^The watershed cannot.*NaN.*another iteration\.$"):
        watershed(values, OFFSETS, 0.5)
    monkeypatch.setattr(watershed_process, "_BEGIN", "raise MemoryError('so much')")
    with pytest.raises(AnalysisError, match=r"MemoryError: so much.*more memory"):
        watershed(affinities(30, 30, 30), OFFSETS, 0.5)
    monkeypatch.setattr(watershed_process, "_BEGIN", "import os, signal; os.kill(os.getpid(), 9)")
    with pytest.raises(AnalysisError, match="ended with -9"):
        watershed(affinities(30, 30, 30), OFFSETS, 0.5)
    assert not processes()
