"""The progress of a prediction in napari's activity dock, with its Cancel button."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from napari.utils import cancelable_progress

from napari_dacapo.viewers.plain_text import plain_text

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Activity"]


class _Progress(cancelable_progress):
    """napari's progress, whose Cancel button cancels at once and not at the next step."""

    on_cancel: Callable[[], None] = staticmethod(lambda: None)

    def cancel(self) -> None:
        """Cancel what is being done."""
        super().cancel()
        self.on_cancel()


class Activity:
    """A bar in the activity dock while there is something to wait for.

    Parameters
    ----------
    on_cancel : callable
        Called when the user cancels there.
    """

    def __init__(self, on_cancel: Callable[[], None]) -> None:
        self._on_cancel = on_cancel
        self._bar: _Progress | None = None

    def tell(self, text: str, done: int, total: int) -> None:
        """Show how far it is; the bar moves without end if `total` is 0."""
        bar = self._bar
        if bar is None:
            # Without a window, napari writes progress to the terminal; here it goes nowhere.
            bar = _Progress(desc=plain_text(text), total=total, file=io.StringIO())
            bar.on_cancel = self._on_cancel
            self._bar = bar
        if bar.desc.removesuffix(": ") != plain_text(text):
            bar.set_description(plain_text(text))
        if bar.total != total:
            bar.total = total
        bar.update(done - bar.n)

    def end(self) -> None:
        """Take the bar away; safe to call twice."""
        bar, self._bar = self._bar, None
        if bar is not None:
            bar.close()
