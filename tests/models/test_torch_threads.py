"""Networks run on threads that stay, with as many of torch's own as were asked for."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
import torch

from napari_dacapo.models.torch_threads import (
    network_thread,
    run_with_threads_of_caller,
    several_network_threads,
)

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def test_all_callers_share_one_thread() -> None:
    with ThreadPoolExecutor(4) as callers:
        names = set(
            callers.map(
                lambda _: network_thread().submit(threading.current_thread).result().name, range(8)
            )
        )
    assert len(names) == 1


def test_one_at_a_time_is_the_thread_of_all() -> None:
    with several_network_threads(1, share_cores=True) as threads:
        assert threads is network_thread()


@pytest.mark.parametrize("share_cores", [True, False])
def test_several_run_at_once_and_share_the_cores(
    monkeypatch: pytest.MonkeyPatch, share_cores: bool
) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 8)
    torch.set_num_threads(6)
    together = threading.Barrier(4, timeout=30)

    def work() -> int:
        together.wait()
        return torch.get_num_threads()

    with (
        several_network_threads(4, share_cores=share_cores) as threads,
        ThreadPoolExecutor(4) as callers,
    ):
        counts = callers.map(lambda _: run_with_threads_of_caller(threads, work), range(4))
        assert set(counts) == {2 if share_cores else 6}
    assert torch.get_num_threads() == 6


def test_the_caller_says_how_many() -> None:
    def threads_of_openmp() -> int:
        text = torch.__config__.parallel_info()
        (line,) = (line for line in text.splitlines() if "omp_get_max_threads" in line)
        return int(line.rpartition(":")[2])

    for count in (3, 1, 2):
        torch.set_num_threads(count)
        assert run_with_threads_of_caller(network_thread(), threads_of_openmp) == count


def test_what_goes_wrong_comes_back() -> None:
    with pytest.raises(ZeroDivisionError):
        run_with_threads_of_caller(network_thread(), lambda: 1 // 0)
