"""What a checkpoint's ``data.pkl`` says, found out without an unpickler.

The description is a program for a small machine. torch runs it believing the
sizes that it names, and both torch and Python compute hashes of whatever it
uses as keys. Here the few instructions that checkpoints consist of are followed
with stand-ins, each in constant time: a tensor that claims more elements than
its record has, a key that is no text, a number or a nesting that no checkpoint
has is refused before anything is computed with it. Containers cannot be
referred to twice, so that nothing is larger than the program that makes it.
"""

from __future__ import annotations

import pickletools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_dacapo.errors import CheckpointError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["check_description"]

_MAX_INSTRUCTIONS = 2_000_000
_MAX_DEPTH = 32
_MAX_AXES = 8
_MAX_SHARED_TUPLE = 16
_MAX_INT = 2**63

_ITEM_SIZES = {
    "BoolStorage": 1, "ByteStorage": 1, "CharStorage": 1, "ShortStorage": 2, "HalfStorage": 2,
    "BFloat16Storage": 2, "IntStorage": 4, "FloatStorage": 4, "LongStorage": 8,
    "DoubleStorage": 8, "UntypedStorage": 1, "ComplexFloatStorage": 8, "ComplexDoubleStorage": 16,
}  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class _Name:
    """A global name; does nothing."""

    meaning: str
    item_size: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class _Storage:
    """Stands for a storage: the number of elements that its record has."""

    numel: int


@dataclass(frozen=True, slots=True, eq=False)
class _Leaf:
    """Stands for a tensor or a device."""


@dataclass(frozen=True, slots=True, eq=False)
class _Weights:
    """Stands for DaCapo's object around the states of model and optimizer."""

    state: dict[str, Any]


class _Ordered(dict[Any, Any]):
    """Stands for an OrderedDict."""


_NAMES = {
    "collections OrderedDict": _Name("ordered"),
    "dacapo.store.weights_store Weights": _Name("weights"),
    "torch._utils _rebuild_tensor_v2": _Name("tensor"),
    "torch._utils _rebuild_parameter": _Name("parameter"),
    "torch Size": _Name("size"),
    "torch device": _Name("device"),
} | {
    f"{module} {name}": _Name("storage", size)
    for name, size in _ITEM_SIZES.items()
    for module in ("torch", "torch.storage")
}


def check_description(data: bytes, sizes: Mapping[str, int]) -> list[str]:
    """Check that a description asks for nothing that a checkpoint does not need.

    Parameters
    ----------
    data : bytes
        The record ``data.pkl``.
    sizes : mapping of str to int
        Bytes of each record of the archive.

    Returns
    -------
    list of str
        Keys of the storages that it names: their records are ``data/<key>``.

    Raises
    ------
    CheckpointError
        If it names a class that a checkpoint does not need, claims sizes that
        are not there, or is not a description at all.
    """
    machine = _Machine(sizes)
    try:
        for count, (instruction, argument, _) in enumerate(pickletools.genops(data)):
            if count > _MAX_INSTRUCTIONS:
                raise CheckpointError("The description is longer than that of any network.")
            machine.step(instruction.name, argument, count)
        _check_depth(machine.result())
    except CheckpointError:
        raise
    except Exception as error:  # whatever a hostile description provokes
        raise CheckpointError(
            f"The description in the file is damaged ({type(error).__name__})."
        ) from error
    return list(machine.storages)


