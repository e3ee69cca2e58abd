"""Which datasets a run trains on and validates on."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Literal

from napari_dacapo.errors import NapariDacapoError
from napari_dacapo.runs.datasets import Dataset
from napari_dacapo.store import is_array
from napari_dacapo.store.configs import (
    ArrayConfig,
    DatasetConfig,
    DataSplitConfig,
    DummyDataSplitConfig,
    IntensitiesArrayConfig,
    SimpleDataset,
    SimpleDataSplitConfig,
    TrainValidateDataSplitConfig,
    ZarrArrayConfig,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_dacapo.options import Options
    from napari_dacapo.runs.run import Run

__all__ = ["DataSplit", "find_simple_datasets", "simple_array_config"]

_MAX_DEPTH = 6
_MAX_FOLDERS = 20_000
_SCALES = {"uint8": 255.0, "uint16": 65535.0}


class DataSplit:
    """The datasets of a run.

    Attributes
    ----------
    config : DataSplitConfig
        As configured.
    train, validate : list of Dataset
        In the order of the config, which is the order of stored scores.
    problem : str or None
        Why datasets are missing here, if they are.
    """

    def __init__(self, run: Run) -> None:
        self.config: DataSplitConfig = run.config.datasplit_config
        self.problem: str | None = None
        train: tuple[DatasetConfig, ...] = ()
        validate: tuple[DatasetConfig, ...] = ()
        config = self.config
        if isinstance(config, TrainValidateDataSplitConfig):
            train, validate = config.train_configs, config.validate_configs
        elif isinstance(config, DummyDataSplitConfig):
            train = (config.train_config,)
        elif isinstance(config, SimpleDataSplitConfig):
            train = tuple(find_simple_datasets(config, "train", run.store.options))
            validate = tuple(find_simple_datasets(config, "validate", run.store.options))
            if not validate:
                # Out of reach; what was validated is known by its folders.
                validate = tuple(
                    SimpleDataset(name=name, path=f"{config.path}/{config.validate_group_name}",
                                  raw_name=config.raw_name, gt_name=config.gt_name,
                                  mask_name=config.mask_name)
                    for name in run.validations.folders
                )  # fmt: skip
            if not train:
                self.problem = (
                    f"No datasets are found below {config.path}; if it lies elsewhere on this "
                    "machine, add it to the path map."
                )
        self.train = [Dataset(run, dataset, "train") for dataset in train]
        self.validate = [Dataset(run, dataset, "validate") for dataset in validate]


def find_simple_datasets(
    config: SimpleDataSplitConfig, split: Literal["train", "validate"], options: Options
) -> list[SimpleDataset]:
    """Find the datasets of a `SimpleDataSplitConfig` as DaCapo does.

    ``<path>/<raw>``, else ``<path>/<group>/<raw>``, else every
    ``<path>/<group>/**/<raw>`` is one; its name is that of the folder around
    it, without an ending.

    Parameters
    ----------
    config : SimpleDataSplitConfig
        Path and names.
    split : {"train", "validate"}
        Which group.
    options : Options
        Maps the path.

    Returns
    -------
    list of SimpleDataset
        With paths as the run names them (not mapped); empty if the path
        cannot be reached.
    """
    from napari_dacapo.store.paths import check_name, reachable

    group = config.train_group_name if split == "train" else config.validate_group_name
    try:
        check_name(config.raw_name)
        check_name(group)
    except NapariDacapoError:
        return []
    try:
        local = reachable(config.path, options)
    except NapariDacapoError:
        return []
    named = PurePosixPath(config.path)
    if is_array(local / config.raw_name):
        found = [PurePosixPath()]
    elif is_array(local / group / config.raw_name):
        found = [PurePosixPath(group)]
    else:
        found = [
            PurePosixPath(group, part) for part in _groups_with(local / group, config.raw_name)
        ]
    return [
        SimpleDataset(
            name=(named / part).stem, path=str(named / part), raw_name=config.raw_name,
            gt_name=config.gt_name, mask_name=config.mask_name,
        )
        for part in found
    ]  # fmt: skip


def simple_array_config(
    dataset: SimpleDataset, role: Literal["raw", "gt", "mask"], options: Options
) -> ArrayConfig | None:
    """Return the array config that a `SimpleDataset` stands for.

    Raw of dtype uint8 and uint16 is scaled to 0..1, as DaCapo does; a mask
    that is not there is None.
    """
    name = {"raw": dataset.raw_name, "gt": dataset.gt_name, "mask": dataset.mask_name}[role]
    if role == "mask" and not is_array(options.map_path(dataset.path) / name):
        return None
    config = ZarrArrayConfig(name=f"{dataset.name}_{role}", file_name=dataset.path, dataset=name)
    if role != "raw":
        return config
    scale = _SCALES.get(_dtype(config, options))
    if scale is None:
        return config
    return IntensitiesArrayConfig(name=dataset.name, source_array_config=config, min=0.0, max=scale)


def _dtype(config: ZarrArrayConfig, options: Options) -> str:
    from napari_dacapo.volumes import Identity, volume_from_config

    try:
        volume = volume_from_config(
            config, options=options, identity=Identity("", "", "raw"), kind="image"
        )
    except (NapariDacapoError, OSError):
        return ""
    return volume.dtype.name


def _groups_with(folder: Path, raw_name: str) -> Iterator[str]:
    """Yield the groups below a folder that hold an array of this name, sorted, relative to it."""
    budget = _MAX_FOLDERS
    pending = [("", 0)]
    while pending and budget:
        budget -= 1
        part, depth = pending.pop()
        here = folder / part if part else folder
        if part and is_array(here / raw_name):
            yield part
        if depth == _MAX_DEPTH or is_array(here):
            continue
        try:
            with os.scandir(here) as entries:
                names = sorted(e.name for e in entries if e.is_dir(follow_symlinks=False))
        except OSError:
            continue
        pending.extend((f"{part}/{name}".lstrip("/"), depth + 1) for name in reversed(names))
