"""YAML into plain values, and into nothing else.

DaCapo writes its configs with ``yaml.dump``; the one tag beyond the standard
ones is ``!!python/tuple``. Values are built here directly from the parser's
events: no node tree (three times faster than PyYAML's safe loader), no
recursion, and a limit on size, depth and on what aliases expand to.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import yaml
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)
from yaml.resolver import Resolver

__all__ = ["MAX_DEPTH", "MAX_VALUES", "NotPlainError", "parse_yaml"]

MAX_DEPTH = 100
# A dataset of a config takes some thirty. Each costs about a microsecond.
MAX_VALUES = 500_000
# Long texts count for several values: an alias repeats them where values are printed.
_TEXT_OF_A_VALUE = 64

_Parser: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_STANDARD = "tag:yaml.org,2002:"
_TUPLE = _STANDARD + "python/tuple"
_RESOLVERS: dict[str, list[tuple[str, Any]]] = Resolver.yaml_implicit_resolvers
_CONSTRUCTOR = yaml.constructor.SafeConstructor()
_SCALARS = {
    _STANDARD + "null": _CONSTRUCTOR.construct_yaml_null,
    _STANDARD + "bool": _CONSTRUCTOR.construct_yaml_bool,
    _STANDARD + "int": _CONSTRUCTOR.construct_yaml_int,
    _STANDARD + "float": _CONSTRUCTOR.construct_yaml_float,
    _STANDARD + "timestamp": _CONSTRUCTOR.construct_yaml_timestamp,
    _STANDARD + "str": _CONSTRUCTOR.construct_yaml_str,
}
_NO_KEY = object()
# No number or date is longer; this also keeps int() from its slow path.
_LONGEST_PLAIN = 64


class NotPlainError(Exception):
    """The text is refused; the message says why.

    Attributes
    ----------
    unsafe : bool
        Whether it asks for what only a malicious file needs.
    torn : bool
        Whether it may only not be written to its end.
    """

    def __init__(self, reason: str, *, unsafe: bool = False, torn: bool = False) -> None:
        super().__init__(reason)
        self.unsafe = unsafe
        self.torn = torn


def parse_yaml(content: bytes, *, max_values: int = MAX_VALUES) -> Any:
    """Build the value of the one YAML document in a text.

    Parameters
    ----------
    content : bytes
        The text. How long it may be is for the caller to say.
    max_values : int
        How many values it may hold, with aliases expanded and long texts
        counted several times.

    Returns
    -------
    object
        Dicts, lists, tuples, strings, numbers, dates and None; None for an
        empty document.

    Raises
    ------
    NotPlainError
        If a tag asks for a Python object, aliases expand without measure, it is
        not YAML, has a key twice, or is too large or too deep.
    """
    try:
        return _build(content, max_values)
    except yaml.MarkedYAMLError as error:
        problem = error.problem or ""
        if "nesting depth" in problem:  # libyaml >= 0.2.6 reads ahead, and counts
            raise NotPlainError(f"it is nested deeper than {MAX_DEPTH} levels") from None
        line = f" in line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise NotPlainError(f"it is not valid YAML{line}: {problem}", torn=True) from None
    except (yaml.YAMLError, ValueError, OverflowError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise NotPlainError(f"it is not valid YAML: {reason:.200}") from None


def _build(content: bytes, max_values: int) -> Any:
    root: list[Any] = []
    # The container being filled, its pending key (mappings only), its size and tag.
    target: Any = root
    is_mapping = False
    key: Any = _NO_KEY
    stack: list[tuple[Any, bool, Any, str | None, str | None, int]] = []
    tag: str | None = None
    anchor: str | None = None
    anchors: dict[str, tuple[Any, int]] = {}
    begun: set[str] = set()
    count = start = documents = 0

    loader = _Parser(content)
    try:
        while True:
            event = loader.get_event()
            if event is None:
                break
            kind = type(event)
            if kind is ScalarEvent:
                text = event.value
                # Nearly all of them; `_scalar` says the same of any.
                if event.tag is None and event.implicit[0] and len(text) <= _LONGEST_PLAIN:
                    value = _short_plain(text)
                else:
                    value = _scalar(event)
                size = 1 + len(text) // _TEXT_OF_A_VALUE
                count += size
                if event.anchor:
                    anchors[event.anchor] = (value, size)
            elif kind is MappingStartEvent or kind is SequenceStartEvent:
                if len(stack) >= MAX_DEPTH:
                    raise NotPlainError(f"it is nested deeper than {MAX_DEPTH} levels")
                if is_mapping and key is _NO_KEY and kind is MappingStartEvent:
                    raise NotPlainError("a mapping stands where a key should be")
                stack.append((target, is_mapping, key, tag, anchor, start))
                tag, anchor, start = _container_tag(event), event.anchor, count
                if anchor:
                    begun.add(anchor)
                is_mapping = kind is MappingStartEvent
                target, key = ({} if is_mapping else []), _NO_KEY
                count += 1
                continue
            elif kind is MappingEndEvent or kind is SequenceEndEvent:
                value = tuple(target) if tag == _TUPLE else target
                if anchor:
                    begun.discard(anchor)
                    anchors[anchor] = (value, count - start)
                target, is_mapping, key, tag, anchor, start = stack.pop()
            elif kind is AliasEvent:
                if event.anchor in begun:
                    raise NotPlainError("an alias stands inside of what it names", unsafe=True)
                if event.anchor not in anchors:
                    raise NotPlainError(f"the alias {event.anchor!r:.60} names nothing")
                value, size = anchors[event.anchor]
                count += size
            else:
                if kind is DocumentStartEvent:
                    documents += 1
                    if documents > 1:
                        raise NotPlainError("it holds more than one document")
                continue
            if count > max_values:
                raise NotPlainError(f"it holds more than {max_values} values", unsafe=bool(anchors))
            if not is_mapping:
                target.append(value)
            elif key is _NO_KEY:
                key = value if type(value) is str and value not in target else _key(value, target)
            else:
                target[key] = value
                key = _NO_KEY
    finally:
        loader.dispose()
    return root[0] if root else None


def _key(value: Any, target: dict[Any, Any]) -> Any:
    parts = value if isinstance(value, tuple) else (value,)
    # Tuples in tuples stay out: their hash costs as much as they expand to.
    if any(isinstance(part, (dict, list, tuple)) for part in parts):
        raise NotPlainError("a list or mapping stands where a key should be")
    if value in target:
        raise NotPlainError(f"the key {value!r:.60} stands twice in one mapping")
    return value


def _container_tag(event: Any) -> str | None:
    tag: str | None = event.tag
    if tag is None or tag == "!":
        return None
    sequence = type(event) is SequenceStartEvent
    if tag == _TUPLE and sequence:
        return tag
    if tag == _STANDARD + ("seq" if sequence else "map"):
        return None
    raise _foreign(tag)


def _scalar(event: Any) -> Any:
    tag = event.tag
    if tag is None or tag == "!":
        # implicit[0] says that the value stands plain and its kind is to be found.
        return _plain(event.value) if event.implicit[0] else event.value
    if tag == _STANDARD + "str":
        return event.value
    if tag == _TUPLE and not event.value:
        return ()
    if tag not in _SCALARS:
        raise _foreign(tag)
    return _SCALARS[tag](yaml.ScalarNode(tag, event.value))


@lru_cache(maxsize=4096)
def _short_plain(value: str) -> Any:
    for tag, pattern in [*_RESOLVERS.get(value[:1], ()), *_RESOLVERS.get(None, ())]:  # type: ignore[call-overload]
        if pattern.match(value):
            if tag not in _SCALARS:
                raise _foreign(tag)
            return _SCALARS[tag](yaml.ScalarNode(tag, value))
    return value


def _plain(value: str) -> Any:
    if len(value) > _LONGEST_PLAIN:
        return value
    return _short_plain(value)


def _foreign(tag: str) -> NotPlainError:
    short = tag.removeprefix(_STANDARD)
    if short.startswith("python/"):
        return NotPlainError(f"it asks to make a Python object ({short:.100})", unsafe=True)
    return NotPlainError(f"it uses the tag {short!r:.100}, which DaCapo never writes")
