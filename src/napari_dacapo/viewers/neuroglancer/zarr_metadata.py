"""Zarr metadata as the neuroglancer client wants it, made from a Volume.

Arrays of a training run carry their voxel size and offset under DaCapo's own
names and often have an element type that the client cannot show. Nothing is
written to a store: this metadata exists only in the answers of the server.
Pure functions; no file is read here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_dacapo.volumes import Volume

__all__ = [
    "MAX_CHANNELS",
    "ZarrFormat",
    "array_metadata",
    "client_axis_names",
    "grid_shape",
    "group_metadata",
    "itemsize",
]

ZarrFormat = Literal[2, 3]

#: Up to so many channels are given to a shader together; more become a slider.
MAX_CHANNELS = 16


def client_axis_names(volume: Volume, *, channels_apart: bool = False) -> tuple[str, ...]:
    """Return the axis names under which the client shows a volume.

    The client reads a suffix: ``^`` marks channels that a shader sees all at
    once, ``'`` an axis that belongs to one layer and has a slider there.
    Segmentations have no shader, so their channels are of the second kind, and
    so are those of images whose channels the client cannot see together.
    """
    names = []
    for index, name in enumerate(volume.axis_names):
        base = name.rstrip("^'")
        if not name.endswith("^"):
            names.append(base or name)
        elif name == "c^" and not channels_apart and _are_channels(volume, volume.shape[index]):
            names.append("c^")
        else:
            names.append(f"{base}'")
    return tuple(names)


def group_metadata(volume: Volume, zarr_format: ZarrFormat) -> dict[str, Any]:
    """Return OME-Zarr attributes of a volume and its levels.

    Parameters
    ----------
    volume : Volume
        What is served; level 0 is the volume itself.
    zarr_format : {2, 3}
        OME-Zarr 0.4 is written for 2, and 0.5 for 3.

    Returns
    -------
    dict
        The attributes of the group. Each translation is the world position of
        the *centre* of the first voxel, as OME-Zarr means it, in nanometres.
    """
    n_other = len(volume.axis_names) - len(volume.spatial_axes)
    axes: list[dict[str, str]] = []
    for index, name in enumerate(client_axis_names(volume)):
        if index < n_other:
            axes.append({"name": name})
        else:
            axes.append({"name": name, "type": "space", "unit": "nanometer"})
    places = [(volume.voxel_size, volume.offset)]
    places += [(level.voxel_size, level.offset) for level in volume.levels]
    datasets = []
    for index, (voxel_size, offset) in enumerate(places):
        centre = [o + v / 2 for o, v in zip(offset, voxel_size, strict=True)]
        # Half a step along the other axes too, so that their bounds are whole numbers.
        transforms = [
            {"type": "scale", "scale": [1.0] * n_other + [float(v) for v in voxel_size]},
            {"type": "translation", "translation": [0.5] * n_other + centre},
        ]
        datasets.append({"path": str(index), "coordinateTransformations": transforms})
    multiscale: dict[str, Any] = {
        "name": volume.identity.label,
        "axes": axes,
        "datasets": datasets,
    }
    if zarr_format == 2:
        return {"multiscales": [multiscale | {"version": "0.4"}]}
    return {"ome": {"version": "0.5", "multiscales": [multiscale]}}


def array_metadata(
    shape: Sequence[int], chunks: Sequence[int], dtype: str, zarr_format: ZarrFormat
) -> dict[str, Any]:
    """Return metadata of an array whose chunks are sent as plain little-endian bytes.

    Parameters
    ----------
    shape, chunks : sequence of int
        Of the array and of each of its chunks.
    dtype : str
        A numpy name that the client knows, e.g. ``"uint64"`` or ``"float32"``.
    zarr_format : {2, 3}
        Which metadata to write.
    """
    if zarr_format == 2:
        size = itemsize(dtype)
        return {
            "zarr_format": 2,
            "shape": list(shape),
            "chunks": list(chunks),
            "dtype": f"{'|' if size == 1 else '<'}{dtype[0]}{size}",
            "compressor": None,
            "fill_value": 0,
            "order": "C",
            "filters": None,
            "dimension_separator": "/",
        }
    return {
        "zarr_format": 3,
        "node_type": "array",
        "shape": list(shape),
        "data_type": dtype,
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": list(chunks)}},
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
        "fill_value": 0,
        "codecs": [{"name": "bytes", "configuration": {"endian": "little"}}],
        "attributes": {},
    }


def grid_shape(shape: Sequence[int], chunks: Sequence[int]) -> tuple[int, ...]:
    """Return the number of chunks along each axis."""
    return tuple(-(-n // c) for n, c in zip(shape, chunks, strict=True))


def _are_channels(volume: Volume, count: int) -> bool:
    return volume.kind == "image" and count <= MAX_CHANNELS


def itemsize(dtype: str) -> int:
    """Return the bytes of an element of a type that the client knows."""
    return int("".join(c for c in dtype if c.isdigit())) // 8
