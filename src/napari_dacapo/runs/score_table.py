"""Stored scores are lists in lists without names: give each its dataset, parameters and criterion.

DaCapo stores neither the names of datasets nor of parameters. Datasets follow
the order of the config; parameters follow the post-processor's own order, but
an evaluation that failed leaves no gap: the ones after it move up. So scores
are matched to the outputs that lie next to the prediction, by name, and where
that is not possible they are left out and said to be.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dacapo.runs.criteria import Criterion, ScoredTask, criteria_for

if TYPE_CHECKING:
    from napari_dacapo.store import ValidationIteration

__all__ = ["OutputNames", "ScoreTable", "default_parameters", "order_parameters", "tabulate"]

OutputNames = Callable[[int, str], Sequence[str]]

_BIASES = (0.1, 0.25, 0.5, 0.75, 0.9)
_WATERSHEDS = tuple(
    f"WatershedPostProcessorParameters(id={i}, bias={bias}, context=(32, 32, 32))"
    for i, bias in enumerate(_BIASES)
)
_THRESHOLDS_030 = tuple(
    f"ThresholdPostProcessorParameters(id={i}, threshold={value})"
    for i, value in enumerate((100, 127, 150))
)
_DEFAULT_PARAMETERS: dict[str, tuple[tuple[str, ...], ...]] = {
    "distance": (("threshold_127",), _THRESHOLDS_030),
    "hot_distance": (("threshold_127",), _THRESHOLDS_030),
    "affinities": (_WATERSHEDS,),
    "one_hot": (("ArgmaxPostProcessorParameters(id=1)",),),
    "dummy": (tuple(f"DummyPostProcessorParameters(id={i}, min_size={i + 1})" for i in range(10)),),
}
_MAX_PROBLEMS = 20
_MAX_NAMES = 5
_MAX_VALUES = 50_000_000
_MAX_VALIDATIONS = 1_000_000


@dataclass(frozen=True, eq=False)
class ScoreTable:
    """Scores with a name along each axis.

    Attributes
    ----------
    iterations : tuple of int
        Ascending.
    datasets, parameters : tuple of str
        Names.
    criteria : tuple of Criterion
        In the order of the last axis.
    values : numpy.ndarray
        float64 over iterations, datasets, parameters, criteria; NaN where
        NaN or nothing is stored.
    stored : numpy.ndarray
        bool over iterations, datasets, parameters: whether scores are stored
        there (they may still be NaN).
    problems : tuple of str
        What is missing, ragged, stored twice or not to be matched.
    """

    iterations: tuple[int, ...]
    datasets: tuple[str, ...]
    parameters: tuple[str, ...]
    criteria: tuple[Criterion, ...]
    values: np.ndarray[Any, np.dtype[np.float64]]
    stored: np.ndarray[Any, np.dtype[np.bool_]]
    problems: tuple[str, ...]


def order_parameters(names: Iterable[str]) -> tuple[str, ...]:
    """Sort names of parameters as DaCapo's post-processors enumerate them: by id, by threshold."""
    return tuple(sorted(names, key=_rank))


@lru_cache(maxsize=4096)
def _rank(name: str) -> tuple[float, float, str]:
    from napari_dacapo.store.parameters import parse_parameters

    values = parse_parameters(name).values
    return _number(values.get("id")), _number(values.get("threshold")), name


def default_parameters(kind: str, n_parameters: int) -> tuple[str, ...]:
    """Return the names that DaCapo gives to this many parameters, empty if it never does."""
    candidates = _DEFAULT_PARAMETERS.get(kind, ())
    return next((names for names in candidates if len(names) == n_parameters), ())


