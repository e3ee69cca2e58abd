"""``napari-dacapo predict``: a checkpoint over a whole volume, into an OME-Zarr."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_dacapo.cli.common import PathMapOption, StoreOption, find_run
from napari_dacapo.cli.printing import printable, say
from napari_dacapo.errors import PredictionError

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_dacapo.runs import Run
    from napari_dacapo.volumes import Volume

__all__ = ["predict"]


def predict(
    run: Annotated[str, typer.Argument(metavar="RUN", help="Name or folder of a run.")],
    input_: Annotated[
        str,
        typer.Option(
            "--input",
            "-i",
            metavar="ZARR[/DATASET]",
            help="Raw volume: zarr, N5, OME-Zarr or TIFF.",
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="OUT.zarr", help="The OME-Zarr to write.")
    ],
    iteration: Annotated[
        int | None, typer.Option(help="Which checkpoint. Default: the last one.")
    ] = None,
    store: StoreOption = None,
    roi: Annotated[
        str | None,
        typer.Option(
            metavar="BEGIN:END,…",
            help="What to predict in nm, one range per axis: 0:800,400:1200,400:1200. "
            "Default: as far as there is context around it.",
        ),
    ] = None,
    channels: Annotated[
        str | None,
        typer.Option(metavar="I,J,…", help="Channels of the input to take, by number."),
    ] = None,
    intensities: Annotated[
        str | None,
        typer.Option(
            metavar="LOW:HIGH|none",
            help="Values of raw that the network sees as 0 and 1. Default: integers are scaled "
            "as in training, floats are taken as they are; what was done is said.",
        ),
    ] = None,
    voxel_size: Annotated[
        str | None,
        typer.Option(
            metavar="Z,Y,X", help="Voxel size of the input in nm, if it has none or a wrong one."
        ),
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:N or mps.")] = "auto",
    half: Annotated[bool, typer.Option("--half", help="Half precision, on GPUs.")] = False,
    overlap: Annotated[
        str,
        typer.Option(
            metavar="N|auto",
            help="Voxels by which blocks overlap; auto removes the seams of networks that pad, and "
            "blends the blocks of networks with attention.",
        ),
    ] = "0",
    segment: Annotated[
        bool, typer.Option("--segment", help="Write labels/segmentation as well.")
    ] = False,
    parameters: Annotated[
        str | None,
        typer.Option(help="Of the segmentation: threshold_0.1, bias_0.5 or a stored name."),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="Blocks computed at the same time, on this machine. Default: 1."),
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(
            metavar="tcp://HOST:PORT", help="A dask.distributed scheduler to use instead."
        ),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume", help="Go on with an output that was not finished, or add --segment to it."
        ),
    ] = False,
    path_map: PathMapOption = None,
) -> None:
    """Run a checkpoint over a whole volume and write the prediction as OME-Zarr 0.5.

    Killed at any moment, it goes on with --resume where it stopped.

    \b
    Examples:
      napari-dacapo predict my_run --input raw.zarr/em --output predicted.zarr
      napari-dacapo predict my_run --iteration 30000 -i raw.zarr -o out.zarr --segment
      napari-dacapo predict my_run -i raw.zarr -o out.zarr --roi 0:4000,0:8000,0:8000
      napari-dacapo predict my_run -i raw.zarr -o out.zarr --scheduler tcp://node1:8786 --resume
    """
    found = find_run(run, store, path_map)
    if iteration is None:
        if not found.checkpoints:
            raise PredictionError(f"Run {found.name} has no checkpoints.")
        iteration = found.checkpoints[-1]
    raw = _open(input_, _numbers(voxel_size, "--voxel-size"))
    if channels is not None:
        raw = _take(raw, channels)
    from napari_dacapo.models import predict as predict_lazily
    from napari_dacapo.models import predict_to_zarr

    prediction = predict_lazily(
        found,
        iteration,
        raw,
        roi=_roi(roi, raw),
        device=device,
        half=half,
        overlap="auto" if overlap == "auto" else _whole(overlap, "--overlap"),
        intensities=_intensities(intensities),
        remote=scheduler is not None,
    )
    if scheduler is not None and workers is not None:
        say("--workers is not used with --scheduler: its workers say how much runs at once.")
    for note in prediction.notes:
        typer.echo(printable(note), err=True)
    provenance = {"input": _whole_path(input_), "config": found.config.to_dict()}
    with _Bars() as bars:
        path = predict_to_zarr(
            prediction,
            output,
            segment=(parameters or True) if segment or parameters else False,
            resume=resume,
            workers=workers or 1,
            scheduler=scheduler,
            provenance=provenance,
            progress=bars.update,
        )
    typer.echo(printable(f"Wrote {path}: {_where(found, iteration, prediction)}"))


def _where(run: Run, iteration: int, prediction: Volume) -> str:
    shape = " × ".join(map(str, prediction.spatial_shape))
    offset = ", ".join(f"{n:g}" for n in prediction.offset)
    return f"{run.name} at iteration {iteration}, {shape} voxels at ({offset}) nm."


def _open(path: str, voxel_size: tuple[float, ...] | None) -> Volume:
    from napari_dacapo.volumes import Identity, open_volume

    identity = Identity("", Path(path).name, "raw", store=_whole_path(path))
    return open_volume(path, identity=identity, kind="image", voxel_size=voxel_size)


def _whole_path(path: str) -> str:
    return str(Path(path).absolute())


def _take(raw: Volume, channels: str) -> Volume:
    axis = raw.channel_axis
    if axis is None:
        raise typer.BadParameter("--channels: the input has no channels.")
    wanted = [_whole(part, "--channels") for part in channels.split(",")]
    n_channels = raw.shape[axis]
    if any(not 0 <= n < n_channels for n in wanted):
        raise typer.BadParameter(f"--channels: the input has the channels 0 to {n_channels - 1}.")
    names = tuple(raw.channel_names[n] for n in wanted) if raw.channel_names else ()
    in_a_row = wanted == list(range(wanted[0], wanted[0] + len(wanted)))
    # Slices stay quick to read; lists do not.
    chosen: Any = slice(wanted[0], wanted[-1] + 1) if in_a_row else wanted
    index = (*[slice(None)] * axis, chosen)
    return raw.with_(data=raw.data[index], channel_names=names, levels=(), source=None)


def _roi(text: str | None, raw: Volume) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
    if text is None:
        return None
    ranges = [part.split(":") for part in text.split(",")]
    if len(ranges) != len(raw.spatial_axes) or any(len(ends) != 2 for ends in ranges):
        raise typer.BadParameter(
            f"--roi needs one BEGIN:END in nm for each of the axes {', '.join(raw.spatial_axes)}."
        )
    begin = tuple(_number(ends[0], "--roi") for ends in ranges)
    end = tuple(_number(ends[1], "--roi") for ends in ranges)
    return begin, tuple(e - b for b, e in zip(begin, end, strict=True))


def _intensities(text: str | None) -> Any:
    if text is None:
        return "auto"
    if text == "none":
        return None
    ends = text.split(":")
    if len(ends) != 2:
        raise typer.BadParameter("--intensities is LOW:HIGH or none.")
    return _number(ends[0], "--intensities"), _number(ends[1], "--intensities")


def _numbers(text: str | None, option: str) -> tuple[float, ...] | None:
    return None if text is None else tuple(_number(part, option) for part in text.split(","))


def _number(text: str, option: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise typer.BadParameter(f"{option}: {text!r} is no number.")
    return value


def _whole(text: str, option: str) -> int:
    if not text.strip().isdigit():
        raise typer.BadParameter(f"{option}: {text!r} is no whole number.")
    return int(text)


class _Bars:
    """One progress bar for each stage, on stderr."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
        )

        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
        )
        self._tasks: dict[str, Any] = {}

    def __enter__(self) -> _Bars:
        self._bars.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._bars.stop()

    @property
    def update(self) -> Callable[[str, int, int], None]:
        return self._update

    def _update(self, stage: str, done: int, total: int) -> None:
        if stage not in self._tasks:
            self._tasks[stage] = self._bars.add_task(stage, total=total)
        self._bars.update(self._tasks[stage], completed=done, total=total)
