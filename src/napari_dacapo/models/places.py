"""Where an output may lie, and what is there already."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_dacapo.errors import NapariDacapoError, PredictionError
from napari_dacapo.volumes.metadata import ArrayMetadata, GroupMetadata, read_metadata

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["check_place", "written_attributes"]


def check_place(path: Path) -> None:
    """Refuse to write into a store of DaCapo's, or into an array.

    Raises
    ------
    PredictionError
        If the path lies in one.
    """
    for folder in (path, *path.parents, *path.resolve().parents):
        if _is_of_a_store(folder):
            raise PredictionError(
                f"{path} lies in {folder}, which DaCapo wrote; stores are never written.",
                todo="Choose another place for the output.",
                path=path,
            )
        if isinstance(_metadata(folder), ArrayMetadata):
            raise PredictionError(
                f"{path} lies in the array {folder}.",
                todo="Choose another place for the output.",
                path=path,
            )


def written_attributes(folder: Path) -> dict[str, Any]:
    """Return what an output says of itself in its group's attributes; empty if there is none."""
    found = _metadata(folder)
    ours = found.attributes.get("napari-dacapo") if isinstance(found, GroupMetadata) else None
    return ours if isinstance(ours, dict) else {}


def _is_of_a_store(folder: Path) -> bool:
    return (
        folder.name in ("validation.zarr", "snapshot.zarr")
        or (folder / "configs" / "runs").is_dir()
        or (folder / "stats" / "training_stats").is_dir()
        or (folder / "checkpoints" / "iterations").is_dir()
    )


def _metadata(folder: Path) -> ArrayMetadata | GroupMetadata | None:
    try:
        return read_metadata(folder)
    except (NapariDacapoError, OSError):
        return None
