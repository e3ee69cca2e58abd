"""Arrays of any library as volumes, without reading them."""

from __future__ import annotations

import math
import uuid
from typing import TYPE_CHECKING, Any

import dask.array as da
import numpy as np

from napari_dacapo.errors import NapariDacapoError
from napari_dacapo.volumes.opening import default_kind, open_volume, value_range
from napari_dacapo.volumes.volume import Identity, Kind, Role, Volume

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["as_volume"]

_SPATIAL_NAMES = ("z", "y", "x")
_NUMBERS = "buif"


def as_volume(
    array: Any,
    name: str,
    *,
    kind: Kind | None = None,
    voxel_size: Sequence[float] | float | None = None,
    offset: Sequence[float] | float | None = None,
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
        How to look at it; by default an image.
    voxel_size, offset : sequence of float or float, optional
        In nanometres over the spatial axes; win over what the array says.
        Where nothing is said: 1 nm, at 0.
    axis_names : sequence of str, optional
        One per axis, those that are not spatial end in ``^`` and come first.
        By default the last axes are z, y, x, and one before them is ``c^``.
    role : str, optional
        What it is; by default raw or segmentation.

    Returns
    -------
    Volume
        Its identity's variant is `name`, so that it has a slot of its own.

    Raises
    ------
    ValueError
        If it is no array, has no elements, is not of numbers, or if voxel
        size, offset, axis names and shape do not fit together.

    Examples
    --------
    >>> as_volume(np.zeros((4, 5, 6)), "raw", voxel_size=(40, 4, 4)).roi[1]
    (160.0, 20.0, 24.0)
    """
    identity = Identity(
        "", "", role or ("segmentation" if kind == "labels" else "raw"), variant=name
    )
    if isinstance(array, Volume):
        said = array
    else:
        said = _on_disk(array, name, identity) or _wrapped(
            array, name, identity, voxel_size, offset, axis_names
        )
    names = said.axis_names if axis_names is None else _axis_names(axis_names, said.shape, name)
    n_spatial = sum(not axis.endswith("^") for axis in names)
    sizes = (
        said.voxel_size
        if voxel_size is None
        else _lengths(voxel_size, n_spatial, name, "voxel_size")
    )
    if any(size <= 0 for size in sizes):
        raise ValueError(f"{name}: voxel_size must be positive, not {sizes}.")
    begin = said.offset if offset is None else _lengths(offset, n_spatial, name, "offset")
    kind = kind or (said.kind if isinstance(array, Volume) else "image")
    if kind == "labels" and said.dtype.kind == "f":
        raise ValueError(
            f"{name}: a segmentation needs integers, not {said.dtype}. Convert it, or show it as "
            "an image."
        )
    moved = (names, sizes, begin) != (said.axis_names, said.voxel_size, said.offset)
    try:
        return said.with_(
            axis_names=names,
            voxel_size=sizes,
            offset=begin,
            kind=kind,
            value_range=said.value_range or value_range(said.dtype, kind),
            # Coarser copies lie where the array itself said.
            levels=() if moved else said.levels,
        )
    except ValueError as error:
        raise ValueError(f"{name}: {error}.") from error


def _wrapped(
    array: Any,
    name: str,
    identity: Identity,
    voxel_size: Any,
    offset: Any,
    axis_names: Any,
) -> Volume:
    """Wrap an object; what it says of its place is used where the caller says nothing."""
    said = _Said(array)
    data = _dask(said.data, name)
    if data.dtype.kind not in _NUMBERS:
        raise ValueError(f"{name}: cannot show elements of type {data.dtype}.")
    if data.size == 0:
        raise ValueError(f"{name}: the array has no elements, its shape is {data.shape}.")
    names = axis_names if axis_names is not None else said.axis_names
    sizes = voxel_size if voxel_size is not None else said.voxel_size
    if names is None and sizes is not None and not isinstance(sizes, int | float):
        names = _default_names(data.ndim, name, n_spatial=len(tuple(sizes)))
    names = (
        _default_names(data.ndim, name) if names is None else _axis_names(names, data.shape, name)
    )
    n_spatial = sum(not axis.endswith("^") for axis in names)
    begin = offset if offset is not None else said.offset
    return Volume(
        data=data,
        axis_names=names,
        voxel_size=_lengths(1.0 if sizes is None else sizes, n_spatial, name, "voxel_size"),
        offset=_lengths(0.0 if begin is None else begin, n_spatial, name, "offset"),
        identity=identity,
        kind=default_kind(data.dtype, identity),
        revision=data.name,
    )


class _Said:
    """What an array object of funlib's or gunpowder's kind says of itself."""

    def __init__(self, array: Any) -> None:
        spec = getattr(array, "spec", None)
        placed = spec if hasattr(spec, "voxel_size") else array
        is_wrapper = hasattr(placed, "voxel_size") and hasattr(array, "data")
        self.data = array.data if is_wrapper else array
        self.voxel_size = getattr(placed, "voxel_size", None) if is_wrapper else None
        self.axis_names = getattr(array, "axis_names", None) if is_wrapper else None
        self.offset = None
        if is_wrapper:
            self.offset = getattr(placed, "offset", None)
            if self.offset is None:
                roi = getattr(placed, "roi", None)
                self.offset = getattr(roi, "offset", getattr(roi, "begin", None))


def _on_disk(array: Any, name: str, identity: Identity) -> Volume | None:
    """Open a zarr array again by its path, so that chunks can be served as they lie there."""
    path = _zarr_path(array)
    if path is None:
        return None
    try:
        volume = open_volume(path, identity=identity)
    except NapariDacapoError:
        return None
    same = volume.shape == tuple(array.shape) and volume.dtype == array.dtype
    return volume if same else None


def _zarr_path(array: Any) -> Path | None:
    if type(array).__module__.partition(".")[0] != "zarr":
        return None
    from zarr.storage import LocalStore

    store = getattr(array, "store", None)
    if not isinstance(store, LocalStore):
        return None
    return store.root / str(getattr(array, "path", ""))


def _dask(data: Any, name: str) -> da.Array:
    if isinstance(data, da.Array):
        return data
    module = type(data).__module__.partition(".")[0]
    if module == "tensorstore":
        from napari_dacapo.volumes.lazy_array import LazyArray

        return LazyArray.from_tensorstore(data, name=f"{name}-{uuid.uuid4().hex}")
    if not hasattr(data, "shape") or not hasattr(data, "dtype") or not hasattr(data, "__getitem__"):
        raise ValueError(
            f"{name}: {type(data).__name__} is no array. Give a numpy, dask, zarr, h5py or "
            "TensorStore array, or a Volume."
        )
    # A name of its own: hashing the elements would read them all.
    chunks = getattr(data, "chunks", None)
    from_array: Any = da.from_array  # has no types
    wrapped: da.Array = from_array(
        data,
        chunks=chunks if isinstance(chunks, tuple) else "auto",
        name=f"{name}-{uuid.uuid4().hex}",
        lock=module == "h5py",
        asarray=not isinstance(data, np.ndarray),
    )
    return wrapped


def _default_names(ndim: int, name: str, n_spatial: int | None = None) -> tuple[str, ...]:
    n_spatial = min(ndim, 3) if n_spatial is None else n_spatial
    if ndim < 2 or not 2 <= n_spatial <= 3 or ndim - n_spatial not in (0, 1):
        raise ValueError(
            f"{name}: cannot tell the axes of an array with {ndim} axes"
            + (f" and {n_spatial} voxel sizes" if n_spatial != min(ndim, 3) else "")
            + '. Give axis_names, such as ("c^", "z", "y", "x").'
        )
    return ("c^",) * (ndim - n_spatial) + _SPATIAL_NAMES[3 - n_spatial :]


def _axis_names(names: Sequence[str], shape: Sequence[int], name: str) -> tuple[str, ...]:
    given = tuple(str(axis) for axis in names)
    if len(given) != len(shape) or len(set(given)) != len(given):
        raise ValueError(f"{name}: axis_names {given} do not fit an array of shape {tuple(shape)}.")
    return given


def _lengths(value: Any, n_spatial: int, name: str, what: str) -> tuple[float, ...]:
    """Check lengths in nanometres; one number counts for each axis."""
    try:
        if isinstance(value, int | float | np.number):
            lengths = (float(value),) * n_spatial
        else:
            lengths = tuple(float(v) for v in value)
    except (TypeError, ValueError):
        raise ValueError(f"{name}: {what} must be numbers, not {value!r}.") from None
    if len(lengths) != n_spatial:
        raise ValueError(
            f"{name}: {what} {lengths} has {len(lengths)} values, but there are {n_spatial} "
            "spatial axes."
        )
    if not all(math.isfinite(length) for length in lengths):
        raise ValueError(f"{name}: {what} must be finite, not {lengths}.")
    return lengths
