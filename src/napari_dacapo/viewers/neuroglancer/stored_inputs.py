"""The stored arrays that raw and gt of a run are made from, for static links.

What a run makes of its raw and gt exists only here, but the arrays below may
well have a public address, and show the same with another contrast.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from napari_dacapo.volumes.origins import Origin, origin_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari_dacapo.viewers.view_state import LayerState
    from napari_dacapo.volumes import Volume

__all__ = ["StoredInput", "stored_input"]


@dataclass(frozen=True, slots=True)
class StoredInput:
    """An array on disk in the place of one that is made from it.

    Attributes
    ----------
    origin : Origin
        The array on disk, under the identity of what it stands for.
    """

    origin: Origin

    @property
    def volume(self) -> Volume:
        """The array on disk."""
        return self.origin.volume

    @property
    def note(self) -> str:
        """What is different; empty if nothing is but the numbers."""
        if self.origin.low is not None:
            return ""
        return f"{self.volume.identity.label}: the link shows the labels that it is made from."

    def adapt(self, looks: Sequence[LayerState]) -> tuple[LayerState, ...]:
        """Return looks whose contrast limits are of the array on disk."""
        slot = self.volume.identity.slot
        return self._changed(looks, slot, lambda value, low, width: low + value * width)

    def restore(self, looks: Sequence[LayerState], slot: str) -> tuple[LayerState, ...]:
        """Return looks of a slot whose contrast limits are of what is made from the array."""
        return self._changed(looks, slot, lambda value, low, width: (value - low) / width)

    def _changed(
        self,
        looks: Sequence[LayerState],
        slot: str,
        change: Callable[[float, float, float], float],
    ) -> tuple[LayerState, ...]:
        low, high = self.origin.low, self.origin.high
        if low is None or high is None:
            return tuple(looks)
        width = high - low
        changed = []
        for look in looks:
            limits = look.contrast_limits
            if look.slot == slot and limits is not None:
                first, last = (change(value, low, width) for value in limits)
                look = replace(look, contrast_limits=(first, last))
            changed.append(look)
        return tuple(changed)


def stored_input(volume: Volume) -> StoredInput | None:
    """Return the array on disk that a raw or gt is made from.

    Returns
    -------
    StoredInput or None
        None if there is no such array, or it is made in other ways.
    """
    if volume.role not in ("raw", "gt") or volume.identity.variant:
        return None
    origin = origin_of(volume)
    return None if origin is None else StoredInput(origin)
