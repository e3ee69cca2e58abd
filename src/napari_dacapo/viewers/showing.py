"""A selected run as portions to show: what is on disk at once, the computed when it is ready."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from napari_dacapo.runs.selection import volumes_to_show
from napari_dacapo.viewers.notes import ordered_notes
from napari_dacapo.volumes.in_memory import in_memory

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from napari_dacapo.runs import Run
    from napari_dacapo.viewers.selection import Selection
    from napari_dacapo.volumes import Identity, Volume

__all__ = ["Portion", "finish", "portions", "stale_slots"]

WHOLE = 256**3
"""Voxels up to which a computed volume is computed as a whole before it is shown."""


@dataclass(frozen=True, slots=True, eq=False)
class Portion:
    """Volumes that are ready to be shown.

    Attributes
    ----------
    volumes : tuple of Volume
        What is ready now.
    identities : tuple of Identity
        Of all volumes of the selection, those of later portions included.
    missing : tuple of str
        Why parts of the selection are not among them.
    notes : tuple of str
        All that is to be said: missing parts, then notes of the volumes, as lines.
    first, last : bool
        Where the portion stands in the row.
    pending : str
        What is still being computed; empty if nothing is.
    """

    volumes: tuple[Volume, ...]
    identities: tuple[Identity, ...]
    missing: tuple[str, ...]
    notes: tuple[str, ...]
    first: bool
    last: bool
    pending: str = ""


def portions(run: Run, selection: Selection, place: Mapping[str, float]) -> Iterator[Portion]:
    """Yield the volumes of a selection, those that must be computed last.

    Meant for a thread of its own: a computed volume is yielded when the part
    that a viewer asks for first has been computed.

    Parameters
    ----------
    run : Run
        The selected run.
    selection : Selection
        What of it.
    place : mapping of str to float
        Where one looks, see :func:`finish`.

    Raises
    ------
    ArrayNotFoundError
        If there is nothing at all to show; says why.
    """
    chosen = volumes_to_show(
        run,
        selection.dataset,
        selection.iteration,
        selection.parameters,
        selection.segmentation,
        place,
    )
    volumes = chosen.volumes
    ready = tuple(volume for volume in volumes if volume.identity.variant != "computed")
    slow = [volume for volume in volumes if volume.identity.variant == "computed"]
    identities = tuple(volume.identity for volume in volumes)
    missing, notes = tuple(chosen.missing), _notes(chosen.missing, volumes)
    pending = f"Computing the segmentation of iteration {selection.iteration}…" if slow else ""
    yield Portion(ready, identities, missing, notes, first=True, last=not slow, pending=pending)
    for i, volume in enumerate(slow, 1):
        yield Portion(
            (finish(volume, place),), identities, missing, notes, first=False, last=i == len(slow)
        )


def finish(volume: Volume, place: Mapping[str, float]) -> Volume:
    """Compute what a viewer asks for first, so that it need not wait.

    Small volumes are computed as a whole and held in memory as long as they
    are shown; of larger ones the plane that is looked at is computed, what
    remains is computed when it is looked at.

    Parameters
    ----------
    volume : Volume
        Something that is computed.
    place : mapping of str to float
        Where one looks, in nanometres, by axis; the middle where it says nothing.

    Returns
    -------
    Volume
        With the same elements.
    """
    if prod(volume.shape) <= WHOLE:
        return in_memory(volume)
    axis = len(volume.shape) - len(volume.spatial_shape)
    size, step, corner = volume.spatial_shape[0], volume.voxel_size[0], volume.offset[0]
    looked_at = place.get(volume.spatial_axes[0])
    index = size // 2 if looked_at is None else int((looked_at - corner) // step)
    plane = min(max(index, 0), size - 1)
    np.asarray(volume.data[(slice(None),) * axis + (plane,)])
    return volume


def stale_slots(shown: Iterable[Volume], wanted: Iterable[Identity]) -> list[str]:
    """Return the slots that would go on showing another iteration of the same run and dataset.

    An iteration that lacks a prediction must not leave that of another one on screen.
    """
    wanted = tuple(wanted)
    places = {(identity.store, identity.run, identity.dataset) for identity in wanted}
    kept = {identity.slot for identity in wanted}
    return [
        volume.identity.slot
        for volume in shown
        if volume.identity.iteration is not None
        and volume.identity.slot not in kept
        and volume.identity.role in ("prediction", "segmentation")
        and not volume.identity.variant_slot  # snapshots and live ones belong to no validation
        and (volume.identity.store, volume.identity.run, volume.identity.dataset) in places
    ]


def _notes(missing: Iterable[str], volumes: Iterable[Volume]) -> tuple[str, ...]:
    of_roles = [(volume.role, note) for volume in volumes for note in volume.notes]
    return tuple(ordered_notes(missing, of_roles))
