"""A run's network: built from its config, filled from a checkpoint."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from napari_dacapo.errors import CheckpointError, NapariDacapoError, UnsupportedError
from napari_dacapo.models.heads import head_of
from napari_dacapo.models.unet import UNet, upsampling_tail

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from napari_dacapo.models.checkpoints import Dialect, Weights

__all__ = ["Model", "build_model", "check_fits", "load_weights"]

Shape = tuple[int, ...]

# The shape that DaCapo's dummy is fixed to.
_DUMMY_SHAPE = (40, 20, 20)
_KEYS_SHOWN = 12

# Sizes that torch does not like, or cannot even count.
_TORCH_SAYS_NO = (RuntimeError, ValueError, TypeError, OverflowError, MemoryError)


class _Nested(nn.Module):
    """The extra module that 0.3.5 has around a network."""

    def __init__(self, name: str, net: nn.Module) -> None:
        super().__init__()
        self._inner = name
        self.add_module(name, net)

    def forward(self, x: Tensor) -> Tensor:
        return self.get_submodule(self._inner)(x)  # type: ignore[no-any-return]


class Model(nn.Module):
    """A network with its prediction head, as DaCapo puts them together.

    Parameters
    ----------
    architecture, task : configs
        Of :mod:`napari_dacapo.store.configs`.
    dialect : {"main", "0.3.5"}
        Which DaCapo's names and order the parameters get. The states of an
        optimizer go by that order.

    Attributes
    ----------
    input_shape, eval_input_shape : tuple of int
        Voxels that the network takes in training and when predicting.
    num_in_channels, num_out_channels : int
        Channels of its input and of its prediction.
    upsampling : tuple of int
        Voxels of the output to one of the input, along each axis.
    configs : tuple
        The architecture's and the task's config.
    """

    def __init__(self, architecture: Any, task: Any, dialect: Dialect = "main") -> None:
        super().__init__()
        name, net, n_fmaps, self.input_shape = _network(architecture)
        head = head_of(task)
        dims = len(self.input_shape)
        conv = {2: nn.Conv2d, 3: nn.Conv3d}.get(dims)
        if conv is None:
            raise UnsupportedError(f"Networks of {dims} spatial dimensions are not supported.")
        self.dialect: Dialect = dialect
        self.configs = (architecture, task)
        if dialect == "0.3.5":
            self.architecture = net = _Nested(name, net)
        self.prediction_head = conv(n_fmaps, head.n_out, head.kernel)
        self.chain = nn.Sequential(net, self.prediction_head)
        self.activation = torch.sigmoid if head.activation == "sigmoid" else None
        increase = getattr(architecture, "eval_shape_increase", None) or (0,) * dims
        self.eval_input_shape: Shape = tuple(
            a + b for a, b in zip(self.input_shape, increase, strict=True)
        )
        if min(self.eval_input_shape) < 1:
            raise ValueError(
                f"eval_shape_increase {increase} of input_shape {self.input_shape}, of which "
                "nothing is left"
            )
        self.num_in_channels = int(_n_in(architecture))
        self.num_out_channels = head.n_out
        factors = getattr(architecture, "upsample_factors", None) or ()
        self.upsampling: Shape = tuple(
            functools.reduce(lambda a, b: a * b, (factor[axis] for factor in factors), 1)
            for axis in range(dims)
        )
        self._output_shapes: dict[Shape, tuple[int, Shape]] = {}

    def forward(self, x: Tensor) -> Tensor:
        """Run the network on (batch, channels, *spatial); activated when in eval mode."""
        y: Tensor = self.chain(x)
        return y if self.training else self.activate(y)

    def activate(self, y: Tensor) -> Tensor:
        """Return the prediction for what the last convolution gives."""
        return y if self.activation is None else self.activation(y)

    def compute_output_shape(self, input_shape: Sequence[int]) -> tuple[int, Shape]:
        """Return the channels and spatial shape of the output for an input's spatial shape.

        Nothing is computed: the shapes are followed through a twin without data.

        Raises
        ------
        ValueError
            If the network cannot take that shape.
        """
        shape = tuple(input_shape)
        if shape not in self._output_shapes:
            with torch.device("meta"), torch.no_grad():
                twin = Model(*self.configs)
                try:
                    y = twin(torch.empty((1, self.num_in_channels, *shape)))
                except _TORCH_SAYS_NO as error:
                    raise ValueError(first_line(error)) from error
            self._output_shapes[shape] = int(y.shape[1]), tuple(y.shape[2:])
        return self._output_shapes[shape]

    def scale(self, voxel_size: Sequence[float]) -> tuple[float, ...]:
        """Return the voxel size of the output for that of the input."""
        return tuple(v / factor for v, factor in zip(voxel_size, self.upsampling, strict=True))


def _n_in(architecture: Any) -> int:
    n_in = getattr(architecture, "fmaps_in", None)
    return int(architecture.num_in_channels if n_in is None else n_in)


def first_line(error: BaseException) -> str:
    """Return what torch says, without the lines of its own code that follow."""
    return str(error).partition("\n")[0][:300] or type(error).__name__


def _check_axes(architecture: Any) -> None:
    """Compare the number of axes of all sizes in the config of a U-Net."""
    dims = len(architecture.input_shape)
    kernels = [*(architecture.kernel_size_down or ()), *(architecture.kernel_size_up or ())]
    sizes = {
        "downsample_factors": architecture.downsample_factors,
        "upsample_factors": architecture.upsample_factors or (),
        "kernel_size": [kernel for level in kernels for kernel in level],
        "eval_shape_increase": [architecture.eval_shape_increase or architecture.input_shape],
    }
    for name, shapes in sizes.items():
        for shape in shapes:
            if len(shape) != dims:
                raise ValueError(f"{name} {shape}, but input_shape has {dims} axes")


def _network(architecture: Any) -> tuple[str, nn.Module, int, Shape]:
    """Return 0.3.5's name for the network, the network, its feature maps, its input shape."""
    if problem := getattr(architecture, "problem", None):
        raise ValueError(problem)
    match architecture.type_name:
        case "CNNectomeUNetConfig":
            if not architecture.downsample_factors:
                raise UnsupportedError("A CNNectomeUNet without downsample_factors has no levels.")
            _check_axes(architecture)
            n_out, batch_norm = int(architecture.fmaps_out), bool(architecture.batch_norm)
            net: nn.Module = UNet(
                n_in=int(architecture.fmaps_in),
                n_out=n_out,
                num_fmaps=int(architecture.num_fmaps),
                fmap_inc_factor=int(architecture.fmap_inc_factor),
                downsample_factors=architecture.downsample_factors,
                kernel_size_down=architecture.kernel_size_down,
                kernel_size_up=architecture.kernel_size_up,
                padding=architecture.padding,
                constant_upsample=bool(architecture.constant_upsample),
                use_attention=bool(architecture.use_attention),
                batch_norm=batch_norm,
            )
            if architecture.upsample_factors:
                tail = upsampling_tail(n_out, architecture.upsample_factors, batch_norm=batch_norm)
                net = nn.Sequential(net, *tail)
            return "unet", net, n_out, tuple(architecture.input_shape)
        case "DummyArchitectureConfig":
            n_out = int(architecture.num_out_channels)
            dummy = nn.Conv3d(int(architecture.num_in_channels), n_out, 3)
            return "conv", dummy, n_out, _DUMMY_SHAPE
        case "WrappedArchitectureConfig":
            raise UnsupportedError(
                "This run's network is a module of the user's own (WrappedArchitectureConfig), "
                "which needs its own package and is pickled code that is never opened here.",
                todo="Stored predictions and segmentations can be looked at.",
            )
        case "ModelZooConfig":
            raise UnsupportedError(
                "This run's network is of the BioImage model zoo (ModelZooConfig), which needs "
                "its own package, bioimageio.core.",
                todo="Stored predictions and segmentations can be looked at.",
            )
        case name:
            raise UnsupportedError(
                f"Networks of type {name} are not known.",
                todo="Stored predictions and segmentations can be looked at.",
            )


