"""A screen for the window: the real one, or a virtual one for a picture."""

from __future__ import annotations

import os
import shutil
import sys
from typing import TYPE_CHECKING, NoReturn

from napari_dacapo.errors import UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["has_screen", "need_screen"]

_SCREEN = "-screen 0 1600x1000x24"


def has_screen() -> bool:
    """Whether windows can be shown here."""
    if sys.platform != "linux":
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def need_screen(*, for_picture: bool, more: Sequence[str] = ()) -> None:
    """Make sure that there is a screen, or start this process again on a virtual one.

    Parameters
    ----------
    for_picture : bool
        Whether the window is only there to be photographed.
    more : sequence of str
        Arguments to add to those of this process if it is started again.

    Raises
    ------
    UnsupportedError
        If there is no screen, and a virtual one would not help or cannot be had.
    """
    if has_screen():
        return
    if not for_picture:
        raise UnsupportedError(
            "There is no screen here (DISPLAY is not set).",
            todo="Use --screenshot picture.png to get a picture instead of a window.",
        )
    if shutil.which("xvfb-run") is None:
        raise UnsupportedError(
            "There is no screen here (DISPLAY is not set) and no virtual one (xvfb-run).",
            todo="Install one: apt-get install xvfb xauth.",
        )
    _restart_on_virtual_screen(more)


def _restart_on_virtual_screen(more: Sequence[str]) -> NoReturn:
    sys.stdout.flush()
    program = [sys.executable, "-m", "napari_dacapo.cli", *sys.argv[1:], *more]
    os.execvp("xvfb-run", ["xvfb-run", "-a", "-s", _SCREEN, *program])
