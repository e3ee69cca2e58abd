"""How long something is waited for before it is said, counted in looks."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Hashable

__all__ = ["Patience"]


class Patience:
    """Counts for how many looks in a row something has been so.

    Parameters
    ----------
    looks : int
        After how many it is for too long.
    """

    def __init__(self, looks: int = 3) -> None:
        self._looks = looks
        self._before: dict[Hashable, int] = {}
        self._now: dict[Hashable, int] = {}

    def is_over(self, what: Hashable, looks: int | None = None) -> bool:
        """Note that something is so at this look; return whether that is so for too long.

        Parameters
        ----------
        what : hashable
            Names it.
        looks : int, optional
            For how many looks this may be so, the present one included.
        """
        self._now[what] = self._before.get(what, 0) + 1
        return self._now[what] >= (self._looks if looks is None else looks)

    def end_look(self) -> None:
        """Forget what was not so at this look: it would be something new the next time."""
        self._before, self._now = self._now, {}
