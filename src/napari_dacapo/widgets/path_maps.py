"""What can be said of path maps without a window."""

from __future__ import annotations

import os.path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["problem_of", "suggest_prefix"]


def problem_of(lines: Sequence[tuple[str, str]]) -> str:
    """Return why lines are no path map; empty if they are one."""
    seen: set[str] = set()
    for key, value in lines:
        for path in (key, value):
            if ";" in path or "\n" in path or "=" in path:
                return f"{path} holds one of the characters that separate entries: ; = newline"
        if key in seen:
            return f"{key} stands there twice"
        seen.add(key)
    return ""


def suggest_prefix(paths: Iterable[str], mapped: Iterable[str]) -> str:
    """Return the folder that unmapped, absolute paths have in common.

    >>> suggest_prefix(["/nrs/demo/a.zarr", "/nrs/demo/b.zarr"], [])
    '/nrs/demo'
    >>> suggest_prefix(["/nrs/demo/a.zarr"], ["/nrs"])
    ''
    """
    prefixes = [key.rstrip("/") + "/" for key in mapped]
    folders = [
        os.path.dirname(path)
        for path in paths
        if path.startswith("/") and not any(path.startswith(prefix) for prefix in prefixes)
    ]
    common = os.path.commonpath(folders) if folders else ""
    return "" if common == "/" else common
