"""Weights of a network as DaCapo stores them, read without running anything.

A checkpoint is a pickle of one class of DaCapo's. It is read with
``torch.load(weights_only=True)`` and an inert stand-in for that class, from a
copy of what was checked in it; there is no other way in.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch

from napari_dacapo.errors import CheckpointError
from napari_dacapo.models.archive import open_archive
from napari_dacapo.models.description import check_description

if TYPE_CHECKING:
    import io
    import os

__all__ = ["Dialect", "Weights", "dialect_of", "load_checkpoint"]

Dialect = Literal["0.3.5", "main"]

# ``safe_globals`` changes a list of the whole process while its block runs.
_LOADING = threading.Lock()


@dataclass(frozen=True, eq=False)
class Weights:
    """What a checkpoint holds.

    Attributes
    ----------
    model : dict of str to torch.Tensor
        The network's state dict, on the CPU.
    optimizer : dict
        The optimizer's state dict; empty if the file has none.
    sha256 : str
        SHA-256 of the file, hexadecimal.
    path : Path
        The file.
    """

    model: dict[str, torch.Tensor]
    optimizer: dict[str, Any]
    sha256: str
    path: Path

    @property
    def dialect(self) -> Dialect:
        """Which DaCapo wrote it, told from the names of the keys."""
        return dialect_of(self.model)

    @property
    def nonfinite(self) -> tuple[str, ...]:
        """Keys of tensors with a NaN or an infinity in them."""
        return tuple(
            key
            for key, value in self.model.items()
            if value.is_floating_point() and not bool(torch.isfinite(value).all())
        )


def dialect_of(state: Mapping[str, Any]) -> Dialect:
    """Return which DaCapo a state dict is of: 0.3.5 nests the network in ``architecture``."""
    return "0.3.5" if any(key.startswith("architecture.") for key in state) else "main"


class _StandIn:
    """Takes the place of DaCapo's ``Weights``; has attributes and no behaviour."""


_WEIGHTS_NAME = "dacapo.store.weights_store.Weights"


def _fail(path: Path, reason: str, todo: str = "") -> CheckpointError:
    return CheckpointError(f"Checkpoint {path} cannot be used: {reason}", todo=todo, path=path)


def _checked(path: Path) -> tuple[io.BytesIO, str]:
    """Return an archive that holds what was checked and nothing else, and the file's SHA-256."""
    try:
        with open_archive(path) as archive:
            description = archive.description()
            storages = check_description(description, archive.sizes)
            return archive.copy(description, storages), archive.sha256()
    except FileNotFoundError as error:
        raise _fail(path, "there is no such file.", "Choose an iteration that has one.") from error
    except OSError as error:
        raise _fail(path, f"it cannot be read ({error}).") from error
    except CheckpointError as error:
        todo = "If it is being written, try again when it is complete."
        raise _fail(path, error.message, todo) from error


def _reason(error: Exception) -> str:
    """Return what torch found wrong, without its advice to load the file unsafely."""
    text = str(error).strip()
    found = text.partition("WeightsUnpickler error:")[2] or text
    reason = found.strip().partition("\n")[0]
    return type(error).__name__ if "weights_only" in reason or not reason else reason


def _state_dict(value: Any, path: Path) -> dict[str, torch.Tensor]:
    if not isinstance(value, Mapping) or not value:
        raise _fail(path, "it holds no state of a model.")
    for key, tensor in value.items():
        if not isinstance(key, str) or not isinstance(tensor, torch.Tensor):
            raise _fail(path, f"entry {key!r:.80} of its model is not a tensor.")
    return dict(value)


def load_checkpoint(path: str | os.PathLike[str]) -> Weights:
    """Read a checkpoint, from current DaCapo or as a plain ``{"model", "optimizer"}`` dict.

    Parameters
    ----------
    path : path-like
        The file, e.g. ``<run>/checkpoints/iterations/<N>``.

    Returns
    -------
    Weights
        The states of model and optimizer, on the CPU.

    Raises
    ------
    CheckpointError
        If the file is missing, torn, not a checkpoint, claims sizes that are
        not there, or names anything that a checkpoint does not need.
    """
    path = Path(path)
    archive, sha256 = _checked(path)
    try:
        with _LOADING, torch.serialization.safe_globals([(_StandIn, _WEIGHTS_NAME)]):
            content = torch.load(archive, weights_only=True, map_location="cpu")
    except Exception as error:  # torch raises what it likes on damaged files
        raise _fail(path, f"torch refused it ({_reason(error)}).") from error
    parts = vars(content) if isinstance(content, _StandIn) else content
    if not isinstance(parts, Mapping) or "model" not in parts:
        raise _fail(path, "it has no entry 'model'.", "Choose a file of checkpoints/iterations.")
    optimizer = parts.get("optimizer")
    if optimizer is not None and not isinstance(optimizer, Mapping):
        raise _fail(path, f"its optimizer is no state but {type(optimizer).__name__}.")
    return Weights(
        model=_state_dict(parts["model"], path),
        optimizer=dict(optimizer or {}),
        sha256=sha256,
        path=path,
    )
