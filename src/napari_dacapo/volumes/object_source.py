"""Array objects of other libraries as sources of lazy arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dacapo.volumes.masked import without_mask
from napari_dacapo.volumes.sources import TransposedSource, reading

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_dacapo.volumes.volume import Volume

__all__ = ["ObjectSource", "elements_in_memory", "is_held"]

_EDGE = 128


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
            return np.asarray(without_mask(self.array[index]), self.dtype)


def elements_in_memory(volume: Volume) -> bool:
    """Whether a volume's elements are a numpy array that was handed over."""
    source = _source_of(volume.data)
    return isinstance(source, ObjectSource) and _is_in_memory(source.array)


def _is_in_memory(array: Any) -> bool:
    return isinstance(array, np.ndarray) and not isinstance(array, np.memmap)


def is_held(data: Any) -> bool:
    """Whether elements are those of an array object that someone holds, and may change."""
    return isinstance(_source_of(data), ObjectSource)


def _source_of(data: Any) -> Any:
    source = getattr(getattr(data, "lazy_view", None), "source", None)
    return source.source if isinstance(source, TransposedSource) else source
