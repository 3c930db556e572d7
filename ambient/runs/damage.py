"""Files that are not what they should be: one error that names the file, what is wrong, and what to do."""

from __future__ import annotations

import csv
import json
import lzma
import pickle
import struct
import tarfile
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import safetensors

MAKE_AGAIN = "remove it, and run the command that made it again"
"""What to do about a damaged file of ours, unless there is something better."""

_SIGNS = (
    ValueError,  # of json, of numpy, of text that is not UTF-8
    LookupError,
    TypeError,
    AttributeError,
    EOFError,
    RecursionError,
    OverflowError,
    csv.Error,
    lzma.LZMAError,
    pickle.UnpicklingError,
    safetensors.SafetensorError,
    struct.error,
    tarfile.TarError,
    tokenize.TokenError,  # of numpy, in the header of an array
    zipfile.BadZipFile,
    zlib.error,
)
"""What parsers raise when a file is not what they expect."""


class DamagedFileError(OSError):
    """A file is cut off, altered, or not what it should be."""

    _what: str | None = None

    @property
    def what(self) -> str:
        """The file and what is wrong with it, without what to do."""
        return self._what or str(self)

    @classmethod
    def of(cls, path: Path, reason: object, remedy: str = MAKE_AGAIN) -> DamagedFileError:
        """The error about `path`, with what is wrong with it and what to do."""
        error = cls(f"{path} is damaged: {reason}; {remedy}")
        error._what = f"{path} is damaged: {reason}"
        return error


@contextmanager
def reading(path: Path, remedy: str = MAKE_AGAIN) -> Iterator[None]:
    """Whatever a parser raises inside, say it of the file that is read.

    Raises:
        DamagedFileError: In place of the parser's own error.
    """
    try:
        yield
    except _SIGNS as error:
        raise DamagedFileError.of(path, explained(error), remedy) from error


def explained(error: BaseException) -> str:
    """What an error means, in words, also where its own text is a bare key or empty."""
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    if isinstance(error, UnicodeDecodeError):
        return f"it is not UTF-8 text (byte {error.start})"
    if isinstance(error, json.JSONDecodeError):
        return f"it is not JSON ({error})"
    if isinstance(error, KeyError) and error.args:
        return f"{error.args[0]!r} is missing"
    return " ".join(str(error).split()) or type(error).__name__
