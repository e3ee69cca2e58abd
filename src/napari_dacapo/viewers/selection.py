"""What the user asked for, what a run offers, and what comes of the two.

All values are frozen and nothing here reads a file or knows a window:
:func:`resolve` turns an intention and an offer into something that can be
shown. The order of all tuples is the order in which they are offered.
"""

from __future__ import annotations

import os
from bisect import bisect_left
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, TypeAlias

from napari_dacapo.analysis.parameters import match_parameters

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from napari_dacapo.analysis.methods import MethodKind
    from napari_dacapo.volumes import Identity

__all__ = [
    "Offer",
    "SegmentationChoice",
    "SegmentationSource",
    "Selection",
    "nearest",
    "resolve",
    "segmentation_choices",
    "selection_of",
    "step",
]

SegmentationSource: TypeAlias = Literal["stored", "computed"]


@dataclass(frozen=True, slots=True)
class Selection:
    """What the user asked for; None leaves a part to the run.

    Attributes
    ----------
    run, dataset : str or None
        Names as the config has them.
    iteration : int or None
        A validated iteration.
    parameters : str or None
        Name of a stored output, or parameters to compute with.
    segmentation : {"stored", "computed"} or None
        Where the segmentation comes from.
    """

    run: str | None = None
    dataset: str | None = None
    iteration: int | None = None
    parameters: str | None = None
    segmentation: SegmentationSource | None = None


def selection_of(shown: Iterable[Identity]) -> tuple[str, Selection] | None:
    """Return the store, and what of it was selected, for what is on screen.

    Parameters
    ----------
    shown : iterable of Identity
        From the bottom to the top. Of several datasets, the uppermost counts.

    Returns
    -------
    store, selection
        None if nothing is of a run in a store of files: a prediction that was
        written somewhere names its run, but lies in no store.
    """
    identities = [i for i in shown if i.run and not i.variant_slot and os.path.isabs(i.store)]
    original = next((i for i in reversed(identities) if i.role in ("raw", "gt")), None)
    if original is None:
        return None
    place = (original.store, original.run, original.dataset)
    of_it = [i for i in identities if (i.store, i.run, i.dataset) == place]
    iteration = next((i.iteration for i in of_it if i.iteration is not None), None)
    segments = next((i for i in of_it if i.role == "segmentation"), None)
    chosen = Selection(original.run, original.dataset, iteration)
    if segments is not None:
        source: SegmentationSource = "stored" if segments.variant == "stored" else "computed"
        chosen = replace(chosen, parameters=segments.parameters, segmentation=source)
    return original.store, chosen


@dataclass(frozen=True, slots=True)
class Offer:
    """What a run has to show.

    Attributes
    ----------
    run : str
        Its name.
    datasets : tuple of str
        Validation datasets first, then training datasets.
    training : frozenset of str
        Which of them are training datasets: they have no predictions.
    iterations : tuple of int
        Validated iterations, ascending; a validation that is incomplete counts.
    first_dataset : str or None
        The dataset to begin with.
    last_iteration : int or None
        The iteration to begin with: the last complete one.
    outputs : mapping of (str, int) to tuple of str
        Names of the stored outputs, for the datasets and iterations looked at so far.
    method : {"threshold", "argmax", "watershed"} or None
        How a segmentation is computed from a prediction; None if it cannot be.
    """

    run: str
    datasets: tuple[str, ...] = ()
    training: frozenset[str] = frozenset()
    iterations: tuple[int, ...] = ()
    first_dataset: str | None = None
    last_iteration: int | None = None
    outputs: Mapping[tuple[str, int], tuple[str, ...]] = field(default_factory=dict)
    method: MethodKind | None = None

    def outputs_of(self, selection: Selection) -> tuple[str, ...]:
        """Return the stored outputs of the selected dataset and iteration."""
        if selection.dataset is None or selection.iteration is None:
            return ()
        return self.outputs.get((selection.dataset, selection.iteration), ())

    def knows_outputs(self, dataset: str | None, iteration: int | None) -> bool:
        """Whether there is nothing left to list of a dataset at an iteration."""
        if dataset is None or iteration is None or dataset in self.training:
            return True
        return (dataset, iteration) in self.outputs

    def with_outputs(self, dataset: str, iteration: int, names: tuple[str, ...]) -> Offer:
        """Return an offer that knows the outputs of one more dataset and iteration."""
        outputs = {**self.outputs, (dataset, iteration): names}
        return replace(self, outputs=MappingProxyType(outputs))


@dataclass(frozen=True, slots=True)
class SegmentationChoice:
    """One entry of the chooser of parameters."""

    label: str
    tooltip: str
    parameters: str | None = None
    segmentation: SegmentationSource | None = None

    def matches(self, selection: Selection) -> bool:
        """Whether this is what is selected."""
        return (self.parameters, self.segmentation) == (
            selection.parameters,
            selection.segmentation,
        )


