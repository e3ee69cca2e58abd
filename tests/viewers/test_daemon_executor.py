"""Threads that work, and that let the process end whatever they are doing."""

from __future__ import annotations

import gc
import subprocess
import sys
import textwrap
import threading
import weakref
from concurrent.futures import CancelledError, wait

import pytest

from napari_dacapo.viewers.daemon_executor import DaemonExecutor


def test_work_is_done_and_failures_are_handed_on() -> None:
    with DaemonExecutor(2, "test") as executor:
        assert list(executor.map(pow, [2, 3], [5, 2])) == [32, 9]
        with pytest.raises(ZeroDivisionError):
            executor.submit(divmod, 1, 0).result(30)
        with pytest.raises(SystemExit):
            executor.submit(sys.exit, 3).result(30)
        # A thread survives what it ran.
        assert executor.submit(lambda **more: more, a=1).result(30) == {"a": 1}


def test_no_more_threads_than_asked_for_and_no_more_than_needed() -> None:
    with DaemonExecutor(3, "test") as executor:
        names = {executor.submit(lambda: threading.current_thread().name).result(30)}
        for _ in range(5):
            names.add(executor.submit(lambda: threading.current_thread().name).result(30))
        go_on, busy = threading.Event(), threading.Semaphore(0)

        def hold() -> str:
            busy.release()
            assert go_on.wait(30)
            return threading.current_thread().name

        held = [executor.submit(hold) for _ in range(3)]
        for _ in held:
            assert busy.acquire(timeout=30)
        waiting = executor.submit(lambda: threading.current_thread().name)
        assert not waiting.done()
        go_on.set()
        used = {future.result(30) for future in held}
        assert len(used) == 3
        assert waiting.result(30) in used
        assert names <= {"test_0", "test_1", "test_2"}


def test_threads_do_not_hold_up_the_end() -> None:
    with DaemonExecutor(1, "test") as executor:
        assert executor.submit(lambda: threading.current_thread().daemon).result(30)


def test_shutting_down_cancels_what_has_not_begun() -> None:
    executor = DaemonExecutor(1, "test")
    begun, go_on = threading.Event(), threading.Event()

    def hold() -> bool:
        begun.set()
        return go_on.wait(30)

    first = executor.submit(hold)
    assert begun.wait(30)
    later = [executor.submit(int) for _ in range(3)]
    executor.shutdown(wait=False, cancel_futures=True)
    executor.shutdown(wait=False)
    for future in later:
        with pytest.raises(CancelledError):
            future.result(30)
    with pytest.raises(RuntimeError, match="shut down"):
        executor.submit(int)
    assert not first.done()
    go_on.set()
    executor.shutdown()
    assert first.result(0)


def test_shutting_down_waits_for_what_was_given() -> None:
    executor = DaemonExecutor(2, "test")
    futures = [executor.submit(int, i) for i in range(20)]
    executor.shutdown()
    assert not wait(futures, 0).not_done


def test_a_forgotten_executor_ends_its_threads() -> None:
    executor = DaemonExecutor(1, "test")
    thread = executor.submit(threading.current_thread).result(30)
    gone = weakref.ref(executor)
    del executor
    gc.collect()
    assert gone() is None
    thread.join(30)
    assert not thread.is_alive()


@pytest.mark.parametrize("count", [0, -1])
def test_there_must_be_threads(count: int) -> None:
    with pytest.raises(ValueError, match="thread"):
        DaemonExecutor(count, "test")


def run(code: str) -> subprocess.CompletedProcess[str]:
    """Run in a process of its own, which must end by itself."""
    command = [sys.executable, "-c", textwrap.dedent(code)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def test_a_process_ends_while_work_is_being_done() -> None:
    done = run(
        """
        import threading
        from napari_dacapo.viewers.daemon_executor import DaemonExecutor
        executor, begun = DaemonExecutor(1, "test"), threading.Event()
        def hang():
            begun.set()
            threading.Event().wait()
        executor.submit(hang)
        executor.submit(print, "never")
        assert begun.wait(60)
        """
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.long
def test_a_process_ends_while_chunks_are_computed() -> None:
    done = run(
        """
        import threading, urllib.request
        import dask.array as da, numpy as np
        from napari_dacapo.view import get_viewer
        begun = threading.Semaphore(0)
        def hang(block):
            begun.release()
            threading.Event().wait()
        def lazily(n):
            return da.zeros((n, 8, 8), chunks=8, dtype="u1").map_blocks(
                hang, meta=np.empty((0, 0, 0), "u1"))
        # One array is served as zarr, the other, long and without levels, by LocalVolume.
        viewer = get_viewer({"a": {"array": lazily(8)}, "b": {"array": lazily(2048)}})
        zarr = viewer.state.layers["a"].source[0].url.partition("|")[0]
        local = viewer.state.layers["b"].source[0].url.removeprefix("python://volume/")
        page = viewer.get_viewer_url().partition("/v/")[0]
        def ask(url):
            try:
                urllib.request.urlopen(url).read()
            except Exception:
                pass
        for url in (
            zarr + "0/0/0/0",
            f"{page}/neuroglancer/npz/{local}/1,1,1/0,0,0/8,8,8",
        ):
            threading.Thread(target=ask, args=(url,), daemon=True).start()
        for _ in range(2):
            assert begun.acquire(timeout=60)
        """
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
