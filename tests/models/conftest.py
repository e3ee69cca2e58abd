from __future__ import annotations

import io
import pickle
import shutil
import zipfile
from collections import OrderedDict
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import dask.array as da
import numpy as np
import pytest
import torch

from napari_dacapo.models.block_cache import block_cache
from napari_dacapo.runs import Store, open_store
from napari_dacapo.store.configs import (
    ArchitectureConfig,
    CNNectomeUNetConfig,
    DistanceTaskConfig,
    RunConfig,
    TaskConfig,
)
from napari_dacapo.volumes import Identity, LazyArray, Volume

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class Weights:
    """What DaCapo pickles; named as DaCapo's by :func:`save_checkpoint`."""

    def __init__(self, model: Any, optimizer: Any) -> None:
        self.model = model
        self.optimizer = optimizer


def save_checkpoint(path: Path, model: torch.nn.Module, optimizer: Any = None) -> Path:
    """Write a checkpoint as DaCapo does: an instance of its class, by its name."""
    buffer = io.BytesIO()
    module, name = Weights.__module__, Weights.__qualname__
    Weights.__module__, Weights.__qualname__ = "dacapo.store.weights_store", "Weights"
    stand_in = SimpleNamespace(Weights=Weights)
    import sys

    names = ("dacapo", "dacapo.store", "dacapo.store.weights_store")
    sys.modules.update(dict.fromkeys(names, stand_in))  # type: ignore[arg-type]
    try:
        state = {} if optimizer is None else optimizer.state_dict()
        torch.save(Weights(OrderedDict(model.state_dict()), state), buffer)
    finally:
        Weights.__module__, Weights.__qualname__ = module, name
        for key in names:
            del sys.modules[key]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(buffer.getvalue())
    return path


def rewrite(path: Path, change: Callable[[str, bytes], bytes | None]) -> Path:
    """Copy a zip archive in place, record by record; None leaves one out."""
    with zipfile.ZipFile(path) as archive:
        records = [(info.filename, archive.read(info)) for info in archive.infolist()]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, content in records:
            changed = change(name.partition("/")[2], content)
            if changed is not None:
                archive.writestr(name, changed)
    return path


def with_pickle(path: Path, data: bytes) -> Path:
    """Put another description into a checkpoint."""
    return rewrite(path, lambda name, content: data if name == "data.pkl" else content)


def pickled(value: Any) -> bytes:
    return pickle.dumps(value, protocol=2)


def text(value: str) -> bytes:
    """Describe a string, as a pickle does."""
    data = value.encode()
    return b"X" + len(data).to_bytes(4, "little") + data


def integer(n: int) -> bytes:
    return b"\x8a" + bytes([8]) + n.to_bytes(8, "little", signed=True)


def numbers(values: Sequence[int]) -> bytes:
    return b"(" + b"".join(map(integer, values)) + b"t"


def storage(numel: bytes, after: bytes = b"") -> bytes:
    """Describe a storage of float32 with the key "0"; what is `after` is done to it."""
    claim = text("storage") + b"ctorch\nFloatStorage\n" + text("0") + text("cpu")
    return b"(" + claim + numel + b"tQ" + after


def described(storage: bytes, size: bytes, stride: bytes) -> bytes:
    """Describe a checkpoint of one tensor, by hand."""
    tensor = (
        b"ctorch._utils\n_rebuild_tensor_v2\n("
        + storage + integer(0) + size + stride
        + b"\x89ccollections\nOrderedDict\n)RtR"
    )  # fmt: skip
    return b"\x80\x02}" + text("model") + b"}" + text("w") + tensor + b"ss."


