"""A prediction that follows the eye: what is on screen is computed first, on a thread.

No viewer is known here. A panel says where one looks and is told of each
finished block; between the two the volume shows what is there, and NaN where
nothing is yet.
"""

from __future__ import annotations

import contextlib
import math
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from napari_dacapo.errors import PredictionError
from napari_dacapo.models.ahead import Pipeline
from napari_dacapo.models.block_queue import BlockQueue
from napari_dacapo.models.prediction import source_of
from napari_dacapo.models.source import PredictionSource, assemble
from napari_dacapo.models.tiling import Span

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from napari_dacapo.volumes import Volume

__all__ = ["LivePrediction"]


@dataclass(frozen=True, eq=False)
class _FinishedBlocks:
    """The blocks of a prediction that are in memory; reading it never computes."""

    source: PredictionSource

    @property
    def shape(self) -> tuple[int, ...]:
        return self.source.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.source.dtype

    @property
    def chunks(self) -> tuple[int, ...]:
        return self.source.chunks

    def read(self, index: tuple[int | slice, ...]) -> NDArray[np.float32]:
        source = self.source
        return assemble(source.tiling, self.shape, index, source.peek, places=source.finished)


class LivePrediction:
    """Computes the blocks of a prediction in the order in which they are looked at.

    Parameters
    ----------
    volume : Volume
        As :func:`napari_dacapo.models.predict` gives it.
    on_block : callable, optional
        Called as ``on_block(offset, size)`` in nm after each finished block.
    on_progress : callable, optional
        Called as ``on_progress(done, wanted)`` whenever one of the two changed.
    on_error : callable, optional
        Called with the exception when a block fails; nothing more is
        computed until one looks somewhere again.

    Notes
    -----
    The callbacks are called on the worker's thread. A block that is being
    computed cannot be stopped (on a GPU a few are, one after the other), but
    all that wait can.
    """

    def __init__(
        self,
        volume: Volume,
        *,
        on_block: Callable[[tuple[float, ...], tuple[float, ...]], object] | None = None,
        on_progress: Callable[[int, int], object] | None = None,
        on_error: Callable[[Exception], object] | None = None,
    ) -> None:
        self._source = source_of(volume)
        self.computed = volume
        self._queue = BlockQueue(self._source.tiling)
        self._on_block = on_block
        self._on_progress = on_progress
        self._on_error = on_error
        self._changed = threading.Condition()
        self._generation = 0
        self._closed = False
        self._busy = False
        self._n_finished = 0
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    @property
    def volume(self) -> Volume:
        """What is finished, and NaN elsewhere; reading it never computes.

        It shows blocks that come later, too. Its revision tells how many there
        were when it was asked for, for what is derived from it and kept.
        """
        from napari_dacapo.volumes import LazyArray
        from napari_dacapo.volumes.views import SourceView

        revision = f"{self._source.name}-{self._n_finished}"
        view = SourceView(_FinishedBlocks(self._source))
        data = LazyArray.from_view(view, f"finished-{revision}", self.computed.data.chunks)
        return self.computed.with_(data=data, revision=revision)

    @property
    def progress(self) -> tuple[int, int]:
        """How many blocks of the present request are done, and how many it has."""
        return self._queue.progress

    def look_at(
        self,
        centre: Sequence[float],
        begin: Sequence[float] | None = None,
        end: Sequence[float] | None = None,
    ) -> int:
        """Compute what is on screen, nearest to the centre first; drop all else that waits.

        Parameters
        ----------
        centre : sequence of float
            Where one looks, in nm over the spatial axes.
        begin, end : sequence of float, optional
            Corners of what is on screen, in nm; of a slice, they have the same
            value along the axis that is cut. Default: the block at the centre.

        Returns
        -------
        int
            Number of blocks on screen.
        """
        volume = self.computed
        middle = self._voxels(centre)
        first = [math.floor(n) for n in (middle if begin is None else self._voxels(begin))]
        last = [math.floor(n) for n in (middle if end is None else self._voxels(end))]
        sizes = volume.spatial_shape
        lower = tuple(max(0, min(a, b)) for a, b in zip(first, last, strict=True))
        upper = tuple(min(n, max(a, b) + 1) for a, b, n in zip(first, last, sizes, strict=True))
        shape = tuple(max(0, b - a) for a, b in zip(lower, upper, strict=True))
        wanted = self._queue.look_at(middle, Span(lower, shape))
        self._wake()
        return wanted

    def predict_all(self) -> int:
        """Compute everything, what was looked at first; return the number of blocks."""
        wanted = self._queue.want_all()
        self._wake()
        return wanted

    def cancel(self) -> None:
        """Compute nothing more, but for the block that is being computed."""
        self._queue.clear()
        self._wake()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until nothing is left to compute; False if that took longer than allowed."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._busy or self._closed, timeout)

    def close(self) -> None:
        """Stop for good; waits for the block that is being computed."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._queue.clear()
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join()

    def _voxels(self, position: Sequence[float]) -> list[float]:
        volume = self.computed
        return [
            (p - o) / v for p, o, v in zip(position, volume.offset, volume.voxel_size, strict=True)
        ]

    def _wake(self) -> None:
        with self._changed:
            if self._closed:
                raise PredictionError("This live prediction is closed.")
            self._generation += 1
            self._busy = True
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._work, name="napari-dacapo live prediction", daemon=True
                )
                self._thread.start()
            self._changed.notify_all()

    def _work(self) -> None:
        pipeline = Pipeline(self._source.block, self._source.blocks_at_once)
        try:
            while True:
                with self._changed:
                    generation = self._generation
                    closed = self._closed
                if closed:
                    return
                while not pipeline.is_full and (index := self._queue.take()) is not None:
                    pipeline.put(index)
                if not pipeline:
                    self._rest(generation)
                    continue
                try:
                    index, _ = pipeline.take()
                except Exception as error:  # whatever the network or the disk has to say
                    self._queue.clear()
                    pipeline.clear()
                    self._tell(self._on_error, error)
                    continue
                self._finish(index)
        finally:
            pipeline.close()

    def _finish(self, index: tuple[int, ...]) -> None:
        self._n_finished += 1
        self._queue.finish(index)
        span = self._source.tiling.output(index)
        volume = self.computed
        offset = tuple(
            o + b * v for o, b, v in zip(volume.offset, span.begin, volume.voxel_size, strict=True)
        )
        size = tuple(n * v for n, v in zip(span.shape, volume.voxel_size, strict=True))
        self._tell(self._on_block, offset, size)
        self._tell(self._on_progress, *self._queue.progress)

    def _rest(self, generation: int) -> None:
        """Wait for the next request, unless one came meanwhile."""
        with self._changed:
            if self._generation == generation:
                self._busy = False
                self._changed.notify_all()
            self._changed.wait_for(lambda: self._closed or self._generation != generation)

    def _tell(self, callback: Callable[..., object] | None, *arguments: Any) -> None:
        if callback is not None and not self._closed:
            # A panel that is gone must not end the thread of one that is not.
            with contextlib.suppress(RuntimeError):
                callback(*arguments)
