"""A run in neuroglancer that keeps up with its training, with DaCapo's interface."""

from __future__ import annotations

import threading
import warnings
from typing import TYPE_CHECKING, Any

from napari_dacapo.runs import BestScore
from napari_dacapo.viewers.neuroglancer.embedding import DEFAULT_SIZE, iframe
from napari_dacapo.viewers.neuroglancer.run_contents import open_identifier, require_volumes
from napari_dacapo.viewers.neuroglancer.run_follower import RunFollower
from napari_dacapo.viewers.neuroglancer.run_page import RunPage

if TYPE_CHECKING:
    from napari_dacapo.runs import Run, RunWatcher
    from napari_dacapo.volumes import Volume

__all__ = ["NeuroglancerRunViewer"]


class NeuroglancerRunViewer:
    """Shows raw, gt, prediction and the best segmentation of a run's validation datasets.

    One dataset is visible at a time: :meth:`show_dataset`, or Shift+D on the
    page, goes to another one. Following does not touch what the user has set:
    a new best replaces the arrays of its own layers, nothing else. As long as
    no score is usable, the last validation is shown.

    Methods that are documented to return the viewer start it if need be. All
    may be called from any thread.

    Parameters
    ----------
    run : Run
        The run.
    embedded : bool
        Whether to return an IFrame for a notebook instead of the viewer.
    criterion, dataset : str, optional
        By what the best is chosen; default: the task's own criterion, mean
        over the datasets.
    interval : float
        Seconds between two looks at the store.
    bind_address : str
        Where the page is served; any other than the loopback is warned of.
    bind_port : int
        Port of the page; 0 takes a free one.

    Attributes
    ----------
    run : Run
        The run.
    best_score : BestScore
        The best score so far.
    embedded : bool
        As given.
    viewer : neuroglancer.Viewer or None
        The viewer, once there is one.
    raw, gt, segmentation : Volume or None
        Of the visible dataset.
    most_recent_iteration : int
        Last validated iteration that is known of.
    run_thread : RunWatcher or None
        What looks for new validations.
    array_store : LocalArrayStore
        Where the arrays are.
    datasets : tuple of str
        Names of the validation datasets.
    """

    def __init__(
        self,
        run: Run,
        embedded: bool = False,
        *,
        criterion: str | None = None,
        dataset: str | None = None,
        interval: float = 10.0,
        bind_address: str = "127.0.0.1",
        bind_port: int = 0,
    ) -> None:
        self.run = run
        self.best_score = BestScore(run, criterion=criterion, dataset=dataset)
        self.embedded = embedded
        self.array_store = run.store.array_store
        self.datasets: tuple[str, ...] = tuple(d.name for d in run.datasplit.validate)
        self._page = RunPage(
            run.name, run.store.label, self.datasets,
            dataset if dataset in self.datasets else next(iter(self.datasets), ""),
            bind_address=bind_address, bind_port=bind_port,
        )  # fmt: skip
        self._follower = RunFollower(self.best_score, self._page, interval)
        self._n_stops = 0
        self._starting = threading.Lock()

    def __repr__(self) -> str:
        state = "not started" if self.viewer is None else "started"
        return f"<NeuroglancerRunViewer of run {self.run.name!r}, {state}>"

    def __enter__(self) -> NeuroglancerRunViewer:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def viewer(self) -> Any:
        """The neuroglancer viewer; None before it is started and after it is stopped."""
        return self._page.viewer

    def start(self) -> Any:
        """Show the run and follow it.

        Returns
        -------
        neuroglancer.Viewer or IPython.display.IFrame
            The frame if embedded.

        Raises
        ------
        FileNotFoundError
            If nothing of the run can be shown; the message says why.
        """
        n_stops = self._n_stops
        self.update_neuroglancer()
        return self._followed(n_stops)

    def start_neuroglancer(self) -> Any:
        """Show the run as it is now, without following it; returns and raises as :meth:`start`."""
        n_stops = self._n_stops
        self.update_neuroglancer()
        return self._shown(n_stops)

    def deprecated_start_neuroglancer(self) -> Any:
        """Do what :meth:`start_neuroglancer` does; kept for old notebooks."""
        warnings.warn(
            "deprecated_start_neuroglancer is the old name of start_neuroglancer",
            DeprecationWarning,
            stacklevel=2,
        )
        return self.start_neuroglancer()

    def stop(self) -> None:
        """End following and serving, within a second; safe at any time, also when never started.

        Returns nothing, though DaCapo's documentation names the embedded
        viewer: a frame of a page that is served no more would show an error
        in the notebook.
        """
        with self._starting:
            self._n_stops += 1
            watcher, self._follower.watcher = self._follower.watcher, None
        # Both at once: each may take most of a second, if a disk hangs.
        closing = threading.Thread(target=self._page.close, daemon=True)
        closing.start()
        if watcher is not None:
            watcher.stop()
        closing.join(timeout=0.9)

    @property
    def dataset(self) -> str:
        """Name of the visible dataset."""
        return self._page.visible

    @property
    def raw(self) -> Volume | None:
        """What the network sees of the visible dataset, once it was opened."""
        return self._follower.visible.volume("raw")

    @property
    def gt(self) -> Volume | None:
        """Ground truth of the visible dataset, once it was opened."""
        return self._follower.visible.volume("gt")

    @property
    def segmentation(self) -> Volume | None:
        """Segmentation of the visible dataset that is shown."""
        return self._follower.visible.volume("segmentation")

    @property
    def most_recent_iteration(self) -> int:
        """The last validated iteration that is known of, 0 if there is none."""
        return self._follower.newest

    @property
    def run_thread(self) -> RunWatcher | None:
        """What looks for new validations; None while nothing does."""
        return self._follower.watcher

    def show_dataset(self, name: str) -> None:
        """Make another validation dataset the visible one, and go to its middle.

        Raises
        ------
        ValueError
            If there is no such dataset.
        """
        if name not in self.datasets:
            known = ", ".join(self.datasets) or "none"
            raise ValueError(
                f"Run {self.run.name} has no validation dataset {name!r}; there is: {known}."
            )
        self._page.switch(name)

    def get_datasets(self) -> tuple[Volume | None, Volume | None]:
        """Open what there is of every validation dataset.

        Returns
        -------
        raw, gt : Volume or None
            Of the visible dataset; None where it is missing, which is said on
            the page.
        """
        self._follower.read(best=False)
        return self.raw, self.gt

    def update_neuroglancer(self) -> None:
        """Show everything as it is in the store now.

        Raises
        ------
        FileNotFoundError
            If nothing of the run can be shown; the message says why.
        """
        n_stops = self._n_stops
        self._follower.update(inputs=True)
        self._start_page(n_stops)

    def update_best_info(self) -> Any:
        """Look for the best score; the title says it. Returns and raises as :meth:`start`."""
        n_stops = self._n_stops
        self._follower.read()
        return self._shown(n_stops)

    def update_best_layer(self) -> Any:
        """Show the best prediction and segmentation; no other layer is touched.

        Returns and raises as :meth:`start`.
        """
        return self.update_with_new_validation_if_possible()

    def updated_neuroglancer_layer(self, layer_name: str, ds: Any) -> None:
        """Show an array in a layer; its look, and all other layers, stay as they are.

        Parameters
        ----------
        layer_name : str
            Name of a layer, or raw, gt, prediction or segmentation for that
            of the visible dataset. If there is none of that name, it is
            added.
        ds : Volume or array
            What to show, see :func:`napari_dacapo.view.get_viewer`.

        Raises
        ------
        FileNotFoundError
            If its files are gone.
        ValueError
            If it is no array that can be shown there.
        """
        self._page.show_array(layer_name, ds)

    def open_from_array_identitifier(self, array_identifier: Any) -> Volume | None:
        """Open an array by what a store calls it (or a Volume); None if it does not exist."""
        return open_identifier(array_identifier)

    # Following

    def new_validation_checker(self) -> Any:
        """Begin to follow the run from a thread; once is enough. Returns and raises as start."""
        return self._followed(self._n_stops)

    def update_with_new_validation_if_possible(self) -> Any:
        """Look once whether there is something new, and show it; returns as :meth:`start`."""
        n_stops = self._n_stops
        self._follower.update(inputs=False)
        return self._shown(n_stops)

    # The page, unless it was stopped from elsewhere while files were read

    def _start_page(self, n_stops: int) -> None:
        if self.viewer is None:
            require_volumes(self.run.name, list(self._page.contents.values()))
        with self._starting:
            if self._n_stops == n_stops:
                self._page.start()
                # Who keeps only the page, or its frame, keeps what follows, too.
                self._page.viewer.run_viewer = self
        self._follower.say_how_good()

    def _shown(self, n_stops: int) -> Any:
        if self.viewer is None and self._n_stops == n_stops:
            if not self._page.contents:
                self._follower.read()
            self._start_page(n_stops)
        viewer = self.viewer
        return iframe(viewer, *DEFAULT_SIZE) if self.embedded and viewer is not None else viewer

    def _followed(self, n_stops: int) -> Any:
        page = self._shown(n_stops)
        with self._starting:
            if self._n_stops == n_stops:
                self._follower.follow()
        return page
