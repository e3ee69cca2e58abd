"""Reading beside the window what would hold it up: first roughly, then part by part.

napari asks for elements on the window's thread and waits for them. Where that
would take seconds, it gets a rough picture at once, and is told to ask again
when there is more to see.
"""

from __future__ import annotations

import threading
import time
import weakref
from collections import OrderedDict
from itertools import product
from math import prod
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from napari_dacapo.viewers.napari.sampling import chunk_count, sampled
from napari_dacapo.volumes.views import View

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from napari_dacapo.volumes.indexing import Index

__all__ = ["AsideReader", "AsideView", "OnNews"]

MANY_CHUNKS = 384
"""Chunks up to which a picture is read while the window waits."""

_PATIENCE = 0.1
_PART_CHUNKS = 64
_SECONDS_BETWEEN_NEWS = 1.0
_KEPT_BYTES = 2**28


class OnNews(Protocol):
    """Is told, on any thread, that more can be seen."""

    def __call__(self, done: int, total: int, /) -> None:
        """Take how many parts are read, of how many."""


class AsideReader:
    """Reads one picture at a time on a thread of its own, for one layer.

    Until :meth:`attach` is called, and for all but the thread that calls it,
    everything is read at once and exactly.
    """

    def __init__(self) -> None:
        self._thread: int | None = None
        self._on_news: OnNews | None = None
        self._lock = threading.Lock()
        self._job: _Job | None = None
        self._finished: OrderedDict[str, NDArray[Any]] = OrderedDict()

    def __reduce__(self) -> tuple[type[AsideReader], tuple[()]]:
        return AsideReader, ()

    def attach(self, on_news: OnNews) -> None:
        """Read aside from now on for this thread."""
        self._thread = threading.get_ident()
        self._on_news = on_news

    @property
    def attached(self) -> bool:
        """Whether this thread is the one that must not wait."""
        return self._thread == threading.get_ident()

    def cancel(self) -> None:
        """Read no more of what is being read; what is there stays as rough as it is."""
        job = self._job
        if job is not None:
            job.stopped.set()

    def read(self, view: View, key: str) -> NDArray[Any]:
        """Return a view as well as it is known yet.

        Parameters
        ----------
        view : View
            What is wanted.
        key : str
            Names it.

        Raises
        ------
        Exception
            Whatever reading it raised.
        """
        with self._lock:
            finished = self._finished.get(key)
            if finished is not None:
                self._finished.move_to_end(key)
                return finished
            job = self._job
            is_new = job is None or job.key != key
            if job is None or job.key != key:
                if job is not None:
                    job.stopped.set()
                assert self._on_news is not None
                job = self._job = _Job(view, key, self._on_news)
                # Nobody waits for it when the layer has gone.
                weakref.finalize(self, job.stopped.set)
                job.start()
        if is_new:
            # What is cached already, is there in no time: then nothing flickers.
            job.ended.wait(_PATIENCE)
        if job.error is not None:
            raise job.error
        if not job.complete:
            return job.picture()
        with self._lock:
            self._keep(key, job.elements)
            self._job = None
        return job.elements

    def _keep(self, key: str, elements: NDArray[Any]) -> None:
        elements.flags.writeable = False
        self._finished[key] = elements
        while (
            len(self._finished) > 1
            and sum(kept.nbytes for kept in self._finished.values()) > _KEPT_BYTES
        ):
            self._finished.popitem(last=False)


class _Job:
    """Reads one view, part by part."""

    def __init__(self, view: View, key: str, on_news: OnNews) -> None:
        self.key = key
        self.elements = np.zeros(view.shape, view.dtype)
        self.stopped, self.ended = threading.Event(), threading.Event()
        self.complete = False
        self.error: Exception | None = None
        self._view, self._on_news = view, on_news
        self._lock = threading.Lock()

    def start(self) -> None:
        """Begin on a thread of its own."""
        threading.Thread(target=self._run, name="napari-dacapo overview", daemon=True).start()

    def picture(self) -> NDArray[Any]:
        """Return a copy of what is there."""
        with self._lock:
            return self.elements.copy()

    def _run(self) -> None:
        try:
            self.complete = self._read()
        except Exception as error:
            self.error = error
        self.ended.set()
        self._on_news(1, 1)

    def _read(self) -> bool:
        """Read roughly, then part by part; return whether all was read."""
        rough = sampled(self._view)
        with self._lock:
            self.elements[...] = rough
        parts = list(_parts(self._view))
        self._on_news(0, len(parts))
        told = time.monotonic()
        for done, part in enumerate(parts):
            if self.stopped.is_set():
                return False
            if time.monotonic() - told > _SECONDS_BETWEEN_NEWS:
                self._on_news(done, len(parts))
                told = time.monotonic()
            exact = self._view[part].read()
            with self._lock:
                self.elements[part] = exact
        return True


def _parts(view: View) -> Iterator[tuple[slice, ...]]:
    """Cut a view between chunks into parts of not too many chunks each."""
    counts = [1] * len(view.shape)
    while True:
        growing = [
            i
            for i, (n, start, chunk) in enumerate(
                zip(view.shape, view.starts, view.chunks, strict=True)
            )
            if counts[i] * chunk < n + start
        ]
        axis = min(growing, key=lambda i: counts[i], default=None)
        if axis is None or 2 * prod(counts) > _PART_CHUNKS:
            break
        counts[axis] *= 2
    slices = []
    for n, start, chunk, count in zip(view.shape, view.starts, view.chunks, counts, strict=True):
        size = count * chunk
        ends = [*range(size - start, n, size), n]
        slices.append([slice(a, b) for a, b in zip([0, *ends], ends, strict=False)])
    yield from product(*slices)


class AsideView(View):
    """A view that is read aside where reading it takes long.

    Parameters
    ----------
    view : View
        What is read.
    reader : AsideReader
        Of the layer.
    key : str
        Names the view among all that the reader is asked for.
    """

    def __init__(self, view: View, reader: AsideReader, key: str) -> None:
        self.view, self.reader, self.key = view, reader, key
        self.shape, self.dtype = view.shape, view.dtype
        self.chunks, self.starts = view.chunks, view.starts

    def __getitem__(self, index: Index) -> AsideView:
        return AsideView(self.view[index], self.reader, f"{self.key}{index}")

    def read(self) -> NDArray[Any]:
        """Read it, or as much as is known of it yet."""
        if not self.reader.attached or chunk_count(self.view) <= MANY_CHUNKS:
            return self.view.read()
        return self.reader.read(self.view, self.key)
