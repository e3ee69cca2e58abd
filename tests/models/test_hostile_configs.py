"""Configs that describe no network that could be run: a reason in one line, and soon."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from napari_dacapo.errors import CheckpointError, NapariDacapoError
from napari_dacapo.models import build_model, predict
from napari_dacapo.models.training import fresh_model
from napari_dacapo.store.configs import ArchitectureConfig, TaskConfig, structure

if TYPE_CHECKING:
    from pathlib import Path

CASES: list[tuple[dict[str, Any], str]] = [
    ({"downsample_factors": [[0, 2, 2]]}, "greater than or equal to 1"),
    ({"downsample_factors": [[-2, 2, 2]]}, "greater than or equal to 1"),
    ({"downsample_factors": [[1, 1, 1]] * 3000}, "at most"),
    ({"downsample_factors": [[2**30] * 3]}, "less than or equal to"),
    ({"downsample_factors": [[2, 2]]}, "3 axes"),
    ({"downsample_factors": [[2, 2, 2], [2, 2]]}, "3 axes"),
    ({"downsample_factors": []}, "has no levels"),
    ({"kernel_size_down": [[[0, 3, 3]], [[3, 3, 3]]]}, "greater than or equal to 1"),
    ({"kernel_size_down": [[3, 3], [3, 3]], "kernel_size_up": [[3, 3]]}, "kernel_size_down"),
    ({"kernel_size_down": [[[10**7] * 3], [[3] * 3]]}, "less than or equal to"),
    ({"kernel_size_down": [[[3, 3]], [[3, 3]]]}, "3 axes"),
    ({"input_shape": [10**30] * 3}, "less than or equal to"),
    ({"input_shape": [-8] * 3}, "greater than or equal to 1"),
    ({"input_shape": [0] * 3}, "greater than or equal to 1"),
    ({"input_shape": [24], "downsample_factors": [[2]]}, "1 spatial dimensions"),
    ({"input_shape": [24] * 4, "downsample_factors": [[2] * 4]}, "4 spatial dimensions"),
    ({"eval_shape_increase": [-100] * 3}, "of which nothing is left"),
    ({"eval_shape_increase": [8, 8]}, "3 axes"),
    ({"num_fmaps": 10**12}, "less than or equal to"),
    ({"num_fmaps": -3}, "greater than or equal to 1"),
    ({"num_fmaps": 0}, "greater than or equal to 1"),
    ({"fmaps_out": 0}, "greater than or equal to 1"),
    ({"fmaps_in": 0}, "greater than or equal to 1"),
    ({"fmaps_in": 1.5}, "fmaps_in"),
    ({"fmap_inc_factor": 10**400}, "less than or equal to"),
    ({"fmap_inc_factor": 2**20, "downsample_factors": [[1, 1, 1]] * 8}, "does not describe"),
    ({"upsample_factors": [[0, 2, 2]]}, "greater than or equal to 1"),
    ({"upsample_factors": [[-1, 2, 2]]}, "greater than or equal to 1"),
    ({"upsample_factors": [[10**9] * 3]}, "less than or equal to"),
    ({"upsample_factors": [[2, 2]]}, "3 axes"),
]


def architecture(kit: Any, changes: dict[str, Any]) -> Any:
    values = kit.unet().to_dict() | {"__type__": "CNNectomeUNetConfig"} | changes
    return structure(ArchitectureConfig, values)


@pytest.mark.parametrize(("changes", "reason"), CASES)
def test_architectures(kit: Any, tiny: Any, changes: dict[str, Any], reason: str) -> None:
    config = architecture(kit, changes)
    tiny.config = tiny.config.model_copy(update={"architecture_config": config})
    for attempt in (
        lambda: predict(tiny, 1, kit.make_raw((24, 24, 24))),
        lambda: fresh_model(tiny.config),
    ):
        with pytest.raises(NapariDacapoError, match=reason) as caught:
            attempt()
        assert "\n" not in str(caught.value)
        assert "Unknown" not in str(caught.value)


@pytest.mark.parametrize(
    "changes",
    [
        {"input_shape": (2**20,) * 3, "upsample_factors": ((2**20,) * 3,) * 2},
        {"input_shape": (13, 12, 12)},
        {"input_shape": (12, 12, 12), "downsample_factors": ((2**20,) * 3,)},
        {"input_shape": (8, 8, 8), "padding": "valid"},
    ],
)
def test_blocks_that_the_network_cannot_take(kit: Any, tmp_path: Path, changes: Any) -> None:
    run = kit.TinyRun(tmp_path, kit.unet(num_fmaps=1, fmap_inc_factor=1, fmaps_out=1, **changes))
    with pytest.raises(NapariDacapoError, match="cannot take blocks of") as caught:
        predict(run, 1, kit.make_raw((24, 24, 24)))
    assert "\n" not in str(caught.value)


def test_a_network_larger_than_the_memory_is_not_built(kit: Any, tiny: Any) -> None:
    config = kit.unet(num_fmaps=2**19, fmap_inc_factor=1)
    tiny.config = tiny.config.model_copy(update={"architecture_config": config})
    with pytest.raises(CheckpointError, match=r"needs \d+ GiB of memory"):
        fresh_model(tiny.config)
    with pytest.raises(CheckpointError, match="does not fit the config"):
        predict(tiny, 1, kit.make_raw((24, 24, 24)))


@pytest.mark.parametrize(
    "task",
    [
        {"__type__": "DistanceTaskConfig", "name": "t", "channels": 5},
        {"__type__": "OneHotTaskConfig", "name": "t", "classes": ["a"], "kernel_size": -1},
        {"__type__": "OneHotTaskConfig", "name": "t", "classes": ["a"], "kernel_size": 10**9},
        {"__type__": "DummyTaskConfig", "name": "t", "embedding_dims": 0},
    ],
)
def test_tasks(kit: Any, task: dict[str, Any]) -> None:
    config = structure(TaskConfig, task)
    with pytest.raises(CheckpointError, match="task does not describe") as caught:
        build_model(kit.unet(), config)
    assert "Unknown" not in str(caught.value)
