"""Every kind of array config as a lazy volume, computing what DaCapo would.

One function per kind, found by the config's type. All of them compose views,
so that slicing stays as fast as that of the arrays on disk.
"""

from __future__ import annotations

from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dacapo.errors import ArrayFormatError, UnsupportedError
from napari_dacapo.store.configs import arrays as configs
from napari_dacapo.store.paths import reachable
from napari_dacapo.volumes import composing
from napari_dacapo.volumes.coordinates import in_nanometres
from napari_dacapo.volumes.functions import Affine, AsType, Greater, IsIn, IsNot, Maximum, Sum
from napari_dacapo.volumes.geometry import crop
from napari_dacapo.volumes.grids import Grid
from napari_dacapo.volumes.lazy_array import LazyArray
from napari_dacapo.volumes.metadata import read_attributes
from napari_dacapo.volumes.opening import open_volume, value_range
from napari_dacapo.volumes.pyramids import with_pyramid
from napari_dacapo.volumes.resampling import DownsampleView, InterpolateView
from napari_dacapo.volumes.sources import ConstantSource
from napari_dacapo.volumes.units import in_unit
from napari_dacapo.volumes.views import MapView, View
from napari_dacapo.volumes.volume import Identity, Kind, Volume

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_dacapo.options import Options
    from napari_dacapo.volumes.levels import OmeUse

__all__ = ["volume_from_config"]

_MAX_DEPTH = 32
_MAX_ELEMENTS = 2**58


def volume_from_config(
    config: configs.ArrayConfig,
    *,
    options: Options | None = None,
    identity: Identity | None = None,
    kind: Kind | None = None,
    ome: OmeUse | None = None,
) -> Volume:
    """Open what an array config describes; only metadata is read.

    Parameters
    ----------
    config : ArrayConfig
        Of any kind, nested as deeply as DaCapo's are.
    options : Options, optional
        Its path map says where the paths in the config are on this machine.
    identity : Identity, optional
        What the volume shows; a raw of no run if not given.
    kind : {"image", "labels"}, optional
        How to look at it; from the kind of config, role and dtype if not given.
    ome : {"centre", "corner", "ignored"}, optional
        What to make of OME metadata, see
        :func:`~napari_dacapo.volumes.open_volume`; as the configs say if not
        given.

    Returns
    -------
    Volume
        Its elements are those that DaCapo would train on.

    Raises
    ------
    ArrayNotFoundError
        If an array is not on this machine; the message names the path.
    ArrayFormatError
        If sources do not fit together or values make no sense.
    UnsupportedError
        If the kind is unknown, or not supported by DaCapo either.
    """
    identity = identity or Identity(run="", dataset=config.name, role="raw")
    volume = _Builder(options, identity, ome).build(config)
    if kind is not None and kind != volume.kind:
        # Virtual levels are made anew below: labels are merged in another way than images.
        levels = tuple(level for level in volume.levels if level.source is not None)
        volume = volume.with_(kind=kind, value_range=value_range(volume.dtype, kind), levels=levels)
    return with_pyramid(volume)


class _Builder:
    """Builds a volume from a config; knows what a config and its sources have in common."""

    def __init__(
        self, options: Options | None, identity: Identity, ome: OmeUse | None, depth: int = 0
    ) -> None:
        self.options, self.identity, self.ome, self.depth = options, identity, ome, depth

    def build(self, config: Any) -> Volume:
        """Build the volume of a config of any kind."""
        build = _KINDS.get(type(config))
        if build is None:
            name = getattr(config, "type_name", "") or type(config).__name__
            problem = getattr(config, "problem", None)
            raise UnsupportedError(
                f"Arrays of type {name} are not supported{f': {problem}' if problem else '.'}"
            )
        if self.depth >= _MAX_DEPTH:
            raise ArrayFormatError("The array config is nested too deeply.")
        return build(_Builder(self.options, self.identity, self.ome, self.depth + 1), config)

    def open(self, file_name: str, dataset: str | None, **known: Any) -> Volume:
        """Open an array where the path map says it is, if it may be read."""
        path, roots = Path(file_name), tuple[Path, ...]()
        if self.options is not None:
            path, roots = reachable(file_name, self.options), self.options.roots
        return open_volume(path, dataset, identity=self.identity, roots=roots, **known)


