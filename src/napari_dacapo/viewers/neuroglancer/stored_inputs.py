"""The stored arrays that raw and gt of a run are made from, for static links.

Nearly every run scales its raw (``IntensitiesArray``) and picks labels for its
gt (``BinarizeArray``). What comes of it exists only here, but the arrays below
may well have a public address, and show the same with another contrast.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from napari_dacapo.errors import NapariDacapoError

if TYPE_CHECKING:
    from napari_dacapo.runs import Store
    from napari_dacapo.viewers.view_state import ViewState
    from napari_dacapo.volumes import Volume

__all__ = ["StoredInput", "stored_input"]


@dataclass(frozen=True, slots=True)
class StoredInput:
    """An array on disk in the place of one that is made from it.

    Attributes
    ----------
    volume : Volume
        The array on disk, under the identity of what it stands for.
    low, high : float
        Values on disk that are 0 and 1 in the volume it stands for.
    note : str
        What is different.
    """

    volume: Volume
    low: float = 0.0
    high: float = 1.0
    note: str = ""

    def adapt(self, view: ViewState) -> ViewState:
        """Return a view in which the contrast limits are of the array on disk."""
        layers = tuple(
            replace(state, contrast_limits=self._stored(state.contrast_limits), channel=None)
            if state.slot == self.volume.identity.slot
            else state
            for state in view.layers
        )
        return replace(view, layers=layers)

    def _stored(self, limits: tuple[float, float] | None) -> tuple[float, float] | None:
        if limits is None:
            return None
        width = self.high - self.low
        return self.low + limits[0] * width, self.low + limits[1] * width


def stored_input(volume: Volume, store: Store | None = None) -> StoredInput | None:
    """Return the array on disk that a raw or gt is made from.

    Parameters
    ----------
    volume : Volume
        Raw or gt of a run, computed from what the run's config names.
    store : Store, optional
        Where the run is; by default what the volume's identity says.

    Returns
    -------
    StoredInput or None
        None if there is no such array, or it is made in other ways.
    """
    identity = volume.identity
    if identity.role not in ("raw", "gt") or not identity.run or not identity.dataset:
        return None
    if identity.variant:
        return None
    try:
        return _find(volume, store or _store_of(volume))
    except (NapariDacapoError, OSError):
        return None


def _store_of(volume: Volume) -> Store:
    from napari_dacapo.runs import open_store

    return open_store(volume.identity.store)


def _find(volume: Volume, store: Store) -> StoredInput | None:
    from napari_dacapo.store.configs import BinarizeArrayConfig, IntensitiesArrayConfig

    identity = volume.identity
    split = store.run(identity.run).datasplit
    for dataset in (*split.validate, *split.train):
        if dataset.name != identity.dataset:
            continue
        config: Any = getattr(dataset.config, f"{identity.role}_config", None)
        if isinstance(config, IntensitiesArrayConfig):
            low, high = float(config.min), float(config.max)
            stored = _opened(volume, config.source_array_config, store)
            if stored is not None:
                return StoredInput(stored.with_(value_range=(low, high)), low, high)
        if isinstance(config, BinarizeArrayConfig):
            stored = _opened(volume, config.source_array_config, store)
            note = f"{identity.label}: the link shows the labels that it is made from."
            if stored is not None:
                return StoredInput(stored, note=note)
    return None


def _opened(volume: Volume, config: Any, store: Store) -> Volume | None:
    from napari_dacapo.volumes import volume_from_config

    stored = volume_from_config(
        config, options=store.options, identity=volume.identity, kind=volume.kind
    )
    return None if stored.source is None else stored
