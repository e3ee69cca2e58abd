"""What the cells of the run table say and how they sort: plain functions of a row."""

from __future__ import annotations

import math
import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_dacapo.viewers.selection import short
from napari_dacapo.widgets.states import state_look

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from napari_dacapo.runs import RunRow

__all__ = ["COLUMNS", "Column", "ago", "fitting", "matches", "natural"]

SortKey = tuple[float | str, ...] | None
NOTHING = "–"


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the run table.

    Attributes
    ----------
    key, title : str
        Its name in the preferences and in the header.
    rank : int
        Columns of low rank are the last to go when the dock gets narrow.
    chars : int
        Width that it wants, in characters.
    text, tooltip : callable
        What a cell says.
    sort : callable
        What cells are ordered by; None goes last, in both directions.
    numeric : bool
        Whether it is aligned to the right.
    """

    key: str
    title: str
    rank: int
    chars: int
    text: Callable[[RunRow], str]
    sort: Callable[[RunRow], SortKey]
    tooltip: Callable[[RunRow], str]
    numeric: bool = False


def natural(text: str) -> SortKey:
    """Return a key that puts ``run 2`` before ``run 10``."""
    parts = re.split(r"(\d{1,18})", text.casefold())
    # Digits stand at odd places, so numbers are compared with numbers only.
    return tuple(int(part) if i % 2 else part for i, part in enumerate(parts))


def ago(then: float, now: float) -> str:
    """Return how long ago something was, in the largest fitting unit.

    >>> ago(0.0, 90.0)
    '1 min ago'
    """
    seconds = now - then
    if seconds < 60:
        return "just now"
    for unit, length, limit in (("min", 60, 3600), ("h", 3600, 86400), ("d", 86400, 86400 * 60)):
        if seconds < limit:
            return f"{int(seconds // length)} {unit} ago"
    return time.strftime("%Y-%m-%d", time.localtime(then))


def matches(row: RunRow, text: str) -> bool:
    """Whether a row has all words of a filter text.

    A word is looked for in name, task, architecture, state and problem;
    ``state:broken`` looks in one of them only.
    """
    fields = {
        "name": row.name,
        "task": row.task or "",
        "architecture": row.architecture or "",
        "state": row.state,
        "problem": row.problem or "",
    }
    everything = " ".join(fields.values()).casefold()
    for word in text.casefold().split():
        key, colon, rest = word.partition(":")
        where = fields[key].casefold() if colon and key in fields else everything
        if (rest if colon and key in fields else word) not in where:
            return False
    return True


def fitting(widths: Mapping[str, int], available: int, chosen: Iterable[str] = ()) -> set[str]:
    """Return the columns to show.

    Parameters
    ----------
    widths : mapping of str to int
        What each column needs, in pixels.
    available : int
        Pixels there are.
    chosen : iterable of str
        Columns that the user chose; they are shown whether they fit or not.
    """
    wanted = {key for key in chosen if key in widths}
    if wanted:
        return wanted
    shown: set[str] = set()
    for column in sorted(COLUMNS, key=lambda column: column.rank):
        available -= widths[column.key]
        if shown and available < 0:
            break
        shown.add(column.key)
    return shown


def _name_tooltip(row: RunRow) -> str:
    return f"{row.name}\n{row.problem}" if row.problem else row.name


def _state_tooltip(row: RunRow) -> str:
    return f"{row.state}: {row.problem or state_look(row.state).meaning}"


def _iterations_text(row: RunRow) -> str:
    if row.state == "broken":
        return NOTHING
    return f"{_count(row.iteration)} / {_count(row.num_iterations)}"


def _count(iterations: int) -> str:
    return str(iterations) if iterations < 100_000 else f"{iterations / 1000:.4g}k"


def _iterations_tooltip(row: RunRow) -> str:
    if row.state == "broken":
        return ""
    return (
        f"{row.iteration} of {row.num_iterations} iterations done\n"
        f"validated: {_listed(row.validated_iterations)}\n"
        f"checkpoints: {_listed(row.checkpoints)}"
    )


def _listed(iterations: tuple[int, ...]) -> str:
    if not iterations:
        return "none"
    if len(iterations) <= 8:
        return ", ".join(map(str, iterations))
    return f"{len(iterations)}, from {iterations[0]} to {iterations[-1]}"


def _share(row: RunRow) -> SortKey:
    if row.state == "broken":
        return None
    return (row.iteration / row.num_iterations if row.num_iterations else 0.0, row.iteration)


def _number(value: float | None) -> str:
    if value is None:
        return NOTHING
    return f"{value:.4g}" if math.isfinite(value) else str(value).replace("nan", "NaN")


def _loss_tooltip(row: RunRow) -> str:
    if row.loss is None:
        return "No loss was stored"
    if not math.isfinite(row.loss):
        return "Training diverged: the last loss is no number"
    return f"Loss of the last iteration: {row.loss!r}"


def _score_text(row: RunRow) -> str:
    best = row.best_score
    if best is None:
        return NOTHING
    return f"{_number(best.value)} {best.criterion}{' ?' if best.doubtful else ''}"


def _score_tooltip(row: RunRow) -> str:
    best = row.best_score
    if best is None:
        return row.why_no_best or "Not validated"
    where = f"{best.criterion} = {best.value!r}\nat iteration {best.iteration}"
    where += f", {best.dataset}" if best.dataset else ""
    where += f", {short(best.parameters)}" if best.parameters else ""
    return f"{where}\n{best.doubtful}" if best.doubtful else where


def _score_key(row: RunRow) -> SortKey:
    """Order by criterion, the best ones of each first."""
    best = row.best_score
    if best is None:
        return None
    return (best.criterion, -best.value if best.higher_is_better else best.value)


def _change_text(row: RunRow) -> str:
    return NOTHING if row.last_change is None else ago(row.last_change, time.time())


def _change_tooltip(row: RunRow) -> str:
    if row.last_change is None:
        return ""
    return time.strftime("Last change %Y-%m-%d %H:%M:%S", time.localtime(row.last_change))


def _finite(value: float | None) -> SortKey:
    return None if value is None or not math.isfinite(value) else (value,)


COLUMNS = (
    Column("name", "Name", 0, 10, lambda r: r.name, lambda r: natural(r.name), _name_tooltip),
    Column(
        "task",
        "Task",
        4,
        13,
        lambda r: (r.task or NOTHING).removesuffix("Task"),
        lambda r: natural(r.task) if r.task else None,
        lambda r: r.task or r.problem or "",
    ),
    Column(
        "architecture",
        "Architecture",
        7,
        15,
        lambda r: r.architecture or NOTHING,
        lambda r: natural(r.architecture) if r.architecture else None,
        lambda r: r.architecture or r.problem or "",
    ),
    Column("state", "State", 1, 19, lambda r: r.state, lambda r: (r.state,), _state_tooltip),
    Column("iterations", "Iterations", 2, 13, _iterations_text, _share, _iterations_tooltip, True),
    Column(
        "loss",
        "Last loss",
        5,
        12,
        lambda r: _number(r.loss),
        lambda r: _finite(r.loss),
        _loss_tooltip,
    ),
    Column("best_score", "Best score", 3, 16, _score_text, _score_key, _score_tooltip),
    Column(
        "last_change",
        "Last change",
        6,
        12,
        _change_text,
        lambda r: None if r.last_change is None else (-r.last_change,),
        _change_tooltip,
    ),
)
