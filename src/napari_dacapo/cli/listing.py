"""``napari-dacapo runs`` and ``napari-dacapo show``: what there is, as tables or JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from napari_dacapo.cli.common import (
    JsonOption,
    PathMapOption,
    StoreOption,
    console,
    find_run,
    find_store,
    print_json,
)
from napari_dacapo.cli.records import (
    configured_path,
    iterations_of,
    prediction_or_none,
    row_as_json,
    run_as_json,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from napari_dacapo.runs import Dataset, Run, RunRow
    from napari_dacapo.volumes import Volume

__all__ = ["runs", "show"]

STATE_COLOURS = {
    "finished": "green",
    "training": "cyan",
    "failed validations": "red",
    "broken": "red",
    "configured": "bright_black",
}


def runs(
    store: Annotated[
        str | None,
        typer.Argument(
            metavar="STORE", help="Store folder or options file. Default: as for --store."
        ),
    ] = None,
    as_json: JsonOption = False,
    path_map: PathMapOption = None,
    store_option: StoreOption = None,
) -> None:
    """List the runs of a store: state, iterations, loss, best score.

    A run that cannot be read is a row with its reason; it hides no other run.

    \b
    Examples:
      napari-dacapo runs
      napari-dacapo runs /nrs/lab/dacapo
      napari-dacapo runs /nrs/lab/dacapo --json | jq '.[] | select(.state == "training")'
    """
    rows = list(find_store(store or store_option, path_map).rows())
    if as_json:
        print_json([row_as_json(row) for row in rows])
    else:
        _print_rows(rows)


def show(
    run: Annotated[str, typer.Argument(metavar="RUN", help="Name or folder of a run.")],
    store: StoreOption = None,
    as_json: JsonOption = False,
    path_map: PathMapOption = None,
) -> None:
    """Show what a run has: datasets, validated iterations, stored outputs.

    \b
    Examples:
      napari-dacapo show mito_distance --store /nrs/lab/dacapo
      napari-dacapo show /nrs/lab/dacapo/mito_distance --path-map /nrs/lab=/mnt/lab
      napari-dacapo show mito_distance --json | jq '.datasets[].iterations[].iteration'
    """
    found = find_run(run, store, path_map)
    if as_json:
        print_json(run_as_json(found))
    else:
        _print_run(found)


def _print_rows(rows: list[RunRow]) -> None:
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("Run", "Task", "Architecture", "State"):
        table.add_column(heading)
    for heading in ("Iterations", "Loss", "Validated"):
        table.add_column(heading, justify="right")
    table.add_column("Best score")
    for row in rows:
        colour = STATE_COLOURS.get(row.state, "default")
        table.add_row(
            escape(row.name),
            escape(row.task),
            escape(row.architecture),
            f"[{colour}]{row.state}[/]",
            f"{row.iteration}/{row.num_iterations}",
            _number(row.loss),
            str(len(row.validated_iterations) or "–"),
            escape(_best(row)),
        )
    out = console()
    if rows:
        out.print(table)
    else:
        out.print("This store has no runs.")
    for row in rows:
        if row.problem:
            out.print(f"{escape(row.name)}: {escape(row.problem)}", style="red", soft_wrap=True)


def _best(row: RunRow) -> str:
    best = row.best_score
    if best is None:
        return "–"
    doubt = " (doubtful)" if best.doubtful else ""
    return f"{best.criterion} {best.value:.3g} at {best.iteration}{doubt}"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4g}"


def _print_run(run: Run) -> None:
    from rich.markup import escape
    from rich.table import Table

    row, out = run.row(), console()
    out.print(f"[bold]{escape(row.name)}[/] · {escape(row.task)} · {escape(row.architecture)}")
    done = f"{row.iteration} of {row.num_iterations} iterations, loss {_number(row.loss)}"
    out.print(f"{row.state}: {done}; checkpoints {_numbers(row.checkpoints)}")
    if row.problem:
        out.print(escape(row.problem), style="red", soft_wrap=True)
    for dataset in run.datasplit.validate:
        out.print(f"\n[bold]{escape(dataset.name)}[/]")
        table = Table(box=None, pad_edge=False, header_style="bold")
        for heading in ("Array", "Shape", "Type", "Voxel size (nm)", "Offset (nm)", "Path"):
            table.add_column(heading)
        for label, volume, path in _arrays(run, dataset):
            table.add_row(escape(label), *map(escape, _array_cells(volume, path)))
        out.print(table)
        for reason in _missing(run, dataset):
            out.print(escape(reason), style="yellow", soft_wrap=True)


def _arrays(run: Run, dataset: Dataset) -> Iterator[tuple[str, Volume | None, Path | None]]:
    yield "raw", dataset.raw_or_none, configured_path(dataset, "raw")
    yield "gt", dataset.gt_or_none, configured_path(dataset, "gt")
    for iteration in iterations_of(run, dataset):
        yield f"{iteration} prediction", prediction_or_none(run, dataset, iteration), None
        for name, volume in run.outputs(dataset.name, iteration).items():
            yield f"{iteration} {name}", volume, None


def _missing(run: Run, dataset: Dataset) -> list[str]:
    iterations: list[int | None] = [*iterations_of(run, dataset)] or [None]
    reasons = (reason for i in iterations for reason in run.missing(dataset.name, i))
    return list(dict.fromkeys(reasons))


def _array_cells(volume: Volume | None, path: Path | None) -> tuple[str, ...]:
    if volume is None:
        return ("not there", "", "", "", "")
    where = volume.source.path if volume.source else path
    return (
        " × ".join(map(str, volume.shape)),
        str(volume.dtype),
        " ".join(f"{v:g}" for v in volume.voxel_size),
        " ".join(f"{v:g}" for v in volume.offset),
        str(where or "computed"),
    )


def _numbers(values: tuple[int, ...]) -> str:
    return " ".join(map(str, values)) or "none"
