"""``napari-dacapo follow``: what happens to a run, as text and as JSON."""

from __future__ import annotations

import json
import math
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from tests.runs.replay import Replay

from napari_dacapo import cli
from napari_dacapo.cli.follow import _as_json, _as_text
from napari_dacapo.runs import (
    LossEvent,
    NewBestEvent,
    ProblemEvent,
    RunWatcher,
    StalledEvent,
    ValidationEvent,
)
from napari_dacapo.runs.best import BestScoreValue

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

NAME = "dist_thr_shim"
Record = dict[str, Any]


def run_cli(*arguments: object) -> int:
    with pytest.raises(SystemExit) as left:
        cli.main([str(argument) for argument in arguments])
    return int(left.value.code or 0)


# What a shell starts in the background ignores Ctrl-C, and so would what it starts itself.
INTERRUPTIBLE = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from napari_dacapo.cli import main
main()
"""


@pytest.fixture
def replay(stores: Path, tmp_path: Path) -> Replay:
    return Replay(stores / "pypi-0.3.5-thresholds", NAME, tmp_path / "store")


@pytest.fixture
def start(replay: Replay) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Follow in a process of its own."""
    started = []

    def follow(*options: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", INTERRUPTIBLE, "follow", NAME, "--json"]
        command += ["--store", str(replay.target), "--interval", "0.1", *options]
        started.append(
            subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        )
        return started[-1]

    yield follow
    for process in started:
        process.kill()
        process.communicate()


def next_record(process: subprocess.Popen[str], kind: str) -> Record:
    """Read lines until one is of a kind."""
    assert process.stdout is not None
    for line in process.stdout:
        record: Record = json.loads(line)
        if record["event"] == kind:
            return record
    raise AssertionError(f"no {kind} before the end")


def test_a_finished_run_is_told_from_its_beginning(
    stores: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_cli("follow", NAME, "--store", stores / "pypi-0.3.5-thresholds", "--json") == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    records = [json.loads(line) for line in captured.out.splitlines()]
    assert all(list(record)[:3] == ["event", "run", "iteration"] for record in records)
    assert [r["iteration"] for r in records if r["event"] == "validation"] == [30, 60, 90, 120]
    assert records[-1] == {"event": "finished", "run": NAME, "iteration": 120}
    bests = [r["best"] for r in records if r["event"] == "new_best"]
    assert bests[-1]["iteration"] == 90
    assert bests[-1]["value"] == pytest.approx((0.8913 + 0.8453) / 2, abs=1e-4)


def test_as_text(stores: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_cli("follow", stores / "pypi-0.3.5-thresholds" / NAME) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "finished" in lines[-1]
    (best,) = [line for line in lines if "new best" in line and "iteration 90" in line]
    assert "f1_score 0.8683 (threshold_-0.2, mean over datasets, as stored, doubtful)" in best
    assert any("of 120, loss 0." in line for line in lines)


def test_what_happens_is_printed_at_once_and_ctrl_c_ends_it(
    replay: Replay, start: Callable[..., subprocess.Popen[str]]
) -> None:
    replay.validate(30)
    process = start()
    assert next_record(process, "validation")["iteration"] == 30
    replay.validate(60)
    assert next_record(process, "validation")["iteration"] == 60
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    assert "Traceback" not in out


@pytest.mark.long
def test_it_ends_with_the_run(replay: Replay, start: Callable[..., subprocess.Popen[str]]) -> None:
    replay.validate(30)
    process = start()
    next_record(process, "validation")
    replay.validate(120)
    assert next_record(process, "finished")["iteration"] == 120
    assert process.wait(60) == 0


@pytest.mark.long
def test_a_run_that_goes_is_an_error(
    replay: Replay, start: Callable[..., subprocess.Popen[str]]
) -> None:
    replay.validate(30)
    process = start()
    next_record(process, "validation")
    for path in sorted(replay.target.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    assert next_record(process, "gone")["run"] == NAME
    assert process.wait(60) == 1
    assert process.stderr is not None
    assert process.stderr.read() == ""


def test_it_may_go_on_after_the_end(
    replay: Replay, start: Callable[..., subprocess.Popen[str]]
) -> None:
    replay.validate(120)
    process = start("--keep-going")
    next_record(process, "finished")
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 0


@pytest.mark.long
def test_whoever_reads_may_stop_reading(
    replay: Replay, start: Callable[..., subprocess.Popen[str]]
) -> None:
    replay.validate(30)
    process = start()
    next_record(process, "loss")
    assert process.stdout is not None
    process.stdout.close()
    replay.validate(60)
    assert process.wait(60) != 0
    assert process.stderr is not None
    assert process.stderr.read() == ""


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["follow"], 2, "RUN"),
        (["follow", "nobody", "--store", "{store}"], 1, "nobody"),
        (["follow", NAME, "--store", "/nowhere/at/all"], 1, "/nowhere/at/all"),
        (["follow", NAME, "--store", "{store}", "--interval", "0"], 2, "interval"),
        (["follow", NAME, "--store", "{store}", "--interval", "-3"], 2, "interval"),
        (["follow", NAME, "--store", "{store}", "--interval", "soon"], 2, "interval"),
        (["follow", NAME, "--store", "{store}", "--interval", "nan"], 2, "interval"),
        (["follow", NAME, "--store", "{store}", "--interval", "inf"], 2, "interval"),
    ],
)
def test_errors_are_one_line(
    arguments: list[str],
    code: int,
    said: str,
    replay: Replay,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run_cli(*(a.format(store=replay.target) for a in arguments)) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    (line,) = captured.err.splitlines()
    assert line.startswith("napari-dacapo: ")
    assert said in line


BEST = BestScoreValue("voi", math.inf, 7, "", "p", higher_is_better=False)


@pytest.mark.parametrize(
    ("event", "record", "text"),
    [
        (
            LossEvent("r", 7, math.nan, 9),
            {"event": "loss", "run": "r", "iteration": 7, "loss": None, "num_iterations": 9},
            "loss        iteration 7  of 9, loss nan",
        ),
        (
            StalledEvent("r", None, 720.0),
            {"event": "stalled", "run": "r", "iteration": None, "seconds": 720.0},
            "stalled     nothing has changed for 12 minutes",
        ),
        (
            ProblemEvent("r", 7, "first\nsecond “line”"),
            {"event": "problem", "run": "r", "iteration": 7, "message": "first\nsecond “line”"},
            "problem     iteration 7  first second “line”",
        ),
        (
            ValidationEvent("r", 7, ("a", "b"), None, "No scores are stored of it."),
            {
                "event": "validation", "run": "r", "iteration": 7, "datasets": ["a", "b"],
                "best": None, "problem": "No scores are stored of it.",
            },
            "validation  iteration 7  a, b; no usable score; No scores are stored of it.",
        ),
    ],
)  # fmt: skip
def test_events(event: Any, record: Record, text: str) -> None:
    line = _as_json(event)
    assert "\n" not in line
    assert json.loads(line) == record
    assert _as_text(event)[10:] == text


def test_infinity_is_null() -> None:
    assert json.loads(_as_json(NewBestEvent("r", 7, BEST)))["best"]["value"] is None
    assert "voi inf (p, mean over datasets)" in _as_text(NewBestEvent("r", 7, BEST))


HANGING = """
import os, signal, threading
signal.signal(signal.SIGINT, signal.default_int_handler)
from napari_dacapo.cli import main
from napari_dacapo.runs import RunWatcher

def hang(watcher):
    print("hanging", flush=True)
    while True:
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            pass  # as in a call of the system that is not to be interrupted

RunWatcher.poll = hang
main()
"""


def test_ctrl_c_ends_it_while_a_file_server_does_not_answer(stores: Path) -> None:
    command = [sys.executable, "-c", HANGING, "follow", NAME]
    command += ["--store", str(stores / "pypi-0.3.5-thresholds")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "hanging\n"
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=60) == ("", "")
        assert process.returncode == 0
    finally:
        process.kill()


def test_an_error_ends_the_command(
    stores: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(watcher: RunWatcher) -> None:
        raise MemoryError("no memory is left")

    monkeypatch.setattr(RunWatcher, "poll", fail)
    assert run_cli("follow", NAME, "--store", stores / "pypi-0.3.5-thresholds") == 1
    assert "no memory is left" in capsys.readouterr().err
