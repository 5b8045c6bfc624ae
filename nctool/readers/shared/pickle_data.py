"""A pickle read as data: the whole machine, except that nothing is ever imported or called.

A pickle is a little program. Here its calls become ``Made`` values that record what would have
been called and with what, its names become ``Global`` values, and dicts become ``Table`` values,
because even hashing a crafted key can take for ever. Whoever reads the result decides which
names mean something. Large byte strings are not read, only located.
"""

from __future__ import annotations

import pickletools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import BinaryIO

LARGE = 64  # longer than any number, shorter than any file within the file


@dataclass(eq=False, frozen=True, slots=True)
class Global:
    """The name of something importable, never imported."""

    dotted: str


@dataclass(eq=False, slots=True)
class Made:
    """A call that was not made: the callee, its arguments, and what was put in afterwards."""

    maker: object
    args: tuple[object, ...]
    state: object = None
    items: list[object] = field(default_factory=list)
    pairs: list[tuple[object, object]] = field(default_factory=list)

    @property
    def name(self) -> str:
        maker = self.maker
        if isinstance(maker, Outside) and isinstance(maker.id, tuple) and len(maker.id) > 1:
            maker = maker.id[1]  # old torch files keep the class of a module outside
        return maker.dotted if isinstance(maker, Global) else ""


@dataclass(eq=False, slots=True)
class Table:
    """A dict as it was written: pairs, in order."""

    pairs: list[tuple[object, object]] = field(default_factory=list)

    def texts(self) -> Mapping[str, object]:
        """The entries whose key is a string."""
        return {key: value for key, value in self.pairs if isinstance(key, str)}


@dataclass(eq=False, frozen=True, slots=True)
class Blob:
    """A byte string left where it is in the file."""

    offset: int
    length: int


@dataclass(eq=False, frozen=True, slots=True)
class Outside:
    """A reference to something kept beside the pickle, such as a tensor's storage."""

    id: object


