"""The store that a session has open, and the runs in it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from psygnal import Signal

from napari_dacapo.errors import NapariDacapoError
from napari_dacapo.viewers.listing import Default, Opened, list_runs

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from napari_dacapo.runs import RunRow, Store
    from napari_dacapo.viewers.tasks import Lane

__all__ = ["OpenStore", "StoreState", "explain"]


@dataclass(frozen=True, slots=True)
class StoreState:
    """How a store is, beside its rows.

    Attributes
    ----------
    path : str
        By what it can be opened again; empty for that of DaCapo's own options.
    name : str
        What to call it.
    status : {"none", "opening", "open", "failed"}
        Whether it can be used.
    problem : str
        Why it failed.
    """

    path: str = ""
    name: str = ""
    status: Literal["none", "opening", "open", "failed"] = "none"
    problem: str = ""


class OpenStore:
    """One store at a time, listed in a lane.

    Parameters
    ----------
    lane : Lane
        Where it is opened and listed.

    Attributes
    ----------
    changed, rows_changed : Signal
        :attr:`state` or :attr:`rows` changed.
    state : StoreState
        How it is.
    opened : Store or None
        The store, once it is open.
    path_map : dict of str to str
        The path map that it was opened with, beside those of options and preferences.
    rows : tuple of RunRow
        The runs listed so far.
    default : str
        The store that DaCapo's own options name; empty if they name none.
    """

    changed = Signal(StoreState)
    rows_changed = Signal()

    def __init__(self, lane: Lane) -> None:
        self._lane = lane
        self.state = StoreState()
        self.opened: Store | None = None
        self.path_map: dict[str, str] = {}
        self.rows: tuple[RunRow, ...] = ()
        self.default = ""

    @property
    def listing(self) -> bool:
        """Whether runs are still being listed."""
        return bool(self._lane.busy)

    def row(self, name: str | None) -> RunRow | None:
        """Return what is listed of a run."""
        return next((row for row in self.rows if row.name == name), None)

    def take_row(self, row: RunRow) -> None:
        """Replace what is listed of a run; a run that is not listed stays so."""
        rows = tuple(row if old.name == row.name else old for old in self.rows)
        if rows != self.rows:
            self.rows = rows
            self.rows_changed.emit()

    def open(
        self,
        path: str,
        *,
        path_map: Mapping[str, str],
        preferred: Mapping[str, str],
        otherwise: str,
        quiet: bool,
        on_opened: Callable[[Opened], None],
    ) -> None:
        """Open a store and list its runs; see :meth:`Session.open_store`."""
        both = {**preferred, **path_map}

        def take(answer: Default | Opened | tuple[RunRow, ...]) -> None:
            if isinstance(answer, tuple):
                self.rows = answer
                self.rows_changed.emit()
            elif isinstance(answer, Default):
                self.default = answer.path
                self.state = replace(self.state, path=answer.wanted)
            else:
                self.opened = answer.store
                self._set(StoreState(answer.path, answer.store.name, "open"))
                on_opened(answer)

        def fail(error: Exception) -> None:
            path = self.state.path
            self._set(StoreState(path, path or "store", "failed", explain(error)))

        def done() -> None:
            if self.state.status == "opening":  # and there was nothing to open
                self._set(StoreState())
            self.rows_changed.emit()

        self.close()
        self.path_map = dict(path_map)
        self._set(StoreState(path, path or "store", "opening"))
        self._lane.start(
            "Listing runs…",
            lambda cancelled: list_runs(path, both, cancelled, otherwise=otherwise, quiet=quiet),
            on_value=take,
            on_error=fail,
            on_done=done,
        )

    def cancel(self) -> None:
        """Stop opening or listing; rows that have arrived stay."""
        opening = self.opened is None and self.listing
        self._lane.cancel()
        if opening:
            self._set(replace(self.state, status="failed", problem="Cancelled."))
        self.rows_changed.emit()

    def close(self) -> None:
        """Let go of the store."""
        self._lane.cancel()
        self.opened = None
        self.path_map = {}
        self.rows = ()
        self._set(StoreState())

    def _set(self, state: StoreState) -> None:
        self.state = state
        self.changed.emit(state)


def explain(error: Exception) -> str:
    """Return what to tell the user of an error, in one line."""
    if isinstance(error, NapariDacapoError):
        return str(error)
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename or 'A file'} cannot be read: {error.strerror}."
    return f"{type(error).__name__}: {error}"