def _zarr(builder: _Builder, config: configs.ZarrArrayConfig) -> Volume:
    ome: OmeUse = "corner" if config.ome_metadata else "ignored"
    return builder.open(config.file_name, config.dataset, ome=builder.ome or ome)


def _tiff(builder: _Builder, config: configs.TiffArrayConfig) -> Volume:
    volume = builder.open(
        config.file_name,
        None,
        voxel_size=config.voxel_size,
        offset=config.offset,
        axis_names=config.axis_names,
    )
    unit, notes = in_nanometres(config.units, len(volume.voxel_size))
    return in_unit(volume, unit).with_notes(*notes)


def _intensities(builder: _Builder, config: configs.IntensitiesArrayConfig) -> Volume:
    source = builder.build(config.source_array_config)
    low, high = float(config.min), float(config.max)
    if not np.isfinite([low, high]).all() or low == high:
        raise ArrayFormatError(f"Intensities from {low} to {high} make no sense.")
    function = Affine(low, high)
    volume = composing.apply(source, lambda view: MapView(function, [view]), function)
    return volume.with_(kind="image", value_range=(0.0, 1.0))


def _binarize(builder: _Builder, config: configs.BinarizeArrayConfig) -> Volume:
    source = builder.build(config.source_array_config)
    functions = [IsIn(ids) if ids else IsNot(config.background) for _, ids in config.groupings]
    return composing.channels_of(source, functions, [name for name, _ in config.groupings])


def _missing_annotations_mask(
    builder: _Builder, config: configs.MissingAnnotationsMaskConfig
) -> Volume:
    source = builder.build(config.source_array_config)
    attributes = read_attributes(source.source.path, source.source.roots) if source.source else {}
    if not isinstance(attributes.get("labels"), list):
        raise ArrayFormatError(
            f"{source.source.path if source.source else 'The source'} has no list of labels that "
            "says what was annotated, as MissingAnnotationsMask needs it."
        )
    missing = _not_annotated(attributes["labels"])
    functions = [IsIn(()) if missing & set(ids) else Greater(0) for _, ids in config.groupings]
    return composing.channels_of(source, functions, [name for name, _ in config.groupings])


def _not_annotated(labels: list[Any]) -> set[int]:
    """Return the ids that CellMap's label list calls present but not annotated."""
    found = set()
    for label in labels:
        state = label.get("annotationState") if isinstance(label, dict) else None
        if isinstance(state, dict) and state.get("present") and not state.get("annotated"):
            if isinstance(label.get("value"), int):
                found.add(label["value"])
    return found


def _concat(builder: _Builder, config: configs.ConcatArrayConfig) -> Volume:
    named = config.source_array_configs
    names = config.channels or tuple(named)
    given = [name for name in names if name in named]
    members = [named[name] for name in given]
    if config.default_config is not None:
        members.append(config.default_config)
    sources = composing.on_shared_box([builder.build(member) for member in members])
    by_name = dict(zip(given, sources, strict=False))
    default = composing.single_channel(sources[-1])
    if config.default_config is None:
        default = composing.constant_like(default, 0)
    chosen = [composing.single_channel(by_name.get(name, default)) for name in names]
    return composing.stack(chosen, names)


def _logical_or(builder: _Builder, config: configs.LogicalOrArrayConfig) -> Volume:
    source = builder.build(config.source_array_config)
    channels = composing.split_channels(source)
    return composing.combine(channels, Maximum())


def _sum(
    builder: _Builder, config: configs.SumArrayConfig | configs.MergeInstancesArrayConfig
) -> Volume:
    sources = [builder.build(member) for member in config.source_array_configs]
    return composing.combine(composing.on_shared_box(sources), Sum())


