"""The program that a pickle of DaCapo's stats is, and its result.

Python's own unpickler, however restricted in what it may import, lets a file
of a few bytes claim gigabytes. So the few opcodes that DaCapo's stats consist
of are interpreted here; everything else is refused. Sizes are compared with
what is left of the file before anything is made, containers cannot be
referred to twice (so there are no cycles and no expansion), how much is made
is held to what was read for it, and the only global names are the two by
which numpy writes a scalar, for which inert stand-ins serve.
"""

from __future__ import annotations

import struct
from typing import Any

from napari_dacapo.store.numpy_scalars import (
    Broken,
    Dtype,
    Global,
    Unsafe,
    build,
    find_global,
    reduce,
)

__all__ = ["interpret"]

_MAX_DEPTH = 32
# Picklers write containers in portions of a thousand items.
_MAX_STACK = 10_000
# A record of an iteration makes 6 values of 35 bytes, the shortest scores make 6 of 25.
_BYTES_OF_A_VALUE = 4
_FREE_VALUES = 300_000
# How many opcodes are run between two looks at how much was made.
_PORTION = 4096

_CONTAINERS = (list, dict)
_PLAIN = (str, bytes, int, float, type(None), Dtype)
_EXECUTING = {
    ord("i"): "INST",
    ord("o"): "OBJ",
    ord("P"): "PERSID",
    ord("Q"): "BINPERSID",
    0x81: "NEWOBJ",
    0x82: "EXT1",
    0x83: "EXT2",
    0x84: "EXT4",
    0x92: "NEWOBJ_EX",
}


