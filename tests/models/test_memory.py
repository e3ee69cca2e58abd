"""Not enough memory: blocks are cut in halves, and what cannot be cut is said."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from napari_dacapo.errors import ArrayTooLargeError, PredictionError
from napari_dacapo.models import predict
from napari_dacapo.models.block_cache import block_cache
from napari_dacapo.models.network import is_out_of_memory
from napari_dacapo.models.prediction import source_of
from napari_dacapo.models.raw_blocks import DaskSource
from napari_dacapo.volumes import LazyArray

if TYPE_CHECKING:
    from pathlib import Path


def run_whole(network: torch.nn.Module, raw: Any) -> np.ndarray:
    with torch.no_grad():
        x = torch.from_numpy(np.asarray(raw.data, np.float32))[None, None]
        return network(x)[0].numpy()


def test_not_enough_memory_halves_the_block(
    kit: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from napari_dacapo.models import network

    forward = network.Network._forward
    sizes = []

    def limited(self: Any, x: torch.Tensor) -> torch.Tensor:
        if x.numel() > limit:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")
        sizes.append(x.numel())
        return forward(self, x)

    monkeypatch.setattr(network.Network, "_forward", limited)
    run = kit.TinyRun(tmp_path, kit.unet(padding="valid", input_shape=(40, 40, 40)))
    raw = kit.make_raw((40, 40, 40))
    limit = 40**3 // 3
    volume = predict(run, 1, raw)
    np.testing.assert_allclose(np.asarray(volume.data), run_whole(run.network, raw), atol=1e-6)
    assert len(sizes) > 2
    assert max(sizes) <= limit
    assert source_of(volume).network.load().splits > 0

    block_cache.clear()
    limit = 100
    with pytest.raises(PredictionError, match="not enough memory on cpu for a block of"):
        np.asarray(volume.data)


class SmallMemory(DaskSource):
    """Raw of which no more than so many voxels fit into memory at once."""

    limit = 20_000
    error: Exception = MemoryError("Unable to allocate 101. GiB for an array")

    def read(self, index: Any) -> Any:
        part = super().read(index)
        if part.size > self.limit:
            raise self.error
        return part


@pytest.mark.long
@pytest.mark.parametrize(
    ("padding", "error"),
    [
        ("same", MemoryError("Unable to allocate")),
        ("valid", ArrayTooLargeError("raw would need 101 GiB")),
    ],
)
def test_raw_is_read_in_halves_too(
    kit: Any, tmp_path: Path, padding: str, error: Exception
) -> None:
    run = kit.TinyRun(tmp_path, kit.unet(padding=padding, input_shape=(36, 36, 36)))
    raw = kit.make_raw((36, 36, 36))
    source = SmallMemory(raw.data)
    object.__setattr__(source, "error", error)
    small = raw.with_(data=LazyArray.from_source(source, "small"))
    np.testing.assert_allclose(
        np.asarray(predict(run, 1, small).data), run_whole(run.network, raw), atol=1e-6
    )
    object.__setattr__(source, "limit", 100)
    block_cache.clear()
    with pytest.raises(PredictionError, match="cannot be cut further without changing"):
        np.asarray(predict(run, 1, small.with_(revision="later")).data)


@pytest.mark.parametrize(
    "message",
    [
        "CUDA out of memory. Tried to allocate 2.00 GiB",
        "MPS backend out of memory (MPS allocated: 5 GB)",
        "[enforce fail at alloc_cpu.cpp:121] data. DefaultCPUAllocator: can't allocate memory: "
        "you tried to allocate 256 bytes. Error code 12 (Cannot allocate memory)",
        "DefaultCPUAllocator: not enough memory: you tried to allocate 256 bytes.",
        "could not create a primitive",
        "could not execute a primitive",
        "could not create a memory object",
        "cuDNN error: CUDNN_STATUS_ALLOC_FAILED",
        "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
    ],
)
def test_what_libraries_say(message: str) -> None:
    assert is_out_of_memory(RuntimeError(message))


@pytest.mark.parametrize(
    "message",
    [
        "could not create a primitive descriptor for the convolution forward propagation primitive",
        "Given groups=1, weight of size [3, 1, 3, 3, 3], expected input to have 1 channels",
    ],
)
def test_what_is_something_else(message: str) -> None:
    assert not is_out_of_memory(RuntimeError(message))
