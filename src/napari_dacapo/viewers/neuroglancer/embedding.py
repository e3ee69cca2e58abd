"""A viewer's page within a notebook."""

from __future__ import annotations

from typing import Any

from napari_dacapo.errors import UnsupportedError

__all__ = ["DEFAULT_SIZE", "iframe"]

#: Width and height in pixels.
DEFAULT_SIZE = (1500, 600)


def iframe(viewer: Any, width: int, height: int) -> Any:
    """Return a frame that shows a viewer; the viewer lives as long as the frame does.

    Raises
    ------
    UnsupportedError
        If IPython is not installed.
    """
    try:
        from IPython.display import IFrame
    except ImportError as error:
        raise UnsupportedError(
            "A page can be embedded in a notebook only.",
            todo="Install IPython (pip install 'napari-dacapo[notebook]'), or do not embed it.",
        ) from error
    frame: Any = IFrame(src=viewer.get_viewer_url(), width=width, height=height)
    frame.viewer = viewer
    return frame
