from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from qtpy.QtCore import Qt

from napari_dacapo.widgets.iteration_chooser import IterationChooser, stop

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

UNEVEN = (10, 500, 510, 5000)


@pytest.fixture
def chooser(qtbot: QtBot) -> IterationChooser:
    chooser = IterationChooser()
    qtbot.addWidget(chooser)
    chooser.show()
    chooser.set_iterations(UNEVEN, 5000, 500, "f1_score = 0.9")
    return chooser


@given(st.sampled_from(UNEVEN), st.integers(0, 6000))
def test_a_slider_rests_at_validated_iterations_only(current: int, moved_to: int) -> None:
    assert stop(UNEVEN, current, moved_to) in UNEVEN


def test_one_step_is_one_iteration_however_far_apart(
    qtbot: QtBot, chooser: IterationChooser
) -> None:
    chosen: list[int] = []
    chooser.iteration_chosen.connect(chosen.append)
    inner = chooser.slider._slider
    for key in (Qt.Key.Key_Left,) * 4 + (Qt.Key.Key_Right,) * 4:
        qtbot.keyClick(inner, key)
    assert chosen == [510, 500, 10, 500, 510, 5000]
    assert chooser.slider.value() == 5000


def test_dragging_rests_at_the_nearest(chooser: IterationChooser) -> None:
    chosen: list[int] = []
    chooser.iteration_chosen.connect(chosen.append)
    for place in (4000, 600, 520, 505, 20):
        chooser.slider.setValue(place)
        assert chooser.slider.value() in UNEVEN
    assert chosen == [510, 500, 10]


def test_buttons_step_stop_at_the_ends_and_jump_to_the_best(chooser: IterationChooser) -> None:
    chosen: list[int] = []
    chooser.iteration_chosen.connect(chosen.append)
    assert not chooser.after.isEnabled()
    chooser.before.click()
    chooser.after.click()
    chooser.best.click()
    assert chosen == [510, 5000, 500]
    assert not chooser.best.isEnabled()
    assert "f1_score = 0.9" in chooser.best.toolTip()
    chooser.before.click()
    assert not chooser.before.isEnabled()


def test_nothing_to_choose(chooser: IterationChooser) -> None:
    chosen: list[int] = []
    chooser.iteration_chosen.connect(chosen.append)
    chooser.set_iterations((), None)
    assert not chooser.isEnabled()
    chooser.slider.setValue(7)
    assert chosen == []
    chooser.set_iterations((40,), 40)
    assert chooser.isEnabled()
    assert not chooser.before.isEnabled()
    assert not chooser.best.isEnabled()


def test_the_star_says_why_there_is_none(chooser: IterationChooser) -> None:
    chooser.set_iterations(UNEVEN, 510, None, "f1_score is NaN everywhere.")
    assert not chooser.best.isEnabled()
    assert chooser.best.toolTip() == "f1_score is NaN everywhere."
    chooser.set_iterations(UNEVEN, 510, 7, "f1_score = 0.9")
    assert "at 7" in chooser.best.toolTip()


def test_keys_are_named(chooser: IterationChooser) -> None:
    assert "[" in chooser.before.toolTip()
    assert "]" in chooser.after.toolTip()
