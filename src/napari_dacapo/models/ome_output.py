"""An OME-Zarr 0.5 image that is written shard by shard.

A shard is the unit of work: it is written whole, to a temporary file that is
synchronised and then renamed, so that a shard file is complete or not there.
"""

from __future__ import annotations

import json
import math
import os
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dacapo.errors import PredictionError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    import tensorstore as ts
    from numpy.typing import NDArray

    from napari_dacapo.volumes import Volume

__all__ = ["Image", "ImageLevel", "plan_image", "write_group"]

Index = tuple[int, ...]

# A shard is one worker's work: small enough that a small volume keeps several of them busy.
_SHARD_BYTES = 2 * 2**20
# Levels lie in a group of their own, whose name comes before "labels": napari's own reader takes
# the first group that there is.
_LEVELS = "image"
_CHUNK_SIDE = 64
_LEAST_CHUNK_SIDE = 16
# Axes that are coarser than this times the finest one are not reduced further.
_COARSER = 1.5


@dataclass(frozen=True)
class ImageLevel:
    """One array of an image.

    Attributes
    ----------
    shape, chunk, shard : tuple of int
        Elements along each axis; shards hold whole chunks.
    voxel_size, offset : tuple of float
        In nm over the spatial axes; the offset is the corner of the first voxel.
    factors : tuple of int
        By how much it is coarser than the level before, along each axis.
    """

    shape: Index
    chunk: Index
    shard: Index
    voxel_size: tuple[float, ...]
    offset: tuple[float, ...]
    factors: Index

    @property
    def grid(self) -> Index:
        """Number of shards along each axis."""
        return tuple(-(-n // s) for n, s in zip(self.shape, self.shard, strict=True))

    def region(self, shard: Index) -> tuple[slice, ...]:
        """Return the elements of a shard."""
        return tuple(
            slice(i * s, min((i + 1) * s, n))
            for i, s, n in zip(shard, self.shard, self.shape, strict=True)
        )

    def shards(self) -> Iterator[Index]:
        """Go through all shards, in order."""
        return iter(np.ndindex(*self.grid))


@dataclass(frozen=True)
class Image:
    """A multiscale image: where it is and how it is cut. Can be sent to another process.

    Attributes
    ----------
    path : Path
        The folder of its group.
    dtype : str
        Name of its numpy dtype.
    axis_names : tuple of str
        With ``^`` after names of axes that are not spatial.
    is_labels : bool
        Whether coarser levels take the most frequent value, not the mean.
    levels : tuple of ImageLevel
        Finest first.
    """

    path: Path
    dtype: str
    axis_names: tuple[str, ...]
    is_labels: bool
    levels: tuple[ImageLevel, ...]

    def create(self, attributes: Mapping[str, Any]) -> None:
        """Write the metadata of the group and create the arrays that are not there yet."""
        # What was open before may have been deleted meanwhile.
        _open.cache_clear()
        for number in range(len(self.levels)):
            _open(self._folder(number), self._spec(number))
        if not self.is_labels:
            write_group(self.path / _LEVELS, {"ome": self._ome(within=_LEVELS)})
        self.write_attributes(attributes)

    def write_attributes(self, attributes: Mapping[str, Any]) -> None:
        """Write the group's metadata, with further attributes."""
        write_group(self.path, {"ome": self._ome(), **attributes})

    def write(self, number: int, shard: Index, elements: NDArray[Any]) -> int:
        """Write one shard of a level, whole and at once.

        Returns
        -------
        int
            Bytes of its file.

        Raises
        ------
        PredictionError
            If it cannot be written.
        """
        level = self.levels[number]
        try:
            store = _open(self._folder(number), self._spec(number))
            store[level.region(shard)].write(elements.astype(self.dtype, copy=False)).result()
            return self.shard_path(number, shard).stat().st_size
        except (OSError, ValueError) as error:
            raise PredictionError(
                f"Cannot write to {self.path}: {str(error)[:300]}",
                todo="Check the space and permissions there; --resume goes on from here.",
                path=self.path,
            ) from error

    def reduced(self, number: int, shard: Index) -> NDArray[Any]:
        """Compute one shard of a level from the level before."""
        import tensorstore as ts

        level = self.levels[number]
        finer = _open(self._folder(number - 1), self._spec(number - 1))
        view = ts.downsample(finer, level.factors, method="mode" if self.is_labels else "mean")
        return np.asarray(view[level.region(shard)].read().result())

    def shard_path(self, number: int, shard: Index) -> Path:
        """Return the file of a shard."""
        return self._folder(number).joinpath("c", *map(str, shard))

    def _folder(self, number: int) -> Path:
        return self.path / self._level_path(number)

    def _level_path(self, number: int) -> str:
        return f"s{number}" if self.is_labels else f"{_LEVELS}/s{number}"

    def _spec(self, number: int) -> str:
        level = self.levels[number]
        little = {"name": "bytes", "configuration": {"endian": "little"}}
        sharding = {
            "chunk_shape": level.chunk,
            "codecs": [little, {"name": "zstd", "configuration": {"level": 1}}],
            "index_codecs": [little, {"name": "crc32c"}],
            "index_location": "end",
        }
        metadata = {
            "shape": level.shape,
            "data_type": self.dtype,
            "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": level.shard}},
            "codecs": [{"name": "sharding_indexed", "configuration": sharding}],
            "fill_value": 0,
            "dimension_names": [name.rstrip("^") for name in self.axis_names],
        }
        return json.dumps({"metadata": metadata})

    def _ome(self, within: str = "") -> dict[str, Any]:
        n_other = sum(name.endswith("^") for name in self.axis_names)
        axes = [
            {"name": name.rstrip("^"), "type": "channel"}
            if name.endswith("^")
            else {"name": name, "type": "space", "unit": "nanometer"}
            for name in self.axis_names
        ]
        datasets = [
            {
                "path": self._level_path(number).removeprefix(f"{within}/"),
                "coordinateTransformations": [
                    {"type": "scale", "scale": [1.0] * n_other + list(level.voxel_size)},
                    # OME-Zarr means the centre of the first voxel.
                    {
                        "type": "translation",
                        "translation": [0.0] * n_other
                        + [o + v / 2 for o, v in zip(level.offset, level.voxel_size, strict=True)],
                    },
                ],
            }
            for number, level in enumerate(self.levels)
        ]
        ome: dict[str, Any] = {
            "version": "0.5",
            "multiscales": [{"name": self.path.stem, "axes": axes, "datasets": datasets}],
        }
        if self.is_labels:
            ome["image-label"] = {"source": {"image": "../../"}}
        return ome


