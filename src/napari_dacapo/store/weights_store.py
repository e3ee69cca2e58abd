"""Where the checkpoints of a run are; nothing is loaded here."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from typing import TYPE_CHECKING

from napari_dacapo.errors import BrokenFileError, CheckpointError
from napari_dacapo.store.array_store import numbered
from napari_dacapo.store.paths import Roots, check_name, read_file
from napari_dacapo.store.read_only import read_only

if TYPE_CHECKING:
    from pathlib import Path

    from napari_dacapo.options import Options

__all__ = ["CheckpointFiles"]

_MOST_DATASETS = 100


@read_only("store_weights", "store_best", "remove")
class CheckpointFiles:
    """Checkpoints in ``<runs_base_dir>/<run>/checkpoints``."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.path: Path = options.runs_base_dir
        self._roots = Roots(options.roots)

    def checkpoints_folder(self, run_name: str) -> Path:
        """Return the folder with all checkpoints of a run; it need not exist."""
        return self._roots.join(self.path, run_name, "checkpoints")

    def iterations(self, run_name: str) -> list[int]:
        """Return the iterations that have a checkpoint, sorted."""
        return numbered(self.checkpoints_folder(run_name) / "iterations")

    def latest_iteration(self, run_name: str) -> int | None:
        """Return the last iteration that has a checkpoint, or None."""
        iterations = self.iterations(run_name)
        return iterations[-1] if iterations else None

    def checkpoint_path(self, run_name: str, iteration: int) -> Path:
        """Return the file of a checkpoint.

        Raises
        ------
        CheckpointError
            If there is none.
        """
        if isinstance(iteration, bool) or not isinstance(iteration, int):
            raise CheckpointError(f"{iteration!r:.60} is no iteration.")
        folder = self.checkpoints_folder(run_name)
        path = self._roots.join(folder, "iterations", str(iteration))
        if not os.path.isfile(path):
            known = self.iterations(run_name)
            shown = ", ".join(map(str, known[-12:])) or "none"
            raise CheckpointError(
                f"Run {run_name} has no checkpoint of iteration {iteration}.",
                todo=f"It has: {'… ' if len(known) > 12 else ''}{shown}.",
                path=path,
            )
        return path

    def named_checkpoint(self, run_name: str, criterion: str) -> Path:
        """Return the checkpoint that a start config means by ``criterion``.

        It is the name of a file in ``checkpoints/iterations`` or
        ``checkpoints``, or a criterion for which the best iteration is stored.

        Raises
        ------
        CheckpointError
            If there is none.
        BrokenFileError
            If what is stored of the best is not readable.
        """
        folder = self.checkpoints_folder(run_name)
        for parts in (("iterations", criterion), (criterion,)):
            path = self._roots.join(folder, *parts)
            if os.path.isfile(path):
                return path
        for dataset in (None, *self._marked_datasets(folder)):
            with suppress(CheckpointError):
                return self.checkpoint_path(
                    run_name, self.retrieve_best(run_name, dataset, criterion)
                )
        raise CheckpointError(
            f"Run {run_name} has no checkpoint {criterion!r:.80}.",
            todo=f"It has: {', '.join(map(str, self.iterations(run_name)[-12:])) or 'none'}.",
            path=folder,
        )

    @staticmethod
    def _marked_datasets(folder: Path) -> list[str]:
        """Return the folders of datasets beside the checkpoints, in order of their names."""
        try:
            with os.scandir(folder) as entries:
                names = sorted(entry.name for entry in entries if entry.is_dir())
        except OSError:
            return []
        return [name for name in names if name != "iterations"][:_MOST_DATASETS]

    def retrieve_best(self, run_name: str, dataset: str | None, criterion: str) -> int:
        """Return the iteration that DaCapo stored as the best.

        No version of DaCapo from 0.3.0 on stores one; older stores may have it.
        It was written as ``<dataset>/<criterion>.json`` and read the other way
        round; both are looked for.

        Raises
        ------
        CheckpointError
            If none is stored.
        BrokenFileError
            If what is stored is not readable.
        """
        folder = self.checkpoints_folder(run_name)
        names = [check_name(criterion)]
        if dataset is not None:
            names = [f"{check_name(dataset)}/{criterion}", f"{criterion}/{dataset}"]
        for name in names:
            path = self._roots.join(folder, f"{name}.json")
            try:
                content = read_file(path, 2**16)
            except FileNotFoundError:
                continue
            try:
                iteration = json.loads(content)["iteration"]
            except (ValueError, KeyError, TypeError, RecursionError) as error:
                raise BrokenFileError(f"{path} names no iteration.", path=path) from error
            if type(iteration) is not int or iteration < 0:
                raise BrokenFileError(f"{path} names no iteration.", path=path)
            return iteration
        raise CheckpointError(
            f"Run {run_name} has no stored best for {criterion}.",
            todo="DaCapo does not store it; the best by its scores is computed instead.",
            path=folder,
        )
