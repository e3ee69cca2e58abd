"""What napari does once, for its first layers, done beside the window.

The first layer of a process makes napari import xarray and read all units; the
first labels of a type make it compile functions, a second each. On the main
thread, that would freeze the window while the first run is opened.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Image, Labels

from napari_dacapo.errors import UnsupportedError
from napari_dacapo.viewers.appearance import appearance
from napari_dacapo.viewers.napari.colormaps import instance_colormap, line_colormap
from napari_dacapo.viewers.napari.layers import shown_dtype

if TYPE_CHECKING:
    from collections.abc import Iterable

    from napari_dacapo.volumes import Volume

__all__ = ["warm_up"]


def warm_up(volumes: Iterable[Volume]) -> None:
    """Let napari do what it does once for layers of such volumes.

    Layers that nobody sees are made, of a few elements each; no element of the
    volumes is read. Callable on any thread, and quick when called again.

    Parameters
    ----------
    volumes : iterable of Volume
        What is to be shown.
    """
    for volume in volumes:
        try:
            look = appearance(volume)
        except UnsupportedError:
            continue  # it is refused when it is shown
        dtype = shown_dtype(volume.data.dtype, look).str
        if look.kind == "image":
            _make_image(dtype)
        else:
            named = look.kind != "instances" or look.line_color is not None
            _make_labels(dtype, named=named)


@functools.cache
def _make_image(dtype: str) -> None:
    Image(np.zeros((2, 2), dtype), contrast_limits=(0, 1))


@functools.cache
def _make_labels(dtype: str, *, named: bool) -> None:
    colormap = line_colormap((1.0, 1.0, 1.0, 1.0)) if named else instance_colormap()
    Labels(np.zeros((2, 2), dtype), colormap=colormap)
