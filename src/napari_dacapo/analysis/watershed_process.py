"""The mutex watershed in a process of its own.

mwatershed does not let other threads of Python run while it works, which takes
seconds to minutes: a window would stand still, though the work is done on a
thread. The process gets the affinities through its standard input, sends the
segments through its standard output, and is ended when nobody waits for them.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import threading
from math import prod
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from napari_dacapo import own_process
from napari_dacapo.analysis import methods
from napari_dacapo.analysis.cancelling import check_cancelled
from napari_dacapo.errors import AnalysisError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["watershed"]

# Fewer voxels are done before a process has begun.
_WORTH_A_PROCESS = 24**3
_SECONDS_BETWEEN_LOOKS = 0.1
_REFUSED = 3

_BEGIN = "from napari_dacapo.analysis.watershed_process import answer; answer()"


def watershed(
    affinities: np.ndarray[Any, Any], offsets: Sequence[Sequence[int]], bias: float
) -> np.ndarray[Any, Any]:
    """Return the mutex watershed of affinities, as :func:`methods.watershed` does.

    Other threads of this process go on meanwhile, unless there are few voxels.

    Parameters
    ----------
    affinities : numpy.ndarray
        Channels first, one channel per offset, 0 (apart) to 1 (together).
    offsets : sequence of sequence of int
        To which neighbour each channel refers, in voxels.
    bias : float
        Affinities above it join, those below it separate.

    Returns
    -------
    numpy.ndarray
        uint64, without the channel axis.

    Raises
    ------
    CancelledError
        If nobody waits for it any more, see :func:`stop_when`.
    AnalysisError
        If an affinity is NaN, or the process failed, for want of memory for
        example.
    """
    if prod(affinities.shape[1:]) < _WORTH_A_PROCESS or not own_process.can_start():
        return methods.watershed(affinities, offsets, bias)
    affinities = np.ascontiguousarray(affinities, dtype=affinities.dtype.newbyteorder("="))
    question = {
        "shape": affinities.shape,
        "dtype": affinities.dtype.str,
        "offsets": [[int(n) for n in offset] for offset in offsets],
        "bias": float(bias),
    }
    head = json.dumps(question).encode() + b"\n"
    content = _ask([head, affinities.data.cast("B")])
    return np.frombuffer(content, np.uint64).reshape(affinities.shape[1:])


def _ask(question: Sequence[bytes | memoryview]) -> bytearray:
    """Start the process and return what it answers, which can be written to."""
    check_cancelled()
    process = own_process.start(_BEGIN)
    # communicate() forgets what is left to send when its time is over (CPython 3.11).
    sender = threading.Thread(target=_send, args=(process.stdin, question), daemon=True)
    sender.start()
    process.stdin = None
    with process:
        try:
            while True:
                try:
                    content, problem = process.communicate(timeout=_SECONDS_BETWEEN_LOOKS)
                    break
                except subprocess.TimeoutExpired:
                    check_cancelled()
        except BaseException:  # Ctrl-C, too, must leave nothing behind
            process.kill()
            raise
    sender.join()
    if process.returncode:
        raise _failure(process.returncode, problem)
    return bytearray(content)


def _send(pipe: IO[bytes] | None, question: Sequence[bytes | memoryview]) -> None:
    assert pipe is not None
    # A process that ended early says why elsewhere.
    with contextlib.suppress(BrokenPipeError), pipe:
        for part in question:
            pipe.write(part)


def _failure(code: int, problem: bytes) -> AnalysisError:
    if code == _REFUSED:
        return AnalysisError(problem.decode(errors="replace").strip())
    lines = problem.decode(errors="replace").strip().splitlines()
    reason = lines[-1] if lines else f"it ended with {code}"
    # Killed without a word: by the system, as a rule for want of memory.
    hungry = not lines or "MemoryError" in reason
    return AnalysisError(
        f"The watershed failed: {reason}.",
        todo="It needs more memory than there is: close other programs, or take a smaller part."
        if hungry
        else "",
    )


def answer() -> None:
    """Read affinities from standard input, write segments to standard output."""
    question = json.loads(sys.stdin.buffer.readline())
    shape, dtype = question["shape"], np.dtype(question["dtype"])
    n_bytes = prod(shape) * dtype.itemsize
    content = sys.stdin.buffer.read(n_bytes)
    if len(content) < n_bytes:
        return  # whoever asked is gone
    affinities = np.frombuffer(content, dtype).reshape(shape)
    try:
        segments = methods.watershed(affinities, question["offsets"], question["bias"])
    except AnalysisError as error:
        print(error, file=sys.stderr)
        sys.exit(_REFUSED)
    sys.stdout.buffer.write(np.ascontiguousarray(segments).data.cast("B"))
    sys.stdout.buffer.flush()