def tabulate(
    entries: Iterable[ValidationIteration],
    *,
    task: ScoredTask,
    datasets: Sequence[str],
    outputs: OutputNames | None = None,
) -> ScoreTable:
    """Give names to stored scores.

    Parameters
    ----------
    entries : iterable of ValidationIteration
        As the stats store gives them; of an iteration that was validated
        twice the later entry counts.
    task : task config
        Decides on the criteria.
    datasets : sequence of str
        Names of the validation datasets in the order of the config.
    outputs : callable, optional
        ``outputs(iteration, dataset)`` lists the names of stored outputs;
        without it DaCapo's usual names are taken.

    Returns
    -------
    ScoreTable
        Everything that can be named, and what cannot in `problems`.
    """
    problems: list[str] = []
    latest = _latest(entries, problems)
    iterations = tuple(sorted(latest))
    names = _dataset_names(datasets, latest.values(), problems)
    n_values = _common_length(latest.values())
    criteria = criteria_for(task, n_values)
    if len(iterations) * len(names) > _MAX_VALIDATIONS:
        # Nothing that DaCapo writes: an array of it would fill the memory.
        size = f"{len(iterations)} validations of {len(names)} datasets"
        return _empty(criteria, f"The scores claim to be of {size}: not shown.")
    listed = _listings(iterations, names, outputs)
    usual = _usual(listed)

    vectors: dict[tuple[int, int, str], list[float | None]] = {}
    for i, iteration in enumerate(iterations):
        scores = latest[iteration].scores
        if len(scores) < len(names):
            missing = ", ".join(names[len(scores) :][:_MAX_NAMES])
            problems.append(f"Iteration {iteration}: no scores are stored of {missing}.")
        for d, of_dataset in enumerate(scores):
            where = f"Iteration {iteration}, dataset {names[d]}"
            chosen = _match(
                len(of_dataset), listed.get((iteration, names[d]), ()), usual, task.kind,
                where, problems,
            )  # fmt: skip
            for name, vector in zip(chosen, of_dataset, strict=False):
                if len(vector) == len(criteria):
                    vectors[i, d, name] = vector
                else:
                    problems.append(
                        f"{where}, {name}: {len(vector)} scores are stored, where there are "
                        f"{len(criteria)} criteria; they are left out."
                    )
    parameters = _all_parameters(listed, vectors)
    shape = (len(iterations), len(names), len(parameters), len(criteria))
    if prod(shape) > _MAX_VALUES:
        return _empty(criteria, f"The scores would make an array of {shape}: not shown.")
    values = np.full(shape, np.nan)
    stored = np.zeros(values.shape[:3], bool)
    place = {name: p for p, name in enumerate(parameters)}
    for (i, d, name), values_of in vectors.items():
        values[i, d, place[name]] = np.array(values_of, np.float64)  # None becomes NaN
        stored[i, d, place[name]] = True
    n_nan = int(np.isnan(values[stored]).sum())
    if n_nan:
        problems.append(
            f"{n_nan} of {values[stored].size} stored scores are not a number, as those of an "
            "empty segmentation are."
        )
    return ScoreTable(iterations, names, parameters, criteria, values, stored, _shortened(problems))


def _empty(criteria: tuple[Criterion, ...], problem: str) -> ScoreTable:
    nothing = np.zeros((0, 0, 0, len(criteria)))
    return ScoreTable((), (), (), criteria, nothing, nothing[..., 0].astype(bool), (problem,))


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else -np.inf


def _latest(
    entries: Iterable[ValidationIteration], problems: list[str]
) -> dict[int, ValidationIteration]:
    latest: dict[int, ValidationIteration] = {}
    for entry in entries:
        if entry.iteration in latest:
            problems.append(
                f"Iteration {entry.iteration} was validated more than once; the later scores count."
            )
        latest[entry.iteration] = entry
    return latest


def _dataset_names(
    configured: Sequence[str], entries: Iterable[ValidationIteration], problems: list[str]
) -> tuple[str, ...]:
    n_stored = max((len(entry.scores) for entry in entries), default=0)
    if n_stored <= len(configured):
        return tuple(configured)
    problems.append(
        f"Scores of {n_stored} datasets are stored, but only {len(configured)} validation "
        "datasets are known; the others are numbered."
    )
    return (*configured, *(f"dataset {d}" for d in range(len(configured), n_stored)))


def _common_length(entries: Iterable[ValidationIteration]) -> int | None:
    lengths = Counter(
        len(vector) for entry in entries for of_dataset in entry.scores for vector in of_dataset
    )
    return lengths.most_common(1)[0][0] if lengths else None


def _listings(
    iterations: Sequence[int], datasets: Sequence[str], outputs: OutputNames | None
) -> dict[tuple[int, str], tuple[str, ...]]:
    if outputs is None:
        return {}
    return {
        (iteration, dataset): order_parameters(outputs(iteration, dataset))
        for iteration in iterations
        for dataset in datasets
    }


def _usual(listed: dict[tuple[int, str], tuple[str, ...]]) -> tuple[str, ...]:
    counts = Counter(names for names in listed.values() if names)
    return counts.most_common(1)[0][0] if counts else ()


def _match(
    n_scores: int,
    listed: tuple[str, ...],
    usual: tuple[str, ...],
    kind: str,
    where: str,
    problems: list[str],
) -> tuple[str, ...]:
    """Name the parameters of one dataset's scores; empty if that is not possible."""
    if n_scores == 0:
        problems.append(f"{where}: no scores are stored, each evaluation failed.")
        return ()
    for names in (listed, usual, default_parameters(kind, n_scores)):
        # What lies there decides, unless some of it was removed since.
        if len(names) == n_scores and set(listed) <= set(names):
            return names
    if len(listed) > n_scores:
        problems.append(
            f"{where}: {n_scores} scores are stored for {len(listed)} outputs; an evaluation "
            "failed and it is not known which, so they are left out."
        )
        return ()
    problems.append(
        f"{where}: the outputs of {n_scores} scores are not stored, so the names of their "
        "parameters are not known; they are numbered."
    )
    return tuple(f"parameters {p}" for p in range(n_scores))


def _all_parameters(
    listed: dict[tuple[int, str], tuple[str, ...]],
    vectors: Iterable[tuple[int, int, str]],
) -> tuple[str, ...]:
    names = {name for found in listed.values() for name in found}
    return order_parameters(names | {name for _, _, name in vectors})


def _shortened(problems: list[str]) -> tuple[str, ...]:
    unique = list(dict.fromkeys(problems))
    if len(unique) <= _MAX_PROBLEMS:
        return tuple(unique)
    return (*unique[:_MAX_PROBLEMS], f"… and {len(unique) - _MAX_PROBLEMS} more of this kind.")
