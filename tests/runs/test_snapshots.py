"""Snapshots of both versions, against the zarr files themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import zarr

from napari_dacapo.errors import ArrayNotFoundError
from napari_dacapo.runs import Store, open_store

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ROLES = ["raw", "gt", "target", "weight", "mask", "prediction", "gradients"]


def _read(path: Path) -> np.ndarray[Any, Any]:
    return np.asarray(zarr.open_array(path, mode="r")[...])


def test_one_group_for_each_iteration(open_real: Callable[..., Store], stores: Path) -> None:
    run = open_real("pypi-0.3.5").run("snapshot_nomask")
    assert run.snapshots == [0, 20, 40]
    volumes = run.snapshot(20)
    assert [volume.role for volume in volumes] == [role for role in ROLES if role != "mask"]
    for volume in volumes:
        folder = stores / "pypi-0.3.5/snapshot_nomask/snapshot.zarr/20/volumes" / volume.role
        stored = _read(folder)
        np.testing.assert_array_equal(np.asarray(volume.data), stored)
        # Four names are stored for three axes.
        assert volume.axis_names == ("z", "y", "x")[-stored.ndim :]
        assert (volume.identity.iteration, volume.identity.variant) == (20, "snapshot")


def test_one_array_for_all_iterations(open_real: Callable[..., Store], stores: Path) -> None:
    run = open_real("main").run("snapshot")
    assert run.snapshots == [0, 10]
    for index, iteration in enumerate(run.snapshots):
        volumes = run.snapshot(iteration)
        assert [volume.role for volume in volumes] == ROLES
        for volume in volumes:
            stored = _read(stores / "main/snapshot/snapshot.zarr/volumes" / volume.role)
            np.testing.assert_array_equal(np.asarray(volume.data), stored[index])
            assert volume.axis_names == ("b^", "c^", "z", "y", "x")
            assert volume.voxel_size == (8.0, 8.0, 8.0)


def test_what_a_crash_left_can_be_looked_at(open_real: Callable[..., Store]) -> None:
    run = open_real("pypi-0.3.5").run("snapshot_crash")
    assert run.snapshots == [0]
    volumes = {volume.role: volume for volume in run.snapshot(0)}
    assert "raw" in volumes
    if "mask" in volumes:
        assert "not finished" in volumes["mask"].notes[0]


def test_runs_without_snapshots(open_real: Callable[..., Store]) -> None:
    run = open_real("main").run("dist_aniso")
    assert run.snapshots == []
    with pytest.raises(ArrayNotFoundError, match="no snapshot of iteration 0"):
        run.snapshot(0)


@pytest.mark.parametrize(
    "attributes",
    ["{", "[]", '{"iterations": 3}', '{"iterations": ["a", -1, null, true]}', '{"iterations": []}'],
)
def test_torn_or_odd_attributes(copy_run: Callable[..., Path], attributes: str) -> None:
    folder = copy_run("main", "snapshot")
    for path in (folder / "snapshot" / "snapshot.zarr" / "volumes").glob("*/.zattrs"):
        path.write_text(attributes)
    run = open_store(folder).run("snapshot")
    assert all(iteration >= 0 for iteration in run.snapshots)
    with pytest.raises(ArrayNotFoundError):
        run.snapshot(0)


def test_a_list_that_is_ahead_of_its_array(copy_run: Callable[..., Path]) -> None:
    folder = copy_run("main", "snapshot")
    for path in (folder / "snapshot" / "snapshot.zarr" / "volumes").glob("*/.zattrs"):
        text = path.read_text()
        compact = "".join(text.split())
        assert '"iterations":[0,10]' in compact
        path.write_text(compact.replace('"iterations":[0,10]', '"iterations":[0,10,20]'))
    run = open_store(folder).run("snapshot")
    assert len(run.snapshot(10)) == len(ROLES)
    with pytest.raises(ArrayNotFoundError, match="iteration 20"):
        run.snapshot(20)
