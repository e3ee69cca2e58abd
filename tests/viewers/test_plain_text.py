from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from qtpy.QtCore import Qt

from napari_dacapo.viewers.plain_text import plain_text

PARTS = st.sampled_from(
    ["<", ">", "&lt;", "&", "lt;", "b", "img src='/etc/passwd'", "!DOCTYPE", "/", "?xml", " ", "\n"]
)


@given(st.lists(PARTS).map("".join))
def test_nothing_is_taken_for_html(text: str) -> None:
    assert not Qt.mightBeRichText(plain_text(text))


@pytest.mark.parametrize("text", ["", "a", "loss < 0.1 & score > 2", "a_b\nthreshold_0.2", "x<5"])
def test_what_is_seen_stays(text: str) -> None:
    assert plain_text(text).replace("\u200b", "") == text


def test_ordinary_texts_stay_as_they_are() -> None:
    assert (
        plain_text("mito · val · threshold > 0.2\n& more") == "mito · val · threshold > 0.2\n& more"
    )
