"""What the user asks of a checkpoint, as plain values, and how he writes it."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from napari_dacapo.errors import PredictionError

if TYPE_CHECKING:
    from napari_dacapo.volumes import Volume

__all__ = ["Mode", "RawSource", "Request", "parse_channels", "parse_voxel_size"]

SourceKind = Literal["validation", "training", "layer", "path"]
Mode = Literal["here", "whole", "compare"]

_RANGE = re.compile(r"\s*([0-9]{1,6})\s*(?:-\s*([0-9]{1,6})\s*)?")


@dataclass(frozen=True, slots=True)
class RawSource:
    """Where raw comes from.

    Attributes
    ----------
    kind : {"validation", "training", "layer", "path"}
        What `name` is the name of.
    name : str
        Of a dataset or a layer, or a path.
    volume : Volume or None
        Of a layer: its data.
    sized : bool
        Whether the layer says how large its voxels are.
    """

    kind: SourceKind
    name: str
    volume: Volume | None = None
    sized: bool = True


@dataclass(frozen=True, slots=True)
class Request:
    """A prediction to be made.

    Attributes
    ----------
    iteration : int
        Which checkpoint.
    source : RawSource
        What to run it on.
    channels : tuple of int or None
        Channels of raw, all if None.
    voxel_size : tuple of float or None
        Of raw, in nm; None takes what it says.
    device : str
        Where to run.
    half : bool
        Whether to use half precision on a GPU.
    seamless : bool
        Whether tiles overlap as far as is needed to leave no seams.
    keep : bool
        Whether finished blocks are kept on disk.
    """

    iteration: int
    source: RawSource
    channels: tuple[int, ...] | None = None
    voxel_size: tuple[float, ...] | None = None
    device: str = "auto"
    half: bool = False
    seamless: bool = False
    keep: bool = False


def parse_channels(text: str) -> tuple[int, ...] | None:
    """Read channels as one writes them; None stands for all.

    >>> parse_channels("0, 2-4")
    (0, 2, 3, 4)

    Raises
    ------
    PredictionError
        If it cannot be read.
    """
    if text.strip().lower() in ("", "all"):
        return None
    channels: list[int] = []
    for part in text.split(","):
        match = _RANGE.fullmatch(part)
        first, last = (match[1], match[2] or match[1]) if match else ("1", "0")
        if not match or not int(first) <= int(last) < int(first) + 1000:
            raise PredictionError(
                f"{text!r:.60} are no channels.", todo='Write e.g. "0", "0, 2" or "1-3".'
            )
        channels += range(int(first), int(last) + 1)
    return tuple(dict.fromkeys(channels))


def parse_voxel_size(text: str) -> tuple[float, ...] | None:
    """Read a voxel size in nm as one writes it; None if nothing is written.

    >>> parse_voxel_size("40 x 4 x 4"), parse_voxel_size("8")
    ((40.0, 4.0, 4.0), (8.0,))

    Raises
    ------
    PredictionError
        If it cannot be read, or is not positive.
    """
    text = text.strip().removesuffix("nm").strip()
    if not text:
        return None
    try:
        lengths = tuple(float(part) for part in re.split(r"\s*[,;x×]\s*|\s+", text))
    except ValueError:
        lengths = ()
    if not lengths or not all(math.isfinite(v) and v > 0 for v in lengths):
        raise PredictionError(
            f"{text!r:.60} is no voxel size.", todo='Write nanometres along z, y, x: "40, 4, 4".'
        )
    return lengths
