"""Arrays of any library as volumes, without reading them."""

from __future__ import annotations

import math
import re
import uuid
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import dask.array as da

from napari_dacapo.errors import NapariDacapoError
from napari_dacapo.volumes.coordinates import fit_names, in_nanometres
from napari_dacapo.volumes.given import (
    axis_names_of,
    factors_of,
    lengths_of,
    times,
    voxel_size_of,
)
from napari_dacapo.volumes.lazy_array import LazyArray
from napari_dacapo.volumes.masked import check_masked, is_masked, without_mask
from napari_dacapo.volumes.object_source import ObjectSource
from napari_dacapo.volumes.opening import default_kind, open_volume, value_range
from napari_dacapo.volumes.pyramids import with_pyramid
from napari_dacapo.volumes.sources import TransposedSource
from napari_dacapo.volumes.volume import Identity, Kind, Role, Volume

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["as_volume"]

_NUMBERS = "buif"


def as_volume(
    array: Any,
    name: str,
    *,
    kind: Kind | None = None,
    voxel_size: Sequence[float] | float | None = None,
    offset: Sequence[float] | float | None = None,
    units: Sequence[str] | str | None = None,
    axis_names: Sequence[str] | None = None,
    role: Role | None = None,
) -> Volume:
    """Take an array of any library as a volume; nothing is copied or read.

    Parameters
    ----------
    array : array
        numpy, dask, zarr, h5py or TensorStore, a :class:`Volume`, or anything
        with ``data``, ``voxel_size``, ``offset`` or ``roi`` and
        ``axis_names`` (funlib) or with ``data`` and ``spec`` (gunpowder).
    name : str
        What it is called; errors name it.
    kind : {"image", "labels"}, optional
        How to look at it; by default an image, unless it is a volume that
        says otherwise.
    voxel_size, offset : sequence of float or float, optional
        Over the spatial axes; win over what the array says. Where nothing is
        said: 1, at 0.
    units : str or sequence of str, optional
        Of voxel size and offset, as they are given here or as an array says
        them that names no units; nanometres by default.
    axis_names : sequence of str, optional
        One per axis, those that are not spatial end in ``^``. By default the
        last axes are z, y, x, and one before them is ``c^``.
    role : str, optional
        What it is; by default raw or segmentation.

    Returns
    -------
    Volume
        Non-spatial axes are brought to the front. Its identity's variant is
        `name`, so that it has a slot of its own. Its value range is what it
        says, or else what the dtype suggests.

    Raises
    ------
    ValueError
        If it is no array, has no elements, is not of numbers, is an image of
        masked integers, or if voxel size, offset, units, axis names and shape
        do not fit together.

    Examples
    --------
    >>> as_volume(np.zeros((4, 5, 6)), "raw", voxel_size=(40, 4, 4)).roi[1]
    (160.0, 20.0, 24.0)
    """
    role = role or ("segmentation" if kind == "labels" else "raw")
    identity = Identity("", "", role, variant=name)
    given = _Given(name, voxel_size, offset, units, axis_names)
    said = _Said(array)
    if isinstance(array, Volume):
        volume = _overridden(array, given)
    else:
        volume = _on_disk(array, identity, given) or _wrapped(said, identity, given)
    kind = kind or (array.kind if isinstance(array, Volume) else "image")
    check_masked(said.data, volume.dtype, kind, name)
    if kind == "labels" and volume.dtype.kind == "f":
        raise ValueError(
            f"{name}: a segmentation needs integers, not {volume.dtype}. Convert it, or show it "
            "as an image."
        )
    if volume.dtype.kind not in _NUMBERS:
        raise ValueError(f"{name}: cannot show elements of type {volume.dtype}.")
    if volume.data.size == 0:
        raise ValueError(f"{name}: the array has no elements, its shape is {volume.shape}.")
    if kind != volume.kind:
        # Virtual coarser copies of images are means, which labels must not be.
        stored = tuple(level for level in volume.levels if level.source is not None)
        volume = volume.with_(kind=kind, levels=stored)
    if kind == "labels":
        volume = volume.with_(value_range=None)
    elif volume.value_range is None:
        volume = volume.with_(value_range=value_range(volume.dtype, kind))
    return with_pyramid(volume)


@dataclass(frozen=True, slots=True)
class _Given:
    """What the caller says; None where he says nothing."""

    name: str
    voxel_size: Any = None
    offset: Any = None
    units: Any = None
    axis_names: Any = None

    @property
    def says_where(self) -> bool:
        return self.voxel_size is not None or self.offset is not None


def _overridden(volume: Volume, given: _Given) -> Volume:
    """Return a volume elsewhere; its stored coarser copies stay where they are, so they go."""
    name, names = given.name, given.axis_names
    if not given.says_where and names is None:
        return volume
    axis_names = volume.axis_names if names is None else axis_names_of(names, volume.shape, name)
    n = sum(not axis.endswith("^") for axis in axis_names)
    factors = factors_of(given.units, n, name)
    sizes, begin = volume.voxel_size, volume.offset
    if given.voxel_size is not None:
        sizes = times(voxel_size_of(given.voxel_size, n, name), factors)
    if given.offset is not None:
        begin = times(lengths_of(given.offset, n, name, "offset"), factors)
    try:
        return volume.with_(
            axis_names=axis_names,
            voxel_size=voxel_size_of(sizes, n, name),
            offset=lengths_of(begin, n, name, "offset"),
            levels=(),
        )
    except ValueError as error:
        raise ValueError(_named(name, error)) from error


