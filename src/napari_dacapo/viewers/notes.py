"""What is to be said of volumes: what matters most first, each thing once."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["ordered_notes"]

# What is first is read; a copy of raw is as good as the original for most.
_WEIGHT = ("segmentation", "prediction", "live", "error", "gt", "raw")


def ordered_notes(general: Iterable[str], of_roles: Iterable[tuple[str, str]]) -> list[str]:
    """Return notes as lines.

    Parameters
    ----------
    general : iterable of str
        What is to be said of all volumes; comes first, as it stands.
    of_roles : iterable of tuple of str
        Role of a volume and a note on it. What is to be said of several roles
        becomes one line.

    Examples
    --------
    >>> of_roles = [("raw", "A copy."), ("gt", "A copy."), ("prediction", "Torn.")]
    >>> ordered_notes(["No mask."], of_roles)
    ['No mask.', 'prediction: Torn.', 'raw, gt: A copy.']
    """
    roles: dict[str, dict[str, None]] = {}
    for role, note in of_roles:
        roles.setdefault(note, {})[role] = None
    ranked = sorted(roles.items(), key=lambda entry: min(map(_rank, entry[1])))
    lines = [f"{', '.join(who)}: {note}" for note, who in ranked]
    return list(dict.fromkeys((*general, *lines)))


def _rank(role: str) -> int:
    return _WEIGHT.index(role) if role in _WEIGHT else len(_WEIGHT)
