"""What a pickle may name: the ways in which numpy and Python 2 write arrays, data types and bytes.

No name is ever looked up. Each stands for a function here that checks its arguments and builds the value itself, from
as many bytes as shape and type need.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ambient.data.images.text import described
from ambient.data.images.validation import UnusableError

_TYPES = frozenset(f"{kind}{size}" for kind in "iu" for size in (1, 2, 4, 8)) | {"f4", "f8"}


@dataclass(frozen=True)
class Name:
    """What a pickle would import."""

    module: str
    name: str


@dataclass
class Type:
    """A numpy data type: numbers only."""

    dtype: np.dtype[Any]


@dataclass
class Array:
    """An array: empty until its state is given."""

    value: np.ndarray | None = None


def refuse(what: str) -> UnusableError:
    return UnusableError("unsafe pickle", f"asks for {what}, which no array needs")


def ordered(dtype: np.dtype[Any], state: Any) -> np.dtype[Any]:
    """A data type's state: (version, byte order, no subtype, no names, no fields, ...)."""
    if not isinstance(state, tuple) or len(state) < 5 or any(part is not None for part in state[2:5]):
        raise refuse("a data type that is not of numbers")
    order = state[1].decode() if isinstance(state[1], bytes) else state[1]
    if order not in ("|", "<", ">", "="):
        raise refuse(f"the byte order {described(order)}")
    return np.dtype(f"{order}{dtype.kind}{dtype.itemsize}")


def array_of(state: Any) -> np.ndarray:
    """An array's state: (version, shape, type, whether in Fortran's order, bytes)."""
    if not isinstance(state, tuple) or len(state) != 5:
        raise refuse("an array of another form")
    _, shape, kind, fortran, content = state
    return _array(content, kind, shape, "F" if fortran else "C")


def _array(content: Any, kind: Any, shape: Any, order: Any) -> np.ndarray:
    if isinstance(content, str):  # of Python 2
        content = content.encode("latin-1")
    if not isinstance(kind, Type) or not isinstance(content, bytes | bytearray) or order not in ("C", "F"):
        raise refuse("an array that is not of numbers")
    if not isinstance(shape, tuple) or len(shape) > 8 or any(type(side) is not int or side < 0 for side in shape):
        raise UnusableError("damaged", "an array whose shape is none")
    if math.prod(shape) * kind.dtype.itemsize != len(content):
        raise UnusableError("damaged", f"{len(content)} bytes for an array of shape {shape}"[:120])
    if any(side > len(content) for side in shape):  # (10^12, 0) takes no bytes, and all memory as a list
        raise UnusableError("damaged", "an array without values")
    return np.frombuffer(bytes(content), kind.dtype).reshape(shape, order=order)


def _new_array(cls: Any, shape: Any, code: Any) -> Array:
    if cls != _NDARRAY:
        raise refuse("an array of another class")
    return Array()


def _new_type(code: Any, align: Any = False, copy: Any = True) -> Type:
    if not isinstance(code, str) or code not in _TYPES:
        raise refuse(f"arrays of type {described(code)}")
    return Type(np.dtype(code))


def _from_buffer(content: Any, kind: Any, shape: Any, order: Any) -> Array:
    return Array(_array(content, kind, shape, order))


def _encoded(text: Any, encoding: Any = "latin1") -> bytes:
    if not isinstance(text, str) or encoding not in ("latin1", "latin-1"):
        raise refuse("another encoding than latin-1")
    return text.encode("latin-1")


def _no_bytes(*arguments: Any) -> bytes:
    if arguments:
        raise refuse("bytes made of something")
    return b""


_NDARRAY = Name("numpy", "ndarray")
CLASSES = {_NDARRAY}
CALLS: dict[Name, Callable[..., Any]] = {
    Name("numpy.core.multiarray", "_reconstruct"): _new_array,
    Name("numpy._core.multiarray", "_reconstruct"): _new_array,
    Name("numpy.core.numeric", "_frombuffer"): _from_buffer,
    Name("numpy._core.numeric", "_frombuffer"): _from_buffer,
    Name("numpy", "dtype"): _new_type,
    Name("_codecs", "encode"): _encoded,
    Name("__builtin__", "bytes"): _no_bytes,
    Name("builtins", "bytes"): _no_bytes,
}
