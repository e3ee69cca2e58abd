"""Runs as ``--json`` prints them: plain values under keys that scripts rely on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from napari_dacapo.errors import NapariDacapoError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from napari_dacapo.runs import Dataset, Run, RunRow
    from napari_dacapo.volumes import Volume

__all__ = ["ShownArray", "arrays_of", "inputs_of", "row_as_json", "run_as_json"]


@dataclass(frozen=True, slots=True)
class ShownArray:
    """An array of a dataset, as `show` names it.

    Attributes
    ----------
    dataset : str
        Name of the dataset.
    iteration : int or None
        Of its validation; None for raw, gt and mask.
    name : str
        ``raw``, ``gt``, ``mask``, ``prediction``, or the parameters of an output.
    volume : Volume or None
        None if it is not there, or cannot be opened.
    path : Path or None
        The one array on disk that its elements come from; None if there are
        several.
    """

    dataset: str
    iteration: int | None
    name: str
    volume: Volume | None
    path: Path | None

    @property
    def label(self) -> str:
        """The name, and of which iteration it is."""
        return self.name if self.iteration is None else f"{self.iteration} {self.name}"

    def as_json(self) -> dict[str, Any] | None:
        """Return the array as ``show --json`` prints it; None where there is none.

        ``voxel_size`` and ``offset`` are nanometres over the spatial axes.
        """
        if self.volume is None:
            return None
        return {
            "shape": self.volume.shape,
            "dtype": str(self.volume.dtype),
            "axis_names": self.volume.axis_names,
            "voxel_size": self.volume.voxel_size,
            "offset": self.volume.offset,
            "path": self.path,
        }


def row_as_json(row: RunRow) -> dict[str, Any]:
    """Return a run's row as ``runs --json`` prints it; scripts rely on these keys."""
    return {
        "name": row.name,
        "task": row.task,
        "architecture": row.architecture,
        "state": row.state,
        "iteration": row.iteration,
        "num_iterations": row.num_iterations,
        "loss": row.loss,
        "validated_iterations": row.validated_iterations,
        "checkpoints": row.checkpoints,
        "problem": row.problem,
    }


def run_as_json(run: Run) -> dict[str, Any]:
    """Return a run as ``show --json`` prints it; scripts rely on these keys."""
    split = run.datasplit
    validated = [list(arrays_of(run, dataset)) for dataset in split.validate]
    trained = [list(inputs_of(dataset)) for dataset in split.train]
    return {
        **row_as_json(run.row()),
        "datasets": [
            {**_inputs_as_json(arrays), "iterations": _iterations_as_json(arrays)}
            for arrays in validated
        ],
        "train_datasets": [_inputs_as_json(arrays) for arrays in trained],
        "notes": [
            {
                "dataset": array.dataset,
                "iteration": array.iteration,
                "array": array.name,
                "note": note,
            }
            for arrays in (*validated, *trained)
            for array in arrays
            if array.volume is not None
            for note in array.volume.notes
        ],
    }


def inputs_of(dataset: Dataset) -> Iterator[ShownArray]:
    """Yield raw, gt and, if the dataset has one, mask."""
    roles: tuple[Literal["raw", "gt", "mask"], ...] = ("raw", "gt", "mask")
    volumes = (dataset.raw_or_none, dataset.gt_or_none, dataset.mask_or_none)
    for role, volume in zip(roles, volumes, strict=True):
        if role != "mask" or dataset.array_config("mask") is not None:
            stored = volume is not None and volume.source is not None
            path = None if stored else _configured_path(dataset, role)
            yield _shown(dataset, None, role, volume, path)


def arrays_of(run: Run, dataset: Dataset) -> Iterator[ShownArray]:
    """Yield raw, gt and mask, and what each validation stored, complete or not."""
    yield from inputs_of(dataset)
    stored = run.validations
    for i in stored.iterations:
        if stored.has_prediction(i, dataset.name) or stored.outputs(i, dataset.name):
            yield _shown(dataset, i, "prediction", _prediction_or_none(run, dataset, i))
            for name, volume in run.outputs(dataset.name, i).items():
                yield _shown(dataset, i, name, volume)


def _shown(
    dataset: Dataset,
    iteration: int | None,
    name: str,
    volume: Volume | None,
    path: Path | None = None,
) -> ShownArray:
    if volume is not None and volume.source is not None:
        path = volume.source.path
    return ShownArray(dataset.name, iteration, name, volume, path)


def _inputs_as_json(arrays: Iterable[ShownArray]) -> dict[str, Any]:
    inputs = {array.name: array for array in arrays if array.iteration is None}
    return {
        "name": inputs["raw"].dataset,
        "raw": inputs["raw"].as_json(),
        "gt": inputs["gt"].as_json(),
    }


def _iterations_as_json(arrays: Iterable[ShownArray]) -> list[dict[str, Any]]:
    found: dict[int, dict[str, Any]] = {}
    for array in arrays:
        if array.iteration is None:
            continue
        if array.name == "prediction" and array.iteration not in found:
            found[array.iteration] = {
                "iteration": array.iteration,
                "prediction": array.as_json(),
                "outputs": {},
            }
        else:
            found[array.iteration]["outputs"][array.name] = array.as_json()
    return list(found.values())


def _prediction_or_none(run: Run, dataset: Dataset, iteration: int) -> Volume | None:
    try:
        return run.prediction(dataset.name, iteration)
    except NapariDacapoError:
        return None  # a broken one is as good as none here; missing() says why


def _configured_path(dataset: Dataset, role: Literal["raw", "gt", "mask"]) -> Path | None:
    """Return the one array on disk that a config names, mapped to this computer."""
    config = dataset.array_config(role)
    named = set() if config is None else set(_named_arrays(config.to_dict()))
    if len(named) != 1:
        return None
    file_name, name = named.pop()
    # As arrays are opened: a slash before a name does not lead to the top of the disk.
    parts = (part for part in name.split("/") if part)
    return dataset.run.store.options.map_path(file_name).joinpath(*parts)


def _named_arrays(config: Any) -> Iterator[tuple[str, str]]:
    if isinstance(config, dict):
        if isinstance(config.get("file_name"), str):
            yield config["file_name"], str(config.get("dataset") or "")
        config = list(config.values())
    if isinstance(config, (list, tuple)):
        for entry in config:
            yield from _named_arrays(entry)