class _Machine:
    """Follows a description, instruction by instruction."""

    def __init__(self, sizes: Mapping[str, int]) -> None:
        self._sizes = sizes
        self._stack: list[Any] = []
        self._marked: list[list[Any]] = []
        self._numbered: dict[int, Any] = {}
        self.storages: dict[str, _Storage] = {}

    def result(self) -> Any:
        """Return what was made at last."""
        return self._stack[-1]

    def step(self, instruction: str, argument: Any, count: int) -> None:
        """Follow one instruction, the `count`-th from 0."""
        stack = self._stack
        match instruction:
            case "BINGET" | "LONG_BINGET":
                stack.append(_shared(self._numbered[argument]))
            case "BINPUT" | "LONG_BINPUT":
                # No pickler counts further; some unpicklers have a table as long as the number.
                if argument > count:
                    raise CheckpointError(
                        f"The description numbers a value {argument}, but has only {count} of "
                        "them so far."
                    )
                self._numbered[argument] = stack[-1]
            case "BININT" | "BININT1" | "BININT2" | "LONG1":
                if not -_MAX_INT <= argument < _MAX_INT:
                    raise CheckpointError("A number in the description has more than 64 bits.")
                stack.append(argument)
            case "BINUNICODE" | "BINFLOAT":
                stack.append(argument)
            case "NONE" | "NEWTRUE" | "NEWFALSE":
                stack.append({"NONE": None, "NEWTRUE": True, "NEWFALSE": False}[instruction])
            case "EMPTY_TUPLE":
                stack.append(())
            case "EMPTY_LIST":
                stack.append([])
            case "EMPTY_DICT":
                stack.append({})
            case "MARK":
                self._marked.append(stack)
                self._stack = []
            case "TUPLE":
                self._stack = self._marked.pop()
                self._stack.append(_tuple(stack))
            case "TUPLE1" | "TUPLE2" | "TUPLE3":
                n = int(instruction[-1])
                items = stack[-n:]
                del stack[-n:]
                stack.append(_tuple(items))
            case "APPEND":
                value = stack.pop()
                _append(stack[-1], [value])
            case "APPENDS":
                self._stack = self._marked.pop()
                _append(self._stack[-1], stack)
            case "SETITEM":
                value, key = stack.pop(), stack.pop()
                _set_items(stack[-1], [key, value])
            case "SETITEMS":
                self._stack = self._marked.pop()
                _set_items(self._stack[-1], stack)
            case "GLOBAL":
                stack.append(_named(argument))
            case "BINPERSID":
                stack.append(self._storage(stack.pop()))
            case "REDUCE":
                arguments = stack.pop()
                stack.append(_call(stack.pop(), arguments))
            case "NEWOBJ":
                arguments, name = stack.pop(), stack.pop()
                if not isinstance(name, _Name) or name.meaning != "weights" or arguments != ():
                    raise CheckpointError("The file makes an object that no checkpoint has.")
                stack.append(_Weights({}))
            case "BUILD":
                state = stack.pop()
                _fill(stack[-1], state)
            case "PROTO" | "STOP":
                pass
            case _:
                raise CheckpointError(
                    f"The description uses the instruction {instruction}: torch never writes it."
                )

    def _storage(self, claim: Any) -> _Storage:
        if not (isinstance(claim, tuple) and len(claim) == 5 and claim[0] == "storage"):
            raise CheckpointError("The file refers to something that is not a tensor's storage.")
        _, kind, key, _, numel = claim
        if not isinstance(kind, _Name) or kind.meaning != "storage" or not isinstance(key, str):
            raise CheckpointError("The file refers to a storage of unknown type.")
        there = self._sizes.get(f"data/{key}")
        if there is None:
            raise CheckpointError(f"The record of storage {key!r:.80} is missing from the file.")
        if type(numel) is not int:
            raise CheckpointError(f"Storage {key!r:.80} claims no number of elements.")
        if numel * kind.item_size != there:
            raise CheckpointError(
                f"Storage {key!r:.80} claims {numel} elements of {kind.item_size} bytes, but its "
                f"record has {there} bytes."
            )
        return self.storages.setdefault(key, _Storage(numel))


def _shared(value: Any) -> Any:
    """Return what is used once more; not containers, which could grow with each use."""
    if isinstance(value, list | dict | _Weights):
        raise CheckpointError("The description refers twice to the same container.")
    if isinstance(value, tuple):
        if len(value) > _MAX_SHARED_TUPLE or any(isinstance(item, tuple | dict) for item in value):
            raise CheckpointError("The description refers twice to the same container.")
    return value


