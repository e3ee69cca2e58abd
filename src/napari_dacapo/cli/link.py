"""``napari-dacapo link``: a run in neuroglancer, as a link."""

from __future__ import annotations

import sys
import threading
from pathlib import Path  # noqa: TC003 — typer reads the annotations
from typing import TYPE_CHECKING, Annotated

import typer

from napari_dacapo.cli.common import PathMapOption, SegmentationOption, StoreOption, find_run
from napari_dacapo.cli.printing import printable
from napari_dacapo.errors import LinkError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from napari_dacapo.viewers.links import Link

__all__ = ["link"]


def link(
    run: Annotated[str, typer.Argument(metavar="RUN", help="Name or folder of a run.")],
    store: StoreOption = None,
    dataset: Annotated[
        str | None, typer.Option(help="Validation dataset. Default: the first with something.")
    ] = None,
    iteration: Annotated[
        int | None, typer.Option(help="Validated iteration. Default: the last.")
    ] = None,
    parameters: Annotated[
        str | None,
        typer.Option(
            help="Parameters of the segmentation, as named by show or as a number. A static link "
            "takes those that are stored as they are stored."
        ),
    ] = None,
    segmentation: SegmentationOption = None,
    without: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ROLE",
            help="Leave a layer out: raw, gt, prediction, segmentation, or private for all that "
            "have no public address; may be given several times.",
        ),
    ] = None,
    prefix: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Address of a neuroglancer client. Default: the one that comes with this "
            "package for a live link, https://neuroglancer-demo.appspot.com for a static one.",
        ),
    ] = None,
    json_file: Annotated[
        Path | None,
        typer.Option("--json", metavar="FILE", help="Save the state to a JSON file as well."),
    ] = None,
    live: Annotated[
        bool,
        typer.Option(
            "--live/--static",
            help="Live: arrays are served from here until Ctrl-C. Static: for a colleague; every "
            "array needs a public address, see --url-map.",
        ),
    ] = True,
    url_map: Annotated[
        list[str] | None,
        typer.Option(
            "--url-map",
            metavar="A=URL",
            help="Files under A are at URL for everybody (https://, s3://, gs://); may be given "
            "several times. Added to url_map of the options file.",
        ),
    ] = None,
    path_map: PathMapOption = None,
) -> None:
    """Print a neuroglancer link to raw, ground truth, prediction and segmentation of a run.

    \b
    Examples:
      napari-dacapo link my_run --store /nrs/lab/dacapo
      napari-dacapo link my_run --static --url-map /nrs/lab=https://data.example.org/lab
      napari-dacapo link my_run --static --without segmentation
      napari-dacapo link my_run --static --json state.json
    """
    from napari_dacapo.options import parse_map
    from napari_dacapo.runs.selection import volumes_asked_for
    from napari_dacapo.viewers.links import make_link, stop_live_links
    from napari_dacapo.viewers.url_maps import known_url_map

    found = find_run(run, store, path_map)
    # Nothing that is computed has a public address.
    chosen = volumes_asked_for(
        found, dataset, iteration, parameters, segmentation, prefer_stored=not live
    )
    addresses = {**known_url_map(), **found.store.options.url_map, **parse_map(url_map)}
    left_out = without or []
    try:
        made = make_link(
            chosen.volumes, prefix=prefix, live=live, url_map=addresses, without=left_out
        )
        for volume in chosen.volumes:
            if volume.role not in left_out:
                _say(f"{volume.role}: {note}" for note in volume.notes)
        _say(reason for reason in chosen.missing if reason.partition(":")[0] not in left_out)
        _print(made, json_file)
        if live:
            _wait()
    finally:
        stop_live_links()


def _print(made: Link, json_file: Path | None) -> None:
    from napari_dacapo.viewers.neuroglancer.link_text import state_file_text

    _say(made.notes)
    if json_file is not None:
        try:
            json_file.write_text(state_file_text(made.state), encoding="utf-8")
        except OSError as error:
            raise LinkError(f"{json_file} cannot be written: {error.strerror}.") from error
    print(made.url, flush=True)


def _say(notes: Iterable[str]) -> None:
    for note in notes:
        print(printable(note), file=sys.stderr)


def _wait() -> None:
    """Serve until the user ends it."""
    print("The link works until Ctrl-C.", file=sys.stderr, flush=True)
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        print(file=sys.stderr)
