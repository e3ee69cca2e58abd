"""Live predictions of one viewer: started, steered by where one looks, shown, stopped.

Knows neither Qt nor napari. All methods belong to the thread that owns the
viewer; what the network's thread has to say is kept until that thread calls
:meth:`LivePredictions._catch_up`, so that many blocks are one change on screen.
"""

from __future__ import annotations

import threading
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from psygnal import Signal

from napari_dacapo.viewers.live_prediction.boxes import at_most, blocks_within
from napari_dacapo.viewers.live_prediction.news import News
from napari_dacapo.viewers.live_prediction.pictures import (
    difference,
    is_pointwise,
    segmentation,
    watershed,
    with_finished_levels,
)
from napari_dacapo.viewers.live_prediction.preparation import Prepared, prepare
from napari_dacapo.viewers.live_prediction.raw import RawFacts, look_into
from napari_dacapo.viewers.live_prediction.state import LiveState
from napari_dacapo.viewers.live_prediction.view import live_view
from napari_dacapo.viewers.open_store import explain
from napari_dacapo.viewers.tasks import Lane

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from threading import Event

    from napari_dacapo.models import LivePrediction
    from napari_dacapo.runs import Run
    from napari_dacapo.viewers.live_prediction.boxes import Box
    from napari_dacapo.viewers.live_prediction.request import Mode, RawSource, Request
    from napari_dacapo.viewers.live_prediction.view import LiveView
    from napari_dacapo.viewers.session import Session
    from napari_dacapo.viewers.tasks import Starter
    from napari_dacapo.volumes import Volume

    Roi = tuple[tuple[float, ...], tuple[float, ...]]

__all__ = ["LivePredictions"]

TOO_LARGE = "There are too many voxels on screen for one watershed; zoom in to see a segmentation."