def _crop(builder: _Builder, config: configs.CropArrayConfig) -> Volume:
    offset, size = config.roi
    source = builder.build(config.source_array_config)
    if len(offset) != len(source.voxel_size) or len(size) != len(source.voxel_size):
        raise ArrayFormatError(f"The roi {config.roi} does not fit {source.spatial_axes}.")
    # A roi is in the numbers of the data, whatever their unit is.
    unit = source.unit or (1.0,) * len(offset)
    begin, extent = (
        tuple(value * u for value, u in zip(values, unit, strict=True)) for values in (offset, size)
    )
    return crop(source, (begin, extent))


def _resampled(builder: _Builder, config: configs.ResampledArrayConfig) -> Volume:
    """Average over blocks, or interpolate: one of the two, as DaCapo's main branch does it."""
    source = builder.build(config.source_array_config)
    down, up = config.downsample, config.upsample
    n = len(source.voxel_size)
    factors = [int(f) for f in down or up or ()]
    if len(factors) != n or not all(0 < f <= 2**16 for f in factors):
        raise ArrayFormatError(f"Resampling by {down or up} does not fit {source.spatial_axes}.")
    n_other = len(source.shape) - n
    if down:

        def change(view: View) -> View:
            if view.dtype.kind != "f":
                view = MapView(AsType("float64"), [view])
            whole = tuple(slice(0, size // f) for size, f in zip(view.shape, every, strict=True))
            return DownsampleView(view, every, "mean")[whole]

        voxel_size = tuple(v * f for v, f in zip(source.voxel_size, factors, strict=True))
    else:

        def change(view: View) -> View:
            grids = [Grid.of(size * f, 1 / f) for size, f in zip(view.shape, every, strict=True)]
            return InterpolateView(view, grids, order=1 if config.interp_order else 0)

        if prod(source.shape) * prod(factors) > _MAX_ELEMENTS:
            raise ArrayFormatError(f"No array of {source.shape} is upsampled by {up}.")

        voxel_size = tuple(v / f for v, f in zip(source.voxel_size, factors, strict=True))
    every = (*[1] * n_other, *factors)
    token = (down, up, config.interp_order)
    volume = composing.apply(source.with_(levels=()), change, token)
    return volume.with_(voxel_size=voxel_size)


def _ones(builder: _Builder, config: configs.OnesArrayConfig) -> Volume:
    return composing.constant_like(builder.build(config.source_array_config), 1)


def _constant(builder: _Builder, config: configs.ConstantArrayConfig) -> Volume:
    return composing.constant_like(builder.build(config.source_array_config), config.constant)


def _dummy(builder: _Builder, config: configs.DummyArrayConfig) -> Volume:
    shape = (100, 50, 50)
    return Volume(
        data=LazyArray.from_source(ConstantSource(shape, np.dtype(np.float64), shape), "dummy"),
        axis_names=("z", "y", "x"),
        voxel_size=(1.0, 1.0, 1.0),
        offset=(0.0, 0.0, 0.0),
        identity=builder.identity,
    )


def _dvid(builder: _Builder, config: configs.DVIDArrayConfig) -> Volume:
    raise UnsupportedError(
        "Arrays in DVID (DVIDArrayConfig) cannot be read; they are not supported by DaCapo either."
    )


_KINDS: dict[type, Callable[[_Builder, Any], Volume]] = {
    configs.BinarizeArrayConfig: _binarize,
    configs.ConcatArrayConfig: _concat,
    configs.ConstantArrayConfig: _constant,
    configs.CropArrayConfig: _crop,
    configs.DVIDArrayConfig: _dvid,
    configs.DummyArrayConfig: _dummy,
    configs.IntensitiesArrayConfig: _intensities,
    configs.LogicalOrArrayConfig: _logical_or,
    configs.MergeInstancesArrayConfig: _sum,
    configs.MissingAnnotationsMaskConfig: _missing_annotations_mask,
    configs.OnesArrayConfig: _ones,
    configs.ResampledArrayConfig: _resampled,
    configs.SumArrayConfig: _sum,
    configs.TiffArrayConfig: _tiff,
    configs.ZarrArrayConfig: _zarr,
}
