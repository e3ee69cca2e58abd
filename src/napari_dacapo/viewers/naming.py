"""Names of layers, the same in both viewers."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_dacapo.viewers.appearance import Appearance
    from napari_dacapo.volumes import Volume

__all__ = ["layer_name"]


def layer_name(volume: Volume, look: Appearance, channel: int | None = None) -> str:
    """Return the name of a layer: what the volume shows and, of several channels, which one."""
    label = volume.identity.label or volume.role
    if channel is None or len(look.channels) == 1:
        return label
    return f"{label} · {look.channels[channel].name}"
