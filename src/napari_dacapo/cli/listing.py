"""``napari-dacapo runs`` and ``napari-dacapo show``: what there is, as tables or JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from napari_dacapo.cli.common import (
    JsonOption,
    PathMapOption,
    StoreOption,
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
from napari_dacapo.cli.tables import print_line, print_table

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from napari_dacapo.runs import Dataset, Run, RunRow
    from napari_dacapo.volumes import Volume

__all__ = ["runs", "show"]

STATE_STYLES = {
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
    if not rows:
        print_line("This store has no runs.")
        return
    headings = (
        "Run", "Task", "Architecture", "State", "Iterations", "Loss", "Validated", "Best score",
    )  # fmt: skip
    cells = [
        (
            row.name,
            row.task,
            row.architecture,
            row.state,
            f"{row.iteration}/{row.num_iterations}",
            _number(row.loss),
            str(len(row.validated_iterations) or "–"),
            _best(row),
        )
        for row in rows
    ]
    styles = [{headings.index("State"): STATE_STYLES.get(row.state, "")} for row in rows]
    print_table(
        headings,
        cells,
        right=("Iterations", "Loss", "Validated"),
        styles=styles,
        optional=("Architecture", "Validated", "Task"),
    )
    for row in rows:
        if row.problem:
            print_line(f"{row.name}: {row.problem}", "red")


def _best(row: RunRow) -> str:
    best = row.best_score
    if best is None:
        return "–"
    doubt = " (doubtful)" if best.doubtful else ""
    return f"{best.criterion} {best.value:.3g} at {best.iteration}{doubt}"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4g}"


def _print_run(run: Run) -> None:
    row = run.row()
    print_line(f"{row.name} · {row.task} · {row.architecture}", "bold")
    done = f"{row.iteration} of {row.num_iterations} iterations, loss {_number(row.loss)}"
    print_line(f"{row.state}: {done}; checkpoints {_numbers(row.checkpoints)}")
    if row.problem:
        print_line(row.problem, "red")
    headings = ("Array", "Shape", "Type", "Voxel size (nm)", "Offset (nm)", "Path")
    for dataset in run.datasplit.validate:
        print_line("")
        print_line(dataset.name, "bold")
        arrays = _arrays(run, dataset)
        print_table(headings, [(label, *_array_cells(*array)) for label, array in arrays])
        for reason in _missing(run, dataset):
            print_line(reason, "yellow")


def _arrays(run: Run, dataset: Dataset) -> Iterator[tuple[str, tuple[Volume | None, Path | None]]]:
    yield "raw", (dataset.raw_or_none, configured_path(dataset, "raw"))
    yield "gt", (dataset.gt_or_none, configured_path(dataset, "gt"))
    for iteration in iterations_of(run, dataset):
        yield f"{iteration} prediction", (prediction_or_none(run, dataset, iteration), None)
        for name, volume in run.outputs(dataset.name, iteration).items():
            yield f"{iteration} {name}", (volume, None)


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
