"""Arrays in world coordinates."""

from __future__ import annotations

from napari_dacapo.volumes.volume import ArraySource, Identity, Kind, Level, Role, Volume

__all__ = ["ArraySource", "Identity", "Kind", "Level", "Role", "Volume"]
