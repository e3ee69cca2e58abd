"""Inert stand-ins for the two numpy functions that DaCapo's score files call.

Scores of affinities are pickled as ``numpy.float64``: a call of numpy's
``scalar`` with a ``dtype`` and eight bytes. Nothing of numpy is called here; the
bytes are unpacked, and a Python number comes out.
"""

from __future__ import annotations

import struct
from typing import Any

__all__ = ["Broken", "Dtype", "Global", "Unsafe", "build", "find_global", "reduce"]


class Broken(Exception):
    """The pickle is not what it should be; the message says why."""


class Unsafe(Exception):
    """The pickle asks for what only a malicious or foreign file needs."""


_SCALAR = "scalar stand-in"
_DTYPE = "dtype stand-in"


class Global:
    """What a global name stands for; does nothing."""

    __slots__ = ("kind",)

    def __init__(self, kind: str) -> None:
        self.kind = kind


class Dtype:
    """Stands for a numpy dtype."""

    __slots__ = ("code", "order")

    def __init__(self, code: str) -> None:
        self.code = code
        self.order = "<"


_GLOBALS = {
    ("numpy.core.multiarray", "scalar"): Global(_SCALAR),
    ("numpy._core.multiarray", "scalar"): Global(_SCALAR),
    ("numpy", "dtype"): Global(_DTYPE),
}
_FORMATS = {
    "f8": "d",
    "f4": "f",
    "f2": "e",
    "i8": "q",
    "i4": "i",
    "i2": "h",
    "i1": "b",
    "u8": "Q",
    "u4": "I",
    "u2": "H",
    "u1": "B",
    "b1": "?",
}


def find_global(module: Any, name: Any) -> Global:
    """Return the stand-in for a name to import."""
    found = _GLOBALS.get((module, name)) if type(module) is type(name) is str else None
    if found is None:
        raise Unsafe(f"it asks to import {module!s:.60}.{name!s:.60}")
    return found


def reduce(function: Any, arguments: Any) -> Any:
    """Do what numpy would do when called."""
    if type(function) is not Global or type(arguments) is not tuple:
        raise Unsafe("it asks to call something")
    if function.kind == _DTYPE:
        if not arguments or arguments[0] not in _FORMATS:
            raise Broken(f"a numpy number of type {arguments[:1]!s:.40}")
        return Dtype(arguments[0])
    if len(arguments) != 2 or type(arguments[0]) is not Dtype or type(arguments[1]) is not bytes:
        raise Broken("a numpy number without a value")
    layout = arguments[0].order + _FORMATS[arguments[0].code]
    if struct.calcsize(layout) != len(arguments[1]):
        raise Broken("a numpy number of the wrong size")
    return struct.unpack(layout, arguments[1])[0]


def build(target: Any, state: Any) -> None:
    """Set the byte order of a stand-in for a dtype."""
    if type(target) is not Dtype:
        raise Unsafe("it asks to set the state of an object")
    if type(state) is not tuple or len(state) < 2 or state[1] not in ("<", ">", "|", "="):
        raise Broken("a numpy type without a byte order")
    target.order = ">" if state[1] == ">" else "<"
