"""From a request to a lazy prediction: everything slow that comes before the first block."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import uuid4

from napari_dacapo.errors import PredictionError
from napari_dacapo.viewers.live_prediction.raw import (
    choose_channels,
    dataset_of,
    open_raw,
    why_no_comparison,
)
from napari_dacapo.volumes.object_source import is_held

if TYPE_CHECKING:
    from napari_dacapo.runs import Run
    from napari_dacapo.viewers.live_prediction.request import Mode, Request
    from napari_dacapo.volumes import Volume

__all__ = ["Prepared", "prepare"]


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """A prediction that is ready to run.

    Attributes
    ----------
    run : Run
        Whose checkpoint.
    raw : Volume or None
        What it runs on, if it is to be shown; None if a layer shows it.
    computed : Volume
        The prediction: reading it runs the network.
    stored : Volume or None
        What to compare it with.
    notes : tuple of str
        What is to be known of it.
    """

    run: Run
    raw: Volume | None
    computed: Volume
    stored: Volume | None
    notes: tuple[str, ...]


def prepare(run: Run, request: Request, mode: Mode) -> Prepared:
    """Open raw, load the checkpoint and lay out the prediction; imports torch.

    Raises
    ------
    NapariDacapoError
        If one of these fails; the message says what to do.
    """
    from napari_dacapo.models import LivePrediction, predict

    source = request.source
    stored = None
    if mode == "compare":
        reason = why_no_comparison(run, request.iteration, source)
        stored = None if reason else run.prediction(source.name, request.iteration)
        if stored is None:
            raise PredictionError(f"{reason or 'The stored prediction is gone'}.")
        # What the validation saw is its copy: the original reaches further.
        raw = dataset_of(run, source).copy("raw") or open_raw(run, source, None)
        shown = dataset_of(run, source).raw
    else:
        raw = shown = open_raw(run, source, request.voxel_size)
        if is_held(raw.data):
            # Elements of a layer can be changed in place, which nothing tells: blocks that were
            # computed before may be of what they were then.
            raw = raw.with_(revision=uuid4().hex)
    computed = predict(
        run,
        request.iteration,
        choose_channels(raw, request.channels),
        roi=stored.roi if stored is not None else None,
        device=request.device,
        half=request.half,
        overlap="auto" if request.seamless else 0,
        cache="disk" if request.keep else "memory",
    )
    notes = computed.notes
    if mode == "whole" and not request.keep:
        notes = (*notes, *_memory_notes(computed))
    on_screen = source.kind == "layer" and source.sized and request.voxel_size is None
    # Imported here, beside the main thread.
    assert LivePrediction is not None
    return Prepared(run, None if on_screen else shown, computed, stored, notes)


def _memory_notes(computed: Volume) -> tuple[str, ...]:
    from napari_dacapo.models.block_cache import block_cache

    if computed.data.nbytes <= block_cache.max_bytes:
        return ()
    return (
        f"The whole prediction has {computed.data.nbytes / 2**30:.1f} GiB, of which "
        f"{block_cache.max_bytes / 2**30:.1f} GiB are kept in memory; with 'Keep on disk' the "
        "rest need not be computed again.",
    )
