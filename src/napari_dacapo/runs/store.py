"""A store: many runs, listed quickly and opened by name."""

from __future__ import annotations

import time
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

from napari_dacapo.errors import NapariDacapoError
from napari_dacapo.options import Options, load_options
from napari_dacapo.runs.marks import fingerprint
from napari_dacapo.runs.readings import Readings, last_change
from napari_dacapo.runs.row import RunRow
from napari_dacapo.runs.row_cache import KnownRow, RowCache
from napari_dacapo.runs.row_helper import RowHelper
from napari_dacapo.runs.state import UNREADABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from os import PathLike

    from napari_dacapo.runs.run import Run
    from napari_dacapo.store import (
        CheckpointFiles,
        ConfigStore,
        LocalArrayStore,
        StatsStore,
    )

__all__ = ["Store", "open_store"]


class _Event(Protocol):
    def is_set(self) -> bool: ...


class Store:
    """Everything that is stored of many runs; read-only.

    Parameters
    ----------
    options : Options
        Where it is.

    Attributes
    ----------
    options : Options
        As given.
    """

    def __init__(self, options: Options) -> None:
        self.options = options

    def __repr__(self) -> str:
        return f"<Store {self.label!r}>"

    def __len__(self) -> int:
        return len(self.run_names())

    def __iter__(self) -> Iterator[str]:
        return iter(self.run_names())

    def __contains__(self, name: object) -> bool:
        return name in self.run_names()

    @property
    def label(self) -> str:
        """Where it is, as one line: a path or the address of a database."""
        options = self.options
        if options.type == "mongo":
            # Names of layers and links carry this: users and passwords must not be in it.
            host = str(options.mongo_db_host).rpartition("@")[2].rpartition("://")[2]
            return f"mongodb://{host.partition('/')[0]}/{options.mongo_db_name}"
        return str(options.runs_base_dir)

    @property
    def name(self) -> str:
        """A short name for display."""
        if self.options.type == "mongo":
            return str(self.options.mongo_db_name)
        return self.options.runs_base_dir.name or str(self.options.runs_base_dir)

    @cached_property
    def config_store(self) -> ConfigStore:
        """Reads configs."""
        from napari_dacapo.store import create_config_store

        return create_config_store(self.options)

    @cached_property
    def stats_store(self) -> StatsStore:
        """Reads losses and scores."""
        from napari_dacapo.store import create_stats_store

        return create_stats_store(self.options)

    @cached_property
    def array_store(self) -> LocalArrayStore:
        """Knows where arrays are."""
        from napari_dacapo.store import create_array_store

        return create_array_store(self.options)

    @cached_property
    def checkpoints(self) -> CheckpointFiles:
        """Knows where checkpoints are."""
        from napari_dacapo.store import CheckpointFiles

        return CheckpointFiles(self.options)

    def run_names(self) -> list[str]:
        """Return the names of all runs, sorted.

        Raises
        ------
        StoreNotFoundError
            If the store cannot be reached.
        """
        return sorted(self.config_store.retrieve_run_config_names())

    def run(self, name: str) -> Run:
        """Open a run.

        Raises
        ------
        RunNotFoundError
            If there is no run of that name.
        BrokenFileError
            If its config cannot be read.
        """
        from napari_dacapo.runs.run import Run

        return Run(self.config_store.retrieve_run_config(name), store=self)

    def rows(self, *, cancelled: Callable[[], bool] | _Event | None = None) -> Iterator[RunRow]:
        """List all runs, one after the other, sorted by name.

        A run that cannot be read is a row with a reason. Rows are kept in the
        user's cache folder and read again only when a run's files changed.

        Parameters
        ----------
        cancelled : callable or threading.Event, optional
            Asked before each run; the listing ends when it says so.

        Yields
        ------
        RunRow
            One for each run.

        Raises
        ------
        StoreNotFoundError
            If the store cannot be reached.
        """
        stop = _stopper(cancelled)
        cached = self.options.type == "files"
        cache = RowCache(self.options.runs_base_dir) if cached else None
        complete = False
        names = self.run_names()
        unknown = [name for name in names if name not in cache] if cache is not None else []
        with RowHelper(self, unknown) as helper:
            try:
                for name in names:
                    if stop():
                        return
                    yield self._row(name, cache, helper).at(time.time())
                complete = True
            finally:
                if cache is not None:
                    cache.save(complete=complete)

    def _row(self, name: str, cache: RowCache | None, helper: RowHelper) -> KnownRow:
        known = helper.take(name)
        if known is None:
            marks = fingerprint(self.options.runs_base_dir, name) if cache else None
            if cache and (known := cache.get(name, marks)) is not None:
                return known
            known = self.read_row(name, marks)
        if cache is not None:
            cache.put(known)
        return known

    def read_row(self, name: str, marks: list[list[int]] | None = None) -> KnownRow:
        """Read what a list shows of a run, whatever was read before.

        Parameters
        ----------
        name : str
            The run.
        marks : list of list of int, optional
            Its files as they are now, see :func:`~napari_dacapo.runs.marks.fingerprint`.
        """
        try:
            readings = Readings(self, self.config_store.retrieve_run_config(name))
            row = readings.stateless_row
        except NapariDacapoError as error:
            row = RunRow(name=name, last_change=last_change(self, name), problem=str(error))
            # What the file system refused may be read the next time, though no file changed.
            passing = isinstance(error.__cause__, OSError)
            return KnownRow(row, UNREADABLE, None if passing else marks)
        # The files do not change when a file server answers again.
        return KnownRow(row, readings.progress, None if readings.has_passing_problem else marks)


def open_store(
    path: str | PathLike[str] | None = None,
    *,
    path_map: str | Mapping[str, str] | None = None,
    options: Options | None = None,
) -> Store:
    """Open a store.

    Parameters
    ----------
    path : path-like, optional
        A store folder, a run folder, a ``validation.zarr`` or an options
        file; default: what the environment and DaCapo's options file say.
    path_map : str or mapping, optional
        Prefixes of paths that runs name, and where they are on this machine;
        added to those of the options.
    options : Options, optional
        Instead of `path` and `path_map`.

    Returns
    -------
    Store
        Nothing is read yet but the options.

    Raises
    ------
    StoreNotFoundError
        If there is no store at the path.
    OptionsError
        If options file, environment or path map make no sense.

    Examples
    --------
    >>> store = open_store("runs", path_map={"/nrs/lab": "/mnt/lab"})  # doctest: +SKIP
    >>> for row in store.rows():  # doctest: +SKIP
    ...     print(row.name, row.state)
    """
    if options is None:
        options = load_options(path, path_map=path_map)
    return Store(options)


def _stopper(cancelled: Callable[[], bool] | _Event | None) -> Callable[[], bool]:
    if cancelled is None:
        return lambda: False
    return cancelled if callable(cancelled) else cancelled.is_set
