"""What a page of a run shows of each validation dataset, and what it says of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_dacapo.errors import ArrayNotFoundError
from napari_dacapo.runs.selection import select_volumes
from napari_dacapo.volumes import Volume, open_volume

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_dacapo.runs import BestScore, BestScoreValue, Run
    from napari_dacapo.store import LocalArrayIdentifier

__all__ = [
    "DatasetContents",
    "open_identifier",
    "read_contents",
    "require_volumes",
    "score_text",
    "title",
]

_INPUTS = ("raw", "gt", "mask")


@dataclass(frozen=True, slots=True)
class DatasetContents:
    """The volumes of a validation dataset.

    Attributes
    ----------
    volumes : tuple of Volume
        raw, gt, prediction, segmentation, as far as they are there.
    missing : tuple of str
        Why others are not.
    """

    volumes: tuple[Volume, ...] = ()
    missing: tuple[str, ...] = ()

    @property
    def inputs(self) -> tuple[Volume, ...]:
        """What was there before training."""
        return tuple(volume for volume in self.volumes if volume.role in _INPUTS)

    @property
    def outputs(self) -> tuple[Volume, ...]:
        """What the network made of it."""
        return tuple(volume for volume in self.volumes if volume.role not in _INPUTS)

    @property
    def iteration(self) -> int | None:
        """Iteration of the outputs, None if there are none."""
        return next((volume.identity.iteration for volume in self.outputs), None)

    def volume(self, role: str) -> Volume | None:
        """Return the volume of a role, or None."""
        return next((volume for volume in self.volumes if volume.role == role), None)


def read_contents(run: Run, dataset: str, best: BestScoreValue | None) -> DatasetContents:
    """Open what is to be shown of a validation dataset; only metadata is read.

    Parameters
    ----------
    run : Run
        The run.
    dataset : str
        Name of a validation dataset.
    best : BestScoreValue or None
        Of its iteration and parameters prediction and segmentation are
        shown, as far as they are stored; else those of the last validation.
    """
    iteration, parameters = None, None
    if best is not None and run.validations.has_prediction(best.iteration, dataset):
        iteration = best.iteration
        if best.parameters in run.validations.outputs(iteration, dataset):
            parameters = best.parameters
    found = select_volumes(run, run.dataset(dataset), iteration, parameters, None)
    return DatasetContents(tuple(found.volumes), tuple(found.missing))


def require_volumes(run: str, contents: Sequence[DatasetContents]) -> None:
    """Check that there is anything to show.

    Raises
    ------
    ArrayNotFoundError
        If there is not; the message says why.
    """
    if not any(shown.volumes for shown in contents):
        reasons = dict.fromkeys(line for shown in contents for line in shown.missing)
        why = " ".join(reasons) or "It has no validation datasets."
        raise ArrayNotFoundError(f"Nothing of run {run} can be shown. {why}")


def open_identifier(identifier: LocalArrayIdentifier | Volume) -> Volume | None:
    """Open an array by what a store calls it; None if it does not exist."""
    if isinstance(identifier, Volume):
        source = identifier.source
        return None if source is not None and not source.path.exists() else identifier
    try:
        return open_volume(identifier.container, identifier.dataset)
    except FileNotFoundError:
        return None


def title(run: str, dataset: str, contents: DatasetContents, best: BestScoreValue | None) -> str:
    """Return the title of a page: what is shown, and how good that is."""
    parts = [run, dataset]
    iteration = contents.iteration
    if iteration is not None:
        parts.append(f"iteration {iteration}")
    if best is None:
        parts.append("no validation yet" if iteration is None else "no usable score")
    else:
        mean = "" if best.dataset else " (mean over datasets)"
        doubt = " (as stored, doubtful)" if best.doubtful else ""
        score = f"{best.criterion} {best.value:.4g}{mean}{doubt}"
        if iteration == best.iteration:
            parts += [score, best.parameters]
        else:
            parts.append(f"best {score} at iteration {best.iteration}, not stored of this dataset")
    return " · ".join(part for part in parts if part)


def score_text(best_score: BestScore) -> str | None:
    """Return what is to be said of the best score beside the title, None if nothing is."""
    value, n_skipped = best_score.value, best_score.n_skipped
    texts = [value.doubtful] if value is not None and value.doubtful else []
    if n_skipped:
        scores = "1 score is" if n_skipped == 1 else f"{n_skipped} scores are"
        texts.append(f"{scores} NaN or missing and cannot be the best.")
    return " ".join(texts) or None
