r"""Text from files that others wrote: read as UTF-8 whatever the locale, split at "\n" only, and shown without harm.

A name on disk need not be text, and a name or caption may hold what moves a terminal's cursor or turns the direction of
writing. `visible` shows each such character as a backslash escape, and leaves every printable character as it is.
"""

from __future__ import annotations

import json
import unicodedata
from typing import Any

from ambient.data.images.validation import UnusableError, visible

__all__ = ["compare", "decode_text", "described", "lines", "parse_json", "visible"]

_OTHER_MARKS = {
    b"\xff\xfe\x00\x00": "UTF-32",
    b"\x00\x00\xfe\xff": "UTF-32",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
}


def decode_text(content: bytes) -> str:
    """UTF-8 text, with or without a byte order mark. Raises `UnusableError` if it is anything else."""
    for mark, name in _OTHER_MARKS.items():
        if content.startswith(mark):
            raise UnusableError("not text", f"it is {name}; save it as UTF-8")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        bad = error.object[error.start]
        raise UnusableError("not text", f"byte 0x{bad:02x} is not UTF-8; save it as UTF-8") from error
    if "\0" in text:
        raise UnusableError("not text", "it holds NUL characters")
    return text


def lines(text: str) -> list[str]:
    r"""The lines of a text: split at "\n" only, so that U+2028 and U+0085 stay inside a line; "\r" before it goes."""
    return [line.removesuffix("\r") for line in text.split("\n")]


def parse_json(text: str | bytes) -> Any:
    """A JSON value, from UTF-8. Raises `UnusableError` if it is none, or nests too deeply to be read."""
    if isinstance(text, bytes):
        text = decode_text(text)
    try:
        return json.loads(text)
    except RecursionError as error:
        raise UnusableError("damaged", "its JSON nests too deeply") from error
    except ValueError as error:
        raise UnusableError("damaged", f"not JSON: {error}") from error


def compare(name: str) -> str:
    """The form in which two spellings of a name are the same: composed characters (NFC)."""
    return unicodedata.normalize("NFC", name)


def described(value: object) -> str:
    """A short description of a value that was not expected, whatever its size or depth."""
    if isinstance(value, str):
        return repr(value if len(value) <= 40 else value[:40] + "...")
    if value is None or isinstance(value, bool | float):
        return repr(value)
    if isinstance(value, int):
        return str(value) if value.bit_length() <= 64 else f"a number of {value.bit_length()} bits"
    kind = {"dict": "an object", "list": "a list"}.get(type(value).__name__, f"a {type(value).__name__}")
    return kind
