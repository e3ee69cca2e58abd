"""What ``napari-dacapo predict`` wrote: a prediction, and its segmentation if there is one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_dacapo.errors import NapariDacapoError
from napari_dacapo.store.paths import read_file

if TYPE_CHECKING:
    from napari_dacapo.volumes import Identity, Volume

__all__ = ["is_written", "open_written"]

_KEY = "napari-dacapo"
_LABELS = Path("labels", "segmentation")
_MOST_NAMES = 4096
_MOST_BYTES = 2**20


def is_written(path: Path) -> bool:
    """Whether a path is an OME-Zarr that ``predict`` wrote, or the segmentation in one."""
    try:
        # napari asks this of every folder, whose arrays are nothing to be loaded for.
        if f'"{_KEY}"'.encode() not in read_file(path / "zarr.json", _MOST_BYTES):
            return False
        return _attributes(path) is not None
    except (NapariDacapoError, OSError, ValueError):
        return False


def open_written(path: Path) -> list[Volume]:
    """Open what ``predict`` wrote; only metadata is read.

    Parameters
    ----------
    path : Path
        A folder that :func:`is_written`.

    Returns
    -------
    list of Volume
        The prediction, then its segmentation if there is one; of a path
        within ``labels`` only the segmentation.

    Raises
    ------
    ArrayNotFoundError, ArrayFormatError, BrokenFileError
        If arrays are missing, or metadata is torn or makes no sense.
    """
    attributes = _attributes(path) or {}
    if "parameters" in attributes:
        return [_segmentation(path, attributes)]
    volumes = [_prediction(path, attributes)]
    if (labels := _attributes(path / _LABELS)) is not None:
        volumes.append(_segmentation(path / _LABELS, labels))
    return volumes


def _attributes(path: Path) -> dict[str, Any] | None:
    from napari_dacapo.volumes.metadata import GroupMetadata, read_metadata

    found = read_metadata(path)
    ours = found.attributes.get(_KEY) if isinstance(found, GroupMetadata) else None
    return ours if isinstance(ours, dict) and isinstance(ours.get("prediction"), dict) else None


def _prediction(path: Path, attributes: dict[str, Any]) -> Volume:
    from napari_dacapo.volumes import open_volume

    volume = open_volume(path, identity=_identity(path, attributes, "prediction"), kind="image")
    said = attributes.get("prediction", {})
    axis = volume.channel_axis
    channels = _texts(said.get("channel_names"))
    classes = said.get("class_names")
    ends = said.get("value_range")
    return volume.with_(
        channel_names=channels if axis is not None and len(channels) == volume.shape[axis] else (),
        class_names={int(n): str(name)[:100] for n, name in classes.items() if n.isdigit()}
        if isinstance(classes, dict) and len(classes) <= _MOST_NAMES
        else {},
        value_range=(float(ends[0]), float(ends[1])) if _are_ends(ends) else None,
        notes=(*volume.notes, *_notes(attributes, said)),
    )


def _segmentation(path: Path, attributes: dict[str, Any]) -> Volume:
    from napari_dacapo.volumes import open_volume

    volume = open_volume(path, identity=_identity(path, attributes, "segmentation"), kind="labels")
    return volume.with_(notes=(*volume.notes, *_notes(attributes, attributes)))


def _identity(path: Path, attributes: dict[str, Any], role: Any) -> Identity:
    from napari_dacapo.volumes import Identity

    said = attributes.get("prediction", {})
    parameters = attributes.get("parameters")
    iteration = said.get("iteration")
    return Identity(
        _text(said.get("run")),
        _text(said.get("dataset")),
        role,
        iteration if isinstance(iteration, int) else None,
        _text(parameters) or None,
        store=str(path),
    )


def _notes(attributes: dict[str, Any], said: dict[str, Any]) -> tuple[str, ...]:
    unfinished = "This was not finished: what is missing is 0. Repeat the command with --resume."
    return (*_texts(said.get("notes")), *(() if attributes.get("complete") else (unfinished,)))


def _text(value: Any) -> str:
    return value[:500] if isinstance(value, str) else ""


def _texts(values: Any) -> tuple[str, ...]:
    return tuple(map(_text, values[:_MOST_NAMES])) if isinstance(values, list) else ()


def _are_ends(ends: Any) -> bool:
    """Whether these are two numbers, the lower one first."""
    numbers = isinstance(ends, list) and all(isinstance(end, int | float) for end in ends)
    return numbers and len(ends) == 2 and ends[0] < ends[1]
