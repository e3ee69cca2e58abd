"""What is read of a run from its store, once, and what follows from it."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING

from napari_dacapo.errors import NapariDacapoError
from napari_dacapo.runs.best import BestScoreValue, find_best, why_no_best
from napari_dacapo.runs.row import RunRow
from napari_dacapo.runs.state import Progress
from napari_dacapo.runs.training_stats import TrainingStats
from napari_dacapo.runs.validation_scores import ValidationScores
from napari_dacapo.runs.validations import Validations

if TYPE_CHECKING:
    from napari_dacapo.runs.store import Store
    from napari_dacapo.store import TrainingIteration
    from napari_dacapo.store.configs import Config, RunConfig

__all__ = ["Readings", "last_change", "type_label"]


# DaCapo 0.3.5; its main branch writes stats at validations only.
_ITERATIONS_OF_A_WRITE = 100


class Readings:
    """Everything about a run that changes while it trains, as of one moment.

    Each part is read when it is first asked for. What cannot be read is empty
    and its reason is in :attr:`problem`.

    Parameters
    ----------
    store : Store
        Where the run is.
    config : RunConfig
        What it was told to do.
    """

    def __init__(self, store: Store, config: RunConfig) -> None:
        self._store = store
        self._config = config
        self._errors: list[NapariDacapoError] = []

    @property
    def has_passing_problem(self) -> bool:
        """Whether something could not be read so far that may be readable the next time."""
        found = self.__dict__.get("validations")
        errors = (*self._errors, *(found.problems if found is not None else ()))
        return any(error.passing for error in errors)

    def _said(self, error: NapariDacapoError) -> str:
        self._errors.append(error)
        return str(error)

    @cached_property
    def training_stats(self) -> TrainingStats:
        """The losses."""
        try:
            return TrainingStats(self._store.stats_store.retrieve_training_stats(self._config.name))
        except NapariDacapoError as error:
            return TrainingStats(problem=self._said(error))

    @cached_property
    def last_training(self) -> tuple[TrainingIteration | None, str | None]:
        """The last entry of the losses, and why it cannot be read."""
        if "training_stats" in self.__dict__:
            stats = self.training_stats
            if len(stats):
                return stats.iteration_stats[-1], None
            return None, " ".join(stats.problems) or None
        try:
            return self._store.stats_store.last_training_iteration(self._config.name), None
        except NapariDacapoError as error:
            return None, self._said(error)

    @property
    def scores_problem(self) -> str | None:
        """Why the scores cannot be read; None if they can."""
        return self.validation_scores.read_problem

    @cached_property
    def validation_scores(self) -> ValidationScores:
        """The stored scores."""
        problem = None
        entries = []
        try:
            entries = self._store.stats_store.retrieve_validation_iteration_scores(
                self._config.name
            )
        except NapariDacapoError as error:
            problem = self._said(error)
        return ValidationScores(
            entries, task=self._config.task_config, datasets=self.dataset_names,
            outputs=self.validations.outputs, problem=problem,
        )  # fmt: skip

    @cached_property
    def validations(self) -> Validations:
        """The stored arrays, by listing only."""
        return Validations(self._store.array_store, self._config.name)

    @cached_property
    def dataset_names(self) -> tuple[str, ...]:
        """Names of the validation datasets, in the order of the stored scores."""
        return _validation_names(self._config, self._store, self.validations)

    @cached_property
    def validated_iterations(self) -> tuple[int, ...]:
        """Iterations with prediction and output of every validation dataset."""
        return self.validations.complete(self.dataset_names)

    @property
    def checkpoints(self) -> tuple[int, ...]:
        """Iterations with a checkpoint, ascending."""
        return self._listed_checkpoints[0]

    @property
    def checkpoints_problem(self) -> str | None:
        """Why there may be more of them: they cannot be listed."""
        return self._listed_checkpoints[1]

    @cached_property
    def _listed_checkpoints(self) -> tuple[tuple[int, ...], str | None]:
        try:
            return tuple(sorted(self._store.checkpoints.iterations(self._config.name))), None
        except NapariDacapoError as error:
            return (), self._said(error)

    @cached_property
    def iteration(self) -> int:
        """Iterations done: what the stats say or, where they end earlier, the last checkpoint."""
        last, _ = self.last_training
        return max(0 if last is None else last.iteration + 1, *self.checkpoints, 0)

    @cached_property
    def loss(self) -> float | None:
        """The last loss, without reading all of them; may be NaN."""
        last, _ = self.last_training
        return None if last is None else last.loss

    @cached_property
    def last_change(self) -> float | None:
        """When files of the run changed last, seconds since the epoch."""
        return last_change(self._store, self._config.name)

    @cached_property
    def best_score(self) -> BestScoreValue | None:
        """The best score by the task's own criterion."""
        return find_best(self.validation_scores, self._config.task_config)

    @cached_property
    def why_no_best(self) -> str:
        """Why there is no best score; empty if there is one, or no validation."""
        scores = self.validation_scores
        if self.best_score is not None or not (
            scores.iteration_scores or self.validated_iterations
        ):
            return scores.read_problem or ""
        return why_no_best(scores, self._config.task_config)

    @cached_property
    def problem(self) -> str | None:
        """What cannot be read or is missing, in one line."""
        scores = self.validation_scores
        _, stats_problem = self.last_training
        unlisted = map(str, self.validations.problems[:1])
        found = (self._config.problem, stats_problem, self.checkpoints_problem, *unlisted)
        problems = [text for text in found if text]
        if not scores.iteration_scores:
            problems.extend(scores.problems)
        elif not scores.table.stored.any():
            problems.append(
                "Validations are stored, but no scores: each evaluation failed. Predictions and "
                "segmentations can be looked at."
            )
        return " ".join(problems) or None

    @cached_property
    def progress(self) -> Progress:
        """What the state follows from."""
        config = self._config
        return Progress(
            readable=bool(config.task_config.type_name or config.num_iterations),
            started=self.started,
            iteration=self.iteration,
            num_iterations=config.num_iterations,
            validation_interval=config.validation_interval,
            has_validation_data=self.has_validation_data,
            validated=bool(self.validated_iterations),
            scored=self.scores_problem is not None
            or bool(self.validation_scores.table.stored.any()),
            last_change=self.last_change,
            write_interval=self._write_interval,
        )

    @property
    def _write_interval(self) -> float | None:
        last, _ = self.last_training
        if last is None:
            return None
        iterations = self._config.validation_interval
        # Versions whose runs have no batch size of their own write more often than they validate.
        if self._config.batch_size is None:
            iterations = min(iterations, _ITERATIONS_OF_A_WRITE)
        return last.time * iterations

    def row(self) -> RunRow:
        """Return what a list of runs shows."""
        return self.stateless_row.at(self.progress, time.time())

    @cached_property
    def stateless_row(self) -> RunRow:
        """What a list of runs shows, but for the state, which changes with time alone."""
        config = self._config
        return RunRow(
            name=config.name,
            task=type_label(config.task_config),
            architecture=type_label(config.architecture_config),
            iteration=self.iteration,
            num_iterations=config.num_iterations,
            loss=self.loss,
            validated_iterations=self.validated_iterations,
            checkpoints=self.checkpoints,
            best_score=self.best_score,
            why_no_best=self.why_no_best,
            last_change=self.last_change,
            problem=self.problem,
        )

    @property
    def started(self) -> bool:
        """Whether anything but the config is stored."""
        if self.iteration or self.validation_scores.iteration_scores:
            return True
        try:
            return self._store.array_store.run_folder(self._config.name).is_dir()
        except NapariDacapoError:
            return False

    @property
    def has_validation_data(self) -> bool:
        """Whether validation datasets are configured."""
        from napari_dacapo.store.configs import SimpleDataSplitConfig

        split = self._config.datasplit_config
        simple = isinstance(split, SimpleDataSplitConfig)
        return simple or bool(getattr(split, "validate_configs", ()))


