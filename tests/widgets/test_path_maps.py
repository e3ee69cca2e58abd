from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_dacapo.options import parse_map
from napari_dacapo.widgets.path_maps import problem_of, suggest_prefix


def test_a_map_is_fine() -> None:
    assert problem_of([("/nrs", "/mnt/nrs"), ("/groups", "Z:/groups")]) == ""


@pytest.mark.parametrize("path", ["/a;b", "/a=b", "/a\nb"])
def test_separators_within_paths_are_refused(path: str) -> None:
    assert path in problem_of([(path, "/mnt")])
    assert path in problem_of([("/nrs", path)])


def test_a_prefix_stands_there_once() -> None:
    assert "twice" in problem_of([("/nrs", "/a"), ("/nrs", "/b")])


PATHS = st.text(st.characters(exclude_categories=("C", "Z")), min_size=1).map(lambda t: "/" + t)


@given(st.dictionaries(PATHS, PATHS))
def test_what_is_accepted_comes_back_from_the_preferences(mapping: dict[str, str]) -> None:
    if not problem_of(list(mapping.items())):
        text = ";".join(f"{key}={value}" for key, value in mapping.items())
        assert parse_map(text) == mapping


@pytest.mark.parametrize(
    ("paths", "mapped", "prefix"),
    [
        ([], [], ""),
        (["/nrs/demo/a.zarr", "/nrs/demo/sub/b.zarr"], [], "/nrs/demo"),
        (["/nrs/a.zarr", "/groups/b.zarr"], [], ""),
        (["/nrs/a.zarr", "/groups/x/b.zarr"], ["/nrs/"], "/groups/x"),
        (["relative/a.zarr"], [], ""),
        (["/nrsx/a.zarr"], ["/nrs"], "/nrsx"),
    ],
)
def test_suggestions(paths: list[str], mapped: list[str], prefix: str) -> None:
    assert suggest_prefix(paths, mapped) == prefix
