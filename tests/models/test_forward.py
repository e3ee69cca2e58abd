"""What a network computes, against the same written down with torch's functions alone.

The functions follow DaCapo's ``CNNectomeUNet``; nothing of this package but the
names of the weights is in them. Their order of operations is that of DaCapo, so
that values are equal to the last bit or nearly so.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest
import torch
import torch.nn.functional as F

from napari_dacapo.models import build_model
from napari_dacapo.store.configs import AffinitiesTaskConfig

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Tensor

CONV = {2: F.conv2d, 3: F.conv3d}
TRANSPOSED = {2: F.conv_transpose2d, 3: F.conv_transpose3d}
POOL = {2: F.max_pool2d, 3: F.max_pool3d}
LINEAR = {2: "bilinear", 3: "trilinear"}


class Reference:
    """A U-Net of a config as a function of its weights."""

    def __init__(self, config: Any, state: Mapping[str, Tensor]) -> None:
        self.config = config
        self.state = state
        self.factors = [tuple(factor) for factor in config.downsample_factors]
        self.dims = len(self.factors[0])
        default = [[(3,) * self.dims] * 2] * (len(self.factors) + 1)
        self.down = config.kernel_size_down or default
        self.up = config.kernel_size_up or default
        self.same = config.padding == "same"

    def __call__(self, x: Tensor) -> Tensor:
        tail = self.config.upsample_factors or ()
        x = self.level(0, x, "chain.0." if not tail else "chain.0.0.")
        for i, factor in enumerate(tail):
            x = self.raise_by(x, f"chain.0.{2 * i + 1}", factor, constant=True)
            x = self.convolve(x, f"chain.0.{2 * i + 2}", [(3,) * self.dims] * 2, same=False)
        return CONV[self.dims](x, self.state["chain.1.weight"], self.state["chain.1.bias"])

    def level(self, number: int, x: Tensor, at: str) -> Tensor:
        skip = self.convolve(x, f"{at}l_conv.{number}", self.down[number], same=self.same)
        if number == len(self.factors):
            return skip
        factor = self.factors[number]
        below = self.level(number + 1, POOL[self.dims](skip, factor, stride=factor), at)
        if self.config.use_attention:
            skip = skip * self.gate(below, skip, f"{at}attention.0.{number}", factor)
        risen = self.raise_by(
            below, f"{at}r_up.0.{number}", factor, constant=self.config.constant_upsample
        )
        shape = []
        for axis in range(self.dims):
            step = math.prod(f[axis] for f in self.factors[number:])
            lost = sum(kernel[axis] - 1 for kernel in self.up[number])
            shape.append((risen.shape[axis + 2] - lost) // step * step + lost)
        joined = torch.cat([centre(skip, shape), centre(risen, shape)], dim=1)
        return self.convolve(joined, f"{at}r_conv.0.{number}", self.up[number], same=self.same)

    def gate(self, below: Tensor, skip: Tensor, at: str, factor: tuple[int, ...]) -> Tensor:
        ones = [(1,) * self.dims] * 2
        gate = self.convolve(below, f"{at}.W_g", ones, same=True, activation=None)
        inner = self.convolve(skip, f"{at}.W_x.0", ones, same=True, activation=None)
        inner = POOL[self.dims](inner, factor, stride=factor)
        margins = []
        for axis in range(2, 2 + self.dims):
            missing = inner.shape[axis] - gate.shape[axis]
            margins += [missing // 2, missing - missing // 2]
        gate = F.pad(gate, margins[::-1])
        psi = self.convolve(
            F.relu(gate + inner), f"{at}.psi", ones, same=True, activation=torch.sigmoid
        )
        scale = tuple(map(float, factor))
        return F.interpolate(psi, scale_factor=scale, mode=LINEAR[self.dims], align_corners=True)

    def raise_by(self, x: Tensor, at: str, factor: Sequence[int], *, constant: bool) -> Tensor:
        if not constant:
            weights = self.state[f"{at}.up.0.weight"], self.state[f"{at}.up.0.bias"]
            return F.relu(TRANSPOSED[self.dims](x, *weights, stride=tuple(factor)))
        for axis, times in enumerate(factor):
            x = x.repeat_interleave(times, dim=axis + 2)
        weights = self.state[f"{at}.up.1.weight"], self.state[f"{at}.up.1.bias"]
        return F.relu(CONV[self.dims](x, *weights))

    def convolve(
        self, x: Tensor, at: str, kernels: Any, *, same: bool, activation: Any = F.relu
    ) -> Tensor:
        i = 0
        for kernel in kernels:
            weight, bias = (self.state[f"{at}.conv_pass.{i}.{n}"] for n in ("weight", "bias"))
            assert tuple(weight.shape[2:]) == tuple(kernel)
            x = CONV[self.dims](
                x, weight, bias, padding=tuple(k // 2 for k in kernel) if same else 0
            )
            i += 1
            if self.config.batch_norm:
                norm = {n: self.state[f"{at}.conv_pass.{i}.{n}"] for n in NORM}
                x = F.batch_norm(x, **norm, training=False, eps=1e-5)
                i += 1
            if activation is not None:
                x = activation(x)
                i += 1
        return x


NORM = ("running_mean", "running_var", "weight", "bias")


def centre(x: Tensor, shape: Sequence[int]) -> Tensor:
    for axis, size in enumerate(shape, 2):
        x = x.narrow(axis, (x.shape[axis] - size) // 2, size)
    return x


def stirred(model: torch.nn.Module) -> torch.nn.Module:
    """Give batch normalisation statistics that are not those of its first moment."""
    for name, buffer in model.named_buffers():
        if name.endswith("running_mean"):
            buffer.normal_(0, 0.2)
        elif name.endswith("running_var"):
            buffer.uniform_(0.5, 2)
    return model.eval()


CASES: list[tuple[dict[str, Any], tuple[int, ...]]] = [
    ({}, (12, 16, 20)),
    ({"padding": "valid"}, (24, 26, 22)),
    ({"downsample_factors": ((2, 2, 2), (2, 2, 2))}, (16, 20, 24)),
    ({"downsample_factors": ((1, 3, 2), (2, 2, 2)), "padding": "valid"}, (32, 76, 60)),
    ({"constant_upsample": True}, (12, 12, 16)),
    ({"batch_norm": True}, (12, 12, 12)),
    ({"batch_norm": True, "padding": "valid", "constant_upsample": True}, (24, 24, 24)),
    ({"use_attention": True}, (16, 12, 12)),
    ({"use_attention": True, "padding": "valid"}, (24, 26, 28)),
    (
        {"use_attention": True, "batch_norm": True, "downsample_factors": ((2, 2, 2), (1, 2, 2))},
        (16, 20, 16),
    ),
    (
        {
            "kernel_size_down": (((1, 3, 3), (3, 3, 3)), ((1, 3, 3),)),
            "kernel_size_up": (((1, 3, 3), (5, 5, 5)),),
        },
        (12, 12, 12),
    ),
    (
        {
            "kernel_size_down": (((1, 3, 3), (3, 3, 3)), ((1, 3, 3),)),
            "kernel_size_up": (((1, 3, 3),),),
            "padding": "valid",
        },
        (12, 32, 32),
    ),
    ({"upsample_factors": ((2, 2, 2),)}, (12, 12, 12)),
    ({"upsample_factors": ((1, 2, 2), (2, 1, 1)), "batch_norm": True}, (12, 12, 12)),
    ({"input_shape": (16, 16), "downsample_factors": ((2, 2),)}, (16, 24)),
    (
        {
            "input_shape": (64, 64),
            "downsample_factors": ((2, 2), (3, 2)),
            "padding": "valid",
            "use_attention": True,
        },
        (72, 64),
    ),
    ({"fmaps_in": 3, "num_fmaps": 2, "fmap_inc_factor": 3, "fmaps_out": 5}, (12, 12, 12)),
]


@pytest.mark.parametrize(("changes", "shape"), CASES)
def test_networks_compute_what_dacapos_do(
    kit: Any, changes: dict[str, Any], shape: tuple[int, ...]
) -> None:
    config = kit.unet(**changes)
    model = stirred(build_model(config, kit.distance("a", "b")))
    x = torch.rand(1, config.fmaps_in, *shape)
    with torch.no_grad():
        expected = Reference(config, model.state_dict())(x)
        y = model(x)
    assert expected.std() > 1e-4
    torch.testing.assert_close(y, expected, rtol=0, atol=1e-6)


def test_affinities_go_through_a_sigmoid(kit: Any) -> None:
    config = kit.unet()
    task = AffinitiesTaskConfig(neighborhood=((1, 0, 0), (0, 1, 0), (0, 0, 1)))
    model = build_model(config, task).eval()
    x = torch.rand(1, 1, 12, 12, 12)
    with torch.no_grad():
        expected = torch.sigmoid(Reference(config, model.state_dict())(x))
        torch.testing.assert_close(model(x), expected, rtol=0, atol=1e-6)
