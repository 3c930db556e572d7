r"""Numpy arrays in Python's own containers, read from a pickle without running it.

A pickle is a program for a stack machine that may call any function there is, and even with numpy's functions alone it
can build an array of pointers out of given bytes. So `pickle` is not used at all. This machine knows the opcodes of
containers, numbers, strings and arrays; a name is only ever a name, and what may be "called" is written out in
`ambient.data.images.pickles.arrays`. Everything else is refused by name.

The opcodes and their arguments are those of protocols 0 to 5, as documented in Python's `pickletools`.
"""

from __future__ import annotations

import codecs
import struct
from collections.abc import Callable
from typing import Any

from ambient.data.images.pickles.arrays import CALLS, CLASSES, Array, Name, Type, array_of, ordered, refuse
from ambient.data.images.text import described
from ambient.data.images.validation import UnusableError

_MOST_STEPS = 500_000
"""CIFAR-10's batches take 40,000; objects of one byte each would fill the memory long before a file is too large."""


class _Mark:
    """Where the arguments of an opcode begin on the stack."""


def read_pickle(content: bytes) -> Any:
    """The value in a pickle: arrays of numbers, strings, numbers, lists, tuples and dictionaries.

    Python 2's strings are read as latin-1, as numpy's are. Arrays are converted where they are the value itself or
    values of a dictionary that is.

    Raises:
        UnusableError: If it is empty, damaged, or asks for anything else.
    """
    if not content:
        raise UnusableError("empty file", "0 bytes")
    try:
        value = _Machine(content).run()
    except UnusableError:
        raise
    except Exception as error:  # a damaged pickle can go wrong in nearly any way
        raise UnusableError("damaged", f"not a whole pickle: {str(error) or type(error).__name__}") from error
    return {key: _plain(item) for key, item in value.items()} if isinstance(value, dict) else _plain(value)


def _plain(value: Any) -> Any:
    if isinstance(value, Array):
        if value.value is None:
            raise UnusableError("damaged", "an array without its values")
        return value.value
    if isinstance(value, Name | Type | _Mark):
        raise UnusableError("unsafe pickle", "it holds something that is no array and no container")
    return value


class _Machine:
    """Runs one pickle: a stack, a memo, and the place in the content."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.at = 0
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def run(self) -> Any:
        for _ in range(_MOST_STEPS):
            if self.at >= len(self.content):
                raise ValueError(f"ends at byte {len(self.content)}")
            code = self.content[self.at]
            self.at += 1
            if code == _STOP:
                return self.stack.pop()
            action = _ACTIONS.get(code)
            if action is None:
                raise refuse(f"opcode {bytes([code])!r}")
            action(self)
        raise UnusableError("too large", f"more than {_MOST_STEPS:,} objects, which no batch of images has")

    def take(self, size: int) -> bytes:
        """The next bytes of the pickle."""
        if not 0 <= size <= len(self.content) - self.at:
            raise ValueError(f"ends at byte {len(self.content)}")
        self.at += size
        return self.content[self.at - size : self.at]

    def number(self, form: str) -> int:
        return int(struct.unpack(form, self.take(struct.calcsize(form)))[0])

    def line(self) -> bytes:
        end = self.content.index(b"\n", self.at)
        line = self.take(end - self.at)
        self.at += 1
        return line

    def push(self, value: Any) -> None:
        self.stack.append(value)

    def pop(self) -> Any:
        value = self.stack.pop()
        if isinstance(value, _Mark):
            raise ValueError("a mark where a value is needed")
        return value

    def pop_to_mark(self) -> list[Any]:
        for place in range(len(self.stack) - 1, -1, -1):
            if isinstance(self.stack[place], _Mark):
                values = self.stack[place + 1 :]
                del self.stack[place:]
                return values
        raise ValueError("a mark is missing")

    def remember(self, place: int) -> None:
        self.memo[place] = self.stack[-1]

    def set_items(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if not isinstance(target, dict) or len(items) % 2:
            raise ValueError("pairs that belong to no dictionary")
        for key, value in zip(items[::2], items[1::2], strict=True):
            if not isinstance(key, str | bytes | int):  # hashing a tuple in a tuple in a tuple ... overflows C's stack
                raise refuse(f"{described(key)} as the key of a dictionary")
            target[key] = value

    def extend(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if not isinstance(target, list):
            raise ValueError("items that belong to no list")
        target.extend(items)

    def reduce(self) -> None:
        """Call a name: only those that arrays and bytes are written with."""
        arguments, name = self.pop(), self.pop()
        if not isinstance(name, Name) or not isinstance(arguments, tuple):
            raise refuse("a call of something that is no function")
        self.push(CALLS[name](*arguments))

    def build(self) -> None:
        """Give a type or an array its state."""
        state, target = self.pop(), self.stack[-1]
        if isinstance(target, Type):
            target.dtype = ordered(target.dtype, state)
        elif isinstance(target, Array):
            target.value = array_of(state)
        else:
            raise refuse(f"the state of {described(target)}")

    def find(self, module: Any, name: Any) -> None:
        if not isinstance(module, str) or not isinstance(name, str):
            raise refuse("something without a name")
        found = Name(module, name)
        if found not in CALLS and found not in CLASSES:
            raise refuse(f"{module}.{name}")
        self.push(found)


def _string_line(machine: _Machine) -> str:
    """Protocol 0's string of Python 2: quoted, with escapes."""
    line = machine.line()
    if len(line) < 2 or line[:1] != line[-1:] or line[:1] not in (b"'", b'"'):
        raise ValueError("a string without quotes")
    return codecs.escape_decode(line[1:-1])[0].decode("latin-1")


