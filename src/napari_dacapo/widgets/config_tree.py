"""A run's config as a tree that one can read; plain values in, plain values out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

__all__ = ["data_paths", "readable", "summary"]


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