def resolve(wanted: Selection, offer: Offer) -> Selection:
    """Turn an intention into something that the run can show.

    What the run has is kept; a dataset or an iteration that it lacks becomes
    the one to begin with. Parameters stay while the run has them or computes
    with them, so that stepping through iterations and datasets compares like
    with like. A number becomes the name of the parameters that it stands for.
    """
    dataset = wanted.dataset if wanted.dataset in offer.datasets else offer.first_dataset
    iteration = wanted.iteration
    if dataset in offer.training:
        iteration = None
    elif iteration not in offer.iterations:
        iteration = offer.last_iteration
    found = Selection(offer.run, dataset, iteration, wanted.parameters, wanted.segmentation)
    if not offer.knows_outputs(dataset, iteration):
        return found  # outputs that nobody listed yet may hold what is wanted
    if wanted.parameters is not None:
        known = offer.outputs_of(found)
        found = replace(found, parameters=match_parameters(offer.method, wanted.parameters, known))
        if found.parameters is None and found.segmentation == "stored":
            return replace(found, segmentation=None)
    if any(choice.matches(found) for choice in segmentation_choices(found, offer)):
        return found
    return replace(found, parameters=None, segmentation=None)


def segmentation_choices(selection: Selection, offer: Offer) -> tuple[SegmentationChoice, ...]:
    """Return the parameters on offer for the selected dataset and iteration."""
    outputs = offer.outputs_of(selection)
    can_compute = offer.method is not None and selection.iteration is not None
    choices = [
        SegmentationChoice(
            "automatic", "The stored segmentation; computed where every stored one is empty."
        )
    ]
    choices += [
        SegmentationChoice(f"stored: {short(name)}", f"As DaCapo stored it: {name}", name, "stored")
        for name in outputs
    ]
    if can_compute:
        choices.append(
            SegmentationChoice(
                "computed",
                "Computed here from the stored prediction, with the task's own parameters "
                "(distance above 0, the largest class, or the watershed at a bias of 0.5).",
                None,
                "computed",
            )
        )
        choices += [_computed_with(name) for name in outputs]
    if not any(choice.matches(selection) for choice in choices):
        choices += _asked_for(selection, outputs, can_compute=can_compute)
    return tuple(choices)


def _asked_for(
    selection: Selection, outputs: tuple[str, ...], *, can_compute: bool
) -> list[SegmentationChoice]:
    """Return the entry for something that is not always on offer but was asked for by name."""
    name, source = selection.parameters, selection.segmentation
    if name is None and source == "stored" and outputs:
        return [SegmentationChoice("stored", "The stored one with the best score.", None, source)]
    if name is None or not (can_compute or (name in outputs and source is None)):
        return []
    if source is None:
        tooltip = f"{name}, as stored; computed where it is not, or where every stored one is empty"
        return [SegmentationChoice(f"automatic: {short(name)}", tooltip, name)]
    if source == "computed":
        return [_computed_with(name)]
    return []


def _computed_with(name: str) -> SegmentationChoice:
    return SegmentationChoice(
        f"computed: {short(name)}",
        f"Computed here from the stored prediction, with {name}",
        name,
        "computed",
    )


def short(name: str) -> str:
    """Return the name of parameters without what all of a kind have in common.

    >>> short("WatershedPostProcessorParameters(id=2, bias=0.5, context=(32, 32, 32))")
    'watershed bias=0.5'
    >>> short("threshold_0.2")
    'threshold 0.2'
    """
    kind, bracket, values = name.partition("PostProcessorParameters(")
    if not bracket:
        return name.replace("_", " ", 1)
    pairs = [pair.strip() for pair in values.rstrip(")").split(", ")]
    kept = [pair for pair in pairs if "=" in pair and pair.split("=")[0] not in ("id", "context")]
    return " ".join([kind.lower(), *kept])


def step(iterations: tuple[int, ...], iteration: int | None, by: int) -> int | None:
    """Return the validated iteration `by` places further, or the outermost one."""
    if not iterations:
        return None
    if iteration is None:
        return iterations[-1]
    return iterations[max(0, min(_index(iterations, iteration) + by, len(iterations) - 1))]


def nearest(iterations: tuple[int, ...], iteration: int) -> int:
    """Return the validated iteration nearest to one that may not be validated."""
    return iterations[_index(iterations, iteration)]


def _index(iterations: tuple[int, ...], iteration: int) -> int:
    after = bisect_left(iterations, iteration)
    around = range(max(0, after - 1), min(after + 1, len(iterations)))
    return min(around, key=lambda i: abs(iterations[i] - iteration))
