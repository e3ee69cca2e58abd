"""The one server of this process that live links point to."""

from __future__ import annotations

import threading

from napari_dacapo.viewers.neuroglancer.viewer import OwnViewer

__all__ = ["current", "host", "stop"]

_lock = threading.Lock()
_viewer: OwnViewer | None = None


def host() -> OwnViewer:
    """Return the viewer whose servers live links use; started when first needed."""
    global _viewer
    with _lock:
        if _viewer is None:
            _viewer = OwnViewer()
        return _viewer


def current() -> OwnViewer | None:
    """Return the viewer of live links, or None if there are none."""
    return _viewer


def stop() -> None:
    """End all live links."""
    global _viewer
    with _lock:
        viewer, _viewer = _viewer, None
    if viewer is not None:
        viewer.close()
