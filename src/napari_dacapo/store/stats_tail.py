"""The last iteration of a training from the two ends of its stats file.

A run of a million iterations has 34 MB of stats; a table of runs needs only
the last record. DaCapo writes records that all look alike, so the last one can
be recognised at the end of the file. Anything unusual is left to the full
reader.
"""

from __future__ import annotations

import os
import re
import struct
from typing import TYPE_CHECKING, Any

from napari_dacapo.store.paths import open_regular

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["last_record"]

_ENDS = 4096

# PROTO 4, FRAME, the list, and the first record, which spells out the keys as
# memo entries 2 to 5.
_HEAD = re.compile(
    rb"\x80[\x04\x05]\x95.{8}\]\x94\(\}\x94\("
    rb"\x8c\x09iteration\x94(?:K.|M..|J....)"
    rb"\x8c\x04loss\x94G.{8}"
    rb"\x8c\x04time\x94G.{8}"
    rb"\x8c\x08run_name\x94",
    re.DOTALL,
)
# A later record: a mapping, its keys by their memo entries (other ones after a
# training was resumed), end of the list, end of the pickle.
_REFERENCE = rb"(?:h.|j....)"
_TAIL = re.compile(
    rb"\}\x94\(%b(K.|M..|J....)%bG(.{8})%bG(.{8})%b%bu[ea]\.\Z" % ((_REFERENCE,) * 5),
    re.DOTALL,
)
_START = b"}\x94("


def last_record(path: Path) -> dict[str, Any] | None:
    """Return the last record of a training stats file, or None if it looks unusual.

    Only the first and last few thousand bytes are read. None also stands for a
    missing, torn or unreadable file.
    """
    try:
        with open_regular(path) as file:
            if os.fstat(file.fileno()).st_size < 2 * _ENDS:
                return None
            head = file.read(_ENDS)
            file.seek(-_ENDS, os.SEEK_END)
            tail = file.read(_ENDS)
    except (OSError, ValueError):
        return None
    if not _HEAD.match(head):
        return None
    # Bytes of a float may look like the start of a record: the last start from
    # which all fits to the end is taken.
    start = tail.rfind(_START)
    while start >= 0:
        match = _TAIL.match(tail, start)
        if match:
            return {
                "iteration": _integer(match[1]),
                "loss": struct.unpack(">d", match[2])[0],
                "time": struct.unpack(">d", match[3])[0],
            }
        start = tail.rfind(_START, 0, start)
    return None


def _integer(code: bytes) -> int:
    if code[:1] == b"K":
        return code[1]
    if code[:1] == b"M":
        return int.from_bytes(code[1:], "little")
    return int.from_bytes(code[1:], "little", signed=True)
