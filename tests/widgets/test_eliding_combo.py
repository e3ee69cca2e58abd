from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QStyleOptionComboBox

from napari_dacapo.widgets.eliding_combo import ElidingCombo

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot


def drawn(combo: ElidingCombo) -> str:
    option = QStyleOptionComboBox()
    combo.initStyleOption(option)
    return str(option.currentText)


def test_begin_and_end_of_a_long_name_are_drawn(qtbot: QtBot) -> None:
    name = f"begin_{'x' * 200}_end"
    combo = ElidingCombo(6)
    qtbot.addWidget(combo)
    combo.addItem(name)
    combo.resize(220, combo.sizeHint().height())
    text = drawn(combo)
    assert text.startswith("begin_")
    assert text.endswith("_end")
    assert combo.fontMetrics().horizontalAdvance(text) < 220
    assert combo.currentText() == name
    combo.resize(5000, combo.height())
    assert drawn(combo) == name


def test_long_names_do_not_widen_the_dock(qtbot: QtBot) -> None:
    combo = ElidingCombo(6)
    qtbot.addWidget(combo)
    combo.addItem("short")
    width = combo.minimumSizeHint().width()
    combo.addItem("x" * 500)
    assert combo.minimumSizeHint().width() == width
