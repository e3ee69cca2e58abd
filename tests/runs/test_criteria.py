"""Criteria: order on disk, direction, bounds, and what not to trust."""

from __future__ import annotations

import pytest

from napari_dacapo.runs import criteria_for
from napari_dacapo.runs.criteria import default_criterion, find_criterion
from napari_dacapo.store.configs import (
    AffinitiesTaskConfig,
    DistanceTaskConfig,
    DummyTaskConfig,
    HotDistanceTaskConfig,
    OneHotTaskConfig,
    PretrainedTaskConfig,
    UnknownTaskConfig,
)

DISTANCE = DistanceTaskConfig(name="d", channels=("blob",), clip_distance=80, tol_distance=8)
TWO = DistanceTaskConfig(name="d", channels=("mito", "er"), clip_distance=80, tol_distance=8)
HOT = HotDistanceTaskConfig(name="h", channels=("blob",), clip_distance=80, tol_distance=8)
AFFINITIES = AffinitiesTaskConfig(name="a", neighborhood=((1, 0, 0),))
ONE_HOT = OneHotTaskConfig(name="o", classes=("bg", "fg"))
DUMMY = DummyTaskConfig(name="x", embedding_dims=1, detection_threshold=0.5)


def test_binary_criteria_in_the_order_of_the_files() -> None:
    names = [criterion.name for criterion in criteria_for(DISTANCE)]
    assert len(names) == 21
    assert (names[0], names[8], names[20]) == ("dice", "voi", "f1_score")
    assert names == [criterion.name for criterion in criteria_for(HOT)]


def test_directions() -> None:
    higher = {c.name for c in criteria_for(DISTANCE) if c.higher_is_better}
    assert higher == {
        "dice", "jaccard", "precision", "recall", "f1_score", "precision_with_tolerance",
        "recall_with_tolerance", "f1_score_with_tolerance",
    }  # fmt: skip
    assert not any(criterion.higher_is_better for criterion in criteria_for(AFFINITIES))


def test_bounds_are_what_values_can_be() -> None:
    bounds = {criterion.name: criterion.bounds for criterion in criteria_for(DISTANCE)}
    assert bounds["dice"] == (0, 1)
    assert bounds["hausdorff"] == bounds["voi"] == (0, None)
    assert all(criterion.bounds == (0, None) for criterion in criteria_for(AFFINITIES))


def test_four_stored_criteria_are_not_what_they_say() -> None:
    doubtful = {c.name: c.doubtful for c in criteria_for(DISTANCE) if c.doubtful}
    assert doubtful.keys() == {
        "false_discovery_rate", "false_positive_rate", "precision", "f1_score",
    }  # fmt: skip
    assert "specificity" in doubtful["precision"]
    assert "dice" in doubtful["f1_score"]


def test_dacapos_own_choice_of_best() -> None:
    assert [c.name for c in criteria_for(DISTANCE) if c.store_best] == ["voi", "f1_score"]
    assert [c.name for c in criteria_for(AFFINITIES) if c.store_best] == [
        "voi_split", "voi_merge", "voi",
    ]  # fmt: skip


@pytest.mark.parametrize("task", [ONE_HOT, DUMMY])
def test_random_numbers_are_called_so(task: OneHotTaskConfig) -> None:
    criteria = criteria_for(task)
    assert [criterion.name for criterion in criteria] == ["frizz_level", "blipp_score"]
    assert all(criterion.meaningless and "random" in criterion.doubtful for criterion in criteria)
    assert default_criterion(task, criteria) is None


def test_channels_have_criteria_of_their_own() -> None:
    criteria = criteria_for(TWO)
    assert len(criteria) == 42
    assert (criteria[0].name, criteria[21].name) == ("mito__dice", "er__dice")
    assert (criteria[41].channel, criteria[41].base_name) == ("er", "f1_score")
    default = default_criterion(TWO, criteria)
    assert default is not None
    assert default.name == "mito__f1_score"


def test_one_block_of_scores_is_of_no_channel() -> None:
    assert [c.name for c in criteria_for(TWO, 21)] == [c.name for c in criteria_for(DISTANCE)]


@pytest.mark.parametrize("task", [DISTANCE, TWO, AFFINITIES, ONE_HOT, UnknownTaskConfig()])
def test_vectors_of_odd_length_mean_nothing(task: DistanceTaskConfig) -> None:
    criteria = criteria_for(task, 5)
    assert [criterion.name for criterion in criteria] == [f"score_{i}" for i in range(5)]
    assert all(criterion.meaningless for criterion in criteria)
    assert default_criterion(task, criteria) is None


def test_defaults() -> None:
    for task, name in ((DISTANCE, "f1_score"), (HOT, "f1_score"), (AFFINITIES, "voi")):
        default = default_criterion(task, criteria_for(task))
        assert default is not None
        assert default.name == name


def test_a_pretrained_task_has_the_criteria_of_the_task_within() -> None:
    task = PretrainedTaskConfig(name="p", sub_task_config=TWO)
    assert criteria_for(task) == criteria_for(TWO)


def test_look_up_with_and_without_channel() -> None:
    one, two = criteria_for(DISTANCE), criteria_for(TWO)
    assert find_criterion("dice", one).name == "dice"
    assert find_criterion("blob__dice", one).name == "dice"
    assert find_criterion("er__dice", two).name == "er__dice"
    with pytest.raises(ValueError, match="mito__dice, er__dice"):
        find_criterion("dice", two)
    with pytest.raises(ValueError, match="no criterion 'nonsense'"):
        find_criterion("nonsense", one)
    with pytest.raises(ValueError, match="none at all"):
        find_criterion("dice", ())
