"""Arrays that were computed last are at hand, and no more of them than allowed."""

from __future__ import annotations

import pickle
import threading
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import pytest

from napari_dacapo.volumes.recent import Recent


def test_the_same_key_is_computed_once() -> None:
    recent, computed = Recent(1000), []

    def compute() -> np.ndarray:
        computed.append(1)
        return np.arange(10, dtype=np.uint8)

    first, second = recent.get("a", compute), recent.get("a", compute)
    assert first is second
    assert len(computed) == 1
    with pytest.raises(ValueError, match="read-only"):
        first[0] = 1


def test_the_oldest_gives_way() -> None:
    recent, computed = Recent(25), []

    def ask(key: str) -> None:
        recent.get(key, lambda: computed.append(key) or np.zeros(10, np.uint8))  # type: ignore[func-returns-value]

    for key in "abacab":
        ask(key)
    assert computed == ["a", "b", "c", "b"]


def test_what_is_too_large_is_not_kept() -> None:
    recent = Recent(5)
    assert recent.get("a", lambda: np.zeros(10))[0] == 0
    assert recent.n_bytes == 0
    assert recent.get("a", lambda: np.ones(10))[0] == 1


def test_nothing_is_pickled() -> None:
    recent = Recent(10_000)
    recent.get("a", lambda: np.zeros(9_000, np.uint8))
    pickled = pickle.dumps(recent)
    assert len(pickled) < 200
    assert pickle.loads(pickled).get("a", lambda: np.ones(1))[0] == 1


def test_small_arrays_are_counted() -> None:
    recent = Recent(10_000, most=3)
    for key in range(5):
        recent.get(key, lambda: np.zeros(1, np.uint8))
    assert recent.n_bytes == 3


def test_it_shrinks() -> None:
    recent = Recent(100)
    for key in range(10):
        recent.get(key, lambda: np.zeros(10, np.uint8))
    recent.set_size(35)
    assert recent.n_bytes == 30
    recent.clear()
    assert recent.n_bytes == 0


def test_what_is_handed_over_stays_writable() -> None:
    own = np.zeros(3)
    shared = Recent(100).get("a", lambda: own)
    own[0] = 1
    assert shared[0] == 1
    assert not shared.flags.writeable


class Slow:
    """Computes when it is told to, and says when it begins."""

    def __init__(self, *answers: np.ndarray | Exception) -> None:
        self.begun, self.finish = threading.Event(), threading.Event()
        self.answers = list(answers)

    def __call__(self) -> np.ndarray:
        self.begun.set()
        assert self.finish.wait(30)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.mark.parametrize("max_bytes", [1000, 1], ids=["kept", "too large to be kept"])
def test_those_who_ask_meanwhile_wait(max_bytes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = threading.Semaphore(0)
    wait = Future.result

    def result(future: Future[np.ndarray], timeout: float | None = None) -> np.ndarray:
        waiting.release()
        return wait(future, timeout)

    slow, recent = Slow(np.arange(5)), Recent(max_bytes)
    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(recent.get, "a", slow)
        assert slow.begun.wait(30)
        monkeypatch.setattr(Future, "result", result)
        others = [pool.submit(recent.get, "a", slow) for _ in range(3)]
        assert all(waiting.acquire(timeout=30) for _ in others)
        monkeypatch.undo()
        slow.finish.set()
        found = [future.result(30) for future in (first, *others)]
    assert all(array is found[0] for array in found)
    assert slow.answers == []


def test_who_waited_for_a_failure_tries_it_himself() -> None:
    slow, recent = Slow(RuntimeError("cancelled"), np.arange(5)), Recent(1000)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(recent.get, "a", slow)
        assert slow.begun.wait(30)
        second = pool.submit(recent.get, "a", slow)
        slow.finish.set()
        with pytest.raises(RuntimeError, match="cancelled"):
            first.result(30)
        assert second.result(30).sum() == 10