def _integer_line(line: bytes) -> int | bool:
    if line in (b"00", b"01"):
        return line == b"01"
    return int(line.removesuffix(b"L"))


def _counted(form: str, decode: Callable[[bytes], Any]) -> Callable[[_Machine], None]:
    """An opcode with a length and as many bytes."""
    return lambda machine: machine.push(decode(machine.take(machine.number(form))))


def _long(content: bytes) -> int:
    return int.from_bytes(content, "little", signed=True)


def _tuple(size: int) -> Callable[[_Machine], None]:
    def action(machine: _Machine) -> None:
        values = [machine.pop() for _ in range(size)]
        machine.push(tuple(reversed(values)))

    return action


def _dictionary(machine: _Machine) -> None:
    items = machine.pop_to_mark()
    machine.push({})
    machine.set_items(items)


def _stack_global(machine: _Machine) -> None:
    name, module = machine.pop(), machine.pop()
    machine.find(module, name)


def _text(content: bytes) -> str:
    return content.decode("utf-8", "surrogatepass")


def _latin(content: bytes) -> str:
    return content.decode("latin-1")


_STOP = ord(".")
_BY_CODE: dict[bytes, Callable[[_Machine], Any]] = {
    b"\x80": lambda m: m.take(1),  # protocol
    b"\x95": lambda m: m.take(8),  # frame
    b"(": lambda m: m.push(_Mark()),
    b"0": lambda m: m.stack.pop(),
    b"N": lambda m: m.push(None),
    b"\x88": lambda m: m.push(True),
    b"\x89": lambda m: m.push(False),
    b"I": lambda m: m.push(_integer_line(m.line())),
    b"L": lambda m: m.push(_integer_line(m.line())),
    b"J": lambda m: m.push(m.number("<i")),
    b"K": lambda m: m.push(m.number("<B")),
    b"M": lambda m: m.push(m.number("<H")),
    b"\x8a": _counted("<B", _long),
    b"F": lambda m: m.push(float(m.line())),
    b"G": lambda m: m.push(struct.unpack(">d", m.take(8))[0]),
    b"S": lambda m: m.push(_string_line(m)),
    b"T": _counted("<i", _latin),
    b"U": _counted("<B", _latin),
    b"V": lambda m: m.push(m.line().decode("raw-unicode-escape")),
    b"X": _counted("<I", _text),
    b"\x8c": _counted("<B", _text),
    b"\x8d": _counted("<Q", _text),
    b"B": _counted("<I", bytes),
    b"C": _counted("<B", bytes),
    b"\x8e": _counted("<Q", bytes),
    b"\x96": _counted("<Q", bytearray),
    b"]": lambda m: m.push([]),
    b"l": lambda m: m.push(m.pop_to_mark()),
    b"a": lambda m: m.extend([m.pop()]),
    b"e": lambda m: m.extend(m.pop_to_mark()),
    b")": lambda m: m.push(()),
    b"t": lambda m: m.push(tuple(m.pop_to_mark())),
    b"\x85": _tuple(1),
    b"\x86": _tuple(2),
    b"\x87": _tuple(3),
    b"}": lambda m: m.push({}),
    b"d": _dictionary,
    b"s": lambda m: m.set_items([m.pop(), m.pop()][::-1]),
    b"u": lambda m: m.set_items(m.pop_to_mark()),
    b"p": lambda m: m.remember(int(m.line())),
    b"q": lambda m: m.remember(m.number("<B")),
    b"r": lambda m: m.remember(m.number("<I")),
    b"\x94": lambda m: m.remember(len(m.memo)),
    b"g": lambda m: m.push(m.memo[int(m.line())]),
    b"h": lambda m: m.push(m.memo[m.number("<B")]),
    b"j": lambda m: m.push(m.memo[m.number("<I")]),
    b"c": lambda m: m.find(m.line().decode(), m.line().decode()),
    b"\x93": _stack_global,
    b"R": lambda m: m.reduce(),
    b"b": lambda m: m.build(),
}
_ACTIONS = {ord(code): action for code, action in _BY_CODE.items()}
