"""Python processes that do a part of this package's work."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

__all__ = ["can_start", "start"]


def can_start() -> bool:
    """Return whether this Python knows how it was started."""
    return bool(sys.executable)


def start(code: str) -> subprocess.Popen[bytes]:
    """Start a Python process that can import what this one can.

    Parameters
    ----------
    code : str
        What it runs.

    Returns
    -------
    subprocess.Popen
        With pipes to all its standard streams.

    Raises
    ------
    OSError
        If the system starts no process.
    """
    paths = [str(Path(__file__).parents[1]), *filter(None, sys.path)]
    return subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # No window of its own on Windows.
        creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
    )