_OPCODES = {info.code.encode("latin-1"): info for info in pickletools.opcodes}
_LENGTHS = {"SHORT_BINBYTES": 1, "BINBYTES": 4, "BINBYTES8": 8, "BYTEARRAY8": 8}
_COUNTED = {"BINUNICODE": 4, "BINUNICODE8": 8, "LONG4": 4, "BINSTRING": 4}
_VALUES = frozenset(
    "INT BININT BININT1 BININT2 LONG LONG1 LONG4 FLOAT BINFLOAT STRING BINSTRING SHORT_BINSTRING "
    "UNICODE SHORT_BINUNICODE BINUNICODE BINUNICODE8".split()
)
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_TUPLES = {"EMPTY_TUPLE": 0, "TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


def read_pickle(file: BinaryIO, end: int, base: int = 0) -> object:
    """The value of one pickle starting at the file's position; ``base`` is added to offsets."""
    machine = _Machine()
    while True:
        code = file.read(1)
        info = _OPCODES[code] if code else None
        if info is None:
            raise ValueError("the pickle ends too early")
        if info.name == "STOP":
            return machine.stack.pop()
        if info.name in _LENGTHS:
            length = int.from_bytes(_exactly(file, _LENGTHS[info.name]), "little")
            start = file.tell()
            if length > end - start:
                raise ValueError("a byte string is longer than the file")
            # Tensors and arrays stay in the file: reading a pickle costs its description only.
            if length < LARGE:
                machine.stack.append(file.read(length))
            else:
                machine.stack.append(Blob(base + start, length))
                file.seek(start + length)
            continue
        # pickletools would allocate what the length says before it looks whether so much is there.
        if info.name in _COUNTED:
            start = file.tell()
            length = int.from_bytes(_exactly(file, _COUNTED[info.name]), "little")
            if length > end - file.tell():
                raise ValueError("a text or a number is longer than the file")
            file.seek(start)
        machine.step(info.name, info.arg.reader(file) if info.arg else None)


def _exactly(file: BinaryIO, count: int) -> bytes:
    data = file.read(count)
    if len(data) < count:
        raise ValueError("the pickle ends too early")
    return data


class _Machine:
    """The stack, the marks and the memo of a pickle."""

    def __init__(self) -> None:
        self.stack: list[object] = []
        self.below: list[list[object]] = []
        self.memo: dict[int, object] = {}

    def since_mark(self) -> list[object]:
        items, self.stack = self.stack, self.below.pop()
        return items

    def push(self, value: object) -> None:
        """Put a value on the stack, which is another one once a mark has ended."""
        self.stack.append(value)

    def step(self, name: str, argument: object) -> None:
        stack = self.stack
        match name:
            # First the two that make up most of a large pickle.
            case "MEMOIZE":
                self.memo[len(self.memo)] = stack[-1]
            case "BINGET" | "GET" | "LONG_BINGET":
                stack.append(self.memo[_index(argument)])
            case "PROTO" | "FRAME":
                pass
            case _ if name in _VALUES:
                stack.append(argument)
            case _ if name in _CONSTANTS:
                stack.append(_CONSTANTS[name])
            case _ if name in _TUPLES:
                items = [stack.pop() for _ in range(_TUPLES[name])]
                stack.append(tuple(reversed(items)))
            case "MARK":
                self.below.append(stack)
                self.stack = []
            case "POP":
                if stack:
                    stack.pop()
                else:
                    self.since_mark()
            case "POP_MARK":
                self.since_mark()
            case "DUP":
                stack.append(stack[-1])
            case "PUT" | "BINPUT" | "LONG_BINPUT":
                self.memo[_index(argument)] = stack[-1]
            case "PERSID":
                stack.append(Outside(argument))
            case "BINPERSID":
                stack.append(Outside(stack.pop()))
            case _:
                self.build(name, argument)

    def build(self, name: str, argument: object) -> None:
        """The opcodes that make and fill containers and objects."""
        match name:
            case "EMPTY_LIST" | "EMPTY_SET":
                self.push([])
            case "LIST" | "FROZENSET":
                self.push(self.since_mark())
            case "TUPLE":
                self.push(tuple(self.since_mark()))
            case "EMPTY_DICT":
                self.push(Table())
            case "DICT":
                self.push(Table(_paired(self.since_mark())))
            case "APPEND":
                item = self.stack.pop()
                _items(self.stack[-1]).append(item)
            case "APPENDS" | "ADDITEMS":
                items = self.since_mark()
                _items(self.stack[-1]).extend(items)
            case "SETITEM":
                value, key = self.stack.pop(), self.stack.pop()
                _pairs(self.stack[-1]).append((key, value))
            case "SETITEMS":
                items = self.since_mark()
                _pairs(self.stack[-1]).extend(_paired(items))
            case "GLOBAL":
                self.push(Global(str(argument).replace(" ", ".", 1)))
            case "STACK_GLOBAL":
                attribute, module = self.stack.pop(), self.stack.pop()
                self.push(Global(f"{module}.{attribute}"))
            case "REDUCE" | "NEWOBJ" | "NEWOBJ_EX":
                if name == "NEWOBJ_EX":
                    self.stack.pop()  # arguments by name
                arguments, maker = self.stack.pop(), self.stack.pop()
                if not isinstance(arguments, tuple):
                    raise ValueError("the arguments of a call are not a tuple")
                self.push(Made(maker, arguments))
            case "INST":
                maker = Global(str(argument).replace(" ", ".", 1))
                self.push(Made(maker, tuple(self.since_mark())))
            case "OBJ":
                maker, *items = self.since_mark()
                self.push(Made(maker, tuple(items)))
            case "BUILD":
                state, made = self.stack.pop(), self.stack[-1]
                if isinstance(made, Made):
                    made.state = state
            case _:
                raise ValueError(f"the pickle uses {name}, which nothing in a data file needs")


def _index(argument: object) -> int:
    if not isinstance(argument, int):
        raise ValueError("a memo index is not a number")
    return argument


def _items(target: object) -> list[object]:
    if isinstance(target, Made):
        return target.items
    if not isinstance(target, list):
        raise ValueError("an item is added to something that holds no items")
    return target


def _pairs(target: object) -> list[tuple[object, object]]:
    if not isinstance(target, Table | Made):
        raise ValueError("a key is set in something that holds no keys")
    return target.pairs


def _paired(items: list[object]) -> list[tuple[object, object]]:
    if len(items) % 2:
        raise ValueError("a key without a value")
    return list(zip(items[::2], items[1::2], strict=True))
