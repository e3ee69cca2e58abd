"""Array objects of other libraries as sources of lazy arrays."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dacapo.volumes.sources import TransposedSource, reading

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_dacapo.volumes.volume import Volume

__all__ = ["ObjectSource", "elements_in_memory", "is_held", "sampled_range"]

_EDGE = 128
_SAMPLED = 2**17


class ObjectSource:
    """An object with a shape, a dtype and slices: numpy, h5py, zarr, TensorStore, ….

    Parameters
    ----------
    array : array
        Asked for a slice when its elements are needed, and for nothing before.
    name : str
        What to call it in messages.

    Raises
    ------
    TypeError, ValueError
        If it has no shape, or a dtype that is none of numpy's.
    """

    def __init__(self, array: Any, name: str) -> None:
        self.array = array
        self.path = name
        self.shape = tuple(int(n) for n in array.shape)
        # TensorStore has types of its own.
        dtype = getattr(array.dtype, "numpy_dtype", array.dtype)
        self.dtype: np.dtype[Any] = np.dtype(dtype).newbyteorder("=")
        chunks = getattr(array, "chunks", None)
        if not isinstance(chunks, tuple) or len(chunks) != len(self.shape):
            chunks = (_EDGE,) * len(self.shape)
        sizes = [c if isinstance(c, int) else _EDGE for c in chunks]
        self.chunks = tuple(max(1, min(size, n)) for size, n in zip(sizes, self.shape, strict=True))

    def read(self, index: tuple[int | slice, ...]) -> NDArray[Any]:
        """Read a part; see :class:`~napari_dacapo.volumes.sources.Source`."""
        with reading(self.path):
            return np.asarray(self.array[index], self.dtype)


def elements_in_memory(volume: Volume) -> bool:
    """Whether a volume's elements are a numpy array that was handed over."""
    source = _source_of(volume.data)
    return isinstance(source, ObjectSource) and _is_in_memory(source.array)


def sampled_range(array: Any) -> tuple[float, float] | None:
    """Return the range of some elements of an array in memory.

    None for arrays elsewhere, which are not to be read, and where the dtype
    says it: bool and single bytes.
    """
    if not _is_in_memory(array) or array.dtype.kind not in "uif" or array.dtype.itemsize == 1:
        return None
    step = max(1, math.ceil((array.size / _SAMPLED) ** (1 / max(array.ndim, 1))))
    sample = np.asarray(array[(slice(None, None, step),) * array.ndim], np.float64)
    sample = sample[np.isfinite(sample)]
    if not sample.size or sample.min() == sample.max():
        return None
    return float(sample.min()), float(sample.max())


def _is_in_memory(array: Any) -> bool:
    return isinstance(array, np.ndarray) and not isinstance(array, np.memmap)


def is_held(data: Any) -> bool:
    """Whether elements are those of an array object that someone holds, and may change."""
    return isinstance(_source_of(data), ObjectSource)


def _source_of(data: Any) -> Any:
    source = getattr(getattr(data, "lazy_view", None), "source", None)
    return source.source if isinstance(source, TransposedSource) else source