def build_model(architecture: Any, task: Any, *, dialect: Dialect = "main") -> Model:
    """Build a run's network with fresh weights, in training mode.

    Parameters
    ----------
    architecture, task : configs
        The run's, of :mod:`napari_dacapo.store.configs`.
    dialect : {"main", "0.3.5"}
        Which DaCapo's names the parameters get.

    Raises
    ------
    UnsupportedError
        If the network or head needs more than this package has.
    CheckpointError
        If the config does not describe a network.
    """
    try:
        return Model(architecture, task, dialect)
    except NapariDacapoError:
        raise
    except (AttributeError, IndexError, KeyError, *_TORCH_SAYS_NO) as error:
        raise CheckpointError(
            f"The config of the architecture does not describe a network: {first_line(error)}."
        ) from error


def _differences(model: nn.Module, state: Mapping[str, Tensor]) -> list[str]:
    own = model.state_dict()
    lines = [f"missing in the checkpoint: {key}" for key in own if key not in state]
    lines += [f"not in the config's network: {key}" for key in state if key not in own]
    lines += [
        f"{key} has shape {tuple(state[key].shape)}, the config's network {tuple(own[key].shape)}"
        for key in own
        if key in state and state[key].shape != own[key].shape
    ]
    return lines


def check_fits(model: nn.Module, weights: Weights) -> None:
    """Compare a checkpoint with a network, key by key and shape by shape.

    Raises
    ------
    CheckpointError
        If they differ; the message lists the keys.
    """
    different = _differences(model, weights.model)
    if different:
        shown = different[:_KEYS_SHOWN]
        more = len(different) - len(shown)
        listed = "; ".join(shown) + (f"; and {more} more" if more else "")
        raise CheckpointError(
            f"Checkpoint {weights.path} does not fit the config of its run: {listed}.",
            todo="Was the run's config changed after training?",
            path=weights.path,
        )


def load_weights(model: nn.Module, weights: Weights) -> None:
    """Fill a network from a checkpoint, which must fit it in every key and shape.

    A network without memory of its own (built on torch's device "meta") takes
    over the checkpoint's tensors.

    Raises
    ------
    CheckpointError
        If it does not fit; the network is not changed then.
    """
    check_fits(model, weights)
    on_meta = any(parameter.is_meta for parameter in model.parameters())
    model.load_state_dict(weights.model, strict=True, assign=on_meta)
