"""A session with a viewer that has no window."""

from __future__ import annotations

import webbrowser
from typing import TYPE_CHECKING

import pytest
from napari.components import ViewerModel
from tests.viewers.on_screen import Later

from napari_dacapo.viewers.backends import backend_choices
from napari_dacapo.viewers.session import Session

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def viewer() -> ViewerModel:
    return ViewerModel()


@pytest.fixture
def session(viewer: ViewerModel) -> Iterator[Session]:
    session = Session(backend_choices(viewer))
    session.failed.connect(pytest.fail)
    yield session
    session.close()


@pytest.fixture
def later(viewer: ViewerModel) -> Iterator[tuple[Session, Later]]:
    start = Later()
    session = Session(backend_choices(viewer), start=start)
    session.failed.connect(pytest.fail)
    yield session, start
    session.close()


@pytest.fixture
def browser(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Addresses that were opened, in place of a browser of the person who runs the tests."""
    opened: list[str] = []

    def open_page(url: str, *_: object) -> bool:
        opened.append(url)
        return True

    monkeypatch.setattr(webbrowser, "open", open_page)
    return opened
