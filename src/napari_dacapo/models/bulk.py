"""A whole prediction into an OME-Zarr, shard by shard, on threads or a cluster."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dacapo.errors import PredictionError
from napari_dacapo.models.attributes import as_json
from napari_dacapo.models.engines import on_cluster, on_threads
from napari_dacapo.models.journal import Journal
from napari_dacapo.models.network import choose_device
from napari_dacapo.models.ome_output import Image, plan_image, write_group
from napari_dacapo.models.places import check_place, written_attributes
from napari_dacapo.models.prediction import explain, source_of
from napari_dacapo.models.source import PredictionSource, assemble
from napari_dacapo.models.torch_threads import several_network_threads

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from concurrent.futures import Executor
    from os import PathLike

    from napari_dacapo.volumes import Volume

__all__ = ["predict_to_zarr"]

Index = tuple[int, ...]

SEGMENTATION = "segmentation"
_GPU_READERS = 6
_PACKAGES = ("napari-dacapo", "torch", "numpy", "dask", "tensorstore", "mwatershed")


@dataclass(frozen=True)
class _Part:
    """One shard of one level of one image."""

    name: str
    image: Image
    level: int
    shard: Index


def predict_to_zarr(
    prediction: Volume,
    output: str | PathLike[str],
    *,
    segment: str | bool = False,
    resume: bool = False,
    workers: int = 1,
    scheduler: Any = None,
    provenance: Mapping[str, Any] | None = None,
    progress: Callable[[str, int, int], object] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Path:
    """Write a whole prediction as OME-Zarr 0.5: sharded, multiscale, with its provenance.

    Parameters
    ----------
    prediction : Volume
        As :func:`napari_dacapo.models.predict` gives it.
    output : path-like
        The OME-Zarr to write. Must not lie in a store of DaCapo's.
    segment : bool or str
        Whether to post-process the prediction as well, into
        ``labels/segmentation``; a string names the parameters.
    resume : bool
        Go on with an output that was not finished, or add a segmentation to
        one that has none. Finished shards are kept; without anything to
        resume it begins anew.
    workers : int
        Blocks that are computed at the same time, on threads of this process.
    scheduler : str or distributed.Client, optional
        Address of a dask.distributed scheduler that computes instead. Its
        workers must see raw, checkpoint and output under the same paths.
    provenance : mapping, optional
        More to put into the attributes.
    progress : callable, optional
        Called as ``progress(stage, done, total)`` after each shard.
    cancelled : callable, optional
        Asked before each shard; what is finished by then is kept.

    Returns
    -------
    Path
        The output.

    Raises
    ------
    PredictionError
        If the output is in the way, cannot be written or is another
        prediction's or segmentation's; if memory is not enough; if it was
        cancelled.
    UnsupportedError
        If the task has no segmentation, or the parameters are another's.
    """
    source = source_of(prediction)
    path = Path(output).absolute()
    check_place(path)
    if segment:
        _check_parameters(prediction, segment, path)
    image = plan_image(path, prediction, source.tiling.stride)
    attributes = {
        "prediction": explain(prediction),
        "versions": _versions(),
        **(provenance or {}),
    }
    run = _Bulk(source, workers, scheduler, progress, cancelled)
    with Journal(path, source.name, resume=resume) as journal:
        image.create(_attributes(attributes, complete=False))
        run.write_image("prediction", image, None, journal)
        if segment:
            run.write_segmentation(prediction, image, segment, journal, attributes)
        image.write_attributes(_attributes(attributes, complete=True))
    return path


class _Bulk:
    """Runs the parts of one output, in order of their levels."""

    def __init__(
        self,
        source: PredictionSource,
        workers: int,
        scheduler: Any,
        progress: Callable[[str, int, int], object] | None,
        cancelled: Callable[[], bool] | None,
    ) -> None:
        if workers < 1:
            raise PredictionError(f"There must be at least one worker, not {workers}.")
        self._source = source
        self._workers = workers
        self._scheduler = scheduler
        self._progress = progress
        self._cancelled = cancelled or (lambda: False)

    def write_image(self, name: str, image: Image, volume: Volume | None, journal: Journal) -> None:
        """Write what is not finished of an image: of the prediction, or of a given volume."""
        total = sum(int(np.prod(level.grid)) for level in image.levels)
        done = 0
        for number, level in enumerate(image.levels):
            pending = []
            for shard in level.shards():
                if _is_done(journal, name, image, number, shard):
                    done += 1
                else:
                    pending.append(_Part(name, image, number, shard))
            self._tell(name, done, total)
            for part, n_bytes in self._run(pending, number, volume):
                journal.add((part.name, part.level, part.shard), n_bytes)
                done += 1
                self._tell(name, done, total)

    def write_segmentation(
        self,
        prediction: Volume,
        image: Image,
        segment: str | bool,
        journal: Journal,
        attributes: Mapping[str, Any],
    ) -> None:
        """Post-process the prediction that was just written, and write that, too."""
        from napari_dacapo.volumes import open_volume

        written = open_volume(image.path, identity=prediction.identity).with_(
            channel_names=prediction.channel_names, revision=prediction.revision, levels=()
        )
        volume = _segmentation(written, self._source, segment)
        folder = image.path / "labels" / SEGMENTATION
        labels = plan_image(folder, volume, self._source.tiling.stride)
        write_group(image.path / "labels", {"ome": {"version": "0.5", "labels": [SEGMENTATION]}})
        attributes = {
            **attributes,
            "parameters": volume.identity.parameters,
            "notes": list(volume.notes),
        }
        labels.create(_attributes(attributes, complete=False))
        self.write_image(SEGMENTATION, labels, volume, journal)
        labels.write_attributes(_attributes(attributes, complete=True))

    def _run(
        self, parts: list[_Part], level: int, volume: Volume | None
    ) -> Iterator[tuple[_Part, int]]:
        # A segmentation may need the whole volume at once, which one process then remembers.
        if self._scheduler is not None and not (level == 0 and volume is not None):
            yield from on_cluster(
                self._scheduler, write_part, parts, self._source, cancelled=self._cancelled
            )
            return
        predicts = level == 0 and volume is None
        on_cpu = not predicts or choose_device(self._source.network.device) == "cpu"
        # These read and write while networks run elsewhere. A GPU is done with a block sooner
        # than one thread has read the next.
        n_threads = self._workers + (1 if on_cpu else _GPU_READERS)
        with several_network_threads(self._workers, share_cores=predicts and on_cpu) as networks:

            def work(part: _Part) -> int:
                return write_part(part, self._source, volume, networks)

            yield from on_threads(work, parts, n_threads, cancelled=self._cancelled)

    def _tell(self, stage: str, done: int, total: int) -> None:
        if self._progress is not None:
            self._progress(stage, done, total)


def write_part(
    part: _Part,
    source: PredictionSource,
    volume: Volume | None = None,
    networks: Executor | None = None,
) -> int:
    """Compute and write one shard; runs on a thread here or on a cluster's worker.

    Returns
    -------
    int
        Bytes of the shard's file.
    """
    image, number = part.image, part.level
    if number > 0:
        elements = image.reduced(number, part.shard)
    else:
        region = image.levels[0].region(part.shard)
        if volume is not None:
            elements = np.asarray(volume.data[region].compute(scheduler="synchronous"))
        else:
            # Past the cache of blocks: nobody asks for them a second time.
            elements = assemble(
                source.tiling, source.shape, region, lambda index: source.compute(index, networks)
            )
    return image.write(number, part.shard, elements)


def _segmentation(prediction: Volume, source: PredictionSource, segment: str | bool) -> Volume:
    from napari_dacapo.analysis import segment as post_process

    parameters = segment if isinstance(segment, str) else None
    return post_process(prediction, source.network.task, parameters)


def _check_parameters(prediction: Volume, segment: str | bool, output: Path) -> None:
    """Say before hours of prediction that it cannot be segmented like this."""
    wanted = _segmentation(prediction, source_of(prediction), segment).identity.parameters
    folder = output / "labels" / SEGMENTATION
    known = written_attributes(folder).get("parameters", wanted)
    if known != wanted:
        raise PredictionError(
            f"{folder} is a segmentation with {known}, not with {wanted}.",
            todo="Repeat the command as it was, delete that folder, or choose another place.",
            path=folder,
        )


def _is_done(journal: Journal, name: str, image: Image, level: int, shard: Index) -> bool:
    n_bytes = journal.done.get((name, level, shard))
    if n_bytes is None:
        return False
    try:
        return image.shard_path(level, shard).stat().st_size == n_bytes
    except OSError:
        return False


def _attributes(provenance: Mapping[str, Any], *, complete: bool) -> dict[str, Any]:
    return {"napari-dacapo": {"complete": complete, **as_json(provenance)}}


def _versions() -> dict[str, str]:
    from importlib.metadata import PackageNotFoundError, version

    found = {}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
