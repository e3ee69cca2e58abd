from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from napari_dacapo.errors import CheckpointError, UnsupportedError
from napari_dacapo.models import build_model, load_checkpoint
from napari_dacapo.models.build import load_weights
from napari_dacapo.runs import open_store
from napari_dacapo.store.configs import (
    AffinitiesTaskConfig,
    ArchitectureConfig,
    DummyArchitectureConfig,
    DummyTaskConfig,
    HotDistanceTaskConfig,
    InnerDistanceTaskConfig,
    ModelZooConfig,
    OneHotTaskConfig,
    PretrainedTaskConfig,
    TaskConfig,
    WrappedArchitectureConfig,
    structure,
)

CASES = [
    ("pypi-0.3.5", "dist_same_iso0", (32, 32, 32), (32, 32, 32)),
    ("pypi-0.3.5", "dist_2d", (40, 40), (40, 40)),
    ("pypi-0.3.5", "dist_aniso", (8, 60, 60), (4, 44, 44)),
    ("main", "dist_aniso", (8, 60, 60), (4, 44, 44)),
    ("main", "dist_valid_iso", (40, 40, 40), (24, 24, 24)),
]


@pytest.mark.parametrize(("store", "name", "takes", "gives"), CASES)
def test_real_runs(
    stores: Any, store: str, name: str, takes: tuple[int, ...], gives: tuple[int, ...]
) -> None:
    run = open_store(stores / store).run(name)
    weights = load_checkpoint(run.checkpoint_path(run.checkpoints[-1]))
    model = build_model(run.architecture, run.task, dialect=weights.dialect)
    assert list(model.state_dict()) == list(weights.model)
    assert model.eval_input_shape == takes
    assert model.compute_output_shape(takes) == (1, gives)
    load_weights(model, weights)
    with torch.no_grad():
        assert model(torch.zeros(1, 1, *takes)).shape == (1, 1, *gives)


@pytest.mark.parametrize(
    ("changes", "shape", "gives"),
    [
        ({}, (12, 12, 12), (12, 12, 12)),
        ({"padding": "valid"}, (32, 32, 32), (16, 16, 16)),
        ({"padding": "valid", "constant_upsample": False}, (32, 32, 32), (16, 16, 16)),
        ({"batch_norm": True, "use_attention": True}, (12, 16, 12), (12, 16, 12)),
        ({"padding": "valid", "use_attention": True}, (32, 34, 32), (16, 18, 16)),
        ({"downsample_factors": ((1, 2, 2), (2, 2, 2))}, (8, 16, 16), (8, 16, 16)),
        # Cropped for equivariance as if it did not pad: what 4 voxels less leave of thirds.
        ({"downsample_factors": ((3, 3, 3),)}, (9, 9, 9), (7, 7, 7)),
        (
            {
                "kernel_size_down": (((1, 3, 3), (3, 3, 3)), ((1, 3, 3),)),
                "kernel_size_up": (((1, 3, 3),),),
                "padding": "valid",
            },
            (12, 32, 32),
            (10, 22, 22),
        ),
        # Two more convolutions of size 3 after each upsampling eat 4 voxels.
        ({"upsample_factors": ((2, 2, 2),)}, (12, 12, 12), (20, 20, 20)),
        ({"input_shape": (16, 16), "downsample_factors": ((2, 2),)}, (16, 16), (16, 16)),
        (
            {
                "input_shape": (64, 64),
                "downsample_factors": ((2, 2), (2, 2)),
                "padding": "valid",
                "use_attention": True,
                "batch_norm": True,
            },
            (64, 64),
            (24, 24),
        ),
    ],
)
def test_options(
    kit: Any, changes: dict[str, Any], shape: tuple[int, ...], gives: tuple[int, ...]
) -> None:
    model = build_model(kit.unet(**changes), kit.distance("a", "b")).eval()
    with torch.no_grad():
        y = model(torch.rand(1, 1, *shape))
    assert y.shape == (1, 2, *gives)
    assert torch.isfinite(y).all()
    assert model.compute_output_shape(shape) == (2, gives)


def test_names_of_batch_norm_and_attention(kit: Any) -> None:
    options = {"batch_norm": True, "use_attention": True, "downsample_factors": ((2, 2, 2),) * 2}
    state = build_model(kit.unet(**options), kit.distance()).state_dict()
    for key in (
        "chain.0.l_conv.0.conv_pass.0.weight",
        "chain.0.l_conv.0.conv_pass.1.running_mean",
        "chain.0.l_conv.0.conv_pass.3.weight",
        "chain.0.l_conv.0.conv_pass.4.num_batches_tracked",
        "chain.0.attention.0.1.W_g.conv_pass.0.weight",
        "chain.0.attention.0.0.W_x.0.conv_pass.0.weight",
        "chain.0.attention.0.0.psi.conv_pass.0.weight",
        "chain.0.r_up.0.1.up.1.weight",
        "chain.0.r_conv.0.1.conv_pass.0.weight",
    ):
        assert key in state, key
    # The level at the bottom gives 4 times the first feature maps, and takes them up unreduced
    # at the top level only.
    assert state["chain.0.r_up.0.0.up.1.weight"].shape[:2] == (6, 6)
    assert state["chain.0.r_up.0.1.up.1.weight"].shape[:2] == (6, 12)


def test_transposed_convolution_comes_first(kit: Any) -> None:
    state = build_model(kit.unet(constant_upsample=False), kit.distance()).state_dict()
    assert state["chain.0.r_up.0.0.up.0.weight"].shape == (6, 6, 2, 2, 2)


