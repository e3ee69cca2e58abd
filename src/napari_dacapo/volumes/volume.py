"""The one currency: a lazy array that knows where it lies in the world.

Everything that shows, compares, exports or serves arrays takes a
:class:`Volume`; nothing else needs to know zarr, n5 or tiff.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import dask.array as da
    import numpy as np

    from napari_dacapo.store.paths import Roots

__all__ = ["ArraySource", "Identity", "Kind", "Level", "Role", "Volume"]

Role = Literal[
    "raw", "gt", "mask", "prediction", "segmentation", "error", "live", "target", "weight",
    "gradients",
]  # fmt: skip
Kind = Literal["image", "labels"]
_NO_CLASSES: Mapping[int, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Identity:
    """What a volume shows, in the field's terms.

    Two volumes with the same :attr:`slot` take the same place in a viewer:
    another iteration of a prediction replaces the one that is on screen.

    Attributes
    ----------
    run, dataset : str
        Names as the config has them; empty where a volume belongs to none.
    role : Role
        What the volume is to the run.
    iteration : int or None
        Training iterations done; None for raw, gt and masks.
    parameters : str or None
        Name of the post-processor's parameters, of segmentations only.
    variant : str
        Tells apart volumes of one role, e.g. ``"computed"`` or ``"snapshot"``.
    store : str
        Where the run is stored (a path or a database address).
    """

    run: str
    dataset: str
    role: Role
    iteration: int | None = None
    parameters: str | None = None
    variant: str = ""
    store: str = ""

    @property
    def slot(self) -> str:
        """The place in a viewer: independent of iteration and parameters."""
        parts = (self.store, self.run, self.dataset, self.role, self.variant_slot)
        return "\x1f".join(parts)

    @property
    def variant_slot(self) -> str:
        """The variant as far as it names a place of its own.

        Stored and computed segmentations take turns in one place.
        """
        return "" if self.variant in ("stored", "computed") else self.variant

    @property
    def label(self) -> str:
        """The name of a layer: ``run · dataset · role`` (and the variant, if it has a place)."""
        parts = [self.run, self.dataset, self.role, self.variant_slot]
        return " · ".join(part for part in parts if part)

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as plain values, for layer metadata and links."""
        return {
            "run": self.run,
            "dataset": self.dataset,
            "role": self.role,
            "iteration": self.iteration,
            "parameters": self.parameters,
            "variant": self.variant,
            "store": self.store,
        }


@dataclass(frozen=True, slots=True)
class ArraySource:
    """An array on disk whose stored elements *are* the volume's, untouched.

    Attributes
    ----------
    path : Path
        Folder of the array itself (where ``.zarray``, ``zarr.json`` or
        ``attributes.json`` lies).
    format : {"zarr2", "zarr3", "n5"}
        How it is stored.
    roots : Roots or None
        Where links among its files may lead; None: nowhere out of its folder.
    """

    path: Path
    format: Literal["zarr2", "zarr3", "n5"]
    roots: Roots | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True, eq=False)
