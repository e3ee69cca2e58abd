"""``napari-dacapo runs`` and ``napari-dacapo show``: what there is, as tables or JSON."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from napari_dacapo.cli.common import (
    JsonOption,
    PathMapOption,
    StoreOption,
    find_run,
    find_store,
    print_json,
)
from napari_dacapo.cli.records import arrays_of, inputs_of, row_as_json, run_as_json
from napari_dacapo.cli.tables import print_line, print_table

if TYPE_CHECKING:
    from napari_dacapo.cli.records import ShownArray
    from napari_dacapo.runs import Dataset, Run, RunRow

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
    for dataset in run.datasplit.validate:
        arrays = list(arrays_of(run, dataset))
        _print_arrays(dataset.name, [(array.label, array) for array in arrays])
        for reason in _missing(run, dataset, arrays):
            print_line(reason, "yellow")
    if run.datasplit.train:
        _print_training(run.datasplit.train)


def _print_training(datasets: list[Dataset]) -> None:
    inputs = [array for dataset in datasets for array in inputs_of(dataset)]
    _print_arrays("Training", [(f"{array.dataset} {array.label}", array) for array in inputs])
    roles: tuple[Literal["raw", "gt", "mask"], ...] = ("raw", "gt", "mask")
    for dataset, role in itertools.product(datasets, roles):
        if reason := dataset.why_not(role):
            print_line(f"{dataset.name} {role}: {reason}", "yellow")


def _print_arrays(heading: str, arrays: list[tuple[str, ShownArray]]) -> None:
    print_line("")
    print_line(heading, "bold")
    print_table(
        ("Array", "Shape", "Type", "Voxel size (nm)", "Offset (nm)", "Path"),
        [(label, *_array_cells(array)) for label, array in arrays],
    )
    noted: dict[str, list[str]] = {}
    for label, array in arrays:
        for note in array.volume.notes if array.volume is not None else ():
            noted.setdefault(note, []).append(label)
    for note, labels in noted.items():
        print_line(f"{', '.join(labels)}: {note}", "yellow")


def _missing(run: Run, dataset: Dataset, arrays: list[ShownArray]) -> list[str]:
    iterations: list[int | None] = [a.iteration for a in arrays if a.name == "prediction"]
    reasons = (reason for i in iterations or [None] for reason in run.missing(dataset, i))
    return list(dict.fromkeys(reasons))


def _array_cells(array: ShownArray) -> tuple[str, ...]:
    volume = array.volume
    if volume is None:
        return ("not there", "", "", "", "")
    return (
        " × ".join(map(str, volume.shape)),
        str(volume.dtype),
        " ".join(f"{v:g}" for v in volume.voxel_size),
        " ".join(f"{v:g}" for v in volume.offset),
        str(array.path or "computed"),
    )


def _numbers(values: tuple[int, ...]) -> str:
    return " ".join(map(str, values)) or "none"
