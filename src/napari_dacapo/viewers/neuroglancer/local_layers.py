"""LocalVolumes that users hand over: shown as they are, with what is asked for beside them.

A LocalVolume has its own dimensions, offset and kind. What is said beside it
must be the same, or it is refused: nothing of it can be changed from outside.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dacapo.volumes.any_array import as_volume
from napari_dacapo.volumes.given import factors_of, lengths_of, times, voxel_size_of

if TYPE_CHECKING:
    from napari_dacapo.volumes import Volume

__all__ = ["check_local", "lies_in_the_world", "local_as_volume"]

# What LocalVolume hands to a client that then shows nothing, without an error.
_NOT_SHOWN = frozenset({"bool", "int64", "float16", "complex64", "complex128"})


def check_local(
    name: str,
    local: Any,
    *,
    is_seg: bool | None,
    voxel_size: Any,
    offset: Any,
    units: Any,
    axis_names: Any,
) -> None:
    """Check that a LocalVolume can be shown, and is what is said of it.

    Raises
    ------
    ValueError
        If not; begins with `name` and says what to do.
    """
    labels = local.volume_type == "segmentation"
    if is_seg is not None and is_seg != labels:
        raise ValueError(
            f"{name}: the LocalVolume was made with volume_type={local.volume_type!r}; make it "
            f"with volume_type={'segmentation' if is_seg else 'image'!r}."
        )
    signed = labels and not local.data_type.startswith("uint")
    if local.data_type in _NOT_SHOWN or signed:
        raise ValueError(
            f"{name}: neuroglancer cannot show a LocalVolume of {local.data_type} as "
            f"{'a segmentation' if labels else 'an image'}. Convert its data, or give the array "
            "itself."
        )
    if local.encoding == "raw":
        raise ValueError(f'{name}: the encoding "raw" of LocalVolume fails with numpy 2; use npz.')
    names, sizes, begin = _place(local)
    n = len(sizes)
    factors = factors_of(units, n, name)
    if voxel_size is not None:
        wanted = times(voxel_size_of(voxel_size, n, name), factors)
        _must_be(name, "voxel_size", wanted, sizes, "dimensions")
    if offset is not None:
        wanted = times(lengths_of(offset, n, name, "offset"), factors)
        _must_be(name, "offset", wanted, begin, "voxel_offset")
    if axis_names is not None and [str(axis).rstrip("^'") for axis in axis_names] != [
        axis.rstrip("^'") for axis in names
    ]:
        raise ValueError(
            f"{name}: axis_names are {tuple(names)} in the LocalVolume. Make it with other "
            "dimensions, or give the array itself."
        )


def lies_in_the_world(local: Any) -> bool:
    """Return whether a LocalVolume's spatial axes have lengths, so that one can look at it."""
    units = list(local.dimensions.units)
    return all(units[axis] == "m" for axis in _spatial(local))


def local_as_volume(name: str, local: Any) -> Volume:
    """Return a LocalVolume's elements as a volume that lies where it does; nothing is read.

    Raises
    ------
    ValueError
        If it has no two or three spatial axes; begins with `name`.
    """
    names, sizes, begin = _place(local)
    spatial = _spatial(local)
    marked = ["c^" if axis == "c^" else f"d{i}^" for i, axis in enumerate(names)]
    volume = as_volume(
        local.data,
        name,
        kind="labels" if local.volume_type == "segmentation" else "image",
        voxel_size=sizes,
        offset=begin,
        axis_names=[f"s{i}" if i in spatial else axis for i, axis in enumerate(marked)],
    )
    # What is spatial there is so by its mark, whatever else its name means here.
    n_other = len(volume.axis_names) - len(spatial)
    named = (*volume.axis_names[:n_other], *(names[i] for i in spatial))
    return volume.with_(axis_names=named)


def _spatial(local: Any) -> list[int]:
    """Return which axes are spatial: what neuroglancer counts has a mark at its name."""
    return [i for i, axis in enumerate(local.dimensions.names) if axis[-1:] not in "^'"]


def _place(local: Any) -> tuple[list[str], tuple[float, ...], tuple[float, ...]]:
    """Return names of all axes, and voxel size and offset over the spatial ones."""
    spatial = _spatial(local)
    factor = 1e9 if lies_in_the_world(local) else 1.0
    scales = np.asarray(local.dimensions.scales, float)[spatial] * factor
    begin = np.asarray(local.voxel_offset, float)[spatial] * scales
    sizes = tuple(float(f"{size:.12g}") for size in scales)
    return list(local.dimensions.names), sizes, tuple(float(b) for b in begin)


def _must_be(
    name: str, what: str, wanted: tuple[float, ...], there: tuple[float, ...], made_by: str
) -> None:
    if not np.allclose(wanted, there, rtol=1e-6, atol=1e-9):
        raise ValueError(
            f"{name}: {what} is {there} in the LocalVolume and not {wanted}. Make it with other "
            f"{made_by}, or give the array itself."
        )
