"""Runs as ``--json`` prints them: plain values under keys that scripts rely on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_dacapo.errors import NapariDacapoError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from napari_dacapo.runs import Dataset, Run, RunRow
    from napari_dacapo.volumes import Volume

__all__ = [
    "array_as_json",
    "configured_path",
    "iterations_of",
    "prediction_or_none",
    "row_as_json",
    "run_as_json",
]


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
    datasets = []
    for dataset in run.datasplit.validate:
        iterations = [
            {
                "iteration": iteration,
                "prediction": array_as_json(prediction_or_none(run, dataset, iteration)),
                "outputs": {
                    name: array_as_json(volume)
                    for name, volume in run.outputs(dataset.name, iteration).items()
                },
            }
            for iteration in iterations_of(run, dataset)
        ]
        raw, gt = dataset.raw_or_none, dataset.gt_or_none
        datasets.append(
            {
                "name": dataset.name,
                "raw": array_as_json(raw, configured_path(dataset, "raw")),
                "gt": array_as_json(gt, configured_path(dataset, "gt")),
                "iterations": iterations,
            }
        )
    return {**row_as_json(run.row()), "datasets": datasets}


def array_as_json(volume: Volume | None, path: Path | None = None) -> dict[str, Any] | None:
    """Return an array as ``show --json`` prints it; None where there is none.

    Parameters
    ----------
    volume : Volume or None
        The array.
    path : Path, optional
        Where its elements come from, if they are computed from stored ones.

    Returns
    -------
    dict or None
        ``voxel_size`` and ``offset`` in nanometres over the spatial axes;
        ``path`` None if the elements come from several places.
    """
    if volume is None:
        return None
    return {
        "shape": volume.shape,
        "dtype": str(volume.dtype),
        "axis_names": volume.axis_names,
        "voxel_size": volume.voxel_size,
        "offset": volume.offset,
        "path": volume.source.path if volume.source else path,
    }


def iterations_of(run: Run, dataset: Dataset) -> list[int]:
    """Return the iterations at which anything of a dataset is stored, complete or not."""
    stored = run.validations
    return [
        i
        for i in stored.iterations
        if stored.has_prediction(i, dataset.name) or stored.outputs(i, dataset.name)
    ]


def prediction_or_none(run: Run, dataset: Dataset, iteration: int) -> Volume | None:
    """Return a prediction, None if there is none that can be opened."""
    try:
        return run.prediction(dataset.name, iteration)
    except NapariDacapoError:
        return None  # a broken one is as good as none here; missing() says why


def configured_path(dataset: Dataset, role: str) -> Path | None:
    """Return the one array on disk that a config names, mapped to this computer."""
    config = getattr(dataset.config, f"{role}_config", None)
    if config is None:
        return None
    named = set(_named_arrays(config.to_dict()))
    if len(named) != 1:
        return None
    file_name, name = named.pop()
    return dataset.run.store.options.map_path(file_name) / name


def _named_arrays(config: Any) -> Iterator[tuple[str, str]]:
    if isinstance(config, dict):
        if isinstance(config.get("file_name"), str):
            yield config["file_name"], str(config.get("dataset") or "")
        config = list(config.values())
    if isinstance(config, (list, tuple)):
        for entry in config:
            yield from _named_arrays(entry)
