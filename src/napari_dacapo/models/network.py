"""A checkpoint on a device, ready to run block after block."""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from napari_dacapo.errors import PredictionError
from napari_dacapo.models.build import Model, build_model, first_line, load_weights
from napari_dacapo.models.checkpoints import load_checkpoint
from napari_dacapo.models.halving import halves
from napari_dacapo.models.torch_threads import network_thread, run_with_threads_of_caller

if TYPE_CHECKING:
    from concurrent.futures import Executor
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_dacapo.models.checkpoints import Weights
    from napari_dacapo.models.halving import Piece

__all__ = ["Network", "NetworkSpec", "choose_device"]

Shape = tuple[int, ...]

# Networks that stay loaded in this process; a comparison of two needs two.
_KEPT = 4

# What torch, CUDA, cuDNN and oneDNN say. oneDNN allocates when it makes a primitive; that there
# is no descriptor of one means something else.
_OUT_OF_MEMORY = re.compile(
    "out of memory|can't allocate memory|not enough memory|_STATUS_ALLOC_FAILED|"
    "could not (create|execute) a primitive(?! descriptor)|could not create a memory object",
    re.IGNORECASE,
)


def choose_device(device: str = "auto") -> str:
    """Return the device to run on: the one asked for, or the best there is.

    Parameters
    ----------
    device : {"auto", "cpu", "cuda", "cuda:N", "mps"}
        "auto" takes CUDA, then MPS, then the CPU.

    Raises
    ------
    PredictionError
        If this machine or this torch has no such device.
    """
    if device == "auto":
        if torch.cuda.is_available():
            return "cuda"
        return "mps" if torch.backends.mps.is_available() else "cpu"
    kind, _, number = device.partition(":")
    there = {
        "cpu": True,
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
    }
    n_devices = torch.cuda.device_count() if kind == "cuda" else 1
    if not there.get(kind, False) or (
        number and not (number.isdigit() and int(number) < n_devices)
    ):
        have = ", ".join(name for name, is_there in there.items() if is_there)
        raise PredictionError(
            f"There is no device {device!r} here.", todo=f"Use 'auto' or one of: {have}."
        )
    return device


@dataclass(frozen=True)
class NetworkSpec:
    """Which network to run, as something that can be sent to another process.

    Attributes
    ----------
    path : Path
        The checkpoint.
    sha256 : str
        Its SHA-256; the file must still have it when it is loaded.
    architecture, task : configs
        What the network is built from.
    device : str
        Where it runs; "auto" is decided by the process that runs it.
    half : bool
        Whether to run in half precision, where the device is not the CPU.
    """

    path: Path
    sha256: str
    architecture: Any
    task: Any
    device: str = "auto"
    half: bool = False

    def load(self) -> Network:
        """Return the network, loaded once per process.

        Raises
        ------
        CheckpointError
            If the file is not what it was, or does not fit the config.
        PredictionError
            If the device is not there.
        """
        # With the configs: some of what they say, such as padding, does not show in the weights.
        configs = (repr(self.architecture), repr(self.task))
        key = (self.sha256, str(self.path), configs, choose_device(self.device), self.half)
        with _lock:
            network = _networks.get(key)
            if network is None:
                network = Network(self, load_checkpoint(self.path))
                _networks[key] = network
                while len(_networks) > _KEPT:
                    _networks.popitem(last=False)
            _networks.move_to_end(key)
            return network


_lock = threading.Lock()
_networks: OrderedDict[tuple[Any, ...], Network] = OrderedDict()


