"""The array on disk that a volume is made from, told from its elements alone.

Nearly every run scales its raw (``IntensitiesArray``) and picks labels for its
gt (``BinarizeArray``). What comes of it exists in memory only, but its lazy
view still knows which whole array it reads and what it does to each element.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_dacapo.volumes.functions import Affine, Greater, IsIn, IsNot
from napari_dacapo.volumes.lazy_array import LazyArray
from napari_dacapo.volumes.sources import TensorStoreSource, TransposedSource
from napari_dacapo.volumes.views import MapView, SourceView, StackView
from napari_dacapo.volumes.volume import ArraySource

if TYPE_CHECKING:
    from napari_dacapo.volumes.views import View
    from napari_dacapo.volumes.volume import Volume

__all__ = ["Origin", "origin_of"]

_FORMATS: dict[str, Any] = {"zarr": "zarr2", "zarr3": "zarr3", "n5": "n5"}


@dataclass(frozen=True, slots=True)
class Origin:
    """The array on disk that a volume is made from.

    Attributes
    ----------
    volume : Volume
        The array, in the place of the volume that is made from it.
    low, high : float or None
        Elements on disk that are 0 and 1 in the other volume, if it is scaled;
        None if its elements are masks of labels.
    """

    volume: Volume
    low: float | None = None
    high: float | None = None


def origin_of(volume: Volume) -> Origin | None:
    """Return the array on disk that a volume is made from; nothing is read.

    Returns
    -------
    Origin or None
        None if the volume is stored as it is, or is made in other ways: of a
        part of an array, of several, or of other functions than scaling and
        masks of labels.
    """
    view = getattr(volume.data, "lazy_view", None)
    if isinstance(view, MapView) and isinstance(view.function, Affine):
        low, high = float(view.function.low), float(view.function.high)
        stored = _stored(volume, view.views[0], volume.axis_names)
        if stored is not None:
            limits = (min(low, high), max(low, high))
            return Origin(stored.with_(value_range=limits, channel_names=()), low, high)
    if isinstance(view, StackView) and volume.kind == "labels":
        stored = _stored(volume, _masked(view), volume.axis_names[1:])
        if stored is not None and stored.dtype.kind in "bui":
            return Origin(stored.with_(channel_names=(), class_names={}))
    return None


def _masked(stack: StackView) -> View | None:
    """Return the view of which a stack holds masks, one for each of its channels."""
    inner = [
        view.views[0]
        for view in stack.views
        if isinstance(view, MapView) and isinstance(view.function, Greater | IsIn | IsNot)
    ]
    sources = {id(view.source) for view in inner if isinstance(view, SourceView)}
    return inner[0] if len(inner) == len(stack.views) and len(sources) == 1 else None


def _stored(volume: Volume, view: View | None, axis_names: tuple[str, ...]) -> Volume | None:
    """Return an array on disk under the identity of a volume, if a view is all of it."""
    if not isinstance(view, SourceView) or len(axis_names) != len(view.shape):
        return None
    source = view.source
    if view.selection != tuple(range(n) for n in source.shape):
        return None
    inner = source.source if isinstance(source, TransposedSource) else source
    if not isinstance(inner, TensorStoreSource) or not inner.path:
        return None
    kind = _FORMATS.get(inner.spec.get("driver", ""))
    # N5 counts its axes backwards; any other order of axes is none that is on disk.
    backwards = tuple(range(len(inner.shape)))[::-1]
    order = source.order if isinstance(source, TransposedSource) else None
    if kind is None or order != (backwards if kind == "n5" else None):
        return None
    return volume.with_(
        data=LazyArray.from_view(view, f"{volume.data.name}-stored"),
        axis_names=axis_names,
        levels=(),
        source=ArraySource(Path(inner.path), kind),
    )
