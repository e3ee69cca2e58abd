from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDialogButtonBox

from napari_dacapo.widgets.open_dialog import OpenDialog

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytestqt.qtbot import QtBot
    from qtpy.QtWidgets import QWidget


@pytest.fixture
def dialog(qtbot: QtBot, demo_store: Path) -> OpenDialog:
    dialog = OpenDialog([str(demo_store)])
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, False)
    qtbot.addWidget(dialog)
    dialog.open()
    qtbot.waitUntil(lambda: len(dialog.session.store.rows) == 2 and dialog.session.busy == "")
    return dialog


def test_a_run_is_chosen_from_the_store_of_last_time(
    qtbot: QtBot, dialog: OpenDialog, demo_store: Path
) -> None:
    button = dialog.buttons.button(QDialogButtonBox.StandardButton.Open)
    assert not button.isEnabled()
    dialog.table.view.select("mito_distance")
    assert button.isEnabled()
    with qtbot.waitSignal(dialog.accepted):
        button.click()
    assert (dialog.store(), dialog.run()) == (str(demo_store), "mito_distance")


def test_the_dialog_begins_with_what_the_preferences_or_options_name(
    qtbot: QtBot,
    stores: Path,
    demo_store: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    options = tmp_path / "dacapo.yaml"
    options.write_text(f"type: files\nruns_base_dir: {stores / 'main'}\n", "utf-8")
    for first, n_runs in (("", 6), (str(stores / "pypi-0.3.5-thresholds"), 1)):
        dialog = OpenDialog([str(demo_store)], first)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, False)
        qtbot.addWidget(dialog)
        rows = dialog.session.store
        qtbot.waitUntil(lambda rows=rows, n=n_runs: len(rows.rows) == n and not rows.listing)
        chooser = dialog.stores.chooser
        assert chooser.itemData(0) == str(options)
        assert chooser.findData(str(demo_store)) > 0


def test_enter_in_the_table_opens(
    qtbot: QtBot, dialog: OpenDialog, focus: Callable[[QWidget], None]
) -> None:
    dialog.table.view.select("cell_affinities")
    focus(dialog.table.view)
    with qtbot.waitSignal(dialog.accepted):
        qtbot.keyClick(dialog.table.view, Qt.Key.Key_Return)
    assert dialog.run() == "cell_affinities"


def test_a_run_folder_selects_its_run(qtbot: QtBot, dialog: OpenDialog, demo_store: Path) -> None:
    dialog.look_at(str(demo_store / "mito_distance"))
    qtbot.waitUntil(lambda: dialog.run() == "mito_distance" and dialog.session.busy == "")
    assert dialog.store() == str(demo_store)


def test_a_broken_run_cannot_be_opened(qtbot: QtBot, dialog: OpenDialog, tmp_path: Path) -> None:
    runs = tmp_path / "configs" / "runs"
    runs.mkdir(parents=True)
    (runs / "torn.yaml").write_bytes(b"a: [")
    dialog.look_at(str(tmp_path))
    qtbot.waitUntil(lambda: len(dialog.session.store.rows) == 1 and dialog.session.busy == "")
    dialog.table.view.select("torn")
    assert not dialog.buttons.button(QDialogButtonBox.StandardButton.Open).isEnabled()
    dialog.reject()
