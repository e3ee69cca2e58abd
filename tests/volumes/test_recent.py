"""Arrays that were computed last are at hand, and no more of them than allowed."""

from __future__ import annotations

import pickle

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
    assert recent.get("a", lambda: np.zeros(10)).flags.writeable
    assert recent.get("a", lambda: np.ones(10))[0] == 1


def test_nothing_is_pickled() -> None:
    recent = Recent(10_000)
    recent.get("a", lambda: np.zeros(9_000, np.uint8))
    pickled = pickle.dumps(recent)
    assert len(pickled) < 200
    assert pickle.loads(pickled).get("a", lambda: np.ones(1))[0] == 1
