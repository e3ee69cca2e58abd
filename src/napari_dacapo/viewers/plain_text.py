"""Text from a store, for windows that would take it for HTML."""

from __future__ import annotations

__all__ = ["plain_text"]

_NOTHING_SEEN = "\u200b"  # zero width space


def plain_text(text: str) -> str:
    """Return a text that looks the same, and that Qt does not take for HTML.

    Qt guesses: tooltips, notifications and labels of napari that begin with
    something like a tag are HTML to it, and an ``<img src=…>`` in the name of a
    run would read a file, or wait for one without end. Where a label is our
    own, ``Qt.TextFormat.PlainText`` says the same.

    >>> plain_text("threshold > 0.2"), plain_text("<b>").isascii()
    ('threshold > 0.2', False)
    """
    return text.replace("<", f"<{_NOTHING_SEEN}").replace("&lt;", f"&{_NOTHING_SEEN}lt;")
