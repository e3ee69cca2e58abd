"""Bytes of a store into plain typed values: read-only, and safe.

`create_config_store`, `create_stats_store` and `create_array_store` give the
readers of a store, with the names and methods that DaCapo's stores have.
Methods that write raise `ReadOnlyError`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_dacapo.options import Options, load_options
from napari_dacapo.store.array_store import (
    LocalArrayIdentifier,
    LocalArrayStore,
    LocalContainerIdentifier,
)
from napari_dacapo.store.config_store import ConfigStore, FileConfigStore
from napari_dacapo.store.configs import RunConfig
from napari_dacapo.store.parameters import Parameters, parse_parameters
from napari_dacapo.store.safe_pickle import load_pickle
from napari_dacapo.store.safe_yaml import load_yaml
from napari_dacapo.store.stats_store import (
    FileStatsStore,
    StatsStore,
    TrainingIteration,
    ValidationIteration,
)
from napari_dacapo.store.stored_validation import StoredValidation, is_array
from napari_dacapo.store.weights_store import CheckpointFiles

if TYPE_CHECKING:
    from napari_dacapo.store.mongo import MongoConfigStore, MongoStatsStore

__all__ = [
    "CheckpointFiles",
    "ConfigStore",
    "FileConfigStore",
    "FileStatsStore",
    "LocalArrayIdentifier",
    "LocalArrayStore",
    "LocalContainerIdentifier",
    "MongoConfigStore",
    "MongoStatsStore",
    "Parameters",
    "RunConfig",
    "StatsStore",
    "StoredValidation",
    "TrainingIteration",
    "ValidationIteration",
    "create_array_store",
    "create_config_store",
    "create_stats_store",
    "is_array",
    "load_pickle",
    "load_yaml",
    "parse_parameters",
]


def create_config_store(options: Options | None = None) -> ConfigStore:
    """Return the reader of configs.

    Parameters
    ----------
    options : Options, optional
        Which store; by default as `load_options` finds it.
    """
    options = options if options is not None else load_options()
    if options.type == "mongo":
        from napari_dacapo.store.mongo import MongoConfigStore

        return MongoConfigStore(options)
    return FileConfigStore(options)


def create_stats_store(options: Options | None = None) -> StatsStore:
    """Return the reader of losses and scores.

    Parameters
    ----------
    options : Options, optional
        Which store; by default as `load_options` finds it.
    """
    options = options if options is not None else load_options()
    if options.type == "mongo":
        from napari_dacapo.store.mongo import MongoStatsStore

        return MongoStatsStore(options)
    return FileStatsStore(options)


def create_array_store(options: Options | None = None) -> LocalArrayStore:
    """Return the finder of arrays; they are files with MongoDB, too.

    Parameters
    ----------
    options : Options, optional
        Which store; by default as `load_options` finds it.
    """
    return LocalArrayStore(options if options is not None else load_options())


def __getattr__(name: str) -> object:
    # The database driver is imported only by those who use it.
    if name in ("MongoConfigStore", "MongoStatsStore"):
        from napari_dacapo.store import mongo

        return getattr(mongo, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