def _tuple(items: list[Any]) -> tuple[Any, ...]:
    """Make a tuple; only the arguments of a call hold further ones, of sizes."""
    for item in items:
        if isinstance(item, list | _Weights):
            raise CheckpointError("A tuple in the description holds a list.")
        if isinstance(item, tuple) and any(isinstance(inner, tuple | dict) for inner in item):
            raise CheckpointError("A tuple in the description is nested too deeply.")
    return tuple(items)


def _append(target: Any, items: list[Any]) -> None:
    if type(target) is not list:
        raise CheckpointError("The description appends to something that is no list.")
    target.extend(items)


def _set_items(target: Any, items: list[Any]) -> None:
    if not isinstance(target, dict) or len(items) % 2:
        raise CheckpointError("The description sets keys of something that has none.")
    for key, value in zip(items[::2], items[1::2], strict=True):
        # Other keys, such as tuples of tuples, can take for ever to hash.
        if type(key) is not str and type(key) is not int:
            raise CheckpointError("A key in the description is neither text nor a number.")
        target[key] = value


def _named(name: str) -> _Name:
    try:
        return _NAMES[name]
    except KeyError:
        raise CheckpointError(
            f"The file asks for {name.replace(' ', '.')[:120]}, which no DaCapo checkpoint needs; "
            "it was not opened."
        ) from None


def _call(name: Any, arguments: Any) -> Any:
    meaning = name.meaning if isinstance(name, _Name) else ""
    if type(arguments) is tuple:
        match meaning, len(arguments):
            case "ordered", 0:
                return _Ordered()
            case "tensor", 6 | 7:
                return _tensor(*arguments[:4])
            case "parameter", 3 if isinstance(arguments[0], _Leaf):
                return arguments[0]
            case "size", 1 if type(arguments[0]) is tuple:
                return arguments[0]
            case "device", _ if all(type(item) in (str, int) for item in arguments):
                return _Leaf()
    raise CheckpointError("The file makes a call that no checkpoint needs.")


def _fill(target: Any, state: Any) -> None:
    """Give an object its attributes."""
    if type(state) is dict:
        if isinstance(target, _Weights) and all(type(key) is str for key in state):
            target.state.update(state)
            return
        # What torch notes of the versions of modules.
        if isinstance(target, _Ordered) and list(state) == ["_metadata"]:
            return
    raise CheckpointError("The file gives attributes to something that has none.")


def _tensor(storage: Any, offset: Any, size: Any, stride: Any) -> _Leaf:
    if not isinstance(storage, _Storage):
        raise CheckpointError("A tensor names no storage.")
    is_shape = isinstance(size, tuple) and isinstance(stride, tuple) and len(size) == len(stride)
    if not is_shape or len(size) > _MAX_AXES:
        raise CheckpointError("A tensor claims an impossible size.")
    if any(type(n) is not int or n < 0 for n in (offset, *size, *stride)):
        raise CheckpointError("A tensor claims an impossible size.")
    numel = 1
    for n in size:
        numel *= n
    last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
    if numel > storage.numel or (numel and last >= storage.numel):
        raise CheckpointError(
            f"A tensor claims {numel} elements of {size}, but {storage.numel} are there."
        )
    return _Leaf()


def _check_depth(value: Any) -> None:
    """Refuse what is nested deeper than states are; no container is in two places."""
    level = [value]
    for _ in range(_MAX_DEPTH):
        below: list[Any] = []
        for item in level:
            if isinstance(item, _Weights):
                below += item.state.values()
            elif isinstance(item, dict):
                below += item.values()
            elif isinstance(item, list | tuple):
                below += item
        if not below:
            return
        level = below
    raise CheckpointError("The description is nested deeper than that of any network.")
