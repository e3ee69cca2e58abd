"""A file server that does not answer, for tests on a machine without one."""

from __future__ import annotations

import builtins
import errno
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import pytest

__all__ = ["StaleFiles"]


class StaleFiles:
    """Lets calls of the file system fail as on a network file system.

    Parameters
    ----------
    monkeypatch : pytest.MonkeyPatch
        Puts everything back.
    folder : Path
        Only paths in it fail.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
        self._folder = str(folder)
        self._fails: Callable[[str], bool] | None = None
        for module, name in (
            (os, "stat"), (os, "lstat"), (os, "scandir"), (os, "listdir"), (os, "open"),
            (builtins, "open"),
        ):  # fmt: skip
            monkeypatch.setattr(module, name, self._failing(getattr(module, name)))

    @contextmanager
    def when(self, fails: Callable[[str], bool]) -> Iterator[None]:
        """Let calls fail for paths, relative to the folder, of which a function says so."""
        self._fails = fails
        try:
            yield
        finally:
            self._fails = None

    def _failing(self, call: Any) -> Any:
        def maybe(path: Any, *args: Any, **more: Any) -> Any:
            if self._fails is not None and isinstance(path, str | os.PathLike):
                text = os.fspath(path)
                inside = isinstance(text, str) and text.startswith(self._folder)
                if inside and self._fails(text[len(self._folder) + 1 :]):
                    raise OSError(errno.ESTALE, os.strerror(errno.ESTALE), text)
            return call(path, *args, **more)

        return maybe
