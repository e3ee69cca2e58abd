"""What a checkpoint file claims to hold, found out before torch may open it.

A checkpoint is a zip archive: ``data.pkl`` describes the objects, and one
record for each tensor storage holds the bytes. torch believes the sizes that
the description names, so they are compared here with the bytes that are there:
an archive that would unpack to more than itself, or a tensor that claims more
elements than its record has, is refused without allocating anything. The
description is first looked through as a program, for instructions that make
Python's own unpickler allocate what they claim; then it is read by an
unpickler that knows nothing but inert stand-ins.
"""

from __future__ import annotations

import io
import math
import pickle
import pickletools
import zipfile
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from napari_dacapo.errors import CheckpointError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["check_claims"]

# A state dict of thousands of tensors is described in less than 2 MB.
MAX_DESCRIPTION_BYTES = 64 * 2**20
MAX_RECORDS = 200_000

_ITEM_SIZES = {
    "BoolStorage": 1, "ByteStorage": 1, "CharStorage": 1, "ShortStorage": 2, "HalfStorage": 2,
    "BFloat16Storage": 2, "IntStorage": 4, "FloatStorage": 4, "LongStorage": 8,
    "DoubleStorage": 8, "UntypedStorage": 1, "ComplexFloatStorage": 8, "ComplexDoubleStorage": 16,
}  # fmt: skip


# The instructions that torch's own safe reader knows. Others would be refused there; some make
# Python's unpickler reserve as many bytes as they claim.
_INSTRUCTIONS = frozenset(
    "GLOBAL NEWOBJ REDUCE BUILD APPEND APPENDS SETITEM SETITEMS MARK TUPLE TUPLE1 TUPLE2 TUPLE3 "
    "NONE NEWFALSE NEWTRUE EMPTY_TUPLE EMPTY_LIST EMPTY_DICT EMPTY_SET BININT BININT1 BININT2 "
    "BINFLOAT BINUNICODE SHORT_BINSTRING BINPERSID BINGET LONG_BINGET BINPUT LONG_BINPUT LONG1 "
    "PROTO STOP".split()
)


@dataclass
class _Storage:
    """Stand-in for a storage: the number of elements that its record has."""

    numel: int


@dataclass(frozen=True)
class _StorageType:
    item_size: int


class _Weights:
    """Stand-in for DaCapo's class around a model's and an optimizer's state."""


class _Plain:
    """Stand-in for values that carry no data, such as a dtype or a device."""

    def __init__(self, *_arguments: Any) -> None:
        pass


def _rebuild_tensor(storage: Any, offset: Any, size: Any, stride: Any, *_rest: Any) -> _Plain:
    if not isinstance(storage, _Storage):
        raise CheckpointError("A tensor names no storage.")
    numbers = [offset, *size, *stride]
    if len(size) != len(stride) or any(type(n) is not int or n < 0 for n in numbers):
        raise CheckpointError(f"A tensor claims the impossible size {tuple(size)!r}.")
    numel = math.prod(size)
    last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
    if numel > storage.numel or (numel and last >= storage.numel):
        raise CheckpointError(
            f"A tensor claims {numel} elements of {tuple(size)!r}, but {storage.numel} are there."
        )
    return _Plain()


def _rebuild_parameter(data: Any, *_rest: Any) -> Any:
    return data


_GLOBALS: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): OrderedDict,
    ("dacapo.store.weights_store", "Weights"): _Weights,
    ("torch._utils", "_rebuild_tensor_v2"): _rebuild_tensor,
    ("torch._utils", "_rebuild_parameter"): _rebuild_parameter,
    ("torch", "Size"): tuple,
    ("torch", "device"): _Plain,
} | {
    (module, name): _StorageType(size)
    for name, size in _ITEM_SIZES.items()
    for module in ("torch", "torch.storage")
}  # fmt: skip


@dataclass
class _Description:
    """The unpickler's view of the archive: what it may look up."""

    sizes: Mapping[str, int]
    storages: dict[str, _Storage] = field(default_factory=dict)

    def storage(self, claim: Any) -> _Storage:
        if not (isinstance(claim, tuple) and len(claim) == 5 and claim[0] == "storage"):
            raise CheckpointError("The file refers to something that is not a tensor's storage.")
        _, kind, key, _, numel = claim
        if not isinstance(kind, _StorageType) or not isinstance(key, str):
            raise CheckpointError("The file refers to a storage of unknown type.")
        there = self.sizes.get(f"data/{key}")
        if there is None:
            raise CheckpointError(f"The record of storage {key!r} is missing from the file.")
        if type(numel) is not int or numel * kind.item_size != there:
            raise CheckpointError(
                f"Storage {key!r} claims {numel!r} elements of {kind.item_size} bytes, but its "
                f"record has {there} bytes."
            )
        return self.storages.setdefault(key, _Storage(numel))


