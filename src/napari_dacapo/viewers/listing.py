"""Opening a store and listing its runs, as work for a thread of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_dacapo.options import default_store, locate_store

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from threading import Event

    from napari_dacapo.runs import RunRow, Store

__all__ = ["Default", "Opened", "list_runs"]

ROWS_AT_ONCE = 25


@dataclass(frozen=True, slots=True)
class Default:
    """What DaCapo's own options name.

    Attributes
    ----------
    path : str
        A store folder or an options file; empty if they name none.
    wanted : str
        What is being opened: the path that was asked for, or else this one.
    """

    path: str
    wanted: str


@dataclass(frozen=True, slots=True, eq=False)
class Opened:
    """A store that was opened.

    Attributes
    ----------
    store : Store
        The store.
    path : str
        By what it can be opened again.
    run : str or None
        The run that the path named, if it did.
    """

    store: Store
    path: str
    run: str | None


def list_runs(
    path: str,
    path_map: Mapping[str, str] | None,
    cancelled: Event,
    *,
    otherwise: str = "",
    quiet: bool = False,
) -> Iterator[Default | Opened | tuple[RunRow, ...]]:
    """Open a store, then list its runs: all rows so far, each time a few more.

    Parameters
    ----------
    path : str
        A store or run folder, a ``validation.zarr`` or an options file;
        empty for the store that DaCapo's own options name.
    path_map : mapping or None
        Where paths that runs name lie on this computer.
    cancelled : threading.Event
        Set to end the listing.
    otherwise : str
        What to open if `path` is empty and no options name a store.
    quiet : bool
        Whether to open nothing if there is none of all these.

    Raises
    ------
    StoreNotFoundError, OptionsError
        If there is no store.
    """
    from napari_dacapo.runs import open_store

    default = default_store()
    path = path or default or otherwise
    yield Default(default, path)
    if quiet and not path:
        return
    store = open_store(path or None, path_map=dict(path_map) if path_map else None)
    yield _opened(path, store)
    rows: list[RunRow] = []
    for row in store.rows(cancelled=cancelled):
        rows.append(row)
        if len(rows) % ROWS_AT_ONCE == 1:
            yield tuple(rows)
    yield tuple(rows)


def _opened(path: str, store: Store) -> Opened:
    source = store.options.source
    if source is not None:
        # An options file is kept as such: it may hold a path map, too.
        return Opened(store, str(source.absolute()), None)
    return Opened(store, store.label, locate_store(path).run_name)