def _wrapped(said: _Said, identity: Identity, given: _Given) -> Volume:
    """Wrap an object; what it says of its place is used where the caller says nothing."""
    name = given.name
    shape = _shape(said.data, name)
    sizes: Any = said.voxel_size if given.voxel_size is None else given.voxel_size
    n_values = len(sizes) if hasattr(sizes, "__len__") and len(sizes) > 1 else 0
    axes = (
        fit_names(said.axis_names or (), len(shape), n_values)
        if given.axis_names is None
        else axis_names_of(given.axis_names, shape, name)
    )
    n_spatial = sum(not axis.endswith("^") for axis in axes)
    if n_spatial < 2:
        raise ValueError(
            f"{name}: an array of shape {shape} cannot be shown, for it has {n_spatial} spatial "
            'axes and not two or three. Give axis_names, such as ("c^", "z", "y", "x").'
        )
    order = tuple(sorted(range(len(axes)), key=lambda axis: not axes[axis].endswith("^")))
    data = _lazy(said.data, name, order)
    of_given = factors_of(given.units, n_spatial, name)
    unit, notes = in_nanometres(said.units, n_spatial)
    of_said = of_given if said.units is None else unit or (1.0,) * n_spatial
    lengths = times(
        voxel_size_of(1.0 if sizes is None else sizes, n_spatial, name),
        of_said if given.voxel_size is None else of_given,
    )
    if given.offset is not None:
        begin = times(lengths_of(given.offset, n_spatial, name, "offset"), of_given)
    elif said.origin is not None:
        begin = times(tuple(said.origin[axis] for axis in order)[-n_spatial:], lengths)
    else:
        begin = times(lengths_of(said.offset, n_spatial, name, "offset"), of_said)
    return Volume(
        data=data,
        axis_names=tuple(axes[axis] for axis in order),
        voxel_size=lengths,
        offset=begin,
        identity=identity,
        kind=default_kind(data.dtype, identity),
        revision=data.name,
        notes=notes,
    )


class _Said:
    """What an array object of funlib's or gunpowder's kind says of itself."""

    def __init__(self, array: Any) -> None:
        spec = getattr(array, "spec", None)
        placed: Any = spec if hasattr(spec, "voxel_size") else array
        is_wrapper = hasattr(placed, "voxel_size") and hasattr(array, "data")
        self.data = array.data if is_wrapper else array
        self.voxel_size = placed.voxel_size if is_wrapper else None
        self.units = getattr(array, "units", None) if is_wrapper else None
        names = getattr(array, "axis_names", None) if is_wrapper else getattr(array, "dims", None)
        self.axis_names = [str(axis) for axis in names] if isinstance(names, list | tuple) else None
        self.offset: Any = 0.0
        self.origin: Any = None
        if type(array).__module__.partition(".")[0] == "tensorstore":
            # Its indices need not begin at 0.
            self.origin = tuple(array.origin)
            self.data = array.translate_to[(0,) * array.ndim]
        if is_wrapper:
            roi = getattr(placed, "roi", None)
            roi_offset = getattr(roi, "offset", getattr(roi, "begin", None))
            given = getattr(placed, "offset", None)
            given = roi_offset if given is None else given
            self.offset = 0.0 if given is None else given


def _on_disk(array: Any, identity: Identity, given: _Given) -> Volume | None:
    """Open a zarr array again by its path, so that chunks can be served as they lie there."""
    path, names = _zarr_path(array), given.axis_names
    if path is None:
        return None
    axis_names = None if names is None else axis_names_of(names, array.shape, given.name)
    try:
        volume = open_volume(path, identity=identity, axis_names=axis_names)
    except NapariDacapoError:
        return None
    if sorted(volume.shape) != sorted(array.shape) or volume.dtype != array.dtype:
        return None  # another one lies there now
    return _overridden(volume, replace(given, axis_names=None))


def _zarr_path(array: Any) -> Path | None:
    if type(array).__module__.partition(".")[0] != "zarr":
        return None
    from zarr.storage import LocalStore

    store = getattr(array, "store", None)
    if not isinstance(store, LocalStore):
        return None
    return store.root / str(getattr(array, "path", ""))


def _shape(data: Any, name: str) -> tuple[int, ...]:
    if not all(hasattr(data, attribute) for attribute in ("shape", "dtype", "__getitem__")):
        raise ValueError(
            f"{name}: {type(data).__name__} is no array. Give a numpy, dask, zarr, h5py or "
            "TensorStore array, or a Volume."
        )
    return tuple(data.shape)


def _lazy(data: Any, name: str, order: tuple[int, ...]) -> da.Array:
    """Return an array object as a lazy array, its axes in another order."""
    moved = order != tuple(range(len(order)))
    if isinstance(data, da.Array):
        if is_masked(data):
            map_blocks: Any = da.map_blocks  # has no types
            data = map_blocks(without_mask, data, dtype=data.dtype)
        if math.isnan(data.size):
            raise ValueError(f"{name}: the shape of the dask array is not known.")
        transpose: Any = da.transpose  # has no types
        transposed: da.Array = transpose(data, order) if moved else data
        return transposed
    try:
        source = ObjectSource(data, name)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name}: cannot show elements of type {data.dtype}: {error}.") from error
    # A name of its own: hashing the elements would read them all.
    title = f"{re.sub('[^A-Za-z0-9]+', '-', name)}-{uuid.uuid4().hex}"
    return LazyArray.from_source(TransposedSource(source, order) if moved else source, title)


def _named(name: str, error: ValueError) -> str:
    text = str(error)
    return text if text.startswith(f"{name}: ") else f"{name}: {text}."