def plan_image(path: Path, volume: Volume, block: Sequence[int]) -> Image:
    """Decide how a volume is cut into chunks, shards and levels.

    Parameters
    ----------
    path : Path
        Where the image will be.
    volume : Volume
        What will be written.
    block : sequence of int
        Voxels along the spatial axes that are computed at once; shards hold
        whole blocks.
    """
    n_other = len(volume.axis_names) - len(volume.spatial_axes)
    other = volume.shape[:n_other]
    chunk = (*(1,) * n_other, *map(_chunk_side, block))
    shard_sides = list(block)
    item = volume.dtype.itemsize * math.prod(other)
    while True:
        # Grow along the shortest axis that has more to take, while it stays small.
        open_axes = [i for i, n in enumerate(volume.spatial_shape) if shard_sides[i] < n]
        if not open_axes:
            break
        axis = min(open_axes, key=lambda i: shard_sides[i])
        grown = [s + (block[i] if i == axis else 0) for i, s in enumerate(shard_sides)]
        if math.prod(grown) * item > _SHARD_BYTES:
            break
        shard_sides = grown
    shard = (*other, *shard_sides)
    levels = [
        ImageLevel(
            volume.shape, chunk, shard, volume.voxel_size, volume.offset, (1,) * len(volume.shape)
        )
    ]
    while True:
        last = levels[-1]
        sizes = last.shape[n_other:]
        finest = min(last.voxel_size)
        factors = [
            2 if v <= _COARSER * finest and n > 1 else 1
            for v, n in zip(last.voxel_size, sizes, strict=True)
        ]
        if max(sizes) <= 2 * _CHUNK_SIDE or max(factors) == 1:
            break
        shape = (*other, *(-(-n // f) for n, f in zip(sizes, factors, strict=True)))
        voxel_size = tuple(v * f for v, f in zip(last.voxel_size, factors, strict=True))
        levels.append(
            ImageLevel(shape, chunk, shard, voxel_size, volume.offset, (*(1,) * n_other, *factors))
        )
    return Image(path, volume.dtype.name, volume.axis_names, volume.kind == "labels", tuple(levels))


def _chunk_side(side: int) -> int:
    """Return the largest part of a block's side that chunks can have; the block if none."""
    for n in range(-(-side // _CHUNK_SIDE), side // _LEAST_CHUNK_SIDE + 1):
        if side % n == 0:
            return side // n
    return side


@lru_cache(maxsize=64)
def _open(folder: Path, spec: str) -> ts.TensorStore:
    import tensorstore as ts

    return ts.open(
        {
            "driver": "zarr3",
            "kvstore": {"driver": "file", "path": f"{folder}/"},
            # A shard that is all zero is a file, too: it was computed.
            "store_data_equal_to_fill_value": True,
            "recheck_cached_data": "open",
            **json.loads(spec),
        },
        open=True,
        create=True,
    ).result()


def write_group(folder: Path, attributes: Mapping[str, Any]) -> None:
    """Write the metadata of a zarr group."""
    content = {"zarr_format": 3, "node_type": "group", "attributes": attributes}
    write_json(folder / "zarr.json", content)


def write_json(path: Path, content: Any) -> None:
    """Write a JSON file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    with part.open("w", encoding="utf-8") as file:
        json.dump(content, file, indent=1, ensure_ascii=False, allow_nan=False)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