def archive_of(path: Path, description: bytes, n_bytes: int = 24) -> Path:
    """Write an archive of a description and one storage."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x/data.pkl", description)
        archive.writestr("x/byteorder", "little")
        archive.writestr("x/data/0", bytes(n_bytes))
        archive.writestr("x/version", "3\n")
    return path


def unet(**changes: Any) -> CNNectomeUNetConfig:
    values: dict[str, Any] = {
        "name": "unet",
        "input_shape": (12, 12, 12),
        "eval_shape_increase": None,
        "fmaps_in": 1,
        "fmaps_out": 4,
        "num_fmaps": 3,
        "fmap_inc_factor": 2,
        "downsample_factors": ((2, 2, 2),),
        "padding": "same",
    }
    return CNNectomeUNetConfig(**values | changes)


def distance(*channels: str) -> DistanceTaskConfig:
    return DistanceTaskConfig(
        name="task", channels=channels or ("a",), clip_distance=80, tol_distance=8
    )


class TinyRun:
    """A run as `predict` wants it: a config, and checkpoints in a folder."""

    def __init__(
        self,
        folder: Path,
        architecture: ArchitectureConfig | None = None,
        task: TaskConfig | None = None,
        *,
        seed: int = 0,
        spoil: Callable[[torch.nn.Module], object] | None = None,
    ) -> None:
        from napari_dacapo.models import build_model

        self.name = "tiny"
        self.folder = folder
        self.input_voxel_size: tuple[float, ...] | None = None
        self.config = RunConfig(
            name="tiny", task_config=task or distance(), architecture_config=architecture or unet()
        )
        torch.manual_seed(seed)
        self.network = build_model(self.config.architecture_config, self.config.task_config)
        if spoil is not None:
            spoil(self.network)
        save_checkpoint(self.checkpoint_path(1), self.network)
        self.network.eval()

    def checkpoint_path(self, iteration: int) -> Path:
        return self.folder / "checkpoints" / "iterations" / str(iteration)


def make_raw(
    shape: tuple[int, ...],
    *,
    channels: bool = False,
    dtype: str = "float32",
    voxel_size: float = 8.0,
    offset: float = 0.0,
    lazy: bool = True,
) -> Volume:
    """Random raw data, the same each time."""
    rng = np.random.default_rng(0)
    elements = rng.random(shape) if dtype.startswith("f") else rng.integers(0, 256, shape)
    data = da.from_array(elements.astype(dtype), name=f"raw-{shape}-{dtype}", chunks=8)
    if lazy:
        from napari_dacapo.models.raw_blocks import DaskSource

        data = LazyArray.from_source(DaskSource(data), f"lazy-{data.name}")
    dims = len(shape) - channels
    return Volume(
        data=data,
        axis_names=(("c^",) if channels else ()) + ("z", "y", "x")[-dims:],
        voxel_size=(voxel_size,) * dims,
        offset=(offset,) * dims,
        identity=Identity("tiny", "data", "raw"),
    )


@pytest.fixture
def tiny(tmp_path: Path) -> TinyRun:
    """A run with one checkpoint of a tiny 3-D network that pads."""
    return TinyRun(tmp_path / "tiny")


@pytest.fixture
def real(stores: Path, tmp_path: Path) -> Path:
    """A copy of a real checkpoint."""
    source = stores / "main" / "dist_aniso" / "checkpoints" / "iterations" / "20"
    return Path(shutil.copy(source, tmp_path / "20"))


@pytest.fixture
def store_copy(stores: Path, tmp_path: Path) -> Callable[[str], Store]:
    """Return a function that copies a store to a place where a test may change it."""

    def copy(name: str) -> Store:
        folder = tmp_path / name
        shutil.copytree(stores / name, folder)
        return open_store(folder, path_map={"/nrs/demo/dacapo-data": str(stores / "data")})

    return copy


@pytest.fixture(autouse=True)
def _start_anew() -> Any:
    # Networks here are tiny: more threads would only wait for each other, and sum in another order.
    torch.set_num_threads(1)
    torch.manual_seed(0)
    block_cache.clear()
    yield
    block_cache.clear()


@pytest.fixture(scope="session")
def kit() -> Any:
    """The functions and classes above; test modules cannot import each other here."""
    import sys

    return sys.modules[__name__]
