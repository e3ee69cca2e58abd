"""A run in neuroglancer that keeps up with its training, with DaCapo's interface."""

from __future__ import annotations

import threading
import warnings
from typing import TYPE_CHECKING, Any

from napari_dacapo.errors import NapariDacapoError
from napari_dacapo.runs import BestScore, RunWatcher
from napari_dacapo.viewers.neuroglancer.backend import NeuroglancerBackend
from napari_dacapo.viewers.neuroglancer.camera import first_camera
from napari_dacapo.viewers.neuroglancer.embedding import DEFAULT_SIZE, iframe
from napari_dacapo.volumes import Volume, open_volume
from napari_dacapo.volumes.any_array import as_volume

if TYPE_CHECKING:
    from napari_dacapo.runs import Run
    from napari_dacapo.runs.events import RunEvent
    from napari_dacapo.viewers.neuroglancer.layers import Json

__all__ = ["NeuroglancerRunViewer"]

_SWITCH_KEY, _SWITCH_ACTION = "shift+keyd", "next-dataset"


class NeuroglancerRunViewer:
    """Shows raw, gt, prediction and the best segmentation of a run's validation datasets.

    One dataset is visible at a time: :meth:`show_dataset`, or Shift+D on the
    page, goes to another one. Following does not touch what the user has set:
    a new best replaces the arrays of its own layers, nothing else.

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
        self.raw: Volume | None = None
        self.gt: Volume | None = None
        self.segmentation: Volume | None = None
        self.most_recent_iteration = 0
        self.run_thread: RunWatcher | None = None
        self.array_store = run.store.array_store
        self.datasets: tuple[str, ...] = tuple(d.name for d in run.datasplit.validate)
        self._dataset = dataset or next(iter(self.datasets), "")
        self._inputs: dict[str, list[Volume]] = {}
        self._outputs: dict[str, list[Volume]] = {}
        self._backend: NeuroglancerBackend | None = None
        self._address = (bind_address, bind_port)
        self._interval = interval
        self._at_work = threading.RLock()

    def __repr__(self) -> str:
        state = "not started" if self._backend is None else "started"
        return f"<NeuroglancerRunViewer of run {self.run.name!r}, {state}>"

    # Starting and ending

    @property
    def viewer(self) -> Any:
        """The neuroglancer viewer; None before it is started and after it is stopped."""
        return None if self._backend is None else self._backend.viewer

    def start(self) -> Any:
        """Show the run and follow it.

        Returns
        -------
        neuroglancer.Viewer or IPython.display.IFrame
            The frame if embedded.
        """
        page = self.start_neuroglancer()
        self.new_validation_checker()
        return page

    def start_neuroglancer(self) -> Any:
        """Show the run as it is now, without following it.

        Returns
        -------
        neuroglancer.Viewer or IPython.display.IFrame
            The frame if embedded.

        Raises
        ------
        FileNotFoundError
            If nothing of the run can be shown; the message says why.
        """
        with self._at_work:
            self.update_neuroglancer()
            return iframe(self.viewer, *DEFAULT_SIZE) if self.embedded else self.viewer

    def deprecated_start_neuroglancer(self) -> Any:
        """Do what :meth:`start_neuroglancer` does; kept for old notebooks."""
        warnings.warn(
            "deprecated_start_neuroglancer is the old name of start_neuroglancer",
            DeprecationWarning,
            stacklevel=2,
        )
        return self.start_neuroglancer()

    def stop(self) -> None:
        """End following and serving, within a second; safe at any time, also when never started."""
        watcher, self.run_thread = self.run_thread, None
        if watcher is not None:
            watcher.stop()
        backend, self._backend = self._backend, None
        if backend is not None:
            backend.close()

    # What is shown

    @property
    def dataset(self) -> str:
        """Name of the visible dataset."""
        return self._dataset

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
        with self._at_work:
            self._dataset = name
            self._take_attributes()
            if self._backend is None:
                return
            volumes = [*self._inputs.get(name, ()), *self._outputs.get(name, ())]
            self._backend.viewer.change(lambda state: self._only(state, name, volumes))
            self._say_title()

    def get_datasets(self) -> None:
        """Open raw and gt of every validation dataset; :attr:`raw` and :attr:`gt` are set.

        Raises
        ------
        FileNotFoundError
            Never for a part of them: what is missing is said on the page.
        """
        with self._at_work:
            for dataset in self.run.datasplit.validate:
                arrays = (dataset.raw_or_none, dataset.gt_or_none)
                self._inputs[dataset.name] = [volume for volume in arrays if volume is not None]
            self._take_attributes()

    def update_neuroglancer(self) -> None:
        """Show everything as it is in the store now."""
        with self._at_work:
            self.get_datasets()
            self.best_score.does_new_best_exist()
            self.update_best_info()
            self._show(inputs=True)

    def update_best_info(self) -> None:
        """Take over which iteration and segmentation are the best; the title says so."""
        with self._at_work:
            value = self.best_score.value
            self.most_recent_iteration = max(self.run.validated_iterations, default=0)
            for name in self.datasets:
                self._outputs[name] = self._best_volumes(name)
            self._take_attributes()
            if value is not None or self._backend is not None:
                self._say_title()

    def update_best_layer(self) -> None:
        """Show the best prediction and segmentation; no other layer is touched."""
        with self._at_work:
            self.update_best_info()
            self._show(inputs=False)

    def updated_neuroglancer_layer(self, layer_name: str, ds: Any) -> None:
        """Show an array in a layer; its look, and all other layers, stay as they are.

        Parameters
        ----------
        layer_name : str
            Name of a layer, or raw, gt, prediction or segmentation for that
            of the visible dataset. If there is none of that name, it is
            added.
        ds : Volume or array
            What to show, see :func:`napari_dacapo.volumes.any_array.as_volume`.

        Raises
        ------
        FileNotFoundError
            If its files are gone.
        ValueError
            If it is no array that can be shown.
        """
        with self._at_work:
            backend = self._started()
            before = self._volume_of(layer_name)
            if before is not None:
                volume = as_volume(ds, layer_name, kind=before.kind)
                volume = volume.with_(identity=before.identity)
            else:
                volume = as_volume(ds, layer_name)
                role = (
                    layer_name
                    if layer_name in ("raw", "gt", "prediction", "segmentation")
                    else None
                )
                identity = as_volume(volume.data, layer_name, role=role).identity  # type: ignore[arg-type]
                volume = volume.with_(identity=identity)
            backend.show([volume])

    def open_from_array_identitifier(self, array_identifier: Any) -> Volume | None:
        """Open an array by what a store calls it.

        Parameters
        ----------
        array_identifier : LocalArrayIdentifier or Volume
            As the array store gives it.

        Returns
        -------
        Volume or None
            None if it does not exist.
        """
        if isinstance(array_identifier, Volume):
            source = array_identifier.source
            return None if source is not None and not source.path.exists() else array_identifier
        try:
            return open_volume(array_identifier.container, array_identifier.dataset)
        except FileNotFoundError:
            return None

    # Following

    def new_validation_checker(self) -> None:
        """Begin to look for new validations from a thread; once is enough."""
        if self.run_thread is None or not self.run_thread.running:
            watcher = RunWatcher(self.run, interval=self._interval, history=False)
            watcher.validation.connect(self._on_validation)
            watcher.problem.connect(self._on_problem)
            self.run_thread = watcher
            watcher.start()

    def update_with_new_validation_if_possible(self) -> None:
        """Look once whether there is something new, and show it if there is."""
        with self._at_work:
            self.run.refresh()
            newest = max(self.run.validated_iterations, default=0)
            if newest > self.most_recent_iteration or self.best_score.does_new_best_exist():
                self.best_score.does_new_best_exist()
                self.update_best_layer()

    def _on_validation(self, event: RunEvent) -> None:
        try:
            self.update_with_new_validation_if_possible()
        except (NapariDacapoError, OSError, ValueError) as error:
            # Half written, most likely: the next validation brings it up to date.
            self._say("following", f"Iteration {event.iteration} cannot be shown yet: {error}")
        else:
            self._say("following", None)

    def _on_problem(self, event: Any) -> None:
        self._say("following", event.message)

    # Inside

    def _started(self) -> NeuroglancerBackend:
        if self._backend is None:
            address, port = self._address
            backend = NeuroglancerBackend(bind_address=address, bind_port=port, title=self.run.name)
            viewer = backend.viewer
            if len(self.datasets) > 1:
                viewer.actions.add(_SWITCH_ACTION, lambda _: self._next_dataset())
                with viewer.config_state.txn() as config:
                    config.input_event_bindings.viewer[_SWITCH_KEY] = _SWITCH_ACTION
            self._backend = backend
        return self._backend

    def _next_dataset(self) -> None:
        place = self.datasets.index(self._dataset)
        self.show_dataset(self.datasets[(place + 1) % len(self.datasets)])

    def _best_volumes(self, name: str) -> list[Volume]:
        """Return prediction and segmentation at the best score, or else the last of them."""
        value = self.best_score.value
        iterations = [
            i
            for i in self.run.validations.iterations
            if self.run.validations.has_prediction(i, name)
        ]
        if not iterations:
            return []
        iteration, parameters = iterations[-1], None
        if value is not None and value.iteration in iterations:
            iteration = value.iteration
            if value.parameters in self.run.validations.outputs(iteration, name):
                parameters = value.parameters
        shown = self.run.volumes(dataset=name, iteration=iteration, parameters=parameters)
        return [volume for volume in shown if volume.role in ("prediction", "segmentation")]

    def _show(self, *, inputs: bool) -> None:
        backend = self._started()
        known = {volume.identity.slot for volume in backend.shown()}
        volumes = [
            volume
            for name in self.datasets
            for volume in (
                *(self._inputs.get(name, ()) if inputs else ()),
                *self._outputs.get(name, ()),
            )
        ]
        backend.show(volumes, notes=self._missing())
        new = {volume.identity.slot for volume in volumes} - known
        if not known and volumes:
            self.show_dataset(self._dataset)
        elif new:
            backend.viewer.change(lambda state: self._hide_others(state, self._dataset, new))
        self._say_title()

    def _only(self, state: Json, name: str, volumes: list[Volume]) -> Json:
        """Return a state in which just one dataset is visible, seen from its middle."""
        assert self._backend is not None
        everything = {volume.identity.slot for volume in self._backend.shown()}
        state = self._hide_others(state, name, everything)
        if not volumes:
            return state
        camera = first_camera(volumes)
        if state.get("dimensions") == camera.get("dimensions"):
            return {**state, "position": camera["position"]}
        return {**state, **{k: camera[k] for k in ("dimensions", "position") if k in camera}}

    def _hide_others(self, state: Json, name: str, slots: set[str]) -> Json:
        """Return a state in which of some slots those of one dataset are visible."""
        assert self._backend is not None
        places = {id(layer): volume for layer, volume in self._backend._shown(state)}
        layers = []
        for layer in state.get("layers", ()):
            volume = places.get(id(layer))
            if volume is not None and volume.identity.slot in slots and volume.identity.dataset:
                layer = {k: v for k, v in layer.items() if k != "visible"}
                if volume.identity.dataset != name:
                    layer["visible"] = False
            layers.append(layer)
        return {**state, "layers": layers}

    def _take_attributes(self) -> None:
        volumes = [*self._inputs.get(self._dataset, ()), *self._outputs.get(self._dataset, ())]
        by_role = {volume.role: volume for volume in volumes}
        self.raw, self.gt = by_role.get("raw"), by_role.get("gt")
        self.segmentation = by_role.get("segmentation")

    def _volume_of(self, layer_name: str) -> Volume | None:
        assert self._backend is not None
        _, shown = self._backend.shown_state()
        for layer, volume in shown:
            if layer.get("name") == layer_name:
                return volume
        for _, volume in shown:
            if volume.role == layer_name and volume.identity.dataset == self._dataset:
                return volume
        return None

    def _missing(self) -> list[str]:
        return [f"{name}: {line}" for name in self.datasets for line in self.run.missing(name)] or (
            [] if self.datasets else [f"Run {self.run.name} has no validation datasets."]
        )

    def _say_title(self) -> None:
        if self._backend is None:
            return
        value = self.best_score.value
        parts = [self.run.name, self._dataset]
        if value is not None:
            doubt = " (stored value, see notes)" if value.doubtful else ""
            parts += [
                f"iteration {value.iteration}",
                f"{value.criterion} {value.value:.4g}{doubt}",
                value.parameters,
            ]
        elif self.most_recent_iteration:
            parts += [f"iteration {self.most_recent_iteration}", "no usable score"]
        else:
            parts.append("no validation yet")
        self._backend.set_title(" · ".join(part for part in parts if part))
        self._say("score", value.doubtful if value is not None and value.doubtful else None)

    def _say(self, key: str, text: str | None) -> None:
        backend = self._backend
        if backend is not None and not backend.closed:
            backend.viewer.say(key, text)