def type_label(config: Config) -> str:
    """Return the ``__type__`` of a config without the ending ``Config``."""
    return config.type_name.removesuffix("Config")


def last_change(store: Store, name: str) -> float | None:
    """Return when files of a run were written last, None if there is nothing but its config.

    Nothing is looked at outside of the store, whatever the name or a link says.
    """
    try:
        container = str(store.array_store.validation_container(name))
    except NapariDacapoError:
        return None
    base = store.options.runs_base_dir
    run = f"{base}/{name}"
    paths = [
        f"{base}/stats/training_stats/{name}",
        f"{base}/stats/validation_scores/{name}",
        run,
        f"{run}/checkpoints/iterations",
    ]
    with suppress(OSError):
        newest = max((n for n in os.listdir(container) if n.isdecimal()), key=int, default=None)
        paths.append(container)
        if newest is not None:
            folder = f"{container}/{newest}"
            paths.append(folder)
            paths.extend(f"{folder}/{dataset}" for dataset in os.listdir(folder))
    times = []
    for path in paths:
        with suppress(OSError):
            times.append(os.stat(path).st_mtime)
    return max(times, default=None)


def _validation_names(config: RunConfig, store: Store, validations: Validations) -> tuple[str, ...]:
    """Return the names of the validation datasets without opening any."""
    from napari_dacapo.store.configs import SimpleDataSplitConfig

    split = config.datasplit_config
    if isinstance(split, SimpleDataSplitConfig):
        from napari_dacapo.runs.datasplit import find_simple_datasets

        found = find_simple_datasets(split, "validate", store.options)
        return tuple(dataset.name for dataset in found) or validations.folders
    configs = getattr(split, "validate_configs", ())
    return tuple(dataset.name for dataset in configs)
