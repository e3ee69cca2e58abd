"""Snapshots: what the network saw and predicted in one training batch."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, get_args

from napari_dacapo.errors import ArrayFormatError, ArrayNotFoundError, NapariDacapoError
from napari_dacapo.store import is_array
from napari_dacapo.volumes import Identity, Role, Volume

if TYPE_CHECKING:
    from pathlib import Path

    from napari_dacapo.runs.run import Run

__all__ = ["open_snapshot", "snapshot_iterations"]

_ROLES: tuple[Role, ...] = ("raw", "gt", "target", "weight", "mask", "prediction", "gradients")
_LABELS = ("gt", "mask")
_APPENDED = "iterations^"
_MAX_ITERATIONS = 1_000_000

assert set(_ROLES) <= set(get_args(Role))


def snapshot_iterations(run: Run) -> list[int]:
    """Return the iterations with a snapshot, ascending; empty if there is none."""
    container = _container(run)
    if container is None:
        return []
    found = set(_appended_iterations(container))
    with suppress(OSError):
        found |= {
            int(entry.name)
            for entry in container.iterdir()
            if entry.name.isascii() and entry.name.isdecimal() and (entry / "volumes").is_dir()
        }
    return sorted(found)


def open_snapshot(run: Run, iteration: int) -> list[Volume]:
    """Open the arrays of one snapshot.

    Parameters
    ----------
    run : Run
        The run.
    iteration : int
        One of :func:`snapshot_iterations`.

    Returns
    -------
    list of Volume
        raw, gt, target, weight, mask, prediction, gradients, as far as they
        can be read; of a batch all items (0.3.5 stores the first one only).
        Offsets are relative to the batch.

    Raises
    ------
    ArrayNotFoundError
        If there is no snapshot of that iteration.
    """
    container = _container(run)
    volumes = []
    if container is not None:
        for role in _ROLES:
            with suppress(NapariDacapoError):
                volume = _open(run, container, role, iteration)
                if volume is not None:
                    volumes.append(volume)
    if not volumes:
        raise ArrayNotFoundError(
            f"Run {run.name} has no snapshot of iteration {iteration}.",
            todo=f"There is: {', '.join(map(str, snapshot_iterations(run))) or 'none'}.",
            path=container,
        )
    return volumes


def _open(run: Run, container: Path, role: Role, iteration: int) -> Volume | None:
    from napari_dacapo.volumes import in_unit, is_empty, open_volume

    identity = Identity(run.name, "", role, iteration, variant="snapshot", store=run.store.label)
    own, shared = container / str(iteration) / "volumes" / role, container / "volumes" / role
    roots = run.store.options.roots
    if is_array(own):
        volume = open_volume(own, identity=identity, roots=roots)
        if is_empty(volume):
            volume = volume.with_notes("This array is empty: the snapshot was not finished.")
    elif is_array(shared):
        volume = open_volume(shared, identity=identity, roots=roots)
        stored = _stored_iterations(shared)
        if not volume.axis_names or volume.axis_names[0] != _APPENDED or iteration not in stored:
            return None
        index = stored.index(iteration)
        if index >= volume.shape[0]:
            raise ArrayFormatError(f"{shared} holds {volume.shape[0]} snapshots of {len(stored)}.")
        volume = volume.with_(
            data=volume.data[index], axis_names=volume.axis_names[1:], source=None, levels=()
        )
    else:
        return None
    for dataset in run.datasplit.train[:1]:
        volume = in_unit(volume, dataset.unit)
    kind = "labels" if role in _LABELS and volume.dtype.kind != "f" else "image"
    names = run.task.channel_names if role in ("prediction", "target") else ()
    channels = volume.shape[volume.channel_axis] if volume.channel_axis is not None else 0
    return volume.with_(kind=kind, channel_names=tuple(names) if len(names) == channels else ())


def _container(run: Run) -> Path | None:
    try:
        container = run.store.array_store.snapshot_container(run.name)
    except NapariDacapoError:
        return None
    return container.container if container.container.is_dir() else None


def _appended_iterations(container: Path) -> list[int]:
    for role in _ROLES:
        if stored := _stored_iterations(container / "volumes" / role):
            return [iteration for iteration in stored if iteration >= 0]
    return []


def _stored_iterations(array: Path) -> list[int]:
    """Return the attribute ``iterations`` of an array to which snapshots are appended.

    Entries that are no iterations are -1: the others keep their place.
    """
    import json

    from napari_dacapo.store.paths import read_file

    try:
        attributes = json.loads(read_file(array / ".zattrs", 2**20, follow_links=False))
    except (OSError, ValueError, RecursionError, NapariDacapoError):
        return []
    stored = attributes.get("iterations") if isinstance(attributes, dict) else None
    if not isinstance(stored, list) or len(stored) > _MAX_ITERATIONS:
        return []
    return [n if isinstance(n, int) and not isinstance(n, bool) and n >= 0 else -1 for n in stored]
