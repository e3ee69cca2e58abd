"""Open arrays on disk as volumes: zarr, N5, OME-Zarr and TIFF, always read-only."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_dacapo.errors import NapariDacapoError
from napari_dacapo.store.paths import Roots
from napari_dacapo.volumes.elements import open_elements
from napari_dacapo.volumes.levels import find_levels
from napari_dacapo.volumes.limits import check_channels
from napari_dacapo.volumes.pyramids import with_pyramid
from napari_dacapo.volumes.revision import revision_of
from napari_dacapo.volumes.volume import ArraySource, Identity, Kind, Level, Volume

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from os import PathLike

    import numpy as np

    from napari_dacapo.volumes.coordinates import Coordinates
    from napari_dacapo.volumes.levels import OmeUse
    from napari_dacapo.volumes.metadata import ArrayMetadata

__all__ = ["default_kind", "open_volume", "value_range"]

_LABEL_ROLES = frozenset({"gt", "mask", "segmentation"})
_LABEL_TYPES = frozenset({"bool", "int32", "int64", "uint32", "uint64"})


def open_volume(
    path: str | PathLike[str],
    dataset: str | None = None,
    *,
    identity: Identity | None = None,
    kind: Kind | None = None,
    voxel_size: Sequence[float] | None = None,
    offset: Sequence[float] | None = None,
    axis_names: Sequence[str] | None = None,
    roots: Iterable[Path] = (),
    ome: OmeUse = "centre",
) -> Volume:
    """Open an array on disk as a lazy volume; only metadata is read.

    Parameters
    ----------
    path : path-like
        A container (zarr v2 or v3, N5), an array or OME-Zarr image in it, or
        a TIFF file.
    dataset : str, optional
        Array or image within the container. May not lead out of it.
    identity : Identity, optional
        What the volume shows; a raw of no run if not given.
    kind : {"image", "labels"}, optional
        How to look at it; from role and dtype if not given.
    voxel_size, offset : sequence of float, optional
        Nanometres over the spatial axes; win over what the files say.
    axis_names : sequence of str, optional
        One per axis; names of non-spatial axes end in ``^``.
    roots : iterable of Path, optional
        Folders besides the container into which links in it may lead.
    ome : {"centre", "corner", "ignored"}
        What the translations of an OME-Zarr image stand for, if the array has
        no attributes of its own: the centre of the first voxel, as the
        standard has it; its corner, as DaCapo takes it if an array config has
        ``ome_metadata``; nothing, as DaCapo takes it otherwise.

    Returns
    -------
    Volume
        With its stored coarser levels, if the path is a multiscale image
        (OME-Zarr, N5) or one of its scales; with virtual ones, if it has none but is large
        (see :func:`~napari_dacapo.volumes.with_pyramid`).

    Raises
    ------
    ArrayNotFoundError
        If there is no array, or the container holds several.
    ArrayFormatError, BrokenFileError
        If metadata is torn or makes no sense.
    UnsafeFileError
        If ``dataset`` would lead out of the container.
    UnsupportedError
        If elements are not numbers, or their codec is unknown or unsafe.

    Examples
    --------
    >>> volume = open_volume("cells.zarr", "raw")  # doctest: +SKIP
    >>> volume.data[100]  # still lazy  # doctest: +SKIP
    """
    container = Path(os.path.abspath(path))
    inside = Roots([container, *roots])
    folder = inside.join(container, *_parts(dataset)) if dataset else container
    if folder.suffix.lower() in (".tif", ".tiff") and folder.is_file():
        from napari_dacapo.volumes.tiff import open_tiff

        tiff = open_tiff(
            folder,
            identity=identity,
            kind=kind,
            voxel_size=voxel_size,
            offset=offset,
            axis_names=axis_names,
        )
        return with_pyramid(tiff)
    # A config opens what it may; a user names an array and means the image around it.
    siblings = inside if inside.folders[1:] else Roots([container, folder.parent])
    finest, *coarser = find_levels(
        folder, inside, siblings, ome, voxel_size=voxel_size, offset=offset, axis_names=axis_names
    )
    identity = identity or Identity(run="", dataset=folder.name, role="raw")
    volume = _place(finest.array, finest.at, inside, identity, kind)
    levels = []
    for found in coarser:
        # Without one of them the array can still be shown.
        with suppress(NapariDacapoError):
            level = _place(found.array, found.at, inside, identity, kind)
            if level.axis_names == volume.axis_names:
                levels.append(Level(level.data, level.voxel_size, level.offset, level.source))
    return with_pyramid(volume.with_(levels=tuple(levels)))


def default_kind(dtype: np.dtype[Any], identity: Identity | None) -> Kind:
    """Choose how to look at an array: by its role if it has one, or else by dtype."""
    if identity is not None and identity.run:
        labels = identity.role in _LABEL_ROLES and dtype.kind != "f"
    else:
        labels = dtype.name in _LABEL_TYPES
    return "labels" if labels else "image"


def value_range(dtype: np.dtype[Any], kind: Kind) -> tuple[float, float] | None:
    """Return the range that a dtype suggests for images; None if it suggests none."""
    ranges = {"bool": (0.0, 1.0), "uint8": (0.0, 255.0), "uint16": (0.0, 65535.0)}
    return None if kind == "labels" else ranges.get(dtype.name)


def _place(
    array: ArrayMetadata,
    coordinates: Coordinates,
    inside: Roots,
    identity: Identity,
    kind: Kind | None,
) -> Volume:
    """Open an array where it lies; non-spatial axes are brought to the front."""
    names = coordinates.axis_names
    if "c^" in names:
        check_channels(array.shape[names.index("c^")], str(array.path))
    order = tuple(sorted(range(len(names)), key=lambda axis: not names[axis].endswith("^")))
    moved = order != tuple(range(len(names)))
    roots = Roots([array.path, *inside.folders])
    revision = revision_of(array.path, roots)
    data = open_elements(array, revision, roots, order if moved else None)
    kind = kind or default_kind(data.dtype, identity)
    return Volume(
        data=data,
        axis_names=tuple(names[axis] for axis in order),
        voxel_size=coordinates.voxel_size,
        offset=coordinates.offset,
        identity=identity,
        kind=kind,
        revision=revision,
        value_range=value_range(data.dtype, kind),
        notes=coordinates.notes,
        unit=coordinates.unit,
        source=None if moved else ArraySource(array.path, array.format, roots),
    )


def _parts(dataset: str) -> list[str]:
    """Split a dataset's name; empty parts say nothing (``/raw``, ``raw/``)."""
    return [part for part in dataset.split("/") if part]
