"""Which volumes of a run are shown, and why others are not."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Literal

from napari_dacapo.errors import ArrayNotFoundError, NapariDacapoError, SelectionError
from napari_dacapo.runs.best import find_best
from napari_dacapo.runs.contents import has_content, why_not_shown
from napari_dacapo.runs.parameters import find_parameters
from napari_dacapo.runs.score_table import order_parameters

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from napari_dacapo.runs.datasets import Dataset
    from napari_dacapo.runs.run import Run
    from napari_dacapo.volumes import Volume

__all__ = ["Selection", "select_volumes", "volumes_asked_for", "volumes_to_show"]


@dataclass(slots=True)
class Selection:
    """What can be shown of a dataset at an iteration.

    Attributes
    ----------
    volumes : list of Volume
        raw, gt, prediction, segmentation, as far as they are there.
    missing : list of str
        Why others are not.
    """

    volumes: list[Volume] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    def add(self, volume: Volume) -> bool:
        """Add a volume, or say why no viewer could show it."""
        reason = why_not_shown(volume)
        if reason is None:
            self.volumes.append(volume)
        else:
            self.missing.append(f"{volume.role}: {reason}")
        return reason is None


def select_volumes(
    run: Run,
    dataset: Dataset,
    iteration: int | None,
    parameters: str | None,
    segmentation: Literal["stored", "computed"] | None,
    place: Mapping[str, float] | None = None,
) -> Selection:
    """Choose the volumes of a dataset, see :meth:`napari_dacapo.runs.Run.volumes`.

    ``place`` is where one looks, in nanometres by axis, see
    :func:`napari_dacapo.analysis.segment_around`.
    """
    if segmentation not in (None, "stored", "computed"):
        raise ValueError(f"segmentation must be 'stored' or 'computed', not {segmentation!r}.")
    chosen = Selection()
    for role in ("raw", "gt"):
        reason = dataset.why_not(role)
        if reason is None:
            chosen.add(getattr(dataset, role))
        else:
            chosen.missing.append(f"{role}: {reason}")
    if dataset.split == "train":
        return chosen
    if iteration is None:
        iteration = _last_iteration(run, dataset.name)
    if iteration is None:
        chosen.missing.append(_why_no_validation(run, dataset.name))
        return chosen
    prediction = _prediction(run, dataset.name, iteration, chosen)
    if prediction is not None and not chosen.add(prediction):
        prediction = None
    if parameters is not None:
        parameters = find_parameters(run, dataset.name, iteration, parameters)
    compute = partial(_computed, run, prediction, place)
    volume = _segmentation(run, dataset.name, iteration, parameters, segmentation, compute,
                           chosen)  # fmt: skip
    if volume is not None:
        chosen.add(volume)
    return chosen


def volumes_to_show(
    run: Run,
    dataset: str | None = None,
    iteration: int | None = None,
    parameters: str | None = None,
    segmentation: Literal["stored", "computed"] | None = None,
    place: Mapping[str, float] | None = None,
) -> Selection:
    """Choose volumes as :func:`select_volumes` does; nothing at all is an error.

    Raises
    ------
    ArrayNotFoundError
        If there is nothing to show; says why.
    SelectionError
        If there are no such dataset or parameters.
    """
    chosen = select_volumes(run, run.dataset(dataset), iteration, parameters, segmentation, place)
    if not chosen.volumes:
        raise ArrayNotFoundError(
            f"Run {run.name} has nothing to show.", todo=" ".join(chosen.missing)
        )
    return chosen


def volumes_asked_for(
    run: Run,
    dataset: str | None = None,
    iteration: int | None = None,
    parameters: str | None = None,
    segmentation: Literal["stored", "computed"] | None = None,
    *,
    prefer_stored: bool = False,
) -> Selection:
    """Choose volumes as :func:`volumes_to_show` does; all that is asked for must be there.

    Parameters
    ----------
    run, dataset, iteration, parameters, segmentation
        As for :meth:`napari_dacapo.runs.Run.volumes`.
    prefer_stored : bool
        Whether parameters that are stored are taken as they are stored, be it
        an empty segmentation.

    Raises
    ------
    ArrayNotFoundError
        If there is nothing to show; says why.
    SelectionError
        If the dataset, the iteration, the parameters, or a segmentation of
        them are not there; says what there is.
    """
    iterations = run.validations.iterations
    if iteration is not None and iteration not in iterations:
        raise SelectionError(
            f"Run {run.name} was not validated at iteration {iteration}.",
            todo=f"Validated iterations: {', '.join(map(str, iterations)) or 'none'}.",
        )
    name = run.dataset(dataset).name
    asked = (iteration, parameters, segmentation)
    if run.dataset(dataset).split == "train" and asked != (None,) * 3:
        raise SelectionError(
            f"Run {run.name} predicts nothing of its training dataset {name}.",
            todo="Leave out iteration, parameters and segmentation, or name a validation dataset.",
        )
    if prefer_stored and parameters is not None and segmentation is None:
        at = _last_iteration(run, name) if iteration is None else iteration
        stored = () if at is None else run.validations.outputs(at, name)
        if at is not None and find_parameters(run, name, at, parameters) in stored:
            segmentation = "stored"
    chosen = volumes_to_show(run, dataset, iteration, parameters, segmentation)
    roles = {volume.role for volume in chosen.volumes}
    if asked[1:] != (None, None) and "segmentation" not in roles:
        raise SelectionError(
            f"Run {run.name} has no such segmentation.", todo=" ".join(chosen.missing)
        )
    if iteration is not None and not roles & {"prediction", "segmentation"}:
        raise SelectionError(
            f"Run {run.name} has nothing of dataset {name} at iteration {iteration}.",
            todo=" ".join(chosen.missing),
        )
    return chosen


def _last_iteration(run: Run, dataset: str) -> int | None:
    validations = run.validations
    predicted = [i for i in validations.iterations if validations.has_prediction(i, dataset)]
    # A validation that is being written is not the one to start with.
    done = [i for i in predicted if validations.stored[i].is_complete([dataset])]
    return max(done, default=max(predicted, default=None))


def _why_no_validation(run: Run, dataset: str) -> str:
    if not run.iteration:
        return f"prediction: run {run.name} has not been trained yet."
    interval = run.validation_interval
    if 0 < interval <= run.iteration:
        return (
            f"prediction: the validations failed: run {run.name} should have been validated every "
            f"{interval} iterations, but nothing is stored of dataset {dataset}."
            f"{_what_checkpoints_can(run)}"
        )
    return f"prediction: run {run.name} validates after {interval} iterations and is not there yet."


def _what_checkpoints_can(run: Run) -> str:
    # Networks that are code of their own cannot be run here.
    foreign = ("WrappedArchitectureConfig", "ModelZooConfig")
    if run.config.architecture_config.type_name in foreign or not run.checkpoints:
        return ""
    return " The checkpoints can still predict it."


def _prediction(run: Run, dataset: str, iteration: int, chosen: Selection) -> Volume | None:
    try:
        prediction = run.prediction(dataset, iteration)
    except NapariDacapoError as error:
        chosen.missing.append(f"prediction: {error}")
        return None
    if prediction is None:
        known = ", ".join(map(str, run.validations.iterations)) or "none"
        chosen.missing.append(
            f"prediction: none is stored of dataset {dataset} at iteration {iteration}; "
            f"validated iterations: {known}."
        )
    return prediction


def _segmentation(
    run: Run,
    dataset: str,
    iteration: int,
    parameters: str | None,
    wanted: Literal["stored", "computed"] | None,
    compute: Callable[[str | None, Selection | None], Volume | None],
    chosen: Selection,
) -> Volume | None:
    if wanted == "computed":
        return compute(parameters, chosen)
    names = order_parameters(run.validations.outputs(iteration, dataset))
    outputs = run.outputs(dataset, iteration)
    for name in names:
        if name not in outputs:
            chosen.missing.append(
                f"segmentation {name}: {_why_broken(run, dataset, iteration, name)}"
            )
    if wanted is None and not any(has_content(volume) for volume in outputs.values()):
        # Thresholds of stored masks that are empty would give empty masks again.
        natural = parameters in names and run.task.kind in ("distance", "hot_distance")
        computed = compute(None if natural else parameters, None)
        if computed is not None:
            return computed.with_notes(_why_computed(run, outputs))
    if parameters is not None and parameters not in outputs:
        if wanted is None and parameters not in names:
            return compute(parameters, chosen)
        stored = ", ".join(outputs) or "none"
        chosen.missing.append(
            f"segmentation: {parameters} is not stored at iteration {iteration}; stored: {stored}."
        )
        return None
    if not outputs:
        chosen.missing.append(
            f"segmentation: none is stored of dataset {dataset} at iteration {iteration}."
        )
        return None
    return outputs[parameters or _default_parameters(run, dataset, outputs)]


def _default_parameters(run: Run, dataset: str, outputs: dict[str, Volume]) -> str:
    """Choose the parameters with the best score so far, or else the first that show anything."""
    scores = run.validation_scores
    best = find_best(scores, run.task, dataset=dataset) if dataset in scores.datasets else None
    if best is not None and best.parameters in outputs:
        return best.parameters
    with_content = (name for name, volume in outputs.items() if has_content(volume))
    return next(with_content, next(iter(outputs)))


def _computed(
    run: Run,
    prediction: Volume | None,
    place: Mapping[str, float] | None,
    parameters: str | None,
    chosen: Selection | None,
) -> Volume | None:
    from napari_dacapo.analysis import segment_around

    reason = "it is computed from the prediction, which is missing."
    if prediction is not None:
        try:
            return segment_around(prediction, run.task, parameters, place)
        except NapariDacapoError as error:
            reason = str(error)
    if chosen is not None:
        chosen.missing.append(f"segmentation: {reason}")
    return None


def _why_computed(run: Run, outputs: dict[str, Volume]) -> str:
    if not outputs:
        return "No segmentation is stored: this one is computed from the prediction."
    if run.task.class_names:
        return f"The stored segmentation is {run.task.class_names[0]} everywhere."
    names = ", ".join(outputs)
    # What matters first: there is little room on a canvas.
    return f"Empty as stored ({names}): this one is computed instead."


def _why_broken(run: Run, dataset: str, iteration: int, parameters: str) -> str:
    from napari_dacapo.runs.stored_arrays import open_output

    try:
        open_output(run, dataset, iteration, parameters)
    except NapariDacapoError as error:
        return str(error)
    return "it was being written; look again."
