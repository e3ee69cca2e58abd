from __future__ import annotations

import pytest
from napari.utils.notifications import notification_manager

from napari_dacapo import preferences
from napari_dacapo.errors import OptionsError
from napari_dacapo.viewers.napari import plugin_settings


def test_stores_are_remembered_latest_first_and_forgotten() -> None:
    assert preferences.recent_stores() == ()
    for path in ("/a", "/b c", "/a"):
        preferences.remember_store(path)
    assert preferences.recent_stores() == ("/a", "/b c")
    preferences.forget_store("/a")
    assert preferences.recent_stores() == ("/b c",)


def test_recent_stores_are_legible_in_one_line() -> None:
    from napari.settings import get_plugin_settings

    for path in ("/a", "/b c", "/no;list"):
        preferences.remember_store(path)
    assert get_plugin_settings("napari-dacapo").stores.recent_stores == "/b c; /a"


def test_only_so_many_stores_are_remembered() -> None:
    for i in range(preferences.MAX_RECENT + 5):
        preferences.remember_store(f"/{i}")
    recent = preferences.recent_stores()
    assert len(recent) == preferences.MAX_RECENT
    assert recent[0] == f"/{preferences.MAX_RECENT + 4}"


def test_preferences_are_in_a_file_of_naparis() -> None:
    from napari.settings import get_plugin_settings

    preferences.set_path_map({"/nrs": "/mnt/nrs"})
    preferences.set_backend("neuroglancer")
    preferences.set_columns(["name", "loss"])
    path = get_plugin_settings("napari-dacapo").config_path
    text = path.read_text("utf-8")
    assert "/nrs=/mnt/nrs" in text
    assert preferences.path_map() == {"/nrs": "/mnt/nrs"}
    assert preferences.backend() == "neuroglancer"
    assert preferences.columns() == ("name", "loss")


def test_a_map_that_is_none_is_an_error() -> None:
    from napari.settings import get_plugin_settings

    get_plugin_settings("napari-dacapo").stores.path_map = "no map"
    with pytest.raises(OptionsError):
        preferences.path_map()
    assert preferences.usable_path_map() == {}
    assert "cannot be used" in notification_manager.records[-1].message
    assert preferences.url_map() == {}


def test_numbers() -> None:
    assert preferences.follow_interval() == 2.0


def test_without_the_plugin_there_are_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugin_settings, "PLUGIN", "switched-off")
    assert preferences.recent_stores() == ()
    preferences.remember_store("/a")
    assert preferences.recent_stores() == ()
    assert preferences.backend() == "napari"


def test_columns_may_be_written_with_spaces() -> None:
    from napari.settings import get_plugin_settings

    get_plugin_settings("napari-dacapo").display.columns = " name, loss,"
    assert preferences.columns() == ("name", "loss")
