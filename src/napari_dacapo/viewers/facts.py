"""What there is to know of one run before it is shown; gathered off the main thread."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from napari_dacapo.analysis.methods import method_kind
from napari_dacapo.errors import NapariDacapoError
from napari_dacapo.runs.score_table import order_parameters
from napari_dacapo.viewers.selection import Offer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_dacapo.runs import Run, Store

__all__ = ["RunFacts", "gather", "with_outputs"]


@dataclass(frozen=True, slots=True, eq=False)
class RunFacts:
    """A run and what it has to show.

    Attributes
    ----------
    name : str
        The run's name.
    run : Run or None
        None if its config cannot be read.
    offer : Offer
        Datasets, iterations and outputs.
    config : mapping
        The whole config as plain values.
    problem : str
        Why the run, or a part of it, cannot be used; empty if all is well.
    """

    name: str
    run: Run | None
    offer: Offer
    config: Mapping[str, Any] = field(default_factory=dict)
    problem: str = ""

    def knowing(self, outputs: Mapping[tuple[str, int], tuple[str, ...]]) -> RunFacts:
        """Return facts that know what was listed of outputs before, too; own knowledge counts."""
        known = MappingProxyType({**outputs, **self.offer.outputs})
        return replace(self, offer=replace(self.offer, outputs=known))


def gather(store: Store, name: str) -> RunFacts:
    """Read what there is to know of a run: metadata only.

    A run that cannot be read gives facts with a problem, not an exception.
    """
    try:
        run = store.run(name)
        offer = _offer(run)
        return RunFacts(name, run, offer, run.config.to_dict(), run.problem or "")
    except (NapariDacapoError, OSError) as error:
        return RunFacts(name, None, Offer(name), problem=str(error))


def with_outputs(facts: RunFacts, dataset: str | None, iteration: int | None) -> RunFacts:
    """Return facts that know the stored outputs of a dataset at an iteration."""
    if facts.run is None or dataset is None or iteration is None:
        return facts
    if facts.offer.knows_outputs(dataset, iteration):
        return facts
    names = order_parameters(facts.run.validations.outputs(iteration, dataset))
    return replace(facts, offer=facts.offer.with_outputs(dataset, iteration, tuple(names)))


def _offer(run: Run) -> Offer:
    validate = [dataset.name for dataset in run.datasplit.validate]
    train = [dataset.name for dataset in run.datasplit.train if dataset.name not in validate]
    datasets = tuple(dict.fromkeys((*validate, *train)))
    iterations = tuple(run.validations.iterations)
    complete = run.validated_iterations or iterations
    return Offer(
        run=run.name,
        datasets=datasets,
        training=frozenset(train),
        iterations=iterations,
        first_dataset=run.dataset().name if datasets else None,
        last_iteration=complete[-1] if complete else None,
        method=method_kind(run.task),
    )
