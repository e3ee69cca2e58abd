"""``napari-dacapo follow``: what happens to a run, line by line."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_dacapo.cli.common import PathMapOption, StoreOption, find_run, json_text
from napari_dacapo.cli.printing import printable

if TYPE_CHECKING:
    from napari_dacapo.runs import BestScoreValue, RunEvent

__all__ = ["follow"]


def follow(
    run: Annotated[str, typer.Argument(metavar="RUN", help="Name or folder of a run.")],
    store: StoreOption = None,
    interval: Annotated[
        float,
        typer.Option(min=0.1, max=86400.0, help="Seconds between two looks at the store."),
    ] = 2.0,
    as_json: Annotated[
        bool,
        typer.Option("--json", help="Print one JSON object per line, for scripts."),
    ] = False,
    keep_going: Annotated[
        bool,
        typer.Option(
            "--keep-going",
            help="Go on when the run is finished or gone: it may be begun anew or trained longer.",
        ),
    ] = False,
    path_map: PathMapOption = None,
) -> None:
    """Print what happens to a run: losses, validations, checkpoints, new bests, problems.

    What is stored already comes first: each validation and checkpoint once, and the last loss.
    Ends when the run is finished (exit code 0) or gone from the store (exit code 1), and
    with Ctrl-C (exit code 0).

    \b
    Examples:
      napari-dacapo follow my_run --store /nrs/lab/dacapo
      napari-dacapo follow my_run --json --interval 30 >> my_run.jsonl
      napari-dacapo follow my_run && napari-dacapo show my_run
    """
    try:
        _follow(run, store, interval, path_map, as_json=as_json, keep_going=keep_going)
    except KeyboardInterrupt:
        # Nothing is left undone: whoever follows ends it that way.
        return


def _follow(
    run: str,
    store: str | None,
    interval: float,
    path_map: list[str] | None,
    *,
    as_json: bool,
    keep_going: bool,
) -> None:
    from napari_dacapo.runs import RunWatcher
    from napari_dacapo.viewers.daemon_executor import DaemonExecutor

    watcher = RunWatcher(find_run(run, store, path_map), interval=interval)
    # A look may hang in a file server that does not answer, where no Ctrl-C reaches it.
    looks = DaemonExecutor(1, f"follow {run}")
    pause = threading.Event()
    while True:
        for event in looks.submit(watcher.poll).result():
            line = _as_json(event) if as_json else _as_text(event)
            print(line, flush=True)
            if event.kind == "finished" and not keep_going:
                return
            if event.kind == "gone" and not keep_going:
                raise typer.Exit(1)
        pause.wait(interval)


def _as_json(event: RunEvent) -> str:
    """Return an event as JSON that every reader takes: NaN and infinity are null."""
    return json_text(event.as_dict())


def _as_text(event: RunEvent) -> str:
    where = "" if event.iteration is None else f"iteration {event.iteration}"
    parts = [time.strftime("%H:%M:%S"), f"{event.kind.replace('_', ' '):<10}", where, _more(event)]
    # An event is one line, whatever a message holds.
    return printable(" ".join("  ".join(part for part in parts if part).split("\n")))


def _more(event: RunEvent) -> str:
    """Return what an event says beside its iteration."""
    said: Any = event
    if event.kind == "loss":
        return f"of {said.num_iterations}, loss {said.loss:.6g}"
    if event.kind == "validation":
        parts = [", ".join(said.datasets), _score(said.best), said.problem or ""]
        return "; ".join(part for part in parts if part)
    if event.kind == "new_best":
        return _score(said.best)
    if event.kind == "stalled":
        return f"nothing has changed for {said.seconds / 60:.0f} minutes"
    if event.kind == "problem":
        return str(said.message)
    return ""


def _score(best: BestScoreValue | None) -> str:
    if best is None:
        return "no usable score"
    mean = "" if best.dataset else ", mean over datasets"
    doubt = ", as stored, doubtful" if best.doubtful else ""
    return f"{best.criterion} {best.value:.4g} ({best.parameters}{mean}{doubt})"
