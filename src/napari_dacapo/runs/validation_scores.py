"""The stored scores of a run, with DaCapo's reading interface."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dacapo.runs.criteria import Criterion, ScoredTask, find_criterion
from napari_dacapo.runs.score_table import OutputNames, ScoreTable, tabulate

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import xarray as xr

    from napari_dacapo.store import ValidationIteration

__all__ = ["ValidationScores"]


class ValidationScores:
    """Scores over iterations, datasets, parameters and criteria.

    Parameters
    ----------
    iteration_scores : iterable of ValidationIteration
        As the stats store gives them.
    task : task config
        Decides on the criteria.
    datasets : sequence of str
        Names of the validation datasets, in the order of the config.
    outputs : callable, optional
        ``outputs(iteration, dataset)`` lists the names of stored outputs.
    problem : str, optional
        Why there are none, if they could not be read.

    Attributes
    ----------
    iteration_scores : list of ValidationIteration
        As stored, with what was stored twice.
    read_problem : str or None
        As given by `problem`.
    """

    def __init__(
        self,
        iteration_scores: Iterable[ValidationIteration] = (),
        *,
        task: ScoredTask,
        datasets: Sequence[str],
        outputs: OutputNames | None = None,
        problem: str | None = None,
    ) -> None:
        self.iteration_scores = list(iteration_scores)
        self._task = task
        self._datasets = tuple(datasets)
        self._outputs = outputs
        self.read_problem = problem

    def __len__(self) -> int:
        return len(self.table.iterations)

    @cached_property
    def table(self) -> ScoreTable:
        """The scores as one array with a name along each axis."""
        return tabulate(
            self.iteration_scores, task=self._task, datasets=self._datasets, outputs=self._outputs
        )

    @property
    def scores(self) -> list[ValidationIteration]:
        """What is stored, entry by entry."""
        return self.iteration_scores

    @property
    def problems(self) -> tuple[str, ...]:
        """What is missing, ragged, stored twice or could not be matched or read."""
        return ((self.read_problem,) if self.read_problem else ()) + self.table.problems

    @property
    def iterations(self) -> list[int]:
        """Iterations with an entry, ascending."""
        return list(self.table.iterations)

    @property
    def datasets(self) -> list[str]:
        """Names of the validation datasets."""
        return list(self.table.datasets)

    @property
    def parameters(self) -> list[str]:
        """Names of the post-processor's parameters, as of the stored outputs."""
        return list(self.table.parameters)

    @property
    def parameter_names(self) -> list[str]:
        """Names of what one set of parameters consists of, e.g. ``["id", "bias", "context"]``."""
        from napari_dacapo.store.parameters import parse_parameters

        return list(parse_parameters(self.parameters[0]).values) if self.parameters else []

    @property
    def criteria(self) -> list[str]:
        """Names of the criteria, in the order in which they are stored."""
        return [criterion.name for criterion in self.table.criteria]

    @property
    def criterion_details(self) -> tuple[Criterion, ...]:
        """The criteria with direction, bounds and what is to be said of them."""
        return self.table.criteria

    @property
    def validated_until_iteration(self) -> int | None:
        """The last iteration with an entry, None if there is none."""
        return self.table.iterations[-1] if self.table.iterations else None

    def criterion(self, name: str) -> Criterion:
        """Return the criterion of this name (without the channel, too, if that is clear).

        Raises
        ------
        ValueError
            If there is none, or several.
        """
        return find_criterion(name, self.table.criteria)

    def higher_is_better(self, criterion: str) -> bool:
        """Return the direction of a criterion."""
        return self.criterion(criterion).higher_is_better

    def bounds(self, criterion: str) -> tuple[float | None, float | None]:
        """Return the lowest and highest possible value of a criterion."""
        return self.criterion(criterion).bounds

    def store_best(self, criterion: str) -> bool:
        """Return whether DaCapo considers a criterion for its best."""
        return self.criterion(criterion).store_best

    def subscores(self, iteration_scores: Iterable[ValidationIteration]) -> ValidationScores:
        """Return the same with other entries, e.g. some of :attr:`iteration_scores`."""
        return ValidationScores(
            iteration_scores, task=self._task, datasets=self._datasets, outputs=self._outputs
        )

    def validated_until(self) -> int:
        """Return the last validated iteration plus one, 0 if there is none."""
        last = self.validated_until_iteration
        return 0 if last is None else last + 1

    def compare(self, existing_iteration_scores: Sequence[ValidationIteration]) -> tuple[bool, int]:
        """Compare with scores that come from elsewhere, as DaCapo does.

        Returns
        -------
        tuple of bool and int
            Whether those reach further than these; and if not, from which
            iteration on these go beyond them.
        """
        if not existing_iteration_scores:
            return False, 0
        existing = max(entry.iteration for entry in existing_iteration_scores) + 1
        return (True, 0) if existing > self.validated_until() else (False, existing)

    def to_xarray(self) -> xr.DataArray:
        """Return the scores as an array with named dimensions.

        Returns
        -------
        xarray.DataArray
            float64 over ``iterations``, ``datasets``, ``parameters`` and
            ``criteria``, NaN where NaN or nothing is stored. The coordinate
            ``stored`` tells these apart.
        """
        import xarray as xr

        dims = ("iterations", "datasets", "parameters", "criteria")
        return xr.DataArray(
            self.table.values,
            dims=dims,
            coords={
                "iterations": self.iterations,
                "datasets": self.datasets,
                "parameters": self.parameters,
                "criteria": self.criteria,
                "stored": (dims[:3], self.table.stored),
            },
        )

    def get_best(self, data: xr.DataArray, dim: str) -> tuple[xr.DataArray, xr.DataArray]:
        """Find the best scores along a dimension, each criterion by its own direction.

        Parameters
        ----------
        data : xarray.DataArray
            Scores as of :meth:`to_xarray`, or a selection of them; needs the
            coordinate ``criteria``.
        dim : str
            The dimension along which to look.

        Returns
        -------
        index : xarray.DataArray
            Labels along `dim` of the first of the best scores, dtype object;
            None where all scores are NaN.
        best : xarray.DataArray
            The best scores, NaN where all scores are NaN.

        Raises
        ------
        ValueError
            If `data` does not say which criteria it holds, or `dim` is
            not one of its dimensions.
        """
        if "criteria" not in data.coords:
            raise ValueError("Cannot determine 'best' without knowing the criterion.")
        if dim not in data.dims or dim == "criteria":
            raise ValueError(f"Cannot look for the best along {dim!r}; there is {data.dims}.")
        up = np.array([self.higher_is_better(str(c)) for c in np.ravel(data.coords["criteria"])])
        signs = np.where(up, 1.0, -1.0)
        axis = data.get_axis_num(dim)
        values = np.moveaxis(np.asarray(data.values, np.float64), axis, 0)
        rest = [name for name in data.dims if name != dim]
        if "criteria" in rest:
            shape = [len(signs) if name == "criteria" else 1 for name in rest]
            signs = signs.reshape(shape)
        labels, best = _first_best(values, np.broadcast_to(signs, values.shape[1:]),
                                   data.coords[dim].values)  # fmt: skip
        template = data.isel({dim: 0}, drop=True) if data.sizes[dim] else data.sum(dim)
        return template.copy(data=labels), template.copy(data=best)


def _first_best(
    values: np.ndarray[Any, Any], signs: np.ndarray[Any, Any], labels: np.ndarray[Any, Any]
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Return labels and values of the best along axis 0, None and NaN where there is none."""
    shape = values.shape[1:]
    names = np.full(shape, None, dtype=object)
    best = np.full(shape, np.nan)
    if len(values):
        there = ~np.isnan(values)
        ranked = np.where(there, values * signs, -np.inf)
        # The worst of all scores may be infinite: what is missing must not stand for it.
        at = np.argmax(there & (ranked == ranked.max(axis=0)), axis=0)
        found = there.any(axis=0)
        best[found] = np.take_along_axis(values, at[None], axis=0)[0][found]
        names[found] = labels.astype(object)[at[found]]
    return names, best
