"""What the commands have in common: options, finding a run, printing."""

from __future__ import annotations

import json
import math
import os
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from napari_dacapo.cli.printing import say

if TYPE_CHECKING:
    from napari_dacapo.runs import Run, Store

__all__ = [
    "JsonOption",
    "PathMapOption",
    "Segmentation",
    "SegmentationOption",
    "StoreOption",
    "find_run",
    "find_store",
    "json_text",
    "plain",
    "print_json",
]

StoreOption = Annotated[
    str | None,
    typer.Option(
        "--store",
        "-s",
        metavar="PATH",
        help="Store folder, run folder or options file. Default: NAPARI_DACAPO_STORE, then the "
        "dacapo.yaml that DaCapo itself would use.",
    ),
]
Segmentation = Literal["stored", "computed"]
SegmentationOption = Annotated[
    Segmentation | None,
    typer.Option(
        metavar="stored|computed",
        help="As stored, or computed from the prediction. Default: stored unless empty.",
    ),
]
PathMapOption = Annotated[
    list[str] | None,
    typer.Option(
        "--path-map",
        "-m",
        metavar="A=B",
        help="Paths that runs name as A… lie at B… here; may be given several times.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]


def find_store(path: str | None, path_map: Sequence[str] | None = None) -> Store:
    """Open the store that the options name; say what of the options file does not count."""
    from napari_dacapo.options import parse_map
    from napari_dacapo.runs import open_store

    store = open_store(path, path_map=parse_map(path_map) if path_map else None)
    for note in store.options.notes:
        say(note)
    return store


def find_run(run: str, path: str | None, path_map: Sequence[str] | None = None) -> Run:
    """Return the run of that name, or in that folder if the name is a path.

    Parameters
    ----------
    run : str
        A run's name, its folder, or the ``validation.zarr`` in it.
    path : str or None
        The store; not needed for a folder.
    path_map : sequence of str, optional
        Entries ``A=B``.
    """
    from napari_dacapo.errors import StoreNotFoundError
    from napari_dacapo.options import locate_store

    if path is None and os.path.exists(run):
        try:
            location = locate_store(run)
        except StoreNotFoundError:
            location = None  # some other folder that happens to have the name
        if location is not None and location.run_name is not None:
            return find_store(run, path_map).run(location.run_name)
    return find_store(path, path_map).run(run)


def print_json(value: Any) -> None:
    """Print a value as JSON that every reader takes: NaN and infinity become null."""
    print(json_text(value, indent=2))


def json_text(value: Any, *, indent: int | None = None) -> str:
    """Return a value as JSON that every reader takes, and that does nothing in a terminal."""
    text = json.dumps(plain(value), indent=indent, ensure_ascii=False, allow_nan=False)
    # JSON escapes only some control characters, and not the bytes of a name that are no text.
    if _UNSEEN.search(text) or not _can_be_printed(text):
        return json.dumps(plain(value), indent=indent, allow_nan=False).replace("\x7f", "\\u007f")
    return text


_UNSEEN = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def _can_be_printed(text: str) -> bool:
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        return False
    return True


def plain(value: Any) -> Any:
    """Return mappings, sequences and numbers as JSON knows them."""
    if isinstance(value, Mapping):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(entry) for entry in value]
    if isinstance(value, Path):
        return str(value)
    if value is None or isinstance(value, (str, bool, int)):
        return value
    number = float(value)
    return number if math.isfinite(number) else None