class _Inspector(pickle.Unpickler):
    def __init__(self, data: bytes, description: _Description) -> None:
        super().__init__(io.BytesIO(data))
        self._description = description

    def find_class(self, module: str, name: str) -> Any:
        try:
            return _GLOBALS[module, name]
        except KeyError:
            raise CheckpointError(
                f"The file asks for {module}.{name}, which no DaCapo checkpoint needs; "
                "it was not opened."
            ) from None

    def persistent_load(self, claim: Any) -> _Storage:
        return self._description.storage(claim)


def _check_program(data: bytes) -> None:
    """Refuse instructions that no checkpoint has, and values numbered as no pickler numbers them.

    Python's unpickler keeps numbered values in a table as long as the highest
    number, so that five bytes would claim the whole memory.
    """
    for count, (instruction, argument, _) in enumerate(pickletools.genops(data)):
        if instruction.name not in _INSTRUCTIONS:
            raise CheckpointError(
                f"The description uses the instruction {instruction.name}: torch never writes it."
            )
        if instruction.name in ("BINPUT", "LONG_BINPUT") and (argument or 0) > count:
            raise CheckpointError(
                f"The description numbers a value {argument}, but has only {count} of them so far."
            )


def _read_description(data: bytes, sizes: Mapping[str, int]) -> None:
    """Read a description; raises CheckpointError where it does not fit the records' sizes."""
    try:
        _check_program(data)
        _Inspector(data, _Description(sizes)).load()
    except CheckpointError:
        raise
    except Exception as error:  # whatever a hostile pickle provokes
        raise CheckpointError(
            f"The description in the file is damaged ({type(error).__name__}: {error})."
        ) from error


def _record_sizes(infos: Iterable[zipfile.ZipInfo], n_bytes: int) -> dict[str, int]:
    """Return the records' sizes by name, without the archive's own folder name."""
    sizes: dict[str, int] = {}
    folders: set[str] = set()
    for info in infos:
        if info.compress_type != zipfile.ZIP_STORED or info.compress_size != info.file_size:
            raise CheckpointError(
                f"Record {info.filename!r} is compressed, which torch never does."
            )
        if info.flag_bits & 0x1:
            raise CheckpointError(f"Record {info.filename!r} is encrypted.")
        folder, _, name = info.filename.partition("/")
        folders.add(folder)
        if not name or name in sizes or len(folders) > 1:
            raise CheckpointError(f"Record {info.filename!r} is doubled or out of place.")
        sizes[name] = info.file_size
        if len(sizes) > MAX_RECORDS:
            raise CheckpointError(f"The file has more than {MAX_RECORDS} records.")
    if sum(sizes.values()) > n_bytes:
        raise CheckpointError("The records overlap: the file would unpack to more than it is.")
    return sizes


def check_claims(data: bytes) -> None:
    """Check that a checkpoint holds what it claims to hold, and asks for nothing else.

    Parameters
    ----------
    data : bytes
        The whole file.

    Raises
    ------
    CheckpointError
        If it is not a torch zip archive, truncated, compressed, names a class
        that a checkpoint does not need, or claims sizes that are not there.
    """
    if not data.startswith(b"PK\x03\x04"):
        raise CheckpointError(
            "The file is not a zip archive as torch writes since 1.6: it is torn, of an older "
            "torch, or not a checkpoint."
        )
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if archive.comment:
                raise CheckpointError("The archive has a comment, which torch never writes.")
            infos = archive.infolist()
            sizes = _record_sizes(infos, len(data))
            if "constants.pkl" in sizes or any(name.startswith("code/") for name in sizes):
                raise CheckpointError("The file is a TorchScript program, not a checkpoint.")
            if "data.pkl" not in sizes:
                raise CheckpointError("The archive has no data.pkl: it is not a checkpoint.")
            if sizes["data.pkl"] > MAX_DESCRIPTION_BYTES:
                raise CheckpointError(f"data.pkl has {sizes['data.pkl']} bytes, which is absurd.")
            folder = infos[0].filename.partition("/")[0]
            description = archive.read(f"{folder}/data.pkl")
    except CheckpointError:
        raise
    except Exception as error:  # whatever a hostile archive provokes
        raise CheckpointError(f"The file is truncated or damaged ({error}).") from error
    _read_description(description, sizes)
