"""``napari-dacapo open`` and ``napari-dacapo demo``: a run in a napari window."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_dacapo.cli.common import (
    PathMapOption,
    Segmentation,
    SegmentationOption,
    StoreOption,
    find_run,
    find_store,
)
from napari_dacapo.cli.screen import has_screen, need_screen
from napari_dacapo.cli.tables import print_line
from napari_dacapo.errors import NapariDacapoError

if TYPE_CHECKING:
    from napari_dacapo.runs import Run
    from napari_dacapo.volumes import Volume

__all__ = ["demo", "open_run"]

DEMO_PICTURE = Path("demo.png")

ScreenshotOption = Annotated[
    Path | None,
    typer.Option(
        "--screenshot",
        metavar="PNG",
        help="Save a picture of the window and leave; works without a screen, too (xvfb-run).",
    ),
]


def open_run(
    run: Annotated[
        str | None,
        typer.Argument(
            metavar="RUN", help="Name or folder of a run, or an OME-Zarr that predict wrote."
        ),
    ] = None,
    store: StoreOption = None,
    dataset: Annotated[
        str | None, typer.Option(help="Validation dataset. Default: the first with something.")
    ] = None,
    iteration: Annotated[
        int | None, typer.Option(help="Validated iteration. Default: the last.")
    ] = None,
    parameters: Annotated[
        str | None,
        typer.Option(help="Parameters of the segmentation, as named by show or as a number."),
    ] = None,
    segmentation: SegmentationOption = None,
    link: Annotated[
        str | None,
        typer.Option(
            metavar="URL|JSON",
            help="Open what a neuroglancer link, or a file with its state, shows; instead of RUN.",
        ),
    ] = None,
    url_map: Annotated[
        list[str] | None,
        typer.Option(
            "--url-map",
            metavar="A=URL",
            help="What a link has at URL lies under A here; may be given several times. Added to "
            "url_map of the options file.",
        ),
    ] = None,
    path_map: PathMapOption = None,
    screenshot: ScreenshotOption = None,
) -> None:
    """Open a run in napari: raw, ground truth, prediction and segmentation as layers.

    \b
    Examples:
      napari-dacapo open mito_distance --store /nrs/lab/dacapo
      napari-dacapo open /nrs/lab/dacapo/mito_distance --iteration 1500
      napari-dacapo open my_run --path-map /nrs/lab=/mnt/lab --path-map /groups=/mnt/groups
      napari-dacapo open my_run --screenshot my_run.png
      napari-dacapo open predicted.zarr
      napari-dacapo open --link 'https://…/#!…' --store /nrs/lab/dacapo
    """
    from napari_dacapo.runs.selection import volumes_asked_for

    if (run is None) == (link is None):
        raise typer.BadParameter("Name a RUN, or give a --link: one of the two.")
    if link is not None:
        _open_link(link, store, path_map, url_map, screenshot)
        return
    assert run is not None
    _check_picture(screenshot)
    if store is None and (volumes := _written(run)) is not None:
        if (dataset, iteration, parameters, segmentation) != (None,) * 4:
            raise typer.BadParameter(f"{run} is a prediction: there is nothing to choose.")
        need_screen(for_picture=screenshot is not None)
        _show_volumes(volumes, screenshot)
        return
    found = find_run(run, store, path_map)
    # What is not there is said before a window opens.
    volumes_asked_for(found, dataset, iteration, parameters, segmentation)
    need_screen(for_picture=screenshot is not None)
    _show(found, dataset, iteration, parameters, segmentation, screenshot)


def demo(
    sample: Annotated[
        str, typer.Argument(help="mito_distance or cell_affinities.")
    ] = "mito_distance",
    screenshot: ScreenshotOption = None,
) -> None:
    """Open a real training run that comes with this package.

    Without a screen, a picture is saved as demo.png.

    \b
    Examples:
      napari-dacapo demo
      napari-dacapo demo cell_affinities
      napari-dacapo demo --screenshot demo.png
    """
    from napari_dacapo.samples import unpack_sample

    more: list[str] = []
    if screenshot is None and not has_screen():
        screenshot = DEMO_PICTURE
        more = ["--screenshot", str(screenshot)]
    _check_picture(screenshot)
    folder = unpack_sample(sample)
    need_screen(for_picture=screenshot is not None, more=more)
    _show(find_run(str(folder), None), None, None, None, None, screenshot)


def _written(path: str) -> list[Volume] | None:
    """Return what ``predict`` wrote into a folder; None if it is another one, or none."""
    from napari_dacapo.viewers.written import is_written, open_written

    return open_written(Path(path)) if is_written(Path(path)) else None


def _show_volumes(volumes: list[Volume], screenshot: Path | None) -> None:
    from napari_dacapo.cli.window import show_volumes

    show_volumes(volumes, screenshot=screenshot)
    if screenshot is not None:
        print_line(f"Saved {screenshot.absolute()}")


def _open_link(
    link: str,
    store: str | None,
    path_map: list[str] | None,
    url_map: list[str] | None,
    screenshot: Path | None,
) -> None:
    from napari_dacapo.options import parse_map
    from napari_dacapo.viewers.linked import read_linked
    from napari_dacapo.viewers.url_maps import known_url_map

    found = find_store(store, path_map) if store is not None or path_map else None
    of_store = {} if found is None else found.options.url_map
    addresses = {**known_url_map(), **of_store, **parse_map(url_map)}
    _check_picture(screenshot)
    # Before a window opens: a link that cannot be opened is one line, not an empty window.
    volumes, view = read_linked(link, store=found, url_map=addresses)
    need_screen(for_picture=screenshot is not None)
    from napari_dacapo.cli.window import show_link

    show_link(volumes, view, screenshot=screenshot)
    if screenshot is not None:
        print_line(f"Saved {screenshot.absolute()}")


def _check_picture(screenshot: Path | None) -> None:
    if screenshot is None:
        return
    picture = screenshot.absolute()
    if not picture.parent.is_dir():
        raise NapariDacapoError(f"There is no folder {picture.parent}.")
    if picture.is_dir():
        raise NapariDacapoError(f"{picture} is a folder.", todo="Name a PNG file in it.")
    if picture.suffix.lower() != ".png":
        raise NapariDacapoError(
            f"Pictures are saved as PNG, not as {picture}.", todo="Name a file that ends in .png."
        )


def _show(
    run: Run,
    dataset: str | None,
    iteration: int | None,
    parameters: str | None,
    segmentation: Segmentation | None,
    screenshot: Path | None,
) -> None:
    from napari_dacapo.cli.window import show_run

    show_run(
        run,
        dataset=dataset,
        iteration=iteration,
        parameters=parameters,
        segmentation=segmentation,
        screenshot=screenshot,
    )
    if screenshot is not None:
        print_line(f"Saved {screenshot.absolute()}")
