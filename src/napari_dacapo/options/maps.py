"""Maps of prefixes of paths."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterable, Mapping
from typing import Any

from napari_dacapo.errors import OptionsError

__all__ = ["longest", "normal", "parse_map"]


def parse_map(text: str | Iterable[str] | Mapping[str, str] | None) -> dict[str, str]:
    """Read a path or url map.

    Parameters
    ----------
    text : str, iterable of str, or mapping
        ``"A=B;C=D"``, several such, or a mapping. Line breaks separate, too.

    Raises
    ------
    OptionsError
        If an entry is not of the form ``prefix=replacement``.

    Examples
    --------
    >>> parse_map("/nrs/lab=/mnt/lab; /groups=/mnt/groups")
    {'/nrs/lab': '/mnt/lab', '/groups': '/mnt/groups'}
    """
    if text is None:
        return {}
    if isinstance(text, Mapping):
        pairs: list[tuple[Any, Any]] = list(text.items())
    else:
        if not isinstance(text, Iterable):
            raise OptionsError(
                f"{text!r:.80} is no map of prefixes.", todo="Write /path/in/the/run=/path/here."
            )
        entries = [text] if isinstance(text, str) else list(text)
        for entry in entries:
            if not isinstance(entry, str):
                raise OptionsError(
                    f"{entry!r:.80} is no entry of a map.",
                    todo="Write /path/in/the/run=/path/here.",
                )
        pairs = []
        for entry in ";".join(entries).replace("\n", ";").split(";"):
            if entry.strip():
                prefix, equals, replacement = entry.partition("=")
                pairs.append((prefix, replacement if equals else None))
    result = {}
    for prefix, replacement in pairs:
        if not isinstance(prefix, str) or not isinstance(replacement, (str, os.PathLike)):
            raise OptionsError(
                f"The map entry {prefix!r:.80} has no replacement.",
                todo="Write /path/in/the/run=/path/here.",
            )
        prefix, replacement = prefix.strip(), os.fspath(replacement).strip()
        if not prefix or not replacement:
            raise OptionsError(
                f"The map entry {prefix}={replacement} has an empty side.",
                todo="Write /path/in/the/run=/path/here.",
            )
        result[prefix] = replacement
    return result


def normal(path: str | os.PathLike[str]) -> str:
    """Return a path with ``/`` between its parts and without ``..``."""
    text = os.fspath(path)
    if os.sep != "/":
        text = text.replace(os.sep, "/")
    text = posixpath.normpath(text)
    # Two slashes at the start mean something to POSIX, but not here: what follows
    # would be taken for an absolute path.
    return "/" + text.lstrip("/") if text.startswith("//") else text


def longest(mapping: Mapping[str, str], text: str) -> tuple[str, str] | None:
    """Return the longest matching prefix, and what comes after it."""
    best: tuple[str, str] | None = None
    length = -1
    for prefix in mapping:
        key = normal(prefix)
        if text == key:
            rest = ""
        elif text.startswith(key.rstrip("/") + "/"):
            rest = text[len(key.rstrip("/")) + 1 :]
        else:
            continue
        if len(key) > length:
            best, length = (prefix, rest), len(key)
    return best
