from __future__ import annotations

from typing import TYPE_CHECKING

import dask.array as da
import numpy as np
import pytest

from napari_dacapo.errors import ArrayNotFoundError
from napari_dacapo.runs import open_store
from napari_dacapo.viewers import showing
from napari_dacapo.viewers.selection import Selection
from napari_dacapo.viewers.showing import finish, portions, stale_slots
from napari_dacapo.volumes import Identity, Volume

if TYPE_CHECKING:
    from pathlib import Path


def counted() -> tuple[Volume, list[int]]:
    """Return a volume of ten planes, 40 nm thick from 400 nm on, and the planes computed."""
    computed: list[int] = []

    def plane(block: np.ndarray, block_info: dict) -> np.ndarray:  # type: ignore[type-arg]
        computed.append(block_info[0]["chunk-location"][0])
        return block

    data = da.zeros((10, 4, 4), chunks=(1, 4, 4), dtype=np.uint8).map_blocks(
        plane, dtype=np.uint8, meta=np.empty((0, 0, 0), np.uint8)
    )
    identity = Identity("run", "val", "segmentation", 20, variant="computed")
    volume = Volume(data, ("z", "y", "x"), (40, 4, 4), (400, 0, 0), identity, kind="labels")
    return volume, computed


def test_small_volumes_are_computed_as_a_whole() -> None:
    volume, computed = counted()
    finished = finish(volume, {})
    assert sorted(computed) == list(range(10))
    np.asarray(finished.data[3])
    assert len(computed) == 10, "what is finished is held in memory"
    assert finished.data.name != volume.data.name


@pytest.mark.parametrize(
    ("place", "plane"),
    [({}, 5), ({"z": 400.0}, 0), ({"z": 439.9}, 0), ({"z": 520.0}, 3), ({"z": -1e9}, 0),
     ({"z": 1e9}, 9), ({"t": 0.0}, 5)],
)  # fmt: skip
def test_of_large_volumes_the_plane_is_computed_that_is_looked_at(
    place: dict[str, float], plane: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(showing, "WHOLE", 10)
    volume, computed = counted()
    assert finish(volume, place) is volume
    assert computed == [plane]


def test_what_is_stored_comes_before_what_is_computed(demo_store: Path) -> None:
    run = open_store(demo_store).run("mito_distance")
    first, last = portions(run, Selection("mito_distance", "val_west", 1500), {})
    assert [volume.role for volume in first.volumes] == ["raw", "gt", "prediction"]
    assert [volume.role for volume in last.volumes] == ["segmentation"]
    assert (first.first, first.last, last.first, last.last) == (True, False, False, True)
    assert first.pending
    assert first.identities == last.identities
    assert len(first.identities) == 4


def test_what_matters_most_is_said_first_and_what_is_the_same_once(stores: Path) -> None:
    run = open_store(stores / "pypi-0.3.5").run("dist_same_iso0")
    *_, last = portions(run, Selection("dist_same_iso0", "iso0_val_a", 60), {})
    first, second = last.notes
    assert first.startswith("segmentation: Empty as stored")
    assert second.startswith("raw, gt: the copy that the validation made")


def test_stored_segmentations_need_no_second_portion(demo_store: Path) -> None:
    run = open_store(demo_store).run("cell_affinities")
    (only,) = portions(run, Selection("cell_affinities", "val_east", 450), {})
    assert only.first
    assert only.last
    assert only.pending == ""


def test_nothing_to_show_says_why(stores: Path) -> None:
    run = open_store(stores / "main").run("never_trained")
    with pytest.raises(ArrayNotFoundError, match="path map"):
        list(portions(run, Selection("never_trained", "iso0_val_a"), {}))


def test_stale_are_other_iterations_of_the_same_place_only() -> None:
    volume, _ = counted()

    def at(**changes: object) -> Volume:
        values = {**volume.identity.as_dict(), **changes}
        return volume.with_(identity=Identity(**values))  # type: ignore[arg-type]

    old = at(role="prediction", iteration=10)
    shown = [at(role="raw", iteration=None), old, at(run="other"), at(dataset="other"),
             at(role="live"), volume]  # fmt: skip
    wanted = [at(role="raw", iteration=None).identity, at(iteration=30).identity]
    assert stale_slots(shown, wanted) == [old.identity.slot]
    assert stale_slots(shown, []) == []
