from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QDialogButtonBox

from napari_dacapo.widgets.path_map_dialog import PathMapDialog

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot


def ok(dialog: PathMapDialog) -> bool:
    return bool(dialog.buttons.button(QDialogButtonBox.StandardButton.Ok).isEnabled())


def test_lines_are_edited(qtbot: QtBot) -> None:
    dialog = PathMapDialog({"/nrs": "/mnt/nrs"}, "/groups/lab")
    qtbot.addWidget(dialog)
    assert dialog.mapping() == {"/nrs": "/mnt/nrs"}
    dialog.table.item(1, 1).setText("/mnt/lab")
    assert dialog.mapping() == {"/nrs": "/mnt/nrs", "/groups/lab": "/mnt/lab"}
    dialog.table.setCurrentCell(0, 0)
    dialog.remove.click()
    assert dialog.mapping() == {"/groups/lab": "/mnt/lab"}
    dialog.add_line.click()
    assert dialog.table.rowCount() == 2


def test_what_is_no_map_cannot_be_kept(qtbot: QtBot) -> None:
    dialog = PathMapDialog({"/nrs": "/mnt/nrs"})
    qtbot.addWidget(dialog)
    assert ok(dialog)
    dialog.table.item(0, 1).setText("/a;b")
    assert not ok(dialog)
    assert "/a;b" in dialog.problem.text()
    dialog.table.item(0, 1).setText("/ab")
    assert ok(dialog)
