"""States as links and files, and back. What comes back is nobody's friend.

A link may come from a colleague, a web page or a chat: it is parsed with
limits on its size and depth, and nothing that it names is opened here.
"""

from __future__ import annotations

import copy
import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urlsplit

from napari_dacapo.errors import LinkError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from os import PathLike

    from napari_dacapo.viewers.neuroglancer.layers import Json

__all__ = [
    "DEFAULT_CLIENT",
    "MAX_SELECTED",
    "capped",
    "link_to",
    "read_link",
    "read_state_file",
    "state_file_text",
]

DEFAULT_CLIENT = "https://neuroglancer-demo.appspot.com/"

#: Selected segments that a link carries at most; a state file carries all.
MAX_SELECTED = 1000

_MAX_LINK = 4 * 2**20
_MAX_FILE = 64 * 2**20
_MAX_DIGITS = 300
_MAX_OLD_STYLE = 10**5
_MAX_DEPTH = 64
_MAX_LAYERS = 1000


def link_to(state: Mapping[str, Any], prefix: str) -> str:
    """Return a link that opens a state in a neuroglancer client.

    Parameters
    ----------
    state : mapping
        Plain JSON.
    prefix : str
        Address of the client; a fragment that it has is replaced.

    Raises
    ------
    LinkError
        If the prefix is not the address of a page, or the state holds what
        JSON has no words for (NaN, arrays).
    """
    address = urlsplit(prefix)
    if address.scheme not in ("http", "https") or not address.hostname:
        raise LinkError(
            f"{prefix!r:.200} is not the address of a neuroglancer client.",
            todo=f"Give one that begins with https://, for example {DEFAULT_CLIENT}",
        )
    page = address._replace(fragment="").geturl()
    return f"{page}#!{quote(_dump(state), safe=_SAFE)}"


# What neuroglancer itself leaves as it is in a fragment.
_SAFE = "~@#$&()*!+=:;,.?/'"


def state_file_text(state: Mapping[str, Any]) -> str:
    """Return a state as the text of a JSON file."""
    return _dump(state, indent=2) + "\n"


def capped(state: Json) -> tuple[Json, tuple[str, ...]]:
    """Return a state whose selections are short enough for a link, and what was left out.

    Returns
    -------
    state : dict
        A copy, if anything had to be left out.
    notes : tuple of str
        One sentence for each layer that lost a part of its selection.
    """
    notes: list[str] = []
    for place, layer in enumerate(state.get("layers", ())):
        segments = layer.get("segments")
        if isinstance(segments, list) and len(segments) > MAX_SELECTED:
            if not notes:
                state = copy.deepcopy(state)
            state["layers"][place]["segments"] = segments[:MAX_SELECTED]
            notes.append(
                f"The link has the first {MAX_SELECTED:,} of {len(segments):,} selected segments "
                f"of {layer.get('name')}: save the state as a JSON file to keep all."
            )
    return state, tuple(notes)


def read_link(url: str) -> Json:
    """Return the state in a link.

    Parameters
    ----------
    url : str
        A link of any neuroglancer client with a state behind ``#!``.

    Raises
    ------
    LinkError
        If there is no state in it, it is too long or too deep, or it is no
        neuroglancer state. Nothing that the link names is read.
    """
    if not isinstance(url, str) or len(url) > _MAX_LINK:
        raise LinkError("The link is too long.", todo="Open it as a JSON file.")
    _, hash_mark, fragment = url.strip().partition("#")
    text = _unquote(fragment).removeprefix("!")
    if not hash_mark or not text.strip():
        raise LinkError(
            f"{url.strip()!r:.200} has no neuroglancer state in it.",
            todo="Copy the whole address, with what comes after #!",
        )
    if re.match(r"\+?[a-z][a-z0-9+.-]*://", text, re.IGNORECASE):
        raise LinkError(
            f"The link only points to a state at {text!r:.200}.",
            todo="Download that file and open it instead; it is not fetched from here.",
        )
    try:
        state = _load(text)
    except ValueError as error:
        state = _old_style(text, error)
    return _checked(state)


def read_state_file(path: str | PathLike[str]) -> Json:
    """Return the state in a JSON file.

    Raises
    ------
    LinkError
        If it cannot be read or is no neuroglancer state.
    """
    try:
        with open(path, "rb") as file:
            content = file.read(_MAX_FILE + 1)
    except OSError as error:
        raise LinkError(f"{path} cannot be read: {error.strerror}.", path=path) from error
    if len(content) > _MAX_FILE:
        raise LinkError(f"{path} is too large for a neuroglancer state.", path=path)
    try:
        return _checked(_load(content.decode("utf-8")))
    except ValueError as error:
        raise LinkError(f"{path} is not a neuroglancer state: {error!s:.200}", path=path) from error


def _unquote(fragment: str) -> str:
    return unquote(fragment, errors="replace")


def _load(text: str) -> Any:
    def refuse(name: str) -> None:
        raise ValueError(f"{name} is not JSON")

    def whole(digits: str) -> int:
        # Ids of segments are texts: a number has to be one that a float can be.
        if len(digits) > _MAX_DIGITS:
            raise ValueError(f"the number {digits[:20]}… is too large")
        return int(digits)

    try:
        return json.loads(text, parse_constant=refuse, parse_int=whole)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def _old_style(text: str, error: ValueError) -> Any:
    """Read the notation of older links: single quotes, and ``_`` for a comma."""
    if len(text) > _MAX_OLD_STYLE:
        raise LinkError(f"The state in the link is not JSON: {error!s:.200}") from error
    from neuroglancer.url_state import url_safe_to_json

    try:
        return _load(url_safe_to_json(text))
    except (ValueError, RecursionError):
        raise LinkError(f"The state in the link is not JSON: {error!s:.200}") from error


def _checked(state: Any) -> Json:
    """Return a state whose outer shape is what the rest of this package expects."""
    if not isinstance(state, dict):
        raise LinkError("The link holds no neuroglancer state: it is not a JSON object.")
    if _depth(state) > _MAX_DEPTH:
        raise LinkError("The state in the link is nested too deeply.")
    layers = state.get("layers", [])
    if isinstance(layers, dict):  # the notation of older links
        layers = [{**layer, "name": name} for name, layer in layers.items() if _is(layer)]
    if not isinstance(layers, list) or not all(map(_is, layers)):
        raise LinkError("The layers in the link are not a list of JSON objects.")
    if len(layers) > _MAX_LAYERS:
        raise LinkError(f"The link has {len(layers):,} layers.")
    return {**state, "layers": layers}


def _is(layer: Any) -> bool:
    return isinstance(layer, dict)


def _depth(value: Any) -> int:
    level, here = 0, [value]
    while here and level <= _MAX_DEPTH:
        level += 1
        inner: list[Any] = []
        for item in here:
            if isinstance(item, dict):
                inner += item.values()
            elif isinstance(item, list):
                inner += item
        here = inner
    return level


def _dump(state: Mapping[str, Any], indent: int | None = None) -> str:
    separators = (",", ":") if indent is None else (",", ": ")
    try:
        return json.dumps(state, separators=separators, indent=indent, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise LinkError(f"The state cannot be written as JSON: {error}.") from error