def test_upsampled_voxel_size(kit: Any) -> None:
    architecture = kit.unet(upsample_factors=((1, 2, 2), (1, 2, 2)))
    model = build_model(architecture, kit.distance())
    assert model.upsampling == (1, 4, 4)
    assert model.scale((8, 8, 8)) == (8, 2, 2)
    old = build_model(architecture, kit.distance(), dialect="0.3.5").state_dict()
    assert "architecture.unet.0.l_conv.0.conv_pass.0.weight" in old
    assert "chain.0.unet.4.conv_pass.2.weight" in old


HEADS: list[tuple[TaskConfig, int, int]] = [
    (InnerDistanceTaskConfig(channels=("a", "b"), clip_distance=1, tol_distance=1), 2, 1),
    (HotDistanceTaskConfig(channels=("a", "b"), clip_distance=1, tol_distance=1), 4, 3),
    (OneHotTaskConfig(classes=("x", "y", "z")), 3, 3),
    (OneHotTaskConfig(classes=("x", "y"), kernel_size=1), 2, 1),
    (AffinitiesTaskConfig(neighborhood=((1, 0, 0), (0, 1, 0)), lsds=True), 2, 1),
    (DummyTaskConfig(embedding_dims=5, detection_threshold=0.5), 5, 3),
    (
        PretrainedTaskConfig(
            sub_task_config=OneHotTaskConfig(classes=("x",), kernel_size=1), weights="w"
        ),
        1,
        1,
    ),
]


@pytest.mark.parametrize(("task", "n_out", "kernel"), HEADS)
def test_heads(kit: Any, task: TaskConfig, n_out: int, kernel: int) -> None:
    head = build_model(kit.unet(), task).prediction_head
    assert head.out_channels == n_out
    assert head.kernel_size == (kernel,) * 3


def test_affinities_are_activated_when_predicting_only(kit: Any) -> None:
    model = build_model(kit.unet(), AffinitiesTaskConfig(neighborhood=((1, 0, 0),)))
    x = torch.rand(1, 1, 12, 12, 12)
    with torch.no_grad():
        linear = model(x)
        assert torch.equal(model.eval()(x), torch.sigmoid(linear))


def test_dummy_architecture() -> None:
    architecture = DummyArchitectureConfig(num_in_channels=2, num_out_channels=3)
    task = DummyTaskConfig(embedding_dims=4, detection_threshold=0.5)
    model = build_model(architecture, task, dialect="0.3.5")
    assert "architecture.conv.weight" in model.state_dict()
    assert model.num_in_channels == 2
    assert model.compute_output_shape((40, 20, 20)) == (4, (36, 16, 16))


@pytest.mark.parametrize(
    ("architecture", "reason"),
    [
        (WrappedArchitectureConfig(name="w"), "needs its own package"),
        (ModelZooConfig(name="z", model_id="affable-shark"), "needs its own package"),
        (structure(ArchitectureConfig, {"__type__": "NewNet"}), "NewNet are not known"),
    ],
)
def test_networks_of_others(kit: Any, architecture: Any, reason: str) -> None:
    with pytest.raises(UnsupportedError, match=reason):
        build_model(architecture, kit.distance())


def test_unknown_task(kit: Any) -> None:
    with pytest.raises(UnsupportedError, match="NewTask"):
        build_model(kit.unet(), structure(TaskConfig, {"__type__": "NewTask"}))


@pytest.mark.parametrize(
    "changes",
    [
        {"downsample_factors": ()},
        {"downsample_factors": ((2, 2, 2, 2),), "input_shape": (4, 4, 4, 4)},
        {"kernel_size_down": (((3, 3, 3),),)},
        {"downsample_factors": ((2, 2, 2), (2, 2))},
    ],
)
def test_configs_that_describe_no_network(kit: Any, changes: dict[str, Any]) -> None:
    with pytest.raises((CheckpointError, UnsupportedError)):
        build_model(kit.unet(**changes), kit.distance())


def test_a_mismatch_lists_the_keys(kit: Any, tiny: Any) -> None:
    weights = load_checkpoint(tiny.checkpoint_path(1))
    model = build_model(kit.unet(num_fmaps=5, batch_norm=True), kit.distance())
    before = {key: value.clone() for key, value in model.state_dict().items()}
    with pytest.raises(CheckpointError) as caught:
        load_weights(model, weights)
    message = str(caught.value)
    assert "missing in the checkpoint: chain.0.l_conv.0.conv_pass.1.weight" in message
    assert "and " in message
    assert "more" in message
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())


def test_a_different_shape_is_said_with_both(kit: Any, tiny: Any) -> None:
    weights = load_checkpoint(tiny.checkpoint_path(1))
    model = build_model(kit.unet(), kit.distance("a", "b"))
    with pytest.raises(CheckpointError, match=r"weight has shape \(1, 4, .*network \(2, 4, "):
        load_weights(model, weights)


def test_an_absurd_config_takes_no_memory(kit: Any, tiny: Any) -> None:
    from napari_dacapo.models.network import empty_model

    weights = load_checkpoint(tiny.checkpoint_path(1))
    with pytest.raises(CheckpointError):
        empty_model(kit.unet(num_fmaps=10**6), kit.distance(), weights)


def test_a_network_on_a_checkpoints_tensors_equals_one_that_copied(kit: Any, tiny: Any) -> None:
    from napari_dacapo.models.network import empty_model

    weights = load_checkpoint(tiny.checkpoint_path(1))
    model = empty_model(kit.unet(), kit.distance(), weights).eval()
    x = torch.rand(1, 1, 12, 12, 12)
    with torch.no_grad():
        np.testing.assert_array_equal(model(x).numpy(), tiny.network(x).numpy())