class Level:
    """A coarser copy of a volume's data.

    Attributes
    ----------
    data : dask.array.Array
        Same axes as the volume's.
    voxel_size, offset : tuple of float
        In nanometres over the spatial axes; the offset is the corner of the
        first voxel.
    source : ArraySource or None
        The array on disk, if the level is stored rather than computed.
    """

    data: da.Array
    voxel_size: tuple[float, ...]
    offset: tuple[float, ...]
    source: ArraySource | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Volume:
    """An immutable, lazy array in world coordinates.

    Attributes
    ----------
    data : dask.array.Array
        The elements, in the order of :attr:`axis_names`. Nothing is read
        before it is computed or indexed and turned into numpy.
    axis_names : tuple of str
        One name per axis; names of axes that are not spatial end in ``^``
        (``c^``), as DaCapo writes them. Non-spatial axes come first.
    voxel_size : tuple of float
        Nanometres, spatial axes only.
    offset : tuple of float
        World position of the *corner* of the first voxel, nanometres,
        spatial axes only.
    identity : Identity
        What it shows.
    kind : {"image", "labels"}
        How it is meant to be looked at.
    revision : str
        Changes whenever the elements may have changed (size, mtime); part of
        the dask name as well.
    channel_names : tuple of str
        Names along the channel axis; empty if unknown or without channels.
    class_names : mapping of int to str
        Names of label values, of semantic segmentations.
    value_range : tuple of float or None
        Range to show, from dtype or array config, never from the elements.
    levels : tuple of Level
        Coarser copies, finest first, without the volume itself.
    notes : tuple of str
        What a viewer must say of it, e.g. that a stored mask is empty.
    source : ArraySource or None
        The array on disk whose elements these are, if any.
    unit : tuple of float or None
        Nanometres in one of the unit that the files name for their numbers
        (1000 for micrometres), for each spatial axis; None if they name none.
        DaCapo's rois are in it.
    """

    data: da.Array
    axis_names: tuple[str, ...]
    voxel_size: tuple[float, ...]
    offset: tuple[float, ...]
    identity: Identity
    kind: Kind = "image"
    revision: str = ""
    channel_names: tuple[str, ...] = ()
    class_names: Mapping[int, str] = field(default_factory=lambda: _NO_CLASSES)
    value_range: tuple[float, float] | None = None
    levels: tuple[Level, ...] = ()
    notes: tuple[str, ...] = ()
    source: ArraySource | None = None
    unit: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        n_spatial = len(self.spatial_axes)
        if len(self.axis_names) != self.data.ndim:
            raise ValueError(f"{self.data.ndim} axes in data, but axis_names {self.axis_names}")
        if len(self.voxel_size) != n_spatial or len(self.offset) != n_spatial:
            raise ValueError(
                f"voxel_size {self.voxel_size} and offset {self.offset} must have one value for "
                f"each spatial axis of {self.axis_names}"
            )
        spatial_seen = False
        for name in self.axis_names:
            if name.endswith("^") and spatial_seen:
                raise ValueError(f"non-spatial axes must come first, not {self.axis_names}")
            spatial_seen = spatial_seen or not name.endswith("^")

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of elements along each axis."""
        return tuple(int(n) for n in self.data.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Data type of the elements."""
        return self.data.dtype  # type: ignore[no-any-return]

    @property
    def role(self) -> Role:
        """What the volume is to its run."""
        return self.identity.role

    @property
    def key(self) -> str:
        """Stable name of the contents: the identity with everything in it."""
        values = self.identity.as_dict().values()
        return "\x1f".join("" if value is None else str(value) for value in values)

    @property
    def spatial_axes(self) -> tuple[str, ...]:
        """Names of the spatial axes, in order."""
        return tuple(name for name in self.axis_names if not name.endswith("^"))

    @property
    def channel_axis(self) -> int | None:
        """Index of the axis ``c^``, or None."""
        return self.axis_names.index("c^") if "c^" in self.axis_names else None

    @property
    def spatial_shape(self) -> tuple[int, ...]:
        """Number of voxels along each spatial axis."""
        return self.shape[len(self.axis_names) - len(self.spatial_axes) :]

    @property
    def roi(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """World offset and world size in nanometres, over the spatial axes."""
        size = tuple(n * v for n, v in zip(self.spatial_shape, self.voxel_size, strict=True))
        return self.offset, size

    @property
    def _source_array(self) -> Volume:
        """The volume itself, under the name that DaCapo's own examples use.

        There it is the array below the last wrapper; here nothing is wrapped.
        """
        return self

    def with_(self, **changes: Any) -> Volume:
        """Return a copy with the given attributes replaced."""
        return replace(self, **changes)

    def with_notes(self, *notes: str) -> Volume:
        """Return a copy that says more; a note is never said twice."""
        return replace(self, notes=tuple(dict.fromkeys((*self.notes, *notes))))
