from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.viewers.on_screen import Later

from napari_dacapo.errors import UnsupportedError
from napari_dacapo.viewers.tasks import Lane, run_here

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from threading import Event


class Log(list[Any]):
    def callbacks(self) -> dict[str, Callable[..., None]]:
        return {
            "on_value": self.append,
            "on_error": self.append,
            "on_done": lambda: self.append("done"),
        }


def counting(n: int) -> Callable[[Event], Iterator[int]]:
    return lambda cancelled: iter(range(n))


def test_values_arrive_in_order_and_done_is_last() -> None:
    log, busy = Log(), list[str]()
    lane = Lane(run_here, lambda: busy.append(lane.busy))
    lane.start("Counting…", counting(3), **log.callbacks())
    assert log == [0, 1, 2, "done"]
    assert busy == ["Counting…", ""]


def test_an_error_arrives_as_a_value() -> None:
    def broken(cancelled: Event) -> Iterator[int]:
        yield 1
        raise ValueError("no")

    log = Log()
    Lane(run_here, lambda: None).start("…", broken, **log.callbacks())
    assert log[0] == 1
    assert isinstance(log[1], ValueError)
    assert log[2:] == ["done"]


@pytest.mark.parametrize("order", [(0, 0), (1, 0)])
def test_answers_of_earlier_work_are_dropped(order: tuple[int, int]) -> None:
    start, log = Later(), Log()
    lane = Lane(start, lambda: None)
    lane.start("first", counting(2), **log.callbacks())
    lane.start("second", lambda cancelled: iter("ab"), **log.callbacks())
    for place in order:
        start.run(place)
    assert log == ["a", "b", "done"]
    assert lane.busy == ""


def test_work_is_told_that_it_is_cancelled() -> None:
    start, seen = Later(), []

    def work(cancelled: Event) -> Iterator[int]:
        seen.append(cancelled.is_set())
        yield 1
        raise AssertionError("went on after it was cancelled")

    log = Log()
    lane = Lane(start, lambda: None)
    lane.start("work", work, **log.callbacks())
    assert lane.cancel()
    start.run()
    assert seen == [True]
    assert log == []
    assert not lane.cancel()


def test_a_callback_may_start_the_next_work() -> None:
    log = Log()
    lane = Lane(run_here, lambda: None)

    def again(value: int) -> None:
        lane.start("second", lambda cancelled: iter("ab"), **log.callbacks())

    lane.start("first", counting(5), on_value=again, on_error=log.append)
    assert log == ["a", "b", "done"]


@pytest.mark.parametrize("kind", [UnsupportedError, IndexError])
def test_what_a_callback_refuses_arrives_as_an_error(kind: type[Exception]) -> None:
    def refuse(value: int) -> None:
        raise kind("cannot be shown")

    def start(work: Callable[[], Iterator[Any]], *, on_value: Any, **others: Any) -> None:
        for value in work():
            on_value(value)  # as a Qt slot: nobody is there to catch anything

    log = Log()
    lane = Lane(start, lambda: None)
    lane.start("…", counting(2), on_value=refuse, on_error=log.append)
    assert [str(error) for error in log] == ["cannot be shown"] * 2


def test_telling_changes_the_text_of_running_work_only() -> None:
    lane = Lane(Later(), lambda: None)
    lane.tell("nothing runs")
    assert lane.busy == ""
    lane.start("work", counting(1), **Log().callbacks())
    lane.tell("more")
    assert lane.busy == "more"
