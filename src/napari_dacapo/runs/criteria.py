"""The criteria that DaCapo scores by: order on disk, direction, bounds, and what to trust."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

__all__ = ["Criterion", "criteria_for", "default_criterion", "find_criterion"]

Bounds = tuple[float | None, float | None]


class ScoredTask(Protocol):
    """What criteria depend on, of a task's config."""

    @property
    def kind(self) -> str:
        """Which family of tasks it is."""


@dataclass(frozen=True, slots=True)
class Criterion:
    """One number that DaCapo computes of a segmentation and ground truth.

    Attributes
    ----------
    name : str
        Unique within a task: ``"f1_score"``, or ``"mito__f1_score"`` where a
        task has several channels.
    higher_is_better : bool
        Direction.
    bounds : tuple of float or None
        Lowest and highest possible value, None where there is no bound.
    store_best : bool
        Whether DaCapo considers it for its best.
    doubtful : str
        Why a stored value is not what the name says; empty if it is.
    meaningless : bool
        The stored values say nothing at all (DaCapo's dummy evaluator writes
        random numbers).
    channel : str
        Which channel it is of, if the task has several.
    """

    name: str
    higher_is_better: bool
    bounds: Bounds = (0.0, 1.0)
    store_best: bool = False
    doubtful: str = ""
    meaningless: bool = False
    channel: str = ""

    @property
    def base_name(self) -> str:
        """The name without the channel."""
        return self.name.removeprefix(f"{self.channel}__") if self.channel else self.name


_SWAPPED = (
    "DaCapo divides false positives by the voxels outside of the ground truth, where this "
    "criterion needs the voxels of the segmentation"
)
_FDR = f"{_SWAPPED}: the stored value is the false positive rate and far too low."
_FPR = f"{_SWAPPED}, and then scales it: the stored value is not the false positive rate."
_PRECISION = f"{_SWAPPED}: the stored value is the specificity, not the precision."
_F1 = (
    f"{_SWAPPED}: the stored value is the harmonic mean of recall and specificity. "
    "The true f1 score equals dice."
)
_RANDOM = "DaCapo has no evaluator for this task: the stored values are random numbers."

_UP, _DOWN = True, False
_OPEN: Bounds = (0.0, None)

_BINARY = (
    Criterion("dice", _UP),
    Criterion("jaccard", _UP),
    Criterion("hausdorff", _DOWN, _OPEN),
    Criterion("false_negative_rate", _DOWN),
    Criterion("false_negative_rate_with_tolerance", _DOWN),
    Criterion("false_positive_rate", _DOWN, doubtful=_FPR),
    Criterion("false_discovery_rate", _DOWN, doubtful=_FDR),
    Criterion("false_positive_rate_with_tolerance", _DOWN),
    # DaCapo declares (0, 1), but the unit is bits and real values are above 1.
    Criterion("voi", _DOWN, _OPEN, store_best=True),
    Criterion("mean_false_distance", _DOWN, _OPEN),
    Criterion("mean_false_negative_distance", _DOWN, _OPEN),
    Criterion("mean_false_positive_distance", _DOWN, _OPEN),
    Criterion("mean_false_distance_clipped", _DOWN, _OPEN),
    Criterion("mean_false_negative_distance_clipped", _DOWN, _OPEN),
    Criterion("mean_false_positive_distance_clipped", _DOWN, _OPEN),
    Criterion("precision_with_tolerance", _UP),
    Criterion("recall_with_tolerance", _UP),
    Criterion("f1_score_with_tolerance", _UP),
    Criterion("precision", _UP, doubtful=_PRECISION),
    Criterion("recall", _UP),
    Criterion("f1_score", _UP, store_best=True, doubtful=_F1),
)
_INSTANCE = (
    Criterion("voi_split", _DOWN, _OPEN, store_best=True),
    Criterion("voi_merge", _DOWN, _OPEN, store_best=True),
    Criterion("voi", _DOWN, _OPEN, store_best=True),
)
_DUMMY = (
    Criterion("frizz_level", _UP, doubtful=_RANDOM, meaningless=True),
    Criterion("blipp_score", _DOWN, doubtful=_RANDOM, meaningless=True),
)
_BY_KIND = {
    "distance": _BINARY,
    "hot_distance": _BINARY,
    "affinities": _INSTANCE,
    "one_hot": _DUMMY,
    "dummy": _DUMMY,
}
_DEFAULTS = {"distance": "f1_score", "hot_distance": "f1_score", "affinities": "voi"}
_UNKNOWN = "It is not known what this number means."


def criteria_for(task: ScoredTask, n_values: int | None = None) -> tuple[Criterion, ...]:
    """Return the criteria of a task in the order in which scores are stored.

    Parameters
    ----------
    task : task config
        Decides on the evaluator, and by its channels on the number of blocks.
    n_values : int, optional
        Length of the score vectors that were found. Ground truth without a
        channel axis gives one block whatever the task's channels are; a
        length that fits no evaluator gives criteria without a meaning.

    Returns
    -------
    tuple of Criterion
        As many as `n_values`, if given.
    """
    block = _BY_KIND.get(task.kind, ())
    channels = tuple(str(channel) for channel in getattr(task, "gt_channel_names", ()))
    one_block = len(channels) < 2 or block is not _BINARY or n_values == len(block)
    if one_block:
        criteria = block
    else:
        criteria = tuple(
            replace(criterion, name=f"{channel}__{criterion.name}", channel=channel)
            for channel in channels
            for criterion in block
        )
    if n_values is None or n_values == len(criteria):
        return criteria
    return tuple(
        Criterion(f"score_{i}", _UP, (None, None), doubtful=_UNKNOWN, meaningless=True)
        for i in range(n_values)
    )


def default_criterion(task: ScoredTask, criteria: tuple[Criterion, ...]) -> Criterion | None:
    """Return the criterion that a task is judged by, None if its scores mean nothing.

    Parameters
    ----------
    task : task config
        Distance tasks are judged by the f1 score, affinities by the voi.
    criteria : tuple of Criterion
        Those that there are; with several channels the first one's is taken.
    """
    name = _DEFAULTS.get(task.kind)
    matching = (criterion for criterion in criteria if criterion.base_name == name)
    return next((criterion for criterion in matching if not criterion.meaningless), None)


def find_criterion(name: str, criteria: tuple[Criterion, ...]) -> Criterion:
    """Look a criterion up by its name.

    Parameters
    ----------
    name : str
        The full name, or one without (or with) the channel if that is clear.
    criteria : tuple of Criterion
        Where to look.

    Raises
    ------
    ValueError
        If there is none, or if it could be several channels'.
    """
    for criterion in criteria:
        if criterion.name == name:
            return criterion
    base = name.rpartition("__")[2]
    similar = [criterion for criterion in criteria if criterion.base_name == base]
    with_channel = [criterion for criterion in similar if criterion.channel]
    if len(similar) == 1 and not (with_channel and base != name):
        return similar[0]
    names = ", ".join(criterion.name for criterion in (similar or criteria))
    raise ValueError(f"There is no criterion {name!r}; there is: {names or 'none at all'}.")
