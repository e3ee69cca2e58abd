"""The arrays that a run's validations stored, as volumes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_dacapo.errors import ArrayNotFoundError, NapariDacapoError
from napari_dacapo.store import is_array
from napari_dacapo.volumes import Identity, Volume

if TYPE_CHECKING:
    from pathlib import Path

    from napari_dacapo.runs.run import Run

__all__ = ["EMPTY_NOTE", "input_copies", "open_output", "open_prediction"]

EMPTY_NOTE = (
    "This stored segmentation is empty. DaCapo thresholds predictions at 127, which the "
    "predictions of its networks (about -1 to 1) never reach; the computed segmentation shows "
    "what was learned."
)
EMPTY_NOTE_OTHER = "This stored segmentation is empty."
_RANGES = {"distance": (-1.0, 1.0), "affinities": (0.0, 1.0)}


def input_copies(run: Run, dataset: str) -> dict[str, Volume | NapariDacapoError]:
    """Open the copies of raw and gt that the first validation made.

    Parameters
    ----------
    run : Run
        The run.
    dataset : str
        Name of a validation dataset.

    Returns
    -------
    dict of str to Volume or NapariDacapoError
        "raw" and "gt" as far as they are there and hold anything, in the
        place that their files name; for one that cannot be opened, why not.
    """
    from napari_dacapo.volumes import is_empty

    try:
        raw, gt = run.store.array_store.validation_input_arrays(run.name, dataset)
    except NapariDacapoError as error:
        return {"raw": error, "gt": error}
    copies: dict[str, Volume | NapariDacapoError] = {}
    for role, path in (("raw", raw.path), ("gt", gt.path)):
        if not is_array(path):
            continue
        identity = Identity(run.name, dataset, role, store=run.store.label)  # type: ignore[arg-type]
        try:
            volume = _open(run, path, identity)
        except NapariDacapoError as error:
            copies[role] = error
            continue
        # A validation that failed leaves an array without a single chunk.
        if role == "gt" or is_empty(volume) is not True:
            copies[role] = _as_gt(run, volume) if role == "gt" else _as_raw(volume)
    return copies


def _as_gt(run: Run, volume: Volume) -> Volume:
    if volume.channel_axis is None:
        classes = dict(enumerate(run.task.class_names))
        return volume.with_(kind="labels", class_names=classes)
    names = run.task.gt_channel_names
    fits = len(names) == volume.shape[volume.channel_axis]
    return volume.with_(kind="labels", channel_names=tuple(names) if fits else ())


def _as_raw(volume: Volume) -> Volume:
    # Copies are made after intensities were scaled; float raw that is not scaled
    # to 0..1 is rare, and cannot be told from its metadata.
    scaled = volume.dtype.kind == "f" and volume.value_range is None
    return volume.with_(kind="image", value_range=(0.0, 1.0) if scaled else volume.value_range)


def open_prediction(run: Run, dataset: str, iteration: int) -> Volume:
    """Open the stored prediction of a dataset.

    Raises
    ------
    ArrayNotFoundError
        If there is none.
    ArrayFormatError, BrokenFileError
        If its metadata makes no sense.
    """
    path = run.store.array_store.validation_prediction_array(run.name, iteration, dataset).path
    if not is_array(path):
        raise ArrayNotFoundError(
            f"Run {run.name}: no prediction of dataset {dataset} is stored at iteration "
            f"{iteration}.",
            path=path,
        )
    identity = Identity(run.name, dataset, "prediction", iteration, store=run.store.label)
    volume = _placed(run, _open(run, path, identity)).with_(kind="image")
    names = run.task.channel_names
    if volume.channel_axis is None or len(names) != volume.shape[volume.channel_axis]:
        names = ()
    value_range = _RANGES.get(run.task.kind) if volume.dtype.kind == "f" else volume.value_range
    return _said_how_complete(volume).with_(
        channel_names=tuple(names),
        class_names=dict(enumerate(run.task.class_names)) if names else {},
        value_range=value_range,
    )


def _said_how_complete(prediction: Volume) -> Volume:
    """Say it if parts of a prediction are not stored, which look like zeros of the network's."""
    from napari_dacapo.volumes import stored_share

    # Whole chunks of exact zeros, which zarr leaves out, are what no float prediction has.
    share = stored_share(prediction) if prediction.dtype.kind == "f" else None
    if share is None or share[0] >= share[1]:
        return prediction
    return prediction.with_notes(
        f"{share[0]} of {share[1]} chunks of this prediction are stored; the rest shows as 0. "
        "It is being written, or writing it was broken off."
    )


def open_output(run: Run, dataset: str, iteration: int, parameters: str) -> Volume:
    """Open a stored segmentation of a dataset.

    Raises
    ------
    ArrayNotFoundError, ArrayFormatError, BrokenFileError
        As :func:`open_prediction`.
    """
    from napari_dacapo.volumes import is_empty

    path = run.store.array_store.validation_output_array(
        run.name, iteration, parameters, dataset
    ).path
    if not is_array(path):
        raise ArrayNotFoundError(
            f"Run {run.name}: no output {parameters!r} of dataset {dataset} is stored at "
            f"iteration {iteration}.",
            path=path,
        )
    identity = Identity(
        run.name, dataset, "segmentation", iteration, parameters, "stored", run.store.label
    )
    volume = _placed(run, _open(run, path, identity))
    volume = volume.with_(kind="labels", value_range=None)
    channels = volume.shape[volume.channel_axis] if volume.channel_axis is not None else 0
    names = run.task.channel_names
    volume = volume.with_(
        channel_names=tuple(names) if len(names) == channels else (),
        class_names=dict(enumerate(run.task.class_names)) if not channels else {},
    )
    if is_empty(volume):
        thresholded = run.task.kind in ("distance", "hot_distance") and "127" in parameters
        volume = volume.with_notes(EMPTY_NOTE if thresholded else EMPTY_NOTE_OTHER)
    return volume


def _open(run: Run, path: Path, identity: Identity) -> Volume:
    from napari_dacapo.volumes import open_volume

    return open_volume(path, identity=identity, roots=run.store.options.roots)


def _placed(run: Run, volume: Volume) -> Volume:
    from napari_dacapo.volumes import repair_offset

    for dataset in run.datasplit.validate:
        if dataset.name == volume.identity.dataset:
            return dataset.placed(volume)
    return repair_offset(volume)
