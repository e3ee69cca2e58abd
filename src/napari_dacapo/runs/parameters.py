"""Parameters of the segmentation, as users name them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_dacapo.analysis.methods import method_kind
from napari_dacapo.analysis.parameters import match_parameters
from napari_dacapo.errors import SelectionError
from napari_dacapo.runs.score_table import order_parameters

if TYPE_CHECKING:
    from napari_dacapo.runs.run import Run

__all__ = ["find_parameters"]


def find_parameters(run: Run, dataset: str, iteration: int, given: str) -> str:
    """Return the name of parameters: of a stored output, or to compute a segmentation with.

    Parameters
    ----------
    run : Run
        Of which run.
    dataset : str
        Name of a validation dataset.
    iteration : int
        A validated iteration.
    given : str
        A name, or a threshold or bias as a number.

    Raises
    ------
    SelectionError
        If no validation stored anything of that name, and nothing can be
        computed with it.
    """
    stored = order_parameters(run.validations.outputs(iteration, dataset))
    method = method_kind(run.task)
    found = match_parameters(method, given, stored)
    if found is not None:
        return found
    if any(given in run.validations.outputs(i, dataset) for i in run.validations.iterations):
        return given
    numbers = {"threshold": "a threshold", "watershed": "a bias"}.get(method or "", "")
    raise SelectionError(
        f"Run {run.name} has no parameters {given!r} of dataset {dataset} at iteration "
        f"{iteration}; stored: {', '.join(stored) or 'none'}.",
        todo=f"Name one of these, or a number as {numbers} to compute with." if numbers else "",
    )
