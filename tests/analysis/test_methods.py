"""The watershed on affinities that mwatershed itself does not bear."""

from __future__ import annotations

import numpy as np
import pytest

from napari_dacapo.analysis import segment
from napari_dacapo.analysis.methods import watershed
from napari_dacapo.errors import AnalysisError, ArrayFormatError
from napari_dacapo.store.configs import AffinitiesTaskConfig
from napari_dacapo.volumes import Identity, Volume

OFFSETS = ((1, 0, 0), (0, 1, 0), (0, 0, 1))


def test_two_halves_that_are_apart() -> None:
    affinities = np.ones((3, 4, 4, 8), "f4")
    affinities[2, :, :, 4] = 0  # the edge from voxel 4 along x
    segments = watershed(affinities, OFFSETS, 0.5)
    assert len(np.unique(segments)) == 2
    assert len(np.unique(segments[..., :4])) == len(np.unique(segments[..., 5:])) == 1


@pytest.mark.parametrize("far", [(4, 0, 0), (-9, 0, 0), (0, 2**40, 0), (0, 0, -(2**62))])
def test_offsets_that_lead_out_of_the_array_have_no_edges(far: tuple[int, int, int]) -> None:
    rng = np.random.default_rng(0)
    affinities = rng.random((4, 4, 9, 9)).astype("f4")
    np.testing.assert_array_equal(
        watershed(affinities, (*OFFSETS, far), 0.5), watershed(affinities[:3], OFFSETS, 0.5)
    )


@pytest.mark.parametrize("shape", [(1, 1, 1), (0, 4, 4)])
def test_nothing_to_join(shape: tuple[int, ...]) -> None:
    segments = watershed(np.ones((3, *shape), "f4"), OFFSETS, 0.5)
    assert segments.shape == shape
    assert segments.dtype == np.uint64
    assert not segments.any()


def test_nan_is_said() -> None:
    affinities = np.ones((3, 4, 4, 4), "f4")
    affinities[1, 2, 2, 2] = np.nan
    with pytest.raises(AnalysisError, match=r"some affinities are NaN.*another iteration"):
        watershed(affinities, OFFSETS, 0.5)


def test_a_panic_is_an_error_as_any_other(monkeypatch: pytest.MonkeyPatch) -> None:
    import mwatershed

    real = mwatershed.agglom

    def with_nan(affinities: np.ndarray, **rest: object) -> np.ndarray:
        affinities[0, 0, 0, 0] = np.nan
        return real(affinities, **rest)

    monkeypatch.setattr(mwatershed, "agglom", with_nan)
    with pytest.raises(AnalysisError, match=r"The watershed failed: .*nan"):
        watershed(np.ones((3, 4, 4, 4), "f4"), OFFSETS, 0.5)


def test_offsets_of_another_number_of_axes() -> None:
    import dask.array as da

    identity = Identity("run", "val", "prediction", 20)
    volume = Volume(da.ones((3, 8, 8)), ("c^", "y", "x"), (8.0, 8.0), (0.0, 0.0), identity)
    task = AffinitiesTaskConfig(name="affs", neighborhood=OFFSETS)
    with pytest.raises(ArrayFormatError, match="2 spatial axes"):
        segment(volume, task)
