"""Tables and lines of text: coloured for a terminal, plain and quick for a pipe."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from napari_dacapo.cli.printing import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

__all__ = ["print_line", "print_table"]

_GAP = "  "


def print_line(text: str, style: str = "") -> None:
    """Print one line, however long; it is never wrapped.

    Parameters
    ----------
    text : str
        Printed as it is, but for what cannot be seen.
    style : str
        Of rich, e.g. ``"bold"`` or ``"red"``; seen in terminals only.
    """
    text = printable(text)
    if not sys.stdout.isatty():
        print(text)
        return
    from rich.text import Text

    _console().print(Text(text, style=style), soft_wrap=True)


def print_table(
    headings: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    right: Sequence[str] = (),
    styles: Sequence[dict[int, str]] | None = None,
    optional: Sequence[str] = (),
) -> None:
    """Print rows under headings.

    Parameters
    ----------
    headings : sequence of str
        One for each column.
    rows : sequence of sequence of str
        The cells, printed as they are, but for what cannot be seen.
    right : sequence of str
        Headings of columns that are aligned at the right.
    styles : sequence of dict, optional
        For each row the styles of its columns, by index.
    optional : sequence of str
        Headings of columns that a narrow terminal does without, the first first.
    """
    rows = [[printable(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(headings, *rows, strict=True)]
    if not sys.stdout.isatty():
        _print_plain(headings, rows, right, widths)
        return
    from rich.table import Table
    from rich.text import Text

    console = _console()
    shown = _columns_that_fit(headings, widths, optional, console.width)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for j in shown:
        table.add_column(headings[j], justify="right" if headings[j] in right else "left")
    for i, row in enumerate(rows):
        looks = styles[i] if styles is not None else {}
        table.add_row(*(Text(row[j], style=looks.get(j, "")) for j in shown))
    console.print(table)


def _columns_that_fit(
    headings: Sequence[str], widths: Sequence[int], optional: Sequence[str], width: int
) -> list[int]:
    shown = list(range(len(headings)))
    for heading in optional:
        if sum(widths[j] + len(_GAP) for j in shown) - len(_GAP) <= width:
            break
        shown.remove(headings.index(heading))
    return shown


def _print_plain(
    headings: Sequence[str],
    rows: Sequence[Sequence[str]],
    right: Sequence[str],
    widths: Sequence[int],
) -> None:
    # rich needs half a second for a thousand rows.
    for row in (headings, *rows):
        cells = (
            cell.rjust(width) if heading in right else cell.ljust(width)
            for heading, cell, width in zip(headings, row, widths, strict=True)
        )
        print(_GAP.join(cells).rstrip())


def _console() -> Console:
    from rich.console import Console

    return Console(highlight=False)
