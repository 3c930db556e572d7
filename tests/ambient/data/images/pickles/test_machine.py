"""Pickles are read as data: what arrays need is understood, and nothing else is done, whatever the pickle asks for."""

from __future__ import annotations

import os
import pickle
import resource
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from ambient.data.images.pickles import read_pickle
from ambient.data.images.validation import UnusableError

NUMBERS = st.sampled_from(["u1", "i1", "<u2", ">u2", "<i4", ">i4", "<i8", ">i8", "<f4", ">f8"])


@given(
    arrays.arrays(NUMBERS, arrays.array_shapes(min_dims=0, max_dims=3, max_side=4)), st.integers(0, 5), st.booleans()
)
def test_arrays_survive_every_protocol(array: np.ndarray, protocol: int, fortran: bool) -> None:
    array = np.asfortranarray(array) if fortran else array
    found = read_pickle(pickle.dumps(array, protocol))
    assert (found.shape, found.dtype) == (array.shape, array.dtype)
    assert found.tobytes() == array.tobytes()


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**12), 10**12) | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.tuples(inner, inner) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(PLAIN, st.integers(0, 5))
def test_containers_survive_every_protocol(value: Any, protocol: int) -> None:
    assert read_pickle(pickle.dumps(value, protocol)) == value


def test_strings_of_python_2() -> None:
    assert read_pickle(b"(dp0\nS'data'\np1\nS'\\xff\\x00a'\np2\ns.") == {"data": "\xff\0a"}
    array = np.arange(6, dtype=np.uint8).reshape(2, 3)
    head = b"\x80\x02cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\0\x85U\x01b\x87R(K\x01K\x02K\x03\x86"
    kind = b"cnumpy\ndtype\nU\x02u1K\0K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0tb"
    found = read_pickle(head + kind + b"\x89U\x06" + array.tobytes() + b"tb.")
    np.testing.assert_array_equal(found, array)


class _Calls:
    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> Any:
        return self.call


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize(
    ("value", "named"),
    [
        (_Calls(os.system, "touch executed"), "posix.system"),
        (_Calls(eval, "1"), "eval"),
        (_Calls(np.ndarray, (1,), np.dtype("u1")), "call"),
        (_Calls(np.frombuffer, b"AAAAAAAA", "O"), "numpy"),
        (np.array([{}], dtype=object), "O8"),
        (np.zeros(1, dtype=[("a", "u1")]), "V1"),
        (np.array(["text"]), "U4"),
        (np.int64(3), "scalar"),
        ({(1, 2): 3}, "key of a dictionary"),
        (Path("x"), "Path"),
    ],
)
def test_what_is_no_array_is_refused_by_name(value: Any, named: str, protocol: int, tmp_path: Path) -> None:
    with pytest.raises(UnusableError) as refusal:
        read_pickle(pickle.dumps({"data": value} if not isinstance(value, dict) else value, protocol))
    assert refusal.value.kind in ("unsafe pickle", "damaged")
    if named not in ("call", "numpy"):
        assert named in str(refusal.value)
    assert not (Path.cwd() / "executed").exists()


def _array(dtype: bytes, shape: bytes, content: bytes) -> bytes:
    """A pickle of an array, written by hand: its type, shape and bytes need not fit."""
    start = b"\x80\x02cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\0\x85U\x01b\x87R(K\x01" + shape
    kind = b"cnumpy\ndtype\nU" + bytes([len(dtype)]) + dtype + b"K\0K\x01\x87R"
    return start + kind + b"\x89B" + struct.pack("<I", len(content)) + content + b"tb."


BIG = b"\x8a\x06" + (10**12).to_bytes(6, "little")
HOSTILE = {
    "pointers out of bytes": _array(b"O8", b"(K\x01t", b"A" * 8),
    "a class of pointers called": b"\x80\x02cnumpy\nndarray\n(K\x01t\x85R.",
    "more values than bytes": _array(b"u1", b"(" + BIG + b"t", b"A" * 8),
    "no values of 10^12 rows": _array(b"i8", b"(" + BIG + b"K\0t", b""),
    "a negative side": _array(b"u1", b"(J\xff\xff\xff\xffJ\xff\xff\xff\xfft", b"A"),
    "a string of 2^63 bytes": b"\x80\x04\x8e" + b"\xff" * 7 + b"\x7f.",
    "bytes of 2^40": b"\x80\x05\x96\0\0\0\0\0\x01\0\0.",
    "a tuple in a tuple in a tuple as a key": b"\x80\x02})" + b"\x85" * 200_000 + b"Ns.",
    "objects without end": b"\x80\x02(" + b"]" * 2_000_000 + b"l.",
    "an array without its state": b"\x80\x02cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\0\x85U\x01b\x87R.",
    "a name as the value": b"\x80\x02cnumpy\nndarray\n.",
    "a list in itself as its state": b"\x80\x02]q\0h\0ah\0b.",
    "a persistent object": b"\x80\x02Pname\n.",
    "an extension": b"\x80\x02\x82\x01.",
    "nothing": b"",
    "no end": b"\x80\x02N",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_pickles_are_refused_at_once(name: str) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(UnusableError):
        read_pickle(HOSTILE[name])
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 1 << 19, "kilobytes"


def test_a_memo_place_of_2_to_the_32_takes_no_memory() -> None:
    """Python's own reader makes a table of as many places."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert read_pickle(b"\x80\x02Nr\xff\xff\xff\xff0j\xff\xff\xff\xff.") is None
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 1 << 17
