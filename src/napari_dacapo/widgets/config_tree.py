"""A run's config as a tree that one can read; plain values in, plain values out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

__all__ = ["Found", "data_paths", "find", "readable", "summary"]


def readable(value: Any) -> Any:
    """Return a tree of mappings and texts.

    Lists of plain values become one line; lists of configs become mappings
    from name to config, so that a branch says what it is.

    >>> readable({"shape": (8, 8), "augments": [{"__type__": "SimpleAugmentConfig"}]})
    {'shape': '(8, 8)', 'augments': {'SimpleAugmentConfig': {'__type__': 'SimpleAugmentConfig'}}}
    """
    if isinstance(value, Mapping):
        return {str(key): readable(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        if not any(_has_branches(item) for item in value):
            return f"({', '.join(str(readable(item)) for item in value)})"
        branches: dict[str, Any] = {}
        for i, item in enumerate(value):
            name = _name(item) or str(i)
            branches[name if name not in branches else f"{name} ({i})"] = readable(item)
        return branches
    return "–" if value is None else str(value)


def summary(branch: Mapping[str, Any]) -> str:
    """Return what to say of a branch in one word: its type or its name."""
    kind = branch.get("__type__")
    return kind.removesuffix("Config") if isinstance(kind, str) else ""


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found; a place in the tree is the keys that lead to it.

    Attributes
    ----------
    shown : frozenset of tuple of str
        Entries that match, what is in them, and the branches that lead to them.
    opened : frozenset of tuple of str
        Branches to open so that all that match are seen.
    """

    shown: frozenset[tuple[str, ...]]
    opened: frozenset[tuple[str, ...]]


def find(tree: Mapping[str, Any], text: str) -> Found:
    """Look for a text in the keys and values of a tree.

    Parameters
    ----------
    tree : mapping
        As :func:`readable` returns it.
    text : str
        Taken as it stands, but for upper and lower case.

    Examples
    --------
    >>> sorted(find({"a": {"b": "(1, 0)", "c": "2"}, "d": "3"}, "(1, 0").shown)
    [('a',), ('a', 'b')]
    """
    wanted = text.casefold()
    shown: set[tuple[str, ...]] = set()
    opened: set[tuple[str, ...]] = set()
    for place, value in _entries(tree):
        said = summary(value) if isinstance(value, Mapping) else value
        if wanted not in place[-1].casefold() and wanted not in said.casefold():
            continue
        above = {place[:n] for n in range(1, len(place))}
        shown |= {place, *above}
        opened |= above
        if isinstance(value, Mapping):
            shown |= {inner for inner, _ in _entries(value, place)}
    return Found(frozenset(shown), frozenset(opened))


def _entries(
    tree: Mapping[str, Any], above: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], Any]]:
    for key, value in tree.items():
        yield (*above, key), value
        if isinstance(value, Mapping):
            yield from _entries(value, (*above, key))


def data_paths(config: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the containers that a config names, in order, each once."""
    found: dict[str, None] = {}

    def look(value: Any) -> None:
        if isinstance(value, Mapping):
            for key, item in value.items():
                if key in ("file_name", "path") and isinstance(item, str | PurePath):
                    found[str(item)] = None
                look(item)
        elif isinstance(value, Sequence) and not isinstance(value, str | bytes):
            for item in value:
                look(item)

    look(config)
    return tuple(found)


def _has_branches(value: Any) -> bool:
    if isinstance(value, Mapping):
        return True
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return any(_has_branches(item) for item in value)
    return False


def _name(value: Any) -> str:
    if not isinstance(value, Mapping):
        return ""
    name = value.get("name") or value.get("__type__") or ""
    return str(name)