def interpret(data: bytes) -> Any:
    """Run the pickle program and return what it makes.

    One long loop on purpose: it is run a dozen times for each iteration of a
    training. Branches are ordered by how often they are taken.

    Raises
    ------
    Broken, IndexError, struct.error, UnicodeDecodeError
        If the program is cut off or nonsense.
    Unsafe
        If it asks for what only a malicious program needs.
    """
    size = len(data)
    position = 0
    stack: list[Any] = []
    frames: list[list[Any]] = []
    memo: list[Any] = []
    made = 0
    unpack_float = struct.Struct(">d").unpack_from
    unpack_int = struct.Struct("<i").unpack_from
    unpack_uint = struct.Struct("<I").unpack_from
    unpack_ulong = struct.Struct("<Q").unpack_from

    while True:
        for _ in range(_PORTION):
            op = data[position]
            position += 1
            if op == 0x68 or op == 0x6A:  # BINGET, LONG_BINGET
                if op == 0x68:
                    index = data[position]
                    position += 1
                else:
                    index = unpack_uint(data, position)[0]
                    position += 4
                if index >= len(memo):
                    raise Broken("it refers to a value that is not there")
                value = memo[index]
                if isinstance(value, _CONTAINERS):
                    raise Broken("it refers twice to the same list or mapping")
                stack.append(value)
            elif op == 0x47:  # BINFLOAT
                stack.append(unpack_float(data, position)[0])
                position += 8
            elif op == 0x94:  # MEMOIZE
                memo.append(stack[-1])
            elif op == 0x4B:  # BININT1
                stack.append(data[position])
                position += 1
            elif op == 0x4D:  # BININT2
                stack.append(data[position] | data[position + 1] << 8)
                position += 2
            elif op == 0x4A:  # BININT
                stack.append(unpack_int(data, position)[0])
                position += 4
            elif op == 0x7D or op == 0x5D:  # EMPTY_DICT, EMPTY_LIST
                stack.append({} if op == 0x7D else [])
                made += 1
            elif op == 0x28:  # MARK
                if len(frames) >= _MAX_DEPTH:
                    raise Unsafe("it is nested deeper than stats can be")
                frames.append(stack)
                stack = []
            elif op == 0x75:  # SETITEMS
                items, stack = stack, _pop(frames)
                made += len(items) // 2
                _set_items(stack[-1], items)
            elif op == 0x65:  # APPENDS
                items, stack = stack, _pop(frames)
                made += len(items)
                _append(stack[-1], items)
            elif op == 0x61:  # APPEND
                value = stack.pop()
                made += 1
                _append(stack[-1], [value])
            elif op == 0x73:  # SETITEM
                value = stack.pop()
                key = stack.pop()
                made += 1
                _set_items(stack[-1], [key, value])
            elif op in (0x8C, 0x58, 0x8D, 0x43, 0x42, 0x8E):
                # SHORT_BINUNICODE, BINUNICODE, BINUNICODE8, SHORT_BINBYTES, BINBYTES, BINBYTES8
                if op in (0x8C, 0x43):
                    length = data[position]
                    position += 1
                elif op in (0x58, 0x42):
                    length = unpack_uint(data, position)[0]
                    position += 4
                else:
                    length = unpack_ulong(data, position)[0]
                    position += 8
                if length > size - position:
                    raise Broken(f"it claims {length} bytes where {size - position} are left")
                piece = data[position : position + length]
                position += length
                made += 1
                stack.append(piece.decode() if op in (0x8C, 0x58, 0x8D) else piece)
            elif 0x85 <= op <= 0x87:  # TUPLE1, TUPLE2, TUPLE3
                count = op - 0x84
                if count > len(stack):
                    raise Broken("values are missing")
                made += 1
                parts = _tuple(stack[-count:])
                del stack[-count:]
                stack.append(parts)
            elif op == 0x52:  # REDUCE
                arguments = stack.pop()
                stack[-1] = reduce(stack[-1], arguments)
            elif op == 0x4E:  # NONE
                stack.append(None)
            elif op == 0x88 or op == 0x89:  # NEWTRUE, NEWFALSE
                stack.append(op == 0x88)
            elif op == 0x2E:  # STOP
                if frames or len(stack) != 1:
                    raise Broken("its parts do not fit together")
                if position != size:
                    raise Broken(f"{size - position} bytes follow after its end")
                _check_depth(stack[0])
                return stack[0]
            elif op == 0x93:  # STACK_GLOBAL
                value = stack.pop()
                stack[-1] = find_global(stack[-1], value)
            elif op == 0x63:  # GLOBAL
                names = []
                for _ in range(2):
                    end = data.find(b"\n", position, position + 200)
                    if end < 0:
                        raise Broken("a name has no end")
                    names.append(data[position:end].decode())
                    position = end + 1
                stack.append(find_global(*names))
            elif op == 0x62:  # BUILD
                state = stack.pop()
                build(stack[-1], state)
            elif op == 0x74:  # TUPLE
                items, stack = stack, _pop(frames)
                stack.append(_tuple(items))
            elif op == 0x29:  # EMPTY_TUPLE
                stack.append(())
            elif op == 0x71 or op == 0x72:  # BINPUT, LONG_BINPUT
                if op == 0x71:
                    index = data[position]
                    position += 1
                else:
                    index = unpack_uint(data, position)[0]
                    position += 4
                if index > len(memo):
                    raise Unsafe("it numbers its values with gaps")
                if index == len(memo):
                    memo.append(stack[-1])
                else:
                    memo[index] = stack[-1]
            elif op == 0x8A:  # LONG1
                length = data[position]
                if length > 16:
                    raise Broken(f"an integer of {length} bytes")
                if length > size - position - 1:
                    raise Broken("it ends in the middle of a value")
                position += 1
                stack.append(
                    int.from_bytes(data[position : position + length], "little", signed=True)
                )
                position += length
            elif op == 0x95:  # FRAME
                length = unpack_ulong(data, position)[0]
                position += 8
                if length > size - position:
                    raise Broken(f"it claims {length} bytes where {size - position} are left")
            elif op == 0x80:  # PROTO
                if data[position] > 5:
                    raise Broken(f"pickle protocol {data[position]}")
                position += 1
            elif op in _EXECUTING:
                raise Unsafe(f"it asks to make an object (opcode {_EXECUTING[op]})")
            else:
                raise Broken(f"opcode 0x{op:02x} at byte {position - 1}")
        if max(made, len(memo)) > _FREE_VALUES + position // _BYTES_OF_A_VALUE:
            raise Unsafe("it makes more values than stats can have")
        if len(stack) > _MAX_STACK:
            raise Unsafe("it lines up more values than stats can have")


def _pop(frames: list[list[Any]]) -> list[Any]:
    if not frames:
        raise Broken("its parts do not fit together")
    return frames.pop()


def _append(target: Any, items: list[Any]) -> None:
    if type(target) is not list:
        raise Broken("values are appended to something that is no list")
    target.extend(items)


def _set_items(target: Any, items: list[Any]) -> None:
    if type(target) is not dict or len(items) % 2:
        raise Broken("keys are set in something that is no mapping")
    for index in range(0, len(items), 2):
        key = items[index]
        if type(key) is not str:
            raise Broken("a key is no text")
        target[key] = items[index + 1]


def _tuple(items: list[Any]) -> tuple[Any, ...]:
    # Tuples occur only as arguments of numpy's two functions: flat, and short.
    if len(items) > 16:
        raise Broken("a tuple is too long")
    for item in items:
        if not isinstance(item, _PLAIN):
            raise Broken("a tuple holds more than plain values")
    return tuple(items)


def _check_depth(value: Any) -> None:
    """Refuse what is nested too deeply, and stand-ins that were left over."""
    level: list[Any] = [[value]]
    for _ in range(_MAX_DEPTH):
        below: list[Any] = []
        for container in level:
            for item in container if type(container) is list else container.values():
                kind = type(item)
                if kind is list or kind is dict:
                    below.append(item)
                elif kind is Global or kind is Dtype or kind is tuple:
                    raise Broken("it holds something that is no value")
        if not below:
            return
        level = below
    raise Unsafe("it is nested deeper than stats can be")