class Network:
    """A network in eval mode on its device.

    Parameters
    ----------
    spec : NetworkSpec
        Which, and where.
    weights : Weights
        The content of its checkpoint.

    Attributes
    ----------
    model : Model
        The torch module.
    device : str
        Where it runs.
    splits : int
        How often a block had to be halved because memory ran out.
    overflows : int
        How often a block had to be run again because half precision gave
        values that are not finite.
    """

    def __init__(self, spec: NetworkSpec, weights: Weights) -> None:
        self.spec = spec
        self.device = choose_device(spec.device)
        self.half = spec.half and self.device != "cpu"
        self.model = self._load(weights, torch.float16 if self.half else torch.float32)
        self._single: Model | None = None
        self.splits = 0
        self.overflows = 0

    def _load(self, weights: Weights, dtype: torch.dtype) -> Model:
        if weights.sha256 != self.spec.sha256:
            raise PredictionError(
                f"Checkpoint {self.spec.path} is not the file that it was when the prediction "
                "began.",
                todo="Start the prediction again.",
                path=self.spec.path,
            )
        model = empty_model(self.spec.architecture, self.spec.task, weights)
        return model.eval().requires_grad_(False).to(self.device, dtype)

    def run(self, raw: NDArray[Any], threads: Executor | None = None) -> NDArray[np.float32]:
        """Run the network on one block.

        Parameters
        ----------
        raw : numpy.ndarray
            Channels first, then the spatial axes.
        threads : Executor, optional
            Where it runs; default: the one network thread of this process,
            so that callers wait for each other.

        Returns
        -------
        numpy.ndarray
            float32, channels first.

        Raises
        ------
        PredictionError
            If there is not enough memory, even for parts of the block, or
            the network cannot take this shape.
        """
        x = torch.from_numpy(np.ascontiguousarray(raw, dtype=np.float32))[None]
        executor = network_thread() if threads is None else threads
        try:
            return run_with_threads_of_caller(executor, self._run, x).numpy()
        except (RuntimeError, MemoryError) as error:
            # The halves had room, but what they become together has none.
            if isinstance(error, PredictionError) or not is_out_of_memory(error):
                raise
            raise self.not_enough_memory(tuple(x.shape[2:])) from error

    def _run(self, x: torch.Tensor) -> torch.Tensor:
        try:
            return self._forward(x)
        except (RuntimeError, MemoryError, ValueError) as error:
            if not is_out_of_memory(error):
                raise PredictionError(
                    f"The network cannot be run on a block of shape {tuple(x.shape[1:])}: "
                    f"{first_line(error)}."
                ) from error
        # Outside of the handler, whose traceback would keep the tensors alive.
        if self.device.startswith("cuda"):
            torch.cuda.empty_cache()
        return self._run_halves(x)

    def _forward(self, x: torch.Tensor) -> torch.Tensor:
        with torch.inference_mode():
            x = x.to(self.device)
            y: torch.Tensor = self.model.chain(x.half() if self.half else x).float()
            # Half precision ends at 65504, which sums over many channels exceed. It is asked
            # before the activation, which makes a number of what is infinite.
            if self.half and not bool(torch.isfinite(y).all()):
                self.overflows += 1
                if self._single is None:
                    self._single = self._load(load_checkpoint(self.spec.path), torch.float32)
                y = self._single.chain(x)
            return self.model.activate(y)[0].cpu()

    def _run_halves(self, x: torch.Tensor) -> torch.Tensor:
        axis, pieces = self.cut(tuple(x.shape[2:]))
        results = []
        for piece in pieces:
            part = x.narrow(axis + 2, piece.begin, piece.length)
            results.append(self._run(part).narrow(axis + 1, piece.skip, piece.keep))
        return torch.cat(results, dim=axis + 1)

    def cut(self, shape: Shape) -> tuple[int, tuple[Piece, Piece]]:
        """Cut a block for which memory is not enough in two, as :func:`halves` does.

        Raises
        ------
        PredictionError
            If it cannot be cut without changing the prediction.
        """
        parts = halves(self.model, shape)
        if parts is None:
            raise self.not_enough_memory(shape)
        self.splits += 1
        return parts

    def not_enough_memory(self, shape: Shape) -> PredictionError:
        """Return what is to be said of a block that is too large."""
        return PredictionError(
            f"There is not enough memory on {self.device} for a block of {shape} voxels, which "
            "cannot be cut further without changing the prediction.",
            todo="Close other programs, use another device, half precision on a GPU, or a smaller "
            "input_shape.",
        )


def empty_model(architecture: Any, task: Any, weights: Weights) -> Model:
    """Build a network straight from a checkpoint's tensors, without drawing weights first.

    The config is compared with the checkpoint before memory is taken, so that
    a config that asks for terabytes is an error like any other.
    """
    with torch.device("meta"):
        model = build_model(architecture, task, dialect=weights.dialect)
    load_weights(model, weights)
    return model


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether an exception of torch or numpy means that memory ran out."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return _OUT_OF_MEMORY.search(str(error)) is not None
