"""Text for a terminal: what a store holds is shown, and does nothing."""

from __future__ import annotations

import sys
import unicodedata

__all__ = ["printable", "say"]


def printable(text: str) -> str:
    r"""Return a text in which everything can be seen.

    Control characters (which move the cursor, colour, or end a line), marks
    that reverse the direction of writing, and bytes of a file name that are no
    text are written as escapes.

    Examples
    --------
    >>> printable("a\x1b[31mb\nc\udcff")
    'a\\x1b[31mb\\nc\\xff'
    """
    if text.isprintable():
        return text
    return "".join(char if _can_be_seen(char) else _escape(char) for char in text)


def say(message: str) -> None:
    """Print a message for the user on stderr, as one line."""
    print(f"napari-dacapo: {printable(' '.join(message.split()))}", file=sys.stderr)


def _can_be_seen(char: str) -> bool:
    # Spaces of a fixed or narrow width do not count as printable, but do no harm.
    return char.isprintable() or unicodedata.category(char) == "Zs"


def _escape(char: str) -> str:
    if "\udc80" <= char <= "\udcff":
        return f"\\x{ord(char) - 0xDC00:02x}"  # so Python reads such a byte
    return char.encode("unicode_escape").decode("ascii")
