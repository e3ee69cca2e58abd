"""The size of the chunk cache is what the preferences say, whichever way a run is opened."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from napari.components import ViewerModel
from napari.settings import get_plugin_settings

from napari_dacapo import add_run, commands, open_store
from napari_dacapo.reader import get_reader
from napari_dacapo.viewers.napari.plugin_settings import settings_of, use_cache_size
from napari_dacapo.volumes import cache_size, set_cache_size

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def _cache() -> Iterator[None]:
    yield
    set_cache_size(None)


@pytest.fixture
def display(own_preferences: None) -> Any:
    return get_plugin_settings("napari-dacapo").display


@pytest.mark.long
@pytest.mark.parametrize("way", ["add_run", "reader", "sample"])
def test_the_preferred_size_is_there_before_anything_is_read(
    display: Any, demo_store: Path, way: str
) -> None:
    display.cache_size_mb = 64
    if way == "add_run":
        add_run(ViewerModel(), open_store(demo_store).run("mito_distance"))
    elif way == "reader":
        read = get_reader(str(demo_store / "mito_distance"))
        assert read is not None
        assert read(str(demo_store / "mito_distance"))
    else:
        commands.sample_mito_distance()
    assert cache_size() == 64_000_000


def test_a_change_takes_effect_at_once_and_0_is_the_default_again(display: Any) -> None:
    default = cache_size()
    use_cache_size()
    assert cache_size() == default
    display.cache_size_mb = 128
    assert cache_size() == 128_000_000
    display.cache_size_mb = 0
    assert cache_size() == default


def test_what_a_script_sets_stays_until_the_user_changes_it(display: Any) -> None:
    display.cache_size_mb = 64
    use_cache_size()
    set_cache_size(1234)
    use_cache_size()
    assert cache_size() == 1234
    display.cache_size_mb = 65
    assert cache_size() == 65_000_000


def test_headings_that_there_are_not() -> None:
    assert settings_of("nothing") is None
