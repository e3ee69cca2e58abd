"""The U-Net of DaCapo's ``CNNectomeUNet``, in plain torch.

Names of modules, order of layers and numbers of feature maps follow DaCapo, so
that its checkpoints fit key by key: BSD-3-Clause, Copyright (c) 2024, Howard
Hughes Medical Institute (``LICENSES/DaCapo-BSD-3-Clause.txt``). The code is
our own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_dacapo.errors import UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["UNet", "upsampling_tail"]

Shape = tuple[int, ...]

_CONV = {2: nn.Conv2d, 3: nn.Conv3d}
_CONV_TRANSPOSED = {2: nn.ConvTranspose2d, 3: nn.ConvTranspose3d}
_BATCH_NORM = {2: nn.BatchNorm2d, 3: nn.BatchNorm3d}
_MAX_POOL = {2: nn.MaxPool2d, 3: nn.MaxPool3d}
_LINEAR = {2: "bilinear", 3: "trilinear"}


def _by_dims(table: dict[int, Any], dims: int) -> Any:
    if dims not in table:
        raise UnsupportedError(f"Networks of {dims} spatial dimensions are not supported.")
    return table[dims]


def _centre(x: Tensor, shape: Shape) -> Tensor:
    """Crop ``x`` to the given spatial shape, around its centre."""
    for axis, size in zip(range(x.ndim - len(shape), x.ndim), shape, strict=True):
        x = x.narrow(axis, (x.shape[axis] - size) // 2, size)
    return x


class ConvPass(nn.Module):
    """Convolutions, each with batch normalisation (if any) and activation."""

    def __init__(
        self,
        n_in: int,
        n_out: int,
        kernels: Sequence[Shape],
        *,
        same: bool,
        batch_norm: bool,
        activation: type[nn.Module] | None = nn.ReLU,
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for kernel in map(tuple, kernels):
            padding = tuple(k // 2 for k in kernel) if same else 0
            layers.append(_by_dims(_CONV, len(kernel))(n_in, n_out, kernel, padding=padding))
            if batch_norm:
                layers.append(_by_dims(_BATCH_NORM, len(kernel))(n_out))
            if activation is not None:
                layers.append(activation())
            n_in = n_out
        self.conv_pass = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the convolutions to (batch, channels, *spatial)."""
        return self.conv_pass(x)  # type: ignore[no-any-return]


class Downsample(nn.Module):
    """Maximum over blocks, which must tile the input without rest."""

    def __init__(self, factor: Shape) -> None:
        super().__init__()
        self.factor = factor
        self.down = _by_dims(_MAX_POOL, len(factor))(factor, stride=factor)

    def forward(self, x: Tensor) -> Tensor:
        """Pool (batch, channels, *spatial)."""
        shape = tuple(x.shape[2:])
        if any(size % factor for size, factor in zip(shape, self.factor, strict=True)):
            raise ValueError(f"shape {shape} cannot be divided by the factors {self.factor}")
        return self.down(x)  # type: ignore[no-any-return]


class Upsample(nn.Module):
    """Upsampling by a transposed convolution, or by repetition and a 1-convolution."""

    def __init__(self, n_in: int, n_out: int, factor: Shape, *, constant: bool) -> None:
        super().__init__()
        dims = len(factor)
        layers: list[nn.Module]
        if constant:
            conv = _by_dims(_CONV, dims)(n_in, n_out, (1,) * dims)
            layers = [nn.Upsample(scale_factor=factor, mode="nearest"), conv]
        else:
            layers = [_by_dims(_CONV_TRANSPOSED, dims)(n_in, n_out, factor, stride=factor)]
        self.up = nn.Sequential(*layers, nn.ReLU())

    def forward(self, x: Tensor) -> Tensor:
        """Upsample (batch, channels, *spatial)."""
        return self.up(x)  # type: ignore[no-any-return]


class Rise(Upsample):
    """One step up: upsample, crop so that the net stays equivariant, join the skip.

    A feature map is cropped so that what the convolutions above leave of it is
    a multiple of all the factors from this level down: only then does moving
    the input by that multiple move the output and change nothing else.
    """

    def __init__(
        self,
        n_in: int,
        n_out: int,
        factor: Shape,
        *,
        constant: bool,
        crop_factor: Shape,
        kernels: Sequence[Shape],
    ) -> None:
        super().__init__(n_in, n_out, factor, constant=constant)
        self.crop_factor = crop_factor
        self.lost = tuple(sum(k[axis] - 1 for k in kernels) for axis in range(len(factor)))

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:  # type: ignore[override]
        """Return skip and upsampled ``x``, one after the other along the channels."""
        x = super().forward(x)
        shape = tuple(
            (size - lost) // factor * factor + lost
            for size, lost, factor in zip(x.shape[2:], self.lost, self.crop_factor, strict=True)
        )
        if any(size <= lost for size, lost in zip(shape, self.lost, strict=True)):
            raise ValueError(f"feature map of shape {tuple(x.shape[2:])} is too small")
        return torch.cat([_centre(skip, shape), _centre(x, shape)], dim=1)


