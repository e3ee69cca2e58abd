from __future__ import annotations

from napari_dacapo.viewers.notes import ordered_notes


def test_general_notes_come_first_and_each_is_said_once() -> None:
    assert ordered_notes(["b", "a", "b"], []) == ["b", "a"]


def test_notes_of_roles_stand_by_what_they_mean_for_the_comparison() -> None:
    said = [("raw", "1"), ("gt", "2"), ("mask", "3"), ("prediction", "4"), ("segmentation", "5")]
    lines = ["segmentation: 5", "prediction: 4", "gt: 2", "raw: 1", "mask: 3"]
    assert ordered_notes([], said) == lines


def test_the_same_note_of_several_roles_is_one_line_at_the_place_of_the_first() -> None:
    said = [("raw", "copy"), ("gt", "copy"), ("prediction", "torn"), ("segmentation", "copy")]
    assert ordered_notes([], said) == ["raw, gt, segmentation: copy", "prediction: torn"]
    assert ordered_notes([], [("raw", "copy"), ("raw", "copy")]) == ["raw: copy"]