class LivePredictions:
    """Runs one checkpoint at a time where the user looks.

    Parameters
    ----------
    session : Session
        Its selected run is run, its chosen backend shows it.
    start : Starter
        Runs slow work.
    post : callable
        Takes a function and calls it soon on the thread that owns the viewer;
        may be called on any thread, and may wait to call several at once.

    Attributes
    ----------
    state : LiveState
        How the prediction is.
    changed : Signal
        :attr:`state` changed.
    failed : Signal
        Something that the user asked for failed; carries what to tell him.
    """

    changed = Signal(LiveState)
    failed = Signal(str)

    def __init__(
        self, session: Session, *, start: Starter, post: Callable[[Callable[[], None]], None]
    ) -> None:
        self.state = LiveState()
        self._session = session
        self._start = start
        self._post = post
        self._loading = Lane(start, lambda: None)
        self._inspecting = Lane(start, lambda: None)
        self._segmenting = Lane(start, lambda: None)
        self._live: LivePrediction | None = None
        self._prepared: Prepared | None = None
        self._view: LiveView | None = None
        self._news = News()
        self._look_pending = False
        self._slots: set[str] = set()
        self._seen: Box | None = None
        self._segmented_roi: Roi | None = None

    # -- what the user asks for -----------------------------------------------------------------

    def look_into(
        self, iteration: int, source: RawSource, on_facts: Callable[[RawFacts], None]
    ) -> None:
        """Find out what a source of raw is; the answer to an older question is dropped."""
        run = self._run()
        if run is None:
            return
        self._inspecting.start(
            f"Looking into {source.name}…",
            lambda cancelled: iter((look_into(run, iteration, source),)),
            on_value=on_facts,
            on_error=self._fail,
        )

    def predict(self, request: Request, mode: Mode) -> None:
        """Run a checkpoint of the selected run, in place of what ran before.

        Parameters
        ----------
        request : Request
            Which, and on what.
        mode : {"here", "whole", "compare"}
            What is on screen, wherever that moves; all of it; or all that is
            stored as well, with the difference.
        """
        run = self._run()
        if run is None:
            return
        self._let_go()
        choice = self._session.screen.choice
        self._set(LiveState("loading", run.name, request.iteration, mode))

        def work(cancelled: Event) -> Iterator[Prepared]:
            prepared = prepare(run, request, mode)
            shown = (prepared.raw, prepared.computed, prepared.stored)
            choice.prepare([volume for volume in shown if volume is not None])
            yield prepared

        self._loading.start(
            "Loading the checkpoint…", work, on_value=self._begin, on_error=self._fail
        )

    def cancel(self) -> None:
        """Compute no more; what is on screen stays, and is not followed."""
        if self.state.active:
            self._let_go()
            self._set(replace(self.state, phase="stopped", follows=False))

    def close(self) -> None:
        """Stop all work for good; safe to call twice."""
        self._inspecting.cancel()
        self._let_go()

    # -- what comes of it ----------------------------------------------------------------------

    def _begin(self, prepared: Prepared) -> None:
        from napari_dacapo.models import LivePrediction

        news = self._news = News(prepared.computed, prepared.stored)
        backend = self._session.screen.backend
        view = live_view(backend)
        tell = partial(self._tell, news)
        self._live = LivePrediction(
            prepared.computed,
            on_block=tell(news.add_block),
            on_progress=tell(news.set_progress),
            on_error=tell(news.set_error),
        )
        self._prepared, self._view = prepared, view
        volumes = self._volumes()
        self._slots = {volume.identity.slot for volume in volumes}
        raw = prepared.raw
        if raw is not None and not view.shows({raw.identity.slot}):
            volumes.insert(0, raw)
            view.show(volumes)
            self._session.screen.make_way(volumes, prepared.computed)
        else:
            view.show(volumes)
        if prepared.stored is not None:
            self._session.show_beside(prepared.stored)
        view.watch(self._on_moved, self._on_removed)
        follows = view.follows and self.state.mode == "here"
        waits = view.follows or self.state.mode != "here"
        self._set(
            replace(
                self.state,
                phase="working" if waits else "done",
                follows=follows,
                notes=prepared.notes,
            )
        )
        self._look()

    def _look(self) -> None:
        """Ask for what is on screen now."""
        self._look_pending = False
        live, view = self._live, self._view
        if live is None or view is None:
            return
        if view.follows:
            wanted = view.box(live.computed.spatial_axes)
            self._seen = box = at_most(live.computed, wanted)
            total = live.look_at(box.centre, box.begin, box.end)
            self._news.forget_progress()
            if self.state.mode == "here":
                self._set(replace(self.state, limited=box != wanted))
                self._count(0, total)
        if self.state.mode != "here" and self.state.phase != "done":
            self._count(self.state.done, live.predict_all())

    def _catch_up(self) -> None:
        """Show what the network's thread has done since the last time."""
        news = self._news.take()
        if self._live is None or self._view is None:
            return
        if news.error is not None:
            self._fail(news.error)
            return
        box = self._seen
        if box is None or any(box.meets(*block) for block in news.blocks):
            self._view.update(self._volumes(news.largest))
        if news.largest != self.state.largest:
            self._set(replace(self.state, largest=news.largest))
        if self.state.mode != "here":
            self._count(news.n_blocks, self.state.total)
        elif news.progress is not None and news.progress[1] == self.state.total:
            self._count(*news.progress)

    def _count(self, done: int, total: int) -> None:
        finished = done >= total
        self._set(
            replace(self.state, phase="done" if finished else "working", done=done, total=total)
        )
        if finished and total and self._prepared is not None:
            self._segment(self._prepared)

    def _volumes(self, largest: float | None = None) -> list[Volume]:
        """Return what is to be shown of what is finished."""
        live, prepared, view = self._live, self._prepared, self._view
        assert live is not None
        assert prepared is not None
        assert view is not None
        shown = prepared.computed
        if view.follows:
            from napari_dacapo.models.prediction import source_of

            shown = with_finished_levels(live.volume, source_of(prepared.computed))
        volumes = [shown]
        if is_pointwise(prepared.run.task) or not view.follows:
            segments = segmentation(shown, prepared.run.task)
            volumes += [] if segments is None else [segments]
        if prepared.stored is not None:
            volumes.append(difference(shown, prepared.stored, largest))
        return volumes

    def _segment(self, prepared: Prepared) -> None:
        """Compute a segmentation that cannot be had voxel by voxel."""
        live, view = self._live, self._view
        if live is None or view is None or not view.follows:
            return
        task = prepared.run.task
        if task.kind != "affinities":
            return
        roi = None
        if self.state.mode == "here":
            roi = blocks_within(live.computed, self._seen) if self._seen is not None else None
            if roi is None:
                return
        where = roi or live.computed.roi
        if where == self._segmented_roi:
            return
        is_first, self._segmented_roi = self._segmented_roi is None, where

        def work(cancelled: Event) -> Iterator[Volume | None]:
            yield watershed(prepared.computed, task, roi)

        def take(volume: Volume | None) -> None:
            if volume is None:
                self._set(replace(self.state, notes=(*prepared.notes, TOO_LARGE)))
            elif is_first:
                view.show([volume])
            else:
                view.update([volume])

        self._segmenting.start("Watershed…", work, on_value=take, on_error=self._fail)

    # -- what happens meanwhile -----------------------------------------------------------------

    def _tell(self, news: News, note: Callable[..., bool]) -> Callable[..., None]:
        """Return a callback for the network's thread."""

        def tell(*values: object) -> None:
            if note(*values) and self._news is news:
                self._post(self._catch_up)

        return tell

    def _on_moved(self) -> None:
        if not self._look_pending:
            self._look_pending = True
            self._post(self._look)

    def _on_removed(self) -> None:
        """Stop when nothing of the prediction is on screen any more."""
        prepared, view = self._prepared, self._view
        if prepared is None or view is None:
            return
        if not view.shows(self._slots):
            self._let_go()
            self._set(LiveState())

    def _fail(self, error: Exception) -> None:
        self._let_go()
        problem = explain(error)
        self._set(replace(self.state, phase="failed", follows=False, problem=problem))
        self.failed.emit(problem)

    def _let_go(self) -> None:
        """End the work at hand without waiting for the block that is being computed."""
        self._loading.cancel()
        self._segmenting.cancel()
        if self._view is not None:
            self._view.unwatch()
        live = self._live
        self._live = self._prepared = self._view = self._seen = self._segmented_roi = None
        self._news = News()
        if live is not None:
            live.cancel()
            threading.Thread(target=live.close, name="napari-dacapo ending", daemon=True).start()

    def _run(self) -> Run | None:
        facts = self._session.facts
        return facts.run if facts is not None else None

    def _set(self, state: LiveState) -> None:
        if state != self.state:
            self.state = state
            self.changed.emit(state)