class Attention(nn.Module):
    """Gate that scales a skip connection by what the level below has seen."""

    def __init__(
        self, n_gate: int, n_skip: int, n_inner: int, factor: Shape, *, batch_norm: bool
    ) -> None:
        super().__init__()
        dims = len(factor)
        kernels = [(1,) * dims] * 2

        def conv(n_in: int, n_out: int, activation: type[nn.Module] | None) -> ConvPass:
            return ConvPass(
                n_in, n_out, kernels, same=True, batch_norm=batch_norm, activation=activation
            )

        self.W_g = conv(n_gate, n_inner, None)
        self.W_x = nn.Sequential(conv(n_skip, n_inner, None), Downsample(factor))
        self.psi = conv(n_inner, 1, nn.Sigmoid)
        self.up = nn.Upsample(scale_factor=factor, mode=_LINEAR[dims], align_corners=True)

    def forward(self, gate: Tensor, skip: Tensor) -> Tensor:
        """Return ``skip`` scaled between 0 and 1, voxel by voxel."""
        gate, inner = self.W_g(gate), self.W_x(skip)
        margins: list[int] = []
        for small, large in zip(gate.shape[2:], inner.shape[2:], strict=True):
            missing = large - small
            margins += [missing // 2, missing - missing // 2]
        # Reversed as DaCapo does, which puts the larger half of an odd margin first.
        gate = functional.pad(gate, margins[::-1])
        return skip * self.up(self.psi(functional.relu(gate + inner)))  # type: ignore[no-any-return]


class UNet(nn.Module):
    """Encoder, decoder and skip connections over any number of levels.

    Parameters
    ----------
    n_in, n_out : int
        Channels of the input, feature maps of the output.
    num_fmaps, fmap_inc_factor : int
        Level ``l`` has ``num_fmaps * fmap_inc_factor ** l`` feature maps.
    downsample_factors : sequence of tuple of int
        One factor per step down; their number plus one is that of levels.
    kernel_size_down, kernel_size_up : sequence of sequence of tuple of int, optional
        Kernels for each level; two of size 3 each if not given.
    padding : {"valid", "same"}
        Whether convolutions shrink their input or pad it with zeros.
    constant_upsample, use_attention, batch_norm : bool
        The variants that DaCapo knows.
    """

    def __init__(
        self,
        *,
        n_in: int,
        n_out: int,
        num_fmaps: int,
        fmap_inc_factor: int,
        downsample_factors: Sequence[Shape],
        kernel_size_down: Sequence[Sequence[Shape]] | None = None,
        kernel_size_up: Sequence[Sequence[Shape]] | None = None,
        padding: str = "valid",
        constant_upsample: bool = False,
        use_attention: bool = False,
        batch_norm: bool = False,
    ) -> None:
        super().__init__()
        factors = [tuple(factor) for factor in downsample_factors]
        n_steps, dims = len(factors), len(factors[0])
        default = [[(3,) * dims] * 2] * (n_steps + 1)
        down, up = kernel_size_down or default, kernel_size_up or default
        if len(down) < n_steps + 1 or len(up) < n_steps:
            raise UnsupportedError(
                f"kernel_size_down has {len(down)} and kernel_size_up {len(up)} entries, but "
                f"{n_steps} downsample_factors need {n_steps + 1} and {n_steps}."
            )
        fmaps = [num_fmaps * fmap_inc_factor**level for level in range(n_steps + 1)]
        # The upsampled feature maps are as many as at their own level, but at the top.
        raised = [fmaps[level + (level == 0)] for level in range(n_steps)]
        kept = [n_out, *fmaps[1:]]
        crop = factors[-1:]
        for factor in reversed(factors[:-1]):
            crop.insert(0, tuple(a * b for a, b in zip(factor, crop[0], strict=True)))
        options: dict[str, Any] = {"same": padding == "same", "batch_norm": batch_norm}

        self.l_conv = nn.ModuleList(
            ConvPass(n_in if level == 0 else fmaps[level - 1], fmaps[level], down[level], **options)
            for level in range(n_steps + 1)
        )
        self.l_down = nn.ModuleList(Downsample(factor) for factor in factors)
        # One decoder; DaCapo could have several, hence the index 0 in its keys.
        rises = (
            Rise(
                fmaps[level + 1],
                raised[level],
                factors[level],
                constant=constant_upsample,
                crop_factor=crop[level],
                kernels=up[level],
            )
            for level in range(n_steps)
        )
        self.r_up = nn.ModuleList([nn.ModuleList(rises)])
        if use_attention:
            gates = (
                Attention(
                    fmaps[level + 1],
                    fmaps[level],
                    n_out if level == 0 else raised[level],
                    factors[level],
                    batch_norm=batch_norm,
                )
                for level in range(n_steps)
            )
            self.attention = nn.ModuleList([nn.ModuleList(gates)])
        self.use_attention = use_attention
        convs = (
            ConvPass(fmaps[level] + raised[level], kept[level], up[level], **options)
            for level in range(n_steps)
        )
        self.r_conv = nn.ModuleList([nn.ModuleList(convs)])

    def forward(self, x: Tensor) -> Tensor:
        """Run the net on (batch, channels, *spatial)."""
        skips: list[Tensor] = []
        for conv, pool in zip(self.l_conv, self.l_down, strict=False):
            skips.append(conv(x))
            x = pool(skips[-1])
        x = self.l_conv[-1](x)
        for level in reversed(range(len(skips))):
            skip = skips.pop()
            if self.use_attention:
                skip = self.attention[0][level](x, skip)  # type: ignore[index]
            x = self.r_up[0][level](x, skip)  # type: ignore[index]
            x = self.r_conv[0][level](x)  # type: ignore[index]
        return x


def upsampling_tail(n_fmaps: int, factors: Sequence[Shape], *, batch_norm: bool) -> list[nn.Module]:
    """Return the modules that raise a net's output above the resolution of its input."""
    tail: list[nn.Module] = []
    for factor in map(tuple, factors):
        kernels = [(3,) * len(factor)] * 2
        tail.append(Upsample(n_fmaps, n_fmaps, factor, constant=True))
        tail.append(ConvPass(n_fmaps, n_fmaps, kernels, same=False, batch_norm=batch_norm))
    return tail
