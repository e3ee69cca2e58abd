"""A run's network and optimizer as its training has them: fresh, started, or resumed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from napari_dacapo.errors import CheckpointError
from napari_dacapo.models.build import Model, build_model, check_fits, load_weights
from napari_dacapo.models.checkpoints import Dialect, Weights, dialect_of
from napari_dacapo.models.dialects import canonical, parameter_order, reorder, translate

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Tensor

    from napari_dacapo.store.configs import RunConfig

__all__ = ["fresh_model", "move_optimizer", "radam", "resume", "start_from"]


def fresh_model(config: RunConfig) -> Model:
    """Build a run's network with weights drawn at random, as before training.

    Raises
    ------
    UnsupportedError, CheckpointError
        If the network cannot be built from its config, or not in this
        computer's memory.
    """
    # DaCapo's main moved these from the trainer to the run, and renamed the parameters.
    is_main = config.learning_rate is not None or config.batch_size is not None
    dialect: Dialect = "main" if is_main else "0.3.5"
    with torch.device("meta"):
        twin = build_model(config.architecture_config, config.task_config, dialect=dialect)
    _check_memory(sum(tensor.nbytes for tensor in twin.state_dict().values()))
    return build_model(config.architecture_config, config.task_config, dialect=dialect)


def _check_memory(n_bytes: int) -> None:
    import psutil

    free = psutil.virtual_memory().available
    if n_bytes > free:
        raise CheckpointError(
            f"The network needs {n_bytes / 2**30:.0f} GiB of memory, but {free / 2**30:.0f} GiB "
            "are free.",
            todo="Is its config right?",
        )


def radam(model: Model, learning_rate: float | None) -> torch.optim.Optimizer:
    """Return the optimizer that DaCapo makes for a network."""
    return torch.optim.RAdam(
        model.parameters(),
        lr=1e-3 if learning_rate is None else learning_rate,
        decoupled_weight_decay=True,
    )


def resume(model: Model, optimizer: torch.optim.Optimizer, weights: Weights) -> None:
    """Fill network and optimizer from a checkpoint of the same run.

    Raises
    ------
    CheckpointError
        If the checkpoint does not fit; then neither is changed.
    """
    translated = Weights(translate(weights.model, model), {}, weights.sha256, weights.path)
    check_fits(model, translated)
    state = _optimizer_state(model, optimizer, weights)
    if state is not None:
        _load_optimizer(optimizer, state, weights)
    load_weights(model, translated)


def _load_optimizer(
    optimizer: torch.optim.Optimizer, state: dict[str, Any], weights: Weights
) -> None:
    before = optimizer.state_dict()
    try:
        optimizer.load_state_dict(state)
    except Exception as error:  # torch takes values as they are, and fails on some
        optimizer.load_state_dict(before)
        raise _makes_no_sense(weights, error) from error


def _makes_no_sense(weights: Weights, error: Exception) -> CheckpointError:
    return CheckpointError(
        f"The optimizer's state in checkpoint {weights.path} makes no sense ({error!r:.200}).",
        path=weights.path,
    )


def _optimizer_state(
    model: Model, optimizer: torch.optim.Optimizer, weights: Weights
) -> dict[str, Any] | None:
    if not weights.optimizer:
        return None
    try:
        names = [name for name, _ in model.named_parameters()]
        new = parameter_order(names, model.dialect)
        state: dict[str, Any] = dict(weights.optimizer)
        if weights.dialect != model.dialect:
            with torch.device("meta"):
                twin = build_model(*model.configs, dialect=weights.dialect)
            old = parameter_order((name for name, _ in twin.named_parameters()), weights.dialect)
            state = reorder(state, old, new)
        groups = state["param_groups"]
        fits = [len(group["params"]) for group in groups] == [
            len(group["params"]) for group in optimizer.param_groups
        ]
        shapes = [parameter.shape for parameter in model.parameters()]
        for index, values in state["state"].items():
            for name, value in values.items():
                fits &= _is_of(name, value, shapes[index])
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        raise _makes_no_sense(weights, error) from error
    if not fits:
        raise CheckpointError(
            f"The optimizer's state in checkpoint {weights.path} is of another network.",
            todo="Was the run's config changed after training?",
            path=weights.path,
        )
    return state


def _is_of(name: str, value: Any, shape: torch.Size) -> bool:
    """Whether an entry of an optimizer's state is of a parameter of this shape."""
    if name == "step":
        is_one = isinstance(value, torch.Tensor) and value.numel() == 1
        return is_one or isinstance(value, int | float)
    return not isinstance(value, torch.Tensor) or value.shape == shape


def start_from(
    model: Model,
    state: Mapping[str, Tensor],
    channels: Sequence[str],
    start_channels: Sequence[str],
) -> list[str]:
    """Take over from another run's network what fits, the head channel by channel.

    Parameters
    ----------
    model : Model
        What is to be started; keeps its weights where nothing fits.
    state : mapping of str to torch.Tensor
        The other network's state dict, of any dialect.
    channels, start_channels : sequence of str
        Names of the channels that the two predict; empty if not known.

    Returns
    -------
    list of str
        Everything that did not fit, one line each.
    """
    dialect = dialect_of(state)
    given = {canonical(key, dialect): value for key, value in state.items()}
    own: dict[str, Tensor] = {}
    for key, value in model.state_dict().items():
        own.setdefault(canonical(key, model.dialect), value)
    lines = [f"{name} is not in this network; left out" for name in given if name not in own]
    by_name = bool(channels) and bool(start_channels) and list(channels) != list(start_channels)
    with torch.no_grad():
        for name, value in own.items():
            found = given.get(name)
            if found is None:
                lines.append(f"{name} is not in the checkpoint; stays random")
            elif name.startswith("head.") and by_name:
                fits = found.shape[1:] == value.shape[1:] and (
                    (found.shape[0], value.shape[0]) == (len(start_channels), len(channels))
                )
                if not fits:
                    lines.append(_shapes(name, found, value))
                    continue
                for index, channel in enumerate(channels):
                    if channel in start_channels:
                        value[index] = found[list(start_channels).index(channel)]
            elif found.shape == value.shape:
                value.copy_(found)
            else:
                lines.append(_shapes(name, found, value))
    if by_name:
        lines += [
            f"channel {channel!r} is not in the checkpoint's head; stays random"
            for channel in channels
            if channel not in start_channels
        ]
        lines += [
            f"channel {channel!r} of the checkpoint's head is not predicted here; left out"
            for channel in start_channels
            if channel not in channels
        ]
    return lines


def _shapes(name: str, found: Tensor, value: Tensor) -> str:
    return (
        f"{name} has shape {tuple(found.shape)} in the checkpoint, {tuple(value.shape)} here; "
        "stays random"
    )


def move_optimizer(
    optimizer: torch.optim.Optimizer, device: Any, *, empty_cuda_cache: bool = False
) -> None:
    """Move every tensor of an optimizer's state to a device.

    Raises
    ------
    AssertionError
        If the state is not a dictionary of dictionaries.
    """
    # As DaCapo documents it; an `assert` would vanish with `python -O`.
    if not isinstance(optimizer.state, dict):
        raise AssertionError("The optimizer state is not a dictionary.")
    for state in optimizer.state.values():
        if not isinstance(state, dict):
            raise AssertionError("The optimizer state is not a dictionary.")
        for key, value in state.items():
            if isinstance(value, torch.Tensor):
                state[key] = value.to(device)
    if empty_cuda_cache:
        torch.cuda.empty_cache()
