"""What the words on the canvas say, and how much room they take."""

from __future__ import annotations

from dataclasses import replace

import pytest

from napari_dacapo import commands, preferences
from napari_dacapo.viewers.napari.backend import NapariBackend
from napari_dacapo.viewers.napari.legend import LEGEND
from napari_dacapo.volumes import Identity

pytestmark = pytest.mark.usefixtures("own_preferences")


@pytest.fixture
def backend(viewer):
    viewer.canvas.size = (1000, 1600)
    return NapariBackend(viewer)


def lines(viewer):
    overlay = viewer.canvas.overlays.get(LEGEND)
    text = overlay.text if overlay is not None and overlay.visible else ""
    return [line.strip() for line in text.splitlines() if line.strip()]


def test_iteration_parameters_and_notes(backend, viewer, run_volumes):
    *others, segmentation = run_volumes()
    noted = segmentation.with_notes("every stored mask is empty")
    title = "dist_aniso · aniso_val · iteration 20 · segmentation computed threshold 0.0"
    backend.show([*others, noted])
    assert lines(viewer) == [title, "! segmentation: every stored mask is empty"]
    backend.show([*others, segmentation])
    assert lines(viewer) == [title]
    backend.remove([volume.identity.slot for volume in backend.shown()])
    assert lines(viewer) == []


def test_one_note_and_how_many_more(backend, viewer, run_volumes):
    raw, gt, prediction, segmentation = run_volumes()
    copied = "a copy"
    backend.show(
        [
            raw.with_notes(copied),
            gt.with_notes(copied),
            prediction,
            segmentation.with_notes("computed", "in blocks"),
        ],
        notes=["no mask"],
    )
    assert lines(viewer)[1:] == ["! no mask (+3 more)"]
    backend.show([raw.with_notes(copied), gt.with_notes(copied), prediction, segmentation])
    assert lines(viewer)[1:] == ["! raw, gt: a copy"]
    backend.show([raw.with_notes(copied), gt, prediction, segmentation.with_notes("computed")])
    assert lines(viewer)[1:] == ["! segmentation: computed (+1 more)"]


@pytest.mark.parametrize("size", [(300, 200), (500, 560), (1000, 900), (1400, 2500)])
def test_they_cover_a_small_part_of_the_canvas(backend, viewer, run_volumes, size):
    viewer.canvas.size = size
    notes = ["a very long note " * 20] + [f"note {i}" for i in range(20)]
    backend.show(run_volumes(), notes=notes)
    found = lines(viewer)
    assert len(found) <= 3
    assert found[-1].endswith("(+20 more)")
    assert max(map(len, found)) <= max(24, 0.6 * size[1] / 7)


def test_they_are_wrapped_anew_when_the_window_is_resized(backend, viewer, run_volumes):
    backend.show(run_volumes())
    assert len(lines(viewer)) == 1
    viewer.canvas.size = (600, 500)
    assert len(lines(viewer)) == 2


def test_titles_are_broken_between_what_they_say(backend, viewer, run_volumes):
    viewer.canvas.size = (600, 500)
    backend.show(run_volumes())
    assert lines(viewer) == [
        "dist_aniso · aniso_val · iteration 20",
        "segmentation computed threshold 0.0",
    ]


def test_what_does_not_fit_is_said_in_fewer_words(backend, viewer, run_volumes):
    viewer.canvas.size = (600, 500)
    backend.show(
        [
            volume.with_(identity=replace(volume.identity, run="dist_anisotropic"))
            for volume in run_volumes()
        ]
    )
    assert lines(viewer) == [
        "dist_anisotropic · aniso_val",
        "iteration 20 · computed threshold 0.0",
    ]


def test_of_a_name_that_is_too_long_both_ends_are_shown(backend, viewer, run_volumes, make_volume):
    viewer.canvas.size = (600, 500)
    identity = Identity(f"begin_{'x' * 100}_end", "val", "raw", 20, store="store")
    backend.show([make_volume(run_volumes()[0].data, identity=identity)])
    name, rest = lines(viewer)
    assert name.startswith("begin_")
    assert name.endswith("_end")
    assert "…" in name
    assert rest == "val · iteration 20"


def test_only_what_is_visible_is_spoken_of(backend, viewer, make_volume, run_volumes):
    backend.show(run_volumes())
    for i in range(6):
        identity = Identity(f"run {i}", "val", "raw", store="store")
        backend.show([make_volume(run_volumes()[0].data, identity=identity)])
    assert lines(viewer)[1:] == ["run 0 · val", "run 1 · val", "run 2 · val", "… and 3 more"]
    for layer in viewer.layers[:-1]:
        layer.visible = False
    assert lines(viewer) == ["run 5 · val"]
    viewer.layers[-1].visible = False
    assert lines(viewer) == []
    viewer.layers[0].visible = True
    assert lines(viewer)[0].startswith("dist_aniso")


def test_several_runs_have_a_line_and_a_note_each(backend, viewer, run_volumes, make_volume):
    backend.show(run_volumes(), notes=["long " * 100, "short"])
    identity = Identity("other", "val", "raw", store="store")
    backend.show([make_volume(run_volumes()[0].data, identity=identity)], notes=["one"])
    found = lines(viewer)
    assert len(found) == 4
    assert found[1].endswith("… (+1 more)")
    assert found[2:] == ["other · val", "! one"]


def test_a_script_may_hide_them(backend, viewer, run_volumes):
    backend.show(run_volumes())
    viewer.canvas.overlays[LEGEND].visible = False
    for visible in (False, True):
        for layer in viewer.layers:
            layer.visible = visible
    backend.show(run_volumes(10))
    assert lines(viewer) == []
    viewer.canvas.overlays[LEGEND].visible = True
    assert "iteration 10" in lines(viewer)[0]


def test_they_can_be_switched_off_and_on(backend, viewer, run_volumes):
    backend.show(run_volumes())
    commands.toggle_legend()
    assert not preferences.legend()
    assert lines(viewer) == []
    backend.show(run_volumes(10))
    viewer.layers[0].visible = False
    assert lines(viewer) == []
    commands.toggle_legend()
    assert "iteration 10" in lines(viewer)[0]
