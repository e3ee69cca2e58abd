from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_dacapo.viewers.selection import (
    Offer,
    SegmentationSource,
    Selection,
    nearest,
    resolve,
    segmentation_choices,
    selection_of,
    short,
    step,
)
from napari_dacapo.volumes import Identity

WATERSHED = "WatershedPostProcessorParameters(id=2, bias=0.5, context=(32, 32, 32))"
OFFER = Offer(
    "run",
    datasets=("val_a", "val_b", "train"),
    training=frozenset({"train"}),
    iterations=(20, 40, 60),
    method="threshold",
    first_dataset="val_a",
    last_iteration=60,
).with_outputs("val_a", 60, ("threshold_127",))


def test_nothing_asked_for_gives_first_dataset_and_last_iteration() -> None:
    assert resolve(Selection("run"), OFFER) == Selection("run", "val_a", 60)


def test_what_the_run_has_is_kept() -> None:
    wanted = Selection("run", "val_a", 60, "threshold_127", "stored")
    assert resolve(wanted, OFFER) == wanted
    assert resolve(Selection("run", "val_b", 20), OFFER) == Selection("run", "val_b", 20)


def test_what_the_run_lacks_is_replaced() -> None:
    wanted = Selection("other", "gone", 999, "threshold_0", "stored")
    assert resolve(wanted, OFFER) == Selection("run", "val_a", 60)


@pytest.mark.parametrize("parameters", ["bogus", WATERSHED, ""])
def test_computing_goes_on_where_parameters_are_missing(parameters: str) -> None:
    wanted = Selection("run", "val_a", 60, parameters, "computed")
    assert resolve(wanted, OFFER) == Selection("run", "val_a", 60, None, "computed")


@pytest.mark.parametrize(
    ("parameters", "segmentation", "found", "label"),
    [
        ("threshold_0.7", "computed", "threshold_0.7", "computed: threshold 0.7"),
        ("0.7", "computed", "threshold_0.7", "computed: threshold 0.7"),
        ("127", "stored", "threshold_127", "stored: threshold 127"),
        ("127.0", None, "threshold_127", "automatic: threshold 127"),
        ("threshold_127", None, "threshold_127", "automatic: threshold 127"),
        ("0.7", None, "threshold_0.7", "automatic: threshold 0.7"),
        (None, "stored", None, "stored"),
    ],
)
def test_parameters_are_kept_with_and_without_a_source(
    parameters: str | None,
    segmentation: SegmentationSource | None,
    found: str | None,
    label: str,
) -> None:
    wanted = Selection("run", "val_a", 60, parameters, segmentation)
    selection = resolve(wanted, OFFER)
    assert selection == Selection("run", "val_a", 60, found, segmentation)
    choices = segmentation_choices(selection, OFFER)
    assert [choice.label for choice in choices if choice.matches(selection)] == [label]


def test_what_is_stored_cannot_be_asked_for_where_nothing_is() -> None:
    offer = OFFER.with_outputs("val_b", 20, ())
    wanted = Selection("run", "val_b", 20, None, "stored")
    assert resolve(wanted, offer) == Selection("run", "val_b", 20)


def test_parameters_are_none_where_nothing_is_predicted() -> None:
    wanted = Selection("run", "train", None, "0.7", "computed")
    assert resolve(wanted, OFFER) == Selection("run", "train")


def test_parameters_wait_for_outputs_that_nobody_listed_yet() -> None:
    wanted = Selection("run", "val_b", 40, "threshold_127", "stored")
    assert resolve(wanted, OFFER) == wanted
    empty = OFFER.with_outputs("val_b", 40, ())
    assert resolve(wanted, empty) == Selection("run", "val_b", 40)


def test_a_training_dataset_has_no_iteration() -> None:
    assert resolve(Selection("run", "train", 20), OFFER) == Selection("run", "train", None)


def test_a_run_without_anything() -> None:
    assert resolve(Selection("x", "a", 5, "p", "stored"), Offer("x")) == Selection("x")


def test_choices_are_automatic_stored_and_computed() -> None:
    choices = segmentation_choices(Selection("run", "val_a", 60), OFFER)
    assert [(c.label, c.parameters, c.segmentation) for c in choices] == [
        ("automatic", None, None),
        ("stored: threshold 127", "threshold_127", "stored"),
        ("computed", None, "computed"),
        ("computed: threshold 127", "threshold_127", "computed"),
    ]


def test_nothing_is_computed_without_a_prediction() -> None:
    (only,) = segmentation_choices(Selection("run", "train"), OFFER)
    assert only.label == "automatic"


@pytest.mark.parametrize(
    ("name", "label"),
    [
        (WATERSHED, "watershed bias=0.5"),
        ("threshold_-0.2", "threshold -0.2"),
        ("ArgmaxPostProcessorParameters(id=1)", "argmax"),
        ("DummyPostProcessorParameters(id=0, min_size=1)", "dummy min_size=1"),
        ("odd", "odd"),
        ("", ""),
    ],
)
def test_names_of_parameters_are_shortened(name: str, label: str) -> None:
    assert short(name) == label


ITERATIONS = st.lists(st.integers(0, 10**7), min_size=1, unique=True).map(
    lambda values: tuple(sorted(values))
)


@given(ITERATIONS, st.integers(-10, 10**8))
def test_nearest_is_as_near_as_any(iterations: tuple[int, ...], iteration: int) -> None:
    found = nearest(iterations, iteration)
    assert found in iterations
    assert abs(found - iteration) == min(abs(other - iteration) for other in iterations)


@given(ITERATIONS, st.data())
def test_stepping_visits_all_and_stops_at_the_ends(
    iterations: tuple[int, ...], data: st.DataObject
) -> None:
    at = data.draw(st.sampled_from(iterations))
    seen = [at]
    while (following := step(iterations, seen[-1], 1)) != seen[-1]:
        assert following is not None
        seen.append(following)
    assert tuple(seen) == iterations[iterations.index(at) :]
    assert step(iterations, iterations[0], -1) == iterations[0]


def test_stepping_without_a_start() -> None:
    assert step((), None, 1) is None
    assert step((1, 2), None, 1) == 2


def identities(store: str = "/store", run: str = "run", dataset: str = "val") -> list[Identity]:
    """Raw, prediction and segmentation, as a reader makes them."""
    return [
        Identity(run, dataset, "raw", store=store),
        Identity(run, dataset, "prediction", 40, store=store),
        Identity(run, dataset, "segmentation", 40, "threshold_0.2", "stored", store),
    ]


def test_what_is_on_screen_was_selected() -> None:
    expected = Selection("run", "val", 40, "threshold_0.2", "stored")
    assert selection_of(identities()) == ("/store", expected)
    assert selection_of(identities()[:1]) == ("/store", Selection("run", "val"))


def test_of_several_runs_the_uppermost_counts() -> None:
    shown = [*identities("/a", "lower"), *identities("/b", "upper")[:2]]
    live = Identity("lower", "val", "segmentation", 20, variant="live", store="/a")
    assert selection_of([*shown, live]) == ("/b", Selection("upper", "val", 40))


@pytest.mark.parametrize(
    "shown",
    [
        [],
        identities(store="mongodb://host/dacapo"),
        identities(store=""),
        identities(run=""),
        identities("/out.zarr")[1:],  # written by `predict`
    ],
)
def test_what_no_store_of_files_has_selects_nothing(shown: list[Identity]) -> None:
    assert selection_of(shown) is None
