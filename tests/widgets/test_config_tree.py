from __future__ import annotations

from napari_dacapo.widgets.config_tree import data_paths, find, readable, summary

CONFIG = {
    "name": "run",
    "start_config": None,
    "datasplit_config": {
        "__type__": "TrainValidateDataSplitConfig",
        "validate_configs": [
            {
                "name": "val",
                "gt_config": {"groupings": [("mito", [])], "file_name": "/nrs/demo/a.zarr"},
                "raw_config": {"file_name": "/nrs/demo/a.zarr"},
            },
            {"name": "val", "raw_config": {"file_name": "/nrs/demo/b.zarr"}},
        ],
    },
    "augments": [{"__type__": "SimpleAugmentConfig"}],
    "shape": (8, 8, 8),
    "factors": [(2, 2, 2), (1, 2, 2)],
}


def test_lists_of_configs_are_named_and_lists_of_values_are_lines() -> None:
    tree = readable(CONFIG)
    assert tree["shape"] == "(8, 8, 8)"
    assert tree["factors"] == "((2, 2, 2), (1, 2, 2))"
    assert tree["start_config"] == "–"
    assert list(tree["datasplit_config"]["validate_configs"]) == ["val", "val (1)"]
    assert list(tree["augments"]) == ["SimpleAugmentConfig"]


def test_branches_are_named_by_type() -> None:
    assert summary(CONFIG["datasplit_config"]) == "TrainValidateDataSplit"  # type: ignore[arg-type]
    assert summary({"a": "b"}) == ""


def test_a_search_shows_what_matches_what_is_in_it_and_what_leads_to_it() -> None:
    tree = readable(CONFIG)
    found = find(tree, "GROUPINGS")
    split, place = ("datasplit_config",), ("datasplit_config", "validate_configs", "val")
    gt = (*place, "gt_config")
    assert found.shown == {split, place[:2], place, gt, (*gt, "groupings")}
    assert found.opened == {split, place[:2], place, gt}
    branch = find(tree, "gt_config")
    assert branch.shown == {split, place[:2], place, gt, (*gt, "groupings"), (*gt, "file_name")}
    assert gt not in branch.opened


def test_a_search_takes_the_text_as_it_stands() -> None:
    tree = readable(CONFIG)
    assert find(tree, "(8, 8").shown == {("shape",)}
    assert find(tree, "TrainValidateDataSplit").shown >= {("datasplit_config",)}
    assert find(tree, ".*").shown == frozenset()
    assert ("name",) in find(tree, "").shown


def test_containers_are_found_once_each() -> None:
    assert data_paths(CONFIG) == ("/nrs/demo/a.zarr", "/nrs/demo/b.zarr")


def test_odd_configs_are_no_trouble() -> None:
    assert readable([]) == "()"
    assert readable({1: b"x", "a": [[]]}) == {"1": "b'x'", "a": "(())"}
    assert data_paths({"file_name": 7, "path": None}) == ()
