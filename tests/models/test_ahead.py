from __future__ import annotations

import threading
from contextvars import ContextVar

import pytest

from napari_dacapo.models.ahead import Pipeline, in_order

TIMEOUT = 60


@pytest.mark.parametrize("at_once", [1, 2, 3, 50])
def test_results_come_in_order(at_once: int) -> None:
    assert list(in_order(lambda n: n * n, range(20), at_once)) == [(n, n * n) for n in range(20)]
    assert list(in_order(lambda n: n, [], at_once)) == []


def test_the_next_ones_are_worked_on_meanwhile() -> None:
    """The first item waits for the third, which only threads of its own can begin."""
    third = threading.Event()

    def work(n: int) -> int:
        if n == 0:
            assert third.wait(TIMEOUT)
        if n == 2:
            third.set()
        return n

    assert [n for n, _ in in_order(work, range(5), 3)] == [0, 1, 2, 3, 4]


def test_no_more_at_once_than_allowed() -> None:
    begun: list[int] = []
    items = in_order(begun.append, range(100), 2)
    next(items)
    assert len(begun) <= 3
    items.close()  # type: ignore[attr-defined]
    assert len(begun) <= 3


def test_one_at_a_time_stays_on_the_thread() -> None:
    threads = {thread for _, thread in in_order(lambda _: threading.current_thread(), "ab", 1)}
    assert threads == {threading.current_thread()}


def test_an_error_comes_when_it_is_its_turn_and_ends_the_rest() -> None:
    done = []

    def work(n: int) -> int:
        if n == 1:
            raise OSError("torn")
        return n

    def take_all() -> None:
        for n, _ in in_order(work, range(1000), 2):
            done.append(n)

    with pytest.raises(OSError, match="torn"):
        take_all()
    assert done == [0]
    assert not [t for t in threading.enumerate() if t.name.startswith("napari-dacapo blocks")]


def test_work_knows_what_the_caller_knows() -> None:
    asked: ContextVar[str] = ContextVar("asked", default="nobody")
    asked.set("the caller")
    assert [value for _, value in in_order(lambda _: asked.get(), range(3), 2)] == [
        "the caller"
    ] * 3


@pytest.mark.parametrize("at_once", [1, 2])
def test_what_is_forgotten_is_not_taken(at_once: int) -> None:
    pipeline = Pipeline(lambda n: n, at_once)
    pipeline.put(1)
    pipeline.clear()
    assert len(pipeline) == 0
    pipeline.put(2)
    assert pipeline.take() == (2, 2)
    with pytest.raises(IndexError):
        pipeline.take()
    pipeline.close()
