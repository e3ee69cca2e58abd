"""Start configs: which weights a run begins with."""

from __future__ import annotations

from napari_dacapo.store.configs.base import Family, UnknownConfig

__all__ = ["BaseStartConfig", "CosemStartConfig", "StartConfig", "UnknownStartConfig"]


class BaseStartConfig(Family):
    """Any start config."""

    noun = "start config"

    run: str = ""
    criterion: str = ""


class UnknownStartConfig(UnknownConfig, BaseStartConfig):
    """A start config that is not understood."""


class StartConfig(BaseStartConfig):
    """Start from a checkpoint of another run.

    ``criterion`` is the name of a file under that run's ``checkpoints`` or
    ``checkpoints/iterations``.
    """

    run: str
    criterion: str


class CosemStartConfig(BaseStartConfig):
    """Start from a published CellMap checkpoint."""

    run: str
    criterion: str
