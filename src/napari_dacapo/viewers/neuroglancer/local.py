"""Arrays in memory as neuroglancer's LocalVolume.

For arrays that are not on disk: they are downsampled and encoded by Python as
the client asks for them, which is about ten times slower than sending the
chunks of a zarr array, but needs no pyramid and can make meshes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dacapo.viewers.neuroglancer.blocks import read_region
from napari_dacapo.viewers.neuroglancer.served import client_dtype
from napari_dacapo.viewers.neuroglancer.served_level import convert
from napari_dacapo.viewers.neuroglancer.zarr_metadata import client_axis_names

if TYPE_CHECKING:
    from napari_dacapo.volumes import Volume

__all__ = ["LocalArray", "local_source", "local_volume"]


class LocalArray:
    """A volume's array as LocalVolume wants one: a shape, a type, and slices of numpy.

    Parameters
    ----------
    volume : Volume
        Whose elements are given out, converted to a type that the client
        shows. Nothing is read before a slice is asked for.
    """

    def __init__(self, volume: Volume) -> None:
        self._volume = volume
        self._dtype = client_dtype(volume)

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of elements along each axis."""
        return self._volume.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the elements that are given out."""
        return np.dtype(self._dtype)

    def __getitem__(self, item: Any) -> np.ndarray[Any, Any]:
        items = item if isinstance(item, tuple) else (item,)
        region = []
        for n, part in zip(self.shape, (*items, *[slice(None)] * len(self.shape)), strict=False):
            begin, end, _ = (part if isinstance(part, slice) else slice(part, part + 1)).indices(n)
            region.append(slice(begin, max(begin, end)))
        return convert(read_region(self._volume.data, region), self._dtype)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        return np.asarray(self[tuple(slice(None) for _ in self.shape)], dtype)

    def transpose(self) -> np.ndarray[Any, Any]:
        """Return the whole array, axes reversed; neuroglancer makes meshes from it."""
        return np.asarray(self).transpose()


def local_volume(volume: Volume, *, meshes: bool = False, downsampling: str | None = "2d") -> Any:
    """Return a volume as neuroglancer's LocalVolume.

    Parameters
    ----------
    volume : Volume
        Any volume; meant for arrays in memory.
    meshes : bool
        Whether segments may be shown as meshes: made when one is selected,
        from the whole array, without simplification (which takes minutes).
    downsampling : {"2d", "3d"} or None
        How it is shown coarser when zoomed out.

    Returns
    -------
    neuroglancer.LocalVolume
        Its ``voxel_offset`` is 0; :func:`local_source` puts it in its place.

    Raises
    ------
    UnsupportedError
        If the client cannot show the element type.
    """
    import neuroglancer

    n_other = len(volume.axis_names) - len(volume.spatial_axes)
    space = neuroglancer.CoordinateSpace(
        names=list(client_axis_names(volume)),
        units=[""] * n_other + ["nm"] * len(volume.spatial_axes),
        scales=[1.0] * n_other + [float(size) for size in volume.voxel_size],
    )
    return neuroglancer.LocalVolume(
        LocalArray(volume),
        dimensions=space,
        volume_type="segmentation" if volume.kind == "labels" else "image",
        downsampling=downsampling if len(volume.spatial_axes) > 2 else None,
        mesh_options={"max_quadrics_error": -1} if meshes else None,
    )


def local_source(volume: Volume, local: Any) -> Any:
    """Return a layer's data source that puts a LocalVolume where its volume lies.

    ``voxel_offset`` counts whole voxels and cuts off fractions without a word,
    so the offset goes into the source's transform.

    Parameters
    ----------
    volume : Volume
        Says where.
    local : neuroglancer.LocalVolume
        As from :func:`local_volume`.

    Returns
    -------
    neuroglancer.LayerDataSource
        To be put into ``layer.source``.
    """
    import neuroglancer

    rank = len(volume.axis_names)
    n_other = rank - len(volume.spatial_axes)
    matrix = np.eye(rank, rank + 1)
    matrix[n_other:, rank] = np.divide(volume.offset, volume.voxel_size)
    transform = neuroglancer.CoordinateSpaceTransform(
        output_dimensions=local.dimensions, matrix=matrix
    )
    return neuroglancer.LayerDataSource(url=local, transform=transform)
