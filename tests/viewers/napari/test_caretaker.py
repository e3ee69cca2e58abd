"""Layers that a reader hands to napari end as those of the backend."""

from __future__ import annotations

import gc
import weakref
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Layer

import napari_dacapo.viewers.napari.caretaker as caretaker_module
from napari_dacapo.viewers.napari.backend import NapariBackend
from napari_dacapo.viewers.napari.caretaker import await_in_current_viewer, caretaker_of
from napari_dacapo.viewers.napari.layers import METADATA_KEY, stack_layer_data
from napari_dacapo.viewers.napari.legend import LEGEND

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    from napari_dacapo.volumes import Volume

    Make = Callable[..., list[Volume]]


def data_of(volumes: list[Volume]) -> list[Any]:
    return [data for layers in stack_layer_data(volumes, ["no mask"]) for data in layers]


def looks(viewer: ViewerModel) -> list[dict[str, Any]]:
    names = ("name", "visible", "opacity", "blending", "scale", "translate", "help")
    return [
        {name: str(getattr(layer, name)) for name in names}
        | {
            "contour": getattr(layer, "contour", None),
            "colormap": str(layer.colormap),
            "said": layer.metadata[METADATA_KEY],
        }
        for layer in viewer.layers
    ]


def test_layers_that_are_awaited_end_as_those_of_the_backend(
    viewer: ViewerModel, run_volumes: Make
) -> None:
    data = data_of(run_volumes())
    caretaker_of(viewer).await_layers(data)
    for one in data:
        viewer.add_layer(Layer.create(*one))
    other = ViewerModel()
    NapariBackend(other).show(run_volumes(), notes=["no mask"])
    assert looks(viewer) == looks(other)
    assert viewer.dims.point == other.dims.point
    assert viewer.scene.camera.model_dump() == other.scene.camera.model_dump()
    assert viewer.canvas.overlays.scale_bar.visible
    assert "no mask" in viewer.canvas.overlays[LEGEND].text
    assert viewer.canvas.overlays[LEGEND].text == other.canvas.overlays[LEGEND].text


def test_layers_of_others_come_between(viewer: ViewerModel, run_volumes: Make) -> None:
    first, *others = data_of(run_volumes())
    caretaker_of(viewer).await_layers([first, *others])
    viewer.add_layer(Layer.create(*first))
    mine = viewer.add_image(np.zeros((4, 4, 4)), name="mine")
    assert not viewer.canvas.overlays.scale_bar.visible
    for one in others:
        viewer.add_layer(Layer.create(*one))
    assert viewer.canvas.overlays.scale_bar.visible
    assert mine.opacity == 1


def test_layers_that_never_come_are_not_waited_for(viewer: ViewerModel, run_volumes: Make) -> None:
    caretaker = caretaker_of(viewer)
    caretaker.await_layers(data_of(run_volumes(10)))
    data = data_of(run_volumes(20))[:1]
    caretaker.await_layers(data)
    viewer.add_layer(Layer.create(*data[0]))
    assert viewer.canvas.overlays.scale_bar.visible


def test_without_a_viewer_nobody_waits(run_volumes: Make) -> None:
    await_in_current_viewer(data_of(run_volumes()))


def test_the_words_on_the_canvas_go_with_the_layers(viewer: ViewerModel, run_volumes: Make) -> None:
    NapariBackend(viewer).show(run_volumes())
    gc.collect()
    legend = viewer.canvas.overlays[LEGEND]
    assert legend.text
    assert legend.box
    viewer.layers.clear()
    assert not legend.text
    assert not legend.box


def test_notes_in_the_status_bar_are_those_of_the_iteration(
    viewer: ViewerModel, run_volumes: Make
) -> None:
    backend = NapariBackend(viewer)
    *others, segmentation = run_volumes(10)
    backend.show([*others, segmentation.with_notes("every stored mask is empty")])
    assert viewer.layers[-1].help == "every stored mask is empty"
    backend.show(run_volumes(20))
    assert viewer.layers[-1].help == ""


def test_one_for_each_viewer(viewer: ViewerModel) -> None:
    other = ViewerModel()
    assert caretaker_of(viewer) is caretaker_of(viewer)
    assert caretaker_of(other) is not caretaker_of(viewer)


def test_a_viewer_that_is_gone_leaves_none_to_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    viewer = ViewerModel()
    caretaker, layers = caretaker_of(viewer), viewer.layers
    del viewer
    gc.collect()
    assert layers is not None
    assert caretaker.viewer is None
    caretaker.update()
    later = ViewerModel()
    monkeypatch.setitem(
        caretaker_module._caretakers, id(later), caretaker
    )  # as if the id were used anew
    assert caretaker_of(later).viewer is later


def test_it_goes_with_its_viewer(run_volumes: Make) -> None:
    def use() -> tuple[Any, Any]:
        viewer = ViewerModel()
        NapariBackend(viewer).show(run_volumes())
        return weakref.ref(viewer), weakref.ref(caretaker_of(viewer))

    viewer, caretaker = use()
    gc.collect()
    assert (viewer(), caretaker()) == (None, None)
